//! Hears what other processes announce through PostgreSQL, on a connection and a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::postgres::fallible_iterator::FallibleIterator;

use super::{Address, postgres};
use crate::error::{Error, Result};

/// How soon the thread sees that nobody listens any more, and how long it waits before it connects again.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens until it is dropped.
pub struct Listener {
    ended: Arc<AtomicBool>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// Calls `heard` after each announcement on `channel`, and after each new connection because something
/// may have been missed. None on the embedded database, which has one process only.
pub fn listen(address: &Address, channel: &'static str, heard: impl Fn() + Send + 'static) -> Result<Option<Listener>> {
    let Address::Postgres(url) = address.clone() else { return Ok(None) };
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    std::thread::Builder::new()
        .name("task-listener".into())
        .spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                if let Err(error) = hear(&url, channel, &heard, &seen) {
                    tracing::warn!(%error, "not listening for tasks at present");
                    std::thread::sleep(PAUSE);
                }
            }
        })
        .map_err(Error::internal)?;
    Ok(Some(Listener { ended }))
}

fn hear(url: &str, channel: &str, heard: &impl Fn(), ended: &AtomicBool) -> Result<()> {
    let mut session = postgres::connect(url)?;
    session.client.batch_execute(&format!("LISTEN {channel}")).map_err(|cause| postgres::error(&cause))?;
    heard();
    while !ended.load(Ordering::Relaxed) {
        let heard_one = session.client.notifications().timeout_iter(PAUSE).next();
        if heard_one.map_err(|cause| postgres::error(&cause))?.is_some() {
            heard();
        }
        if session.client.is_closed() {
            return Err(Error::storage("the database does not answer", "the connection was closed"));
        }
    }
    Ok(())
}
