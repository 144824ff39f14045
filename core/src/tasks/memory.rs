//! How much memory the process held while a task ran: a line a sample, `<seconds>\t<MiB>`, kept in the store.

use std::fmt::Write;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::app::Shared;
use crate::db::{artifacts, task_profiles};
use crate::error::Result;
use crate::id::Id;

/// The diagnostics that a request and the configuration must name.
pub const MEMORY: &str = "memory";
/// The name of the measurement.
pub const MEMORY_PROFILE: &str = "memory_profile";

const TICK: Duration = Duration::from_secs(1);
/// A task of a day is measured to its end, one that hangs does not fill the memory it measures.
const LONGEST: usize = 2 << 20;

/// The memory of this process since a task began, first measured then. Where the system does not tell how much
/// that is, the lines are missing.
pub(super) struct MemoryProfile {
    begun: Instant,
    text: String,
}

impl MemoryProfile {
    pub fn begin() -> Self {
        let mut profile = Self { begun: Instant::now(), text: String::new() };
        profile.sample();
        profile
    }

    /// Measures each second until `work` is done.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => if self.text.len() < LONGEST { self.sample() },
            }
        }
    }

    /// Measures a last time and keeps it all as an artifact of the task. A failure is logged: it is no reason for
    /// the task to fail.
    pub async fn keep(mut self, app: &Shared, task: Id) {
        self.sample();
        if let Err(error) = store(app, task, self.text).await {
            tracing::warn!(%task, %error, "the memory profile of a task is lost");
        }
    }

    fn sample(&mut self) {
        if let Some(kibibytes) = resident() {
            let seconds = self.begun.elapsed().as_secs_f64();
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{seconds:.3}\t{:.1}", kibibytes as f64 / 1024.0);
        }
    }
}

async fn store(app: &Shared, task: Id, text: String) -> Result<()> {
    let staged = app.storage.stage_bytes(text.into(), app.digests()?).await?;
    let (size, digests) = (staged.size, staged.digests.clone());
    let _announced = app.db.announce(app.domain, std::slice::from_ref(&digests.sha256)).await?;
    app.storage.keep(staged).await?;
    let domain = app.domain;
    let note = app.db.write(move |conn| {
        let artifact = artifacts::insert(conn, domain, size, &digests)?;
        task_profiles::insert(conn, task, MEMORY_PROFILE, artifact)
    });
    note.await
}

/// The physical memory of this process in KiB.
pub(crate) fn resident() -> Option<u64> {
    // The kernel makes this file when it is read; no disk is waited for.
    resident_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_is_read() {
        assert_eq!(resident_of("VmHWM:\t  9000 kB\nVmRSS:\t    8192 kB\nRssAnon: 1 kB\n"), Some(8192));
        assert_eq!(resident_of("Name:\tx\n"), None);
        assert_eq!(resident_of("VmRSS:\t-\n"), None);
    }
}
