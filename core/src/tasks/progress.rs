//! Progress reports of long tasks: counted in memory, written once a second and at the end.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::db::tasks::{ProgressRow, State};

/// A total that is not known.
const UNKNOWN: i64 = -1;

/// One report of a running task; cheap to clone and to add to from anywhere. Ends as its task does
/// unless it was finished before.
#[derive(Clone)]
pub struct Progress(Arc<Report>);

struct Report {
    message: String,
    code: String,
    done: AtomicI64,
    total: AtomicI64,
    finished: AtomicBool,
    suffix: Mutex<Option<String>>,
    /// There is something to write.
    dirty: AtomicBool,
}

impl Progress {
    pub(super) fn new(message: &str, code: &str, total: Option<i64>) -> Self {
        Self(Arc::new(Report {
            message: message.to_owned(),
            code: code.to_owned(),
            done: AtomicI64::new(0),
            total: AtomicI64::new(total.unwrap_or(UNKNOWN)),
            finished: AtomicBool::new(false),
            suffix: Mutex::default(),
            dirty: AtomicBool::new(true),
        }))
    }

    pub fn add(&self, count: i64) {
        self.0.done.fetch_add(count, Ordering::Relaxed);
        self.touch();
    }

    pub fn set_done(&self, done: i64) {
        self.0.done.store(done, Ordering::Relaxed);
        self.touch();
    }

    pub fn set_total(&self, total: i64) {
        self.0.total.store(total, Ordering::Relaxed);
        self.touch();
    }

    pub fn set_suffix(&self, suffix: impl Into<String>) {
        *self.0.suffix.lock().unwrap_or_else(PoisonError::into_inner) = Some(suffix.into());
        self.touch();
    }

    /// The part of the work is complete, whatever becomes of the rest.
    pub fn finish(&self) {
        self.0.finished.store(true, Ordering::Relaxed);
        self.touch();
    }

    fn touch(&self) {
        self.0.dirty.store(true, Ordering::Release);
    }

    /// Whether it changed since this was last asked.
    pub(super) fn take_change(&self) -> bool {
        self.0.dirty.swap(false, Ordering::Acquire)
    }

    pub(super) fn row(&self) -> ProgressRow {
        let total = self.0.total.load(Ordering::Relaxed);
        ProgressRow {
            message: self.0.message.clone(),
            code: self.0.code.clone(),
            state: if self.0.finished.load(Ordering::Relaxed) { State::Completed } else { State::Running },
            total: (total != UNKNOWN).then_some(total),
            done: self.0.done.load(Ordering::Relaxed),
            suffix: self.0.suffix.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
