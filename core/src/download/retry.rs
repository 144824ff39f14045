//! When a failed attempt is repeated.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::sleep;

use super::failure::Failure;

/// A server that asks for more patience than this is asked again after this time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often and in which rhythm to try again.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub max_retries: u32,
    pub first_wait: Duration,
}

/// The attempts at one request.
pub(super) struct Retries {
    schedule: Schedule,
    done: u32,
}

impl Schedule {
    pub fn start(self) -> Retries {
        Retries { schedule: self, done: 0 }
    }
}

impl Retries {
    /// Returns when the next attempt is due; gives the failure back when there is to be none.
    pub async fn wait(&mut self, failure: Failure) -> Result<(), Failure> {
        let (text, after) = match &failure {
            Failure::Passing { text, after } => (text, *after),
            Failure::Wrong(text) => (text, None),
            Failure::Final(_) | Failure::Missing(_) => return Err(failure),
        };
        if self.done >= self.schedule.max_retries {
            return Err(failure);
        }
        let wait = after.unwrap_or_else(|| self.backoff()).min(LONGEST_WAIT);
        self.done += 1;
        tracing::info!(attempt = self.done, ?wait, "download is tried again: {text}");
        sleep(wait).await;
        Ok(())
    }

    /// Doubles with each attempt; a random half keeps many clients from returning at once.
    fn backoff(&self) -> Duration {
        let whole = self.schedule.first_wait.saturating_mul(1 << self.done.min(16)).min(LONGEST_WAIT);
        let random = (RandomState::new().hash_one(self.done) % 1000) as u32;
        whole / 2 + whole / 2 * random / 1000
    }
}

/// Seconds or a date, as RFC 9110 has it.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}
