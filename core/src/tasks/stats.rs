//! How long the tasks of this process took, by name and how they ended.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::db::tasks::State;
use crate::metrics::{Durations, Kind, Text};

/// The names are those of the program's own tasks, so there are few.
#[derive(Debug, Default)]
pub(super) struct Stats(Mutex<BTreeMap<(String, &'static str), Durations>>);

impl super::Queue {
    pub(super) fn note_end(&self, name: &str, state: State, took: Duration) {
        let mut ended = self.stats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), state.as_str());
        ended.entry(key).or_insert_with(Durations::of_tasks).note(took);
    }

    /// Writes down how tasks ended.
    pub fn write_metrics(&self, text: &mut Text) {
        let ended = self.stats.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.family("pith_task_duration_seconds", Kind::Histogram, "How long tasks ran in this process.");
        for ((name, state), durations) in ended.iter() {
            text.durations("pith_task_duration_seconds", &[("name", name), ("state", state)], durations);
        }
    }
}
