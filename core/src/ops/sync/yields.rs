//! Whether a repository got anything of what it wanted, by content type: single files that cannot be had are told from an
//! upstream that has no packages at all, or no images of its tree.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

#[derive(Default)]
struct State {
    had: HashSet<&'static str>,
    lost: HashSet<&'static str>,
}

/// Of which content types files were had or lost in one run; of those units only that the format may do without.
#[derive(Default)]
pub(super) struct Yields(Mutex<State>);

impl Yields {
    /// A file was had, or is here of earlier.
    pub fn had(&self, content_type: &'static str) {
        self.state().had.insert(content_type);
    }

    /// A file could not be had.
    pub fn lost(&self, content_type: &'static str) {
        self.state().lost.insert(content_type);
    }

    /// Whether of any content type files were wanted and none was had.
    pub fn lost_all_of_one(&self) -> bool {
        let state = self.state();
        !state.lost.is_subset(&state.had)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_content_type_counts_by_itself() {
        let yields = Yields::default();
        assert!(!yields.lost_all_of_one(), "nothing was wanted");
        yields.had("package");
        yields.lost("package");
        assert!(!yields.lost_all_of_one());
        yields.lost("tree");
        assert!(yields.lost_all_of_one());
        yields.had("tree");
        assert!(!yields.lost_all_of_one());
    }
}
