//! The rate limit: requests leave at even distances.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

pub(super) struct Pace {
    distance: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// `None` for a limit of zero, which means no limit.
    pub fn new(requests_per_second: u32) -> Option<Self> {
        let distance = Duration::from_secs(1).checked_div(requests_per_second)?;
        Some(Self { distance, next: Mutex::new(Instant::now()) })
    }

    /// Waits for this request's turn.
    pub async fn turn(&self) {
        sleep_until(self.book()).await;
    }

    fn book(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + self.distance;
        turn
    }
}
