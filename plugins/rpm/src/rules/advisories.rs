//! A version has one advisory of each id. A new one takes the place of the one before, or stays out, or both become
//! one: [`crate::updateinfo::resolve`] decides.

use std::collections::{BTreeMap, HashSet};

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{DraftUnits, Unit};

use crate::content::advisory::{ADVISORY, read, unit};
use crate::updateinfo::{self, Advisory, Policy, Resolution};

/// Ids of advisories looked up together.
const IDS: usize = 5_000;
/// Advisories in memory at the same time, two of each id.
const TOGETHER: usize = 100;

pub(super) fn resolve(draft: &mut DraftUnits<'_>, policy: Policy) -> Result<()> {
    let mut ids = BTreeMap::new();
    let mut fresh = HashSet::new();
    for row in draft.added(ADVISORY, &["id"], &[])? {
        fresh.insert(row.id);
        *ids.entry(row.get::<String>(0)?).or_insert(0_usize) = 0;
    }
    let wanted: Vec<String> = ids.keys().cloned().collect();
    for some in wanted.chunks(IDS) {
        for row in draft.present(ADVISORY, &["id"], &[("id", some.to_vec())])? {
            *ids.entry(row.get(0)?).or_insert(0) += 1;
        }
    }
    let rivals: Vec<String> = ids.into_iter().filter(|(_, count)| *count > 1).map(|(id, _)| id).collect();
    rivals.chunks(TOGETHER).try_for_each(|some| resolve_some(draft, policy, some, &fresh))
}

fn resolve_some(draft: &mut DraftUnits<'_>, policy: Policy, ids: &[String], fresh: &HashSet<Id>) -> Result<()> {
    let mut by_id: BTreeMap<String, Vec<(bool, Id, Advisory)>> = BTreeMap::new();
    for row in draft.present(ADVISORY, &["id", "snippet"], &[("id", ids.to_vec())])? {
        let rival = (fresh.contains(&row.id), row.id, read(&row.get::<String>(1)?)?);
        by_id.entry(row.get(0)?).or_default().push(rival);
    }
    let mut removed = vec![];
    let mut merged = vec![];
    for mut rivals in by_id.into_values() {
        // Those that were there before come first, then the new ones in the order they came to be.
        rivals.sort_by_key(|(is_fresh, id, _)| (*is_fresh, *id));
        let outcome = settle(rivals.into_iter().map(|(_, id, advisory)| (id, advisory)).collect(), policy)?;
        removed.extend(outcome.removed);
        merged.extend(outcome.merged);
    }
    draft.remove(&removed)?;
    for unit in &merged {
        draft.add(ADVISORY, unit)?;
    }
    Ok(())
}

/// What becomes of some advisories of one id.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    removed: Vec<Id>,
    merged: Option<Unit>,
}

/// One after the other, each against what came of those before.
fn settle(rivals: Vec<(Id, Advisory)>, policy: Policy) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut rivals = rivals.into_iter();
    let Some((id, mut current)) = rivals.next() else { return Ok(outcome) };
    // None while it is a merged one, which is no unit yet.
    let mut holder = Some(id);
    for (id, incoming) in rivals {
        let resolution = updateinfo::resolve(&current, &incoming, policy);
        match resolution.map_err(|clash| Error::Conflict(clash.to_string()))? {
            Resolution::KeepCurrent => outcome.removed.push(id),
            Resolution::TakeIncoming => {
                outcome.removed.extend(holder.replace(id));
                current = incoming;
            }
            Resolution::Merged(merged) => {
                outcome.removed.extend(holder.take());
                outcome.removed.push(id);
                current = *merged;
            }
        }
    }
    if holder.is_none() {
        outcome.merged = Some(unit(&current)?);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::updateinfo::{AdvisoryPackage, Collection};

    fn advisory(date: &str, packages: &[&str]) -> Advisory {
        let package = |name: &&str| AdvisoryPackage { name: (*name).into(), ..Default::default() };
        let packages = packages.iter().map(package).collect();
        Advisory {
            id: "A-1".into(),
            issued_date: date.into(),
            collections: vec![Collection { name: "base".into(), packages, ..Default::default() }],
            ..Default::default()
        }
    }

    fn outcome(rivals: &[Advisory]) -> (Vec<Id>, Result<Outcome>) {
        let ids: Vec<Id> = rivals.iter().map(|_| Id::new()).collect();
        let pairs = ids.iter().copied().zip(rivals.iter().cloned()).collect();
        (ids, settle(pairs, Policy::Strict))
    }

    #[test]
    fn the_newer_one_stays() {
        let (old, new) = (advisory("2024-01-01", &["a"]), advisory("2024-01-02", &["a"]));
        let (ids, found) = outcome(&[old.clone(), new.clone()]);
        assert_eq!(found.unwrap(), Outcome { removed: vec![ids[0]], merged: None });
        let (ids, found) = outcome(&[new, old]);
        assert_eq!(found.unwrap(), Outcome { removed: vec![ids[1]], merged: None });
    }

    #[test]
    fn parts_of_one_are_merged_however_many() {
        let parts = [&["a"], &["b"], &["c"]].map(|packages| advisory("2024-01-01", packages));
        let (ids, found) = outcome(&parts);
        let Outcome { removed, merged } = found.unwrap();
        assert_eq!(removed, ids);
        let Some(pith_core::plugin::Value::Text(snippet)) = merged.unwrap().columns.pop() else { panic!("no snippet") };
        assert_eq!(read(&snippet).unwrap().packages().count(), 3);
    }

    #[test]
    fn a_whole_takes_the_place_of_what_was_merged() {
        let (a, b) = (advisory("2024-01-01", &["a"]), advisory("2024-01-01", &["b"]));
        let whole = advisory("2024-01-01", &["a", "b"]);
        let (ids, found) = outcome(&[a, b, whole]);
        assert_eq!(found.unwrap(), Outcome { removed: vec![ids[0], ids[1]], merged: None });
    }

    #[test]
    fn contradictions_are_refused() {
        let (_, found) = outcome(&[advisory("2024-01-01", &["a", "b"]), advisory("2024-01-01", &["b", "c"])]);
        assert!(matches!(found, Err(Error::Conflict(text)) if text.contains("`A-1`")));
    }
}
