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
    progress: Mutex<Vec<Progress>>,
}

impl TaskContext {
    pub(super) fn new(app: &Shared, worker: Id, claimed: &Claimed, stop: CancellationToken) -> Self {
        let (app, claimed) = (app.clone(), claimed.clone());
        Self(Arc::new(Inner { app, worker, claimed, stop, progress: Mutex::default() }))
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

    /// Names objects the task makes, by PRN and path below the API root, as part of the transaction that makes them:
    /// also a task that is lost later tells of them.
    pub fn created(&self, conn: &mut Conn, made: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let made: Vec<_> = made.into_iter().map(|(prn, path)| CreatedResource { prn, path }).collect();
        queue::add_created(conn, self.seq(), &made)
    }

    /// Starts a progress report.
    pub fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Progress {
        let progress = Progress::new(message, code, total);
        self.reports().push(progress.clone());
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

    /// What the end of the task adds to what it has [`created`](Self::created).
    pub(super) fn record(&self) -> Record {
        Record { created: vec![], progress: self.reports().iter().map(Progress::row).collect() }
    }

    /// Writes what changed of the progress.
    pub(super) async fn flush(&self) -> Result<()> {
        let rows = {
            let reports = self.reports();
            // All are asked, so that none stays marked.
            if reports.iter().filter(|report| report.take_change()).count() == 0 {
                return Ok(());
            }
            reports.iter().map(Progress::row).collect::<Vec<_>>()
        };
        let seq = self.0.claimed.seq;
        self.0.app.queue.parts.db.write(move |conn| queue::put_progress(conn, seq, &rows)).await
    }

    fn reports(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.0.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
