//! Packages whose files have one name (that of name, version and architecture, without the epoch): of these a version
//! has one, so that each has a path of its own.

use std::collections::{HashMap, HashSet};

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::{DraftUnits, UnitRow};

use crate::content::package::PACKAGE;

/// Names of packages looked up together.
const NAMES: usize = 500;

const COLUMNS: &[&str] = &["name", "version", "release", "arch", "epoch", "time_build", "pkgid"];

/// Keeps of packages that differ in their epoch or bytes alone the one with the higher epoch, then the one that is new
/// (what a client adds takes the place of what was there, also when its build time was set to an earlier one), then the
/// later built one, then the one with the greater checksum. Only names that are new are looked at.
pub(super) fn resolve(draft: &mut DraftUnits<'_>) -> Result<()> {
    let added = draft.added(PACKAGE, &["name"], &[])?;
    let mut names = added.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
    names.sort_unstable();
    names.dedup();
    let added: HashSet<Id> = added.iter().map(|row| row.id).collect();
    for some in names.chunks(NAMES) {
        let present = draft.present(PACKAGE, COLUMNS, &[("name", some.to_vec())])?;
        let present =
            present.iter().map(|row| Candidate::new(row, added.contains(&row.id))).collect::<Result<Vec<_>>>()?;
        draft.remove(&losers(present))?;
    }
    Ok(())
}

#[derive(Clone, Debug)]
struct Candidate {
    id: Id,
    /// Name, version, release, architecture.
    file: [String; 4],
    rank: (u32, bool, i64, String),
}

impl Candidate {
    fn new(row: &UnitRow, is_new: bool) -> Result<Self> {
        let file = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
        let epoch: String = row.get(4)?;
        Ok(Self { id: row.id, file, rank: (epoch.parse().unwrap_or(0), is_new, row.get(5)?, row.get(6)?) })
    }
}

/// Those that another of their file's name outranks.
fn losers(candidates: Vec<Candidate>) -> Vec<Id> {
    let mut best: HashMap<[String; 4], Candidate> = HashMap::new();
    let mut losers = vec![];
    for candidate in candidates {
        match best.get_mut(&candidate.file) {
            Some(other) if other.rank >= candidate.rank => losers.push(candidate.id),
            Some(other) => losers.push(std::mem::replace(other, candidate).id),
            None => drop(best.insert(candidate.file.clone(), candidate)),
        }
    }
    losers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_name_stays() {
        let candidate = |name: &str, epoch, built, is_new, pkgid: &str| Candidate {
            id: Id::new(),
            file: [name, "1", "1", "noarch"].map(str::to_owned),
            rank: (epoch, is_new, built, pkgid.to_owned()),
        };
        let all = [
            candidate("a", 0, 9, true, "a"),
            candidate("a", 2, 1, false, "a"),
            candidate("a", 0, 5, true, "a"),
            candidate("b", 0, 1, true, "a"),
            candidate("b", 0, 1, true, "f"),
            candidate("c", 0, 1, true, "a"),
            candidate("c", 0, 9, false, "f"),
        ];
        let mut found = losers(all.to_vec());
        let mut expected = vec![all[0].id, all[2].id, all[3].id, all[6].id];
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
