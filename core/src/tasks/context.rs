//! What the body of a long task knows, and how it reports.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::ending::Record;
use super::{NewTask, Progress, dispatch};
use crate::app::Shared;
use crate::db::Conn;
use crate::db::queue::{self, Claimed};
use crate::db::tasks::CreatedResource;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::Rejected;

/// The handle of a running long task; cheap to clone.
#[derive(Clone)]
pub struct TaskContext(Arc<Inner>);

struct Inner {
    app: Shared,
    worker: Id,
    claimed: Claimed,
    stop: CancellationToken,
    reported: Mutex<Reported>,
}

#[derive(Default)]
struct Reported {
    created: Vec<CreatedResource>,
    progress: Vec<Progress>,
}

impl TaskContext {
    pub(super) fn new(app: &Shared, worker: Id, claimed: &Claimed, stop: CancellationToken) -> Self {
        let (app, claimed) = (app.clone(), claimed.clone());
        Self(Arc::new(Inner { app, worker, claimed, stop, reported: Mutex::default() }))
    }

    pub fn id(&self) -> Id {
        self.0.claimed.id
    }

    pub(super) fn app(&self) -> &Shared {
        &self.0.app
    }

    pub(super) fn seq(&self) -> i64 {
        self.0.claimed.seq
    }

    pub(super) fn worker(&self) -> Id {
        self.0.worker
    }

    /// The correlation id of the request that asked for the task.
    pub fn cid(&self) -> &str {
        &self.0.claimed.cid
    }

    pub fn created_by(&self) -> Option<i64> {
        self.0.claimed.created_by
    }

    /// Notes an object the task made; `path` is below the API root. Clients see it when the task ends.
    pub fn created(&self, prn: String, path: String) {
        self.reported().created.push(CreatedResource { prn, path });
    }

    /// Starts a progress report.
    pub fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Progress {
        let progress = Progress::new(message, code, total);
        self.reported().progress.push(progress.clone());
        progress
    }

    /// Reports what the format left out of a version.
    pub fn rejected(&self, rejected: &[Rejected]) {
        rejected.iter().for_each(|one| one.report(self));
    }

    /// Returns when the task is asked to stop. A body that does not stop is dropped after a grace time.
    pub async fn cancelled(&self) {
        self.0.stop.cancelled().await;
    }

    /// # Errors
    /// `Canceled` once the task is asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.0.stop.is_cancelled() { Err(Error::Canceled) } else { Ok(()) }
    }

    /// To be called first in a transaction whose effect must not outlive the task's reservations: after it
    /// nobody cancels the task, or gives it up as lost, before the transaction ends.
    ///
    /// # Errors
    /// `Canceled` when that has happened already.
    pub fn fence(&self, conn: &mut Conn) -> Result<()> {
        if queue::is_owned(conn, self.0.claimed.seq, self.0.worker)? { Ok(()) } else { Err(Error::Canceled) }
    }

    /// Adds to what the task reserved, as part of a transaction. To be called behind [`TaskContext::fence`], for what
    /// no other task can know yet.
    pub fn reserve(&self, conn: &mut Conn, prn: &str) -> Result<()> {
        queue::reserve(conn, self.0.claimed.seq, prn)
    }

    /// Dispatches a task as a child of this one, in its group and under its correlation id.
    pub async fn dispatch_child(&self, task: NewTask) -> Result<Id> {
        let claimed = &self.0.claimed;
        let child = NewTask {
            parent: Some(claimed.id),
            group: task.group.or(claimed.group),
            cid: claimed.cid.clone(),
            created_by: claimed.created_by,
            ..task
        };
        dispatch(&self.0.app, child).await
    }

    pub(super) fn record(&self) -> Record {
        let reported = self.reported();
        Record { created: reported.created.clone(), progress: reported.progress.iter().map(Progress::row).collect() }
    }

    /// Writes what changed of the progress.
    pub(super) async fn flush(&self) -> Result<()> {
        let rows = {
            let reported = self.reported();
            // All are asked, so that none stays marked.
            if reported.progress.iter().filter(|report| report.take_change()).count() == 0 {
                return Ok(());
            }
            reported.progress.iter().map(Progress::row).collect::<Vec<_>>()
        };
        let seq = self.0.claimed.seq;
        self.0.app.queue.parts.db.write(move |conn| queue::put_progress(conn, seq, &rows)).await
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        self.0.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
