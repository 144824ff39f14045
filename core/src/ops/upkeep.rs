//! How the long verbs that look after content and bytes report.

use crate::error::Result;

/// A part of a long verb that is counted on its own; message and code are those clients know.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    pub message: &'static str,
    pub code: &'static str,
}

/// How far a part is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub done: u64,
    pub total: Option<u64>,
}

/// Hears how far the parts are, each at least once. An error of it ends the verb between two slices:
/// that is how one is canceled.
pub type Report<'a> = &'a (dyn Fn(&'static Part, Count) -> Result<()> + Send + Sync);

/// So much was done, and as far as is known that is all.
pub(super) fn so_far(done: u64) -> Count {
    Count { done, total: Some(done) }
}
