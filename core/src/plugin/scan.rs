//! What a format says of its packages, so that a version can be scanned for known vulnerabilities. Where records of
//! those come from and what becomes of what is found is core's; nothing here reads or writes.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value as Json;

use super::UnitRow;
use crate::error::Result;

/// The units that are packages, and where it stands which they are.
#[derive(Clone, Copy, Debug)]
pub struct Packages {
    pub content_type: &'static str,
    /// The columns of its table that [`Scanner::releases`] reads. The first is the name: text, never null, with an
    /// index.
    pub columns: &'static [&'static str],
}

/// A version of a package, as records spell both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    pub package: String,
    pub version: String,
}

/// A format whose versions can be scanned.
pub trait Scanner: Send + Sync + 'static {
    /// The ecosystems of the OSV schema in which packages of a repository with these details are looked up.
    ///
    /// # Errors
    /// `Invalid` naming the setting that the repository lacks.
    fn ecosystems(&self, repository: &Json) -> Result<Vec<String>>;

    fn packages(&self) -> Packages;

    /// What a unit, with the columns of [`Packages`], is looked up as. Records about any of these are about the unit.
    fn releases(&self, unit: &UnitRow) -> Result<Vec<Release>>;

    /// Whether the versions that synchronizations make are scanned, given the details of the remote.
    fn follows_sync(&self, _remote: &Json) -> bool {
        false
    }

    /// Understands what a record of the OSV schema, of whichever ecosystem, says about packages of these.
    ///
    /// # Errors
    /// What is wrong with the record.
    fn read(&self, record: Json, ecosystems: &[String]) -> Result<Arc<dyn Advisory>, String>;
}

/// A record of a vulnerability that has been understood.
pub trait Advisory: Send + Sync {
    /// The record as it came.
    fn record(&self) -> &Json;

    /// The packages of the ecosystem that have the fault in some version, by the names that [`Release`] has;
    /// none when the record was taken back.
    fn packages(&self) -> Vec<String>;

    /// Whether this version of one of those packages has the fault.
    fn affects(&self, package: &str, version: &str) -> bool;
}

/// What happens at one version of a range of the OSV schema. In the order in which events at one version apply: a
/// version that is fixed in one branch and introduces the fault in the next one has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Fixed,
    Limit,
    Introduced,
    LastAffected,
}

impl Event {
    /// The event of this name in the schema. Names that are not known say nothing.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "introduced" => Some(Self::Introduced),
            "fixed" => Some(Self::Fixed),
            "last_affected" => Some(Self::LastAffected),
            "limit" => Some(Self::Limit),
            _ => None,
        }
    }
}

/// Whether a version is in a range: given how the version compares to where each event is, with the events in the order
/// of the versions they are at.
pub fn is_inside(events: impl Iterator<Item = (Ordering, Event)>) -> bool {
    events.fold(false, |inside, (order, event)| match event {
        Event::Introduced if order != Ordering::Less => true,
        Event::Fixed | Event::Limit if order != Ordering::Less => false,
        Event::LastAffected if order == Ordering::Greater => false,
        _ => inside,
    })
}

/// The list in a field of a record; one that is absent or null is empty.
///
/// # Errors
/// The field has something else.
pub fn list_of<'a>(record: &'a Json, field: &str) -> Result<&'a [Json], &'static str> {
    match record.get(field) {
        None | Some(Json::Null) => Ok(&[]),
        Some(Json::Array(items)) => Ok(items),
        Some(_) => Err("a field that should be a list is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_inside_from_where_the_fault_came_to_where_it_went() {
        use Event::{Fixed, Introduced, LastAffected, Limit};
        let from_two = |ending: Event, end: i32| vec![(Introduced, 2), (ending, end)];
        let branches = vec![(Introduced, 1), (Fixed, 2), (Introduced, 4), (Fixed, 5)];
        for (events, inside) in [
            (from_two(Fixed, 4), vec![2, 3]),
            (from_two(Limit, 4), vec![2, 3]),
            (from_two(LastAffected, 4), vec![2, 3, 4]),
            (branches, vec![1, 4]),
            (vec![(Fixed, 3), (Introduced, 3)], vec![3, 4, 5]),
            (vec![], vec![]),
        ] {
            let is_in = |version: &i32| is_inside(events.iter().map(|(event, at)| (version.cmp(at), *event)));
            assert_eq!((0..6).filter(is_in).collect::<Vec<_>>(), inside, "{events:?}");
        }
    }
}
