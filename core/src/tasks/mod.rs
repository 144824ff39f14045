//! The queue of tasks: dispatch, workers, progress, cancelation, purge, heartbeats.
//!
//! A *short* task is one database transaction. When nothing it reserves is taken it runs within the request
//! that asks for it, so that the client's first look finds it done; otherwise it waits for a worker like a
//! *long* one. Tasks get what they reserve strictly in the order of their creation: a waiting task holds back
//! all younger ones that want the same. The SQL is in `db/queue.rs` and `db/tasks.rs`.

mod behind;
mod cancel;
mod context;
mod dispatch;
mod ending;
mod enqueue;
mod long;
mod memory;
mod owner;
mod presence;
mod progress;
mod purge;
mod schedule;
mod short;
mod stats;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Shared};
use crate::db::{Address, Conn, Db};
use crate::error::Result;
use crate::id::Id;

pub use behind::{Behind, Place, TakenAlong};
pub use cancel::{CancelOutcome, cancel, cancel_group};
pub use context::TaskContext;
pub use dispatch::{dispatch, dispatch_failed, dispatch_group, dispatch_telling, dispatch_with_group};
pub use enqueue::{enqueue, is_running, reserve, run_now, wake_at};
pub use memory::MEMORY;
pub(crate) use memory::resident;
pub use presence::{Presence, recover};
pub use progress::Progress;
pub use purge::{PURGE, PurgeOptions};
pub use schedule::{Schedule, dispatch_due, keep_schedules};
pub use short::ShortTask;
pub use worker::run_workers;

/// The body of a short task: runs in one transaction; its error undoes all it changed.
pub type RunShort = fn(&App, &mut Conn, &Json, &mut ShortTask) -> Result<Json>;
/// The body of a long task: runs on a worker; its future may be dropped at any point where it waits.
pub type RunLong = fn(Shared, Json, TaskContext) -> BoxFuture<'static, Result<Json>>;

/// What a task of some `key` does.
#[derive(Clone, Copy)]
pub enum TaskKind {
    Short { key: &'static str, run: RunShort },
    Long { key: &'static str, run: RunLong },
}

impl TaskKind {
    pub fn key(&self) -> &'static str {
        match self {
            Self::Short { key, .. } | Self::Long { key, .. } => key,
        }
    }
}

/// A task to be dispatched.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Shown to clients: `pulpcore.app.tasks.base.general_create`.
    pub name: String,
    /// Which [`TaskKind`].
    pub kind: &'static str,
    /// The kind it becomes when it has to wait, where that makes a difference.
    pub kind_if_blocked: Option<&'static str>,
    pub args: Json,
    /// What no other task may hold meanwhile.
    pub exclusive: Vec<String>,
    /// What no other task may hold exclusively meanwhile.
    pub shared: Vec<String>,
    /// The correlation id of the request.
    pub cid: String,
    pub created_by: Option<i64>,
    pub group: Option<Id>,
    pub parent: Option<Id>,
    /// Keep a profile of the process's memory with it.
    pub measures_memory: bool,
}

type Seal = Box<dyn Fn(&Json) -> Result<String> + Send + Sync>;
type Open = Box<dyn Fn(&str) -> Result<Json> + Send + Sync>;

/// How the arguments of waiting tasks are kept; they may hold secrets.
pub struct Sealing {
    pub seal: Seal,
    pub open: Open,
}

/// What a queue is made of.
pub struct QueueParts {
    pub db: Db,
    /// Of the same database: PostgreSQL is listened to on a connection of its own.
    pub address: Address,
    pub sealing: Sealing,
    pub kinds: Vec<TaskKind>,
    /// Version by component, shown with the process.
    pub versions: Json,
    /// How many tasks this process runs at once.
    pub workers: usize,
    /// How long a task that a client canceled may take to stop before it is dropped.
    pub grace: Duration,
    /// How long running tasks may go on when the process is to end, and then again to stop.
    pub shutdown_grace: Duration,
    /// After how long without a heartbeat a worker counts as missing.
    pub worker_ttl: Duration,
}

/// The queue as one process sees it.
pub struct Queue {
    parts: QueueParts,
    kinds: HashMap<&'static str, TaskKind>,
    /// There may be something to claim.
    wake: Notify,
    /// How to ask the tasks running here to stop.
    running: Mutex<HashMap<Id, CancellationToken>>,
    /// When the worker of this process was last known to be alive, while there is one.
    heard: Mutex<Option<std::time::Instant>>,
    stats: stats::Stats,
    /// The process ends: tasks that were asked to stop are not waited for any longer.
    hurry: CancellationToken,
}

impl Queue {
    pub fn new(mut parts: QueueParts) -> Self {
        let kinds = std::mem::take(&mut parts.kinds).into_iter().map(|kind| (kind.key(), kind)).collect();
        Self {
            parts,
            kinds,
            wake: Notify::new(),
            running: Mutex::default(),
            heard: Mutex::default(),
            stats: stats::Stats::default(),
            hurry: CancellationToken::new(),
        }
    }

    /// How long nothing was heard of the worker of this process; none where there never was one.
    pub fn silence(&self) -> Option<Duration> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).map(|heard| heard.elapsed())
    }

    fn note_heartbeat(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::time::Instant::now());
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Id, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
