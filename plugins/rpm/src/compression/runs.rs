//! Where to cut a document into blocks so that most of them outlive a change.
//!
//! Where a run ends depends on the packages in it alone, not on their number or position before it: a package that
//! comes or goes changes the run it is in, and seldom the next ones. (Content-defined chunking, with packages for
//! bytes.)

/// Runs have so many packages on average: a power of two. Shorter ones pack worse (64: 2 % more than 256), longer ones
/// cost more to be packed anew.
const AVERAGE: u64 = 64;

/// No run has more packages.
const MOST: usize = 4 * AVERAGE as usize;

/// A run ends with the package that brings it to this weight.
const HEAVIEST: usize = 512 << 10;

/// Changes whenever packages are cut otherwise than before, or something else is said of them.
pub const VERSION: u32 = 2;

/// Cuts packages into runs as they come.
#[derive(Debug)]
pub struct Cutter<T> {
    run: Vec<T>,
    weight: usize,
}

impl<T> Default for Cutter<T> {
    fn default() -> Self {
        Self { run: Vec::new(), weight: 0 }
    }
}

impl<T> Cutter<T> {
    /// Adds a package by a key that stands for it, and the bytes it is kept in. Returns the run that ends with it, if
    /// one does.
    pub fn push(&mut self, key: &[u8], weight: usize, package: T) -> Option<Vec<T>> {
        self.run.push(package);
        self.weight = self.weight.saturating_add(weight);
        let ends = hash(key).is_multiple_of(AVERAGE) || self.run.len() == MOST || self.weight >= HEAVIEST;
        ends.then(|| self.rest())
    }

    /// Nothing came since the last run ended.
    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }

    /// What came since the last run ended.
    pub fn rest(&mut self) -> Vec<T> {
        self.weight = 0;
        std::mem::take(&mut self.run)
    }
}

/// FNV-1a with a final mix; what matters is only that it never changes.
fn hash(key: &[u8]) -> u64 {
    let fnv =
        key.iter().fold(0xcbf2_9ce4_8422_2325, |sum: u64, &b| (sum ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (fnv ^ (fnv >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sha2::{Digest, Sha256};

    use super::*;

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|n| hex::encode(Sha256::digest(n.to_string()))).collect()
    }

    fn runs(keys: &[String], weight: usize) -> Vec<Vec<String>> {
        let mut cutter = Cutter::default();
        let mut runs: Vec<_> = keys.iter().filter_map(|key| cutter.push(key.as_bytes(), weight, key.clone())).collect();
        runs.extend(Some(cutter.rest()).filter(|rest| !rest.is_empty()));
        runs
    }

    #[test]
    fn runs_cover_all_packages_once() {
        let keys = keys(10_000);
        let runs = runs(&keys, 1);
        assert!(runs.iter().all(|run| !run.is_empty() && run.len() <= MOST));
        assert!((80..320).contains(&runs.len()), "{}", runs.len());
        assert_eq!(runs.concat(), keys);
        assert!(super::Cutter::<u8>::default().is_empty());
    }

    #[test]
    fn one_change_changes_one_run() {
        let keys = keys(10_000);
        let before: HashSet<_> = runs(&keys, 1).into_iter().collect();
        let new = |keys: &[String]| runs(keys, 1).into_iter().filter(|run| !before.contains(run)).count();
        for at in [0, 1, 5_000, 9_999] {
            let mut changed = keys.clone();
            changed.remove(at);
            assert!(new(&changed) <= 1, "{} new runs after a removal at {at}", new(&changed));
            let mut changed = keys.clone();
            changed.insert(at, "another".to_owned());
            assert!(new(&changed) <= 2, "{} new runs after an addition at {at}", new(&changed));
        }
    }

    #[test]
    fn large_packages_make_short_runs() {
        assert!(runs(&keys(100), HEAVIEST).iter().all(|run| run.len() == 1));
        assert!(runs(&keys(100), HEAVIEST / 3 + 1).iter().all(|run| run.len() <= 3));
    }

    #[test]
    fn equal_keys_are_cut_in_the_end() {
        let same = vec!["same".to_owned(); 5000];
        assert!(runs(&same, 1).iter().all(|run| run.len() <= MOST));
    }
}
