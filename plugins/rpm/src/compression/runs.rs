//! Where to cut a document into blocks so that most of them outlive a change.
//!
//! The places depend on the packages alone, not on their number or position: a package that comes
//! or goes changes the run it is in, and no other. (Content-defined chunking, with packages for
//! bytes.)

use std::ops::Range;

use sha2::{Digest, Sha256};

/// Runs have so many packages on average: a power of two.
const AVERAGE: u64 = 128;

/// No run has more.
const MOST: usize = 8 * AVERAGE as usize;

/// A run of neighbouring packages that are packed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The positions of its packages in the document.
    pub packages: Range<usize>,
    /// The SHA-256 over the keys of its packages: the same keys in the same order, the same id.
    pub id: [u8; 32],
}

/// Cuts a document, given the key of each of its packages, in order.
///
/// A key stands for the bytes of the package's element: another element, another key.
pub fn cut<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = 0;
    let mut at = 0;
    let mut id = Sha256::new();
    for key in keys {
        id.update((key.len() as u64).to_be_bytes());
        id.update(key);
        at += 1;
        if hash(key).is_multiple_of(AVERAGE) || at - start == MOST {
            runs.push(Run { packages: start..at, id: std::mem::take(&mut id).finalize().into() });
            start = at;
        }
    }
    if at > start {
        runs.push(Run { packages: start..at, id: id.finalize().into() });
    }
    runs
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

    use super::*;

    fn keys(count: usize) -> Vec<String> {
        (0..count).map(|n| hex::encode(Sha256::digest(n.to_string()))).collect()
    }

    fn runs(keys: &[String]) -> Vec<Run> {
        cut(keys.iter().map(String::as_bytes))
    }

    #[test]
    fn runs_cover_all_packages_once() {
        let runs = runs(&keys(10_000));
        let mut next = 0;
        for run in &runs {
            assert_eq!(run.packages.start, next);
            assert!(!run.packages.is_empty() && run.packages.len() <= MOST);
            next = run.packages.end;
        }
        assert_eq!(next, 10_000);
        assert!((40..160).contains(&runs.len()), "{}", runs.len());
        assert_eq!(cut([]), []);
    }

    #[test]
    fn one_change_changes_one_run() {
        let keys = keys(10_000);
        let before: HashSet<_> = runs(&keys).into_iter().map(|run| run.id).collect();
        for at in [0, 1, 5_000, 9_999] {
            let mut changed = keys.clone();
            changed.remove(at);
            let new = runs(&changed).into_iter().filter(|run| !before.contains(&run.id)).count();
            assert!(new <= 1, "{new} new runs after a removal at {at}");
            let mut changed = keys.clone();
            changed.insert(at, "another".to_owned());
            let new = runs(&changed).into_iter().filter(|run| !before.contains(&run.id)).count();
            assert!(new <= 2, "{new} new runs after an addition at {at}");
        }
    }

    #[test]
    fn keys_do_not_run_together() {
        let one = cut([&b"ab"[..], b"c"]);
        let other = cut([&b"a"[..], b"bc"]);
        assert_ne!(one[0].id, other[0].id);
    }

    #[test]
    fn equal_keys_are_cut_in_the_end() {
        let same = vec!["same".to_owned(); 5000];
        assert!(runs(&same).iter().all(|run| run.packages.len() <= MOST));
    }
}
