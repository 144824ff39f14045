//! Heartbeats, and what happens to the tasks of a worker whose heart stopped.

use std::time::{Duration, Instant as Monotonic};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ending;
use crate::app::Shared;
use crate::db::Conn;
use crate::db::queue::{self, EndsFrom};
use crate::db::tasks::State;
use crate::db::workers::{self, AppType};
use crate::error::Result;
use crate::id::{Id, Instant, now};

/// Heartbeats per time to live: two may be late.
const BEATS: u32 = 4;

/// How long processes that vanished are still listed as missing.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// A role of this process, online until [`Presence::end`]; when merely dropped it goes missing.
pub struct Presence {
    app: Shared,
    id: Id,
    _beating: DropGuard,
}

impl Presence {
    /// Announces the role and keeps beating.
    pub async fn begin(app: &Shared, app_type: AppType) -> Result<Self> {
        let name = process_name();
        let versions = app.queue.parts.versions.clone();
        let add = move |conn: &mut Conn| workers::insert(conn, app_type, &name, &versions, now());
        let id = app.queue.parts.db.write(add).await?;
        if app_type == AppType::Worker {
            app.queue.note_heartbeat();
        }
        let ended = CancellationToken::new();
        tokio::spawn(ended.clone().run_until_cancelled_owned(beat(app.clone(), app_type, id)));
        Ok(Self { app: app.clone(), id, _beating: ended.drop_guard() })
    }

    pub fn id(&self) -> Id {
        self.id
    }

    /// Takes the role off the list.
    pub async fn end(self) -> Result<()> {
        let id = self.id;
        self.app.queue.parts.db.write(move |conn| workers::remove(conn, id)).await
    }
}

/// `<pid>@<host>`
fn process_name() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{}@{}", std::process::id(), if host.is_empty() { "localhost" } else { &host })
}

async fn beat(app: Shared, app_type: AppType, id: Id) {
    let worker_ttl = app.queue.parts.worker_ttl;
    let mut ticks = interval((worker_ttl / BEATS).max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Monotonic::now();
    loop {
        ticks.tick().await;
        match app.queue.parts.db.write(move |conn| workers::beat(conn, id, now())).await {
            Ok(_) => {
                last = Monotonic::now();
                if app_type == AppType::Worker {
                    app.queue.note_heartbeat();
                }
            }
            Err(error) => tracing::warn!(%error, role = app_type.as_str(), "heartbeat is not written at present"),
        }
        if app_type == AppType::Worker {
            if last.elapsed() > worker_ttl {
                // Others count this worker as lost and may run what its tasks hold back.
                app.queue.running().values().for_each(CancellationToken::cancel);
            } else if let Err(error) = give_up_lost(&app, now() - worker_ttl).await {
                tracing::warn!(%error, "lost tasks are not looked for at present");
            }
        }
    }
}

/// Fails the tasks of workers not heard of since then, and forgets long-gone processes.
async fn give_up_lost(app: &Shared, heard_since: Instant) -> Result<()> {
    let db = &app.queue.parts.db;
    let lost = db.read(move |conn| queue::lost(conn, heard_since)).await?;
    for seq in lost {
        let given_up = db.write(move |conn| give_up(conn, seq, heard_since)).await?;
        if given_up {
            tracing::error!(task = seq, "the worker of a task has gone missing");
            app.queue.wake.notify_one();
        }
    }
    db.write(|conn| workers::forget(conn, now() - REMEMBERED)).await
}

fn give_up(conn: &mut Conn, seq: i64, heard_since: Instant) -> Result<bool> {
    let held = queue::lock_line(conn, seq)?;
    // Its worker may have been heard of, or another may have been quicker, since the search.
    if !queue::lost(conn, heard_since)?.contains(&seq) {
        return Ok(false);
    }
    let from = EndsFrom { states: &[State::Running, State::Canceling], worker: None };
    queue::finish(conn, seq, from, &ending::lost(), &held, now())
}

/// To be called once at start, before anything is announced or dispatched. On the embedded database nobody
/// else can be working: whatever a former process left running is given up, and its roles are forgotten.
pub async fn recover(app: &Shared) -> Result<()> {
    if app.queue.parts.db.is_embedded() {
        app.queue.parts.db.write(|conn| workers::forget(conn, now() + REMEMBERED)).await?;
        give_up_lost(app, now()).await?;
    }
    Ok(())
}
