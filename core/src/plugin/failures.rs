//! What went wrong in a synchronization without ending it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::{Progress, Task};
use crate::error::{Error, Result};

/// So many failures are listed; all are counted.
const LISTED: usize = 100;
/// So many are named in one error.
const NAMED: usize = 20;
/// After so many failures without a success between them it is the upstream that is at fault.
const IN_A_ROW: usize = 100;
/// So much of a reason is kept.
const LONGEST_REASON: usize = 500;

/// A file or page that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub file: String,
    pub reason: String,
}

/// Failures of one run.
pub(crate) struct Failures {
    task: Arc<dyn Task>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listed: Vec<Failed>,
    count: u64,
    in_a_row: usize,
    /// A page was had.
    had_page: bool,
    groups: HashSet<String>,
    progress: Option<Arc<dyn Progress>>,
}

impl Failures {
    pub fn new(task: &Arc<dyn Task>) -> Self {
        Self { task: task.clone(), state: Mutex::default() }
    }

    /// Notes a failure of an upstream; its group will be looked at again by the next run.
    ///
    /// # Errors
    /// The failure itself when it is not the upstream's, and when too many came in a row.
    pub fn note(&self, group: &str, file: &str, error: Error) -> Result<()> {
        let Error::Upstream(reason) = &error else { return Err(error) };
        let mut state = self.state();
        state.in_a_row += 1;
        if state.in_a_row > IN_A_ROW {
            return Err(error);
        }
        state.groups.insert(group.to_owned());
        self.list(&mut state, file, reason);
        Ok(())
    }

    /// Notes that something is left out for good: another try would not help.
    pub fn refuse(&self, file: &str, reason: &str) {
        self.list(&mut self.state(), file, reason);
    }

    fn list(&self, state: &mut State, file: &str, reason: &str) {
        state.count += 1;
        if state.listed.len() < LISTED {
            let reason = reason.chars().take(LONGEST_REASON).collect();
            let file = file.chars().take(LONGEST_REASON).collect();
            state.listed.push(Failed { file, reason });
        }
        let progress =
            state.progress.get_or_insert_with(|| self.task.progress("Files That Failed", "sync.failed.files", None));
        progress.add(1);
    }

    /// Something was had.
    pub fn succeeded(&self) {
        self.state().in_a_row = 0;
    }

    /// A page was had.
    pub fn page_succeeded(&self) {
        let mut state = self.state();
        state.in_a_row = 0;
        state.had_page = true;
    }

    /// Whether any page was had.
    pub fn had_page(&self) -> bool {
        self.state().had_page
    }

    /// One error of all that failed, naming the first; none when nothing did. What was refused for good is not among
    /// it.
    pub fn error(&self) -> Option<Error> {
        let state = self.state();
        if state.groups.is_empty() {
            return None;
        }
        let named = state.listed.iter().take(NAMED).map(|failed| format!("`{}`: {}", failed.file, failed.reason));
        let named = named.collect::<Vec<_>>().join("; ");
        let (count, more) = (state.count, if state.count > NAMED as u64 { "; …" } else { "" });
        Some(Error::upstream(format!("files that cannot be had: {count}; {named}{more}")))
    }

    /// The groups of which anything failed up to now.
    pub fn groups(&self) -> HashSet<String> {
        self.state().groups.clone()
    }

    /// Those listed, how many there were, and their groups.
    pub fn take(&self) -> (Vec<Failed>, u64, HashSet<String>) {
        let state = std::mem::take(&mut *self.state());
        if let Some(progress) = state.progress {
            progress.finish();
        }
        (state.listed, state.count, state.groups)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
