//! The task a format's work runs in, as far as the work may see it.

use std::sync::Arc;

use crate::db::Conn;
use crate::error::Result;

/// A report that is shown with the task. Ends as the task does unless it was finished before.
pub trait Progress: Send + Sync {
    fn add(&self, count: i64);
    fn set_total(&self, total: i64);
    /// A text to show with the report.
    fn set_suffix(&self, suffix: &str);
    /// This part of the work is complete, whatever becomes of the rest.
    fn finish(&self);
}

/// The task that asks for the work.
pub trait Task: Send + Sync {
    /// Starts a progress report.
    fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn Progress>;

    /// The correlation id of the request that asked for the task.
    fn correlation_id(&self) -> &str {
        ""
    }

    /// # Errors
    /// `Canceled` once the task is asked to stop.
    fn check(&self) -> Result<()>;

    /// Reserves something that this task has just made or is the only one to work on, until it ends; part of the
    /// transaction.
    fn reserve(&self, _conn: &mut Conn, _prn: &str) -> Result<()> {
        Ok(())
    }

    /// To be called first in the transaction that makes the work's result visible.
    ///
    /// # Errors
    /// `Canceled` when the task does not hold its reservations any more.
    fn fence(&self, conn: &mut Conn) -> Result<()>;
}
