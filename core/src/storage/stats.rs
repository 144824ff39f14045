//! How often the store was asked for what, and how often in vain.

use crate::error::Result;
use crate::metrics::{Counter, Kind, Text};

/// What a store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Keep,
    /// Begins to read; what the content face reads from a folder it opens itself.
    Read,
    Delete,
    Look,
    Sign,
}

const DEEDS: [(Deed, &str); 5] =
    [(Deed::Keep, "keep"), (Deed::Read, "read"), (Deed::Delete, "delete"), (Deed::Look, "look"), (Deed::Sign, "sign")];

/// By deed: those that were tried, and those of them that failed.
#[derive(Debug, Default)]
pub(super) struct Stats([(Counter, Counter); DEEDS.len()]);

impl Stats {
    /// Counts one, or as many of a bulk, and gives its result back.
    pub fn noted<T>(&self, deed: Deed, count: u64, result: Result<T>) -> Result<T> {
        let at = DEEDS.iter().position(|(known, _)| *known == deed).unwrap_or_default();
        let (tried, failed) = &self.0[at];
        tried.add(count);
        if result.is_err() {
            failed.add(1);
        }
        result
    }
}

impl super::Storage {
    /// Writes down what was done.
    pub fn write_metrics(&self, text: &mut Text) {
        let stats = &self.0.stats.0;
        text.family("pith_storage_operations_total", Kind::Counter, "What the store was asked for.");
        for ((_, name), (tried, _)) in DEEDS.iter().zip(stats) {
            text.sample("pith_storage_operations_total", &[("operation", name)], tried.get());
        }
        text.family("pith_storage_failures_total", Kind::Counter, "What the store was asked for and failed to do.");
        for ((_, name), (_, failed)) in DEEDS.iter().zip(stats) {
            text.sample("pith_storage_failures_total", &[("operation", name)], failed.get());
        }
    }
}
