//! What becomes of two advisories with one id: Pulp's rules.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::{Advisory, Collection};
use crate::evr::rpmvercmp;

/// What the repository has afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The one that it has.
    KeepCurrent,
    /// The one that came.
    TakeIncoming,
    /// A new one, with the packages of both.
    Merged(Box<Advisory>),
}

/// What to do where the rules see a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Refuse.
    Strict,
    /// Take the newer one (Pulp's `ALLOW_AUTOMATIC_UNSAFE_ADVISORY_CONFLICT_RESOLUTION`).
    TakeNewer,
}

/// Why two advisories cannot both be meant. Clients know both by the code in brackets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    #[error(
        "[RPM0001] the incoming and the existing advisory `{0}` have the same id but differ in date or version, and \
         have no packages in common; at least one of them is wrong, or their repositories do not go together \
         (the newer one is taken where ALLOW_AUTOMATIC_UNSAFE_ADVISORY_CONFLICT_RESOLUTION is set)"
    )]
    Unrelated(String),
    #[error(
        "[RPM0001] the incoming and the existing advisory `{0}` have the same id, date and version, they have \
         packages in common, and neither package list is a proper subset of the other; at least one of them is wrong \
         (the newer one is taken where ALLOW_AUTOMATIC_UNSAFE_ADVISORY_CONFLICT_RESOLUTION is set)"
    )]
    Intersecting(String),
}

/// Decides between two advisories of the same id.
///
/// Of the same date and version: equal package lists, the incoming; one a part of the other, the
/// larger; nothing in common, a merged one; else a clash. Of different dates or versions: the
/// newer, if they have a package, or the name of one, in common, or one has none at all; else a
/// clash.
pub fn resolve(current: &Advisory, incoming: &Advisory, policy: Policy) -> Result<Resolution, Clash> {
    let (ours, theirs) = (current.package_set(), incoming.package_set());
    let date = |advisory: &Advisory| {
        let updated = &advisory.updated_date;
        advisory.changed_at().ok_or_else(|| (if updated.is_empty() { &advisory.issued_date } else { updated }).clone())
    };
    let same = date(current) == date(incoming) && current.version == incoming.version;
    if !same {
        let names: HashSet<&str> = ours.iter().map(|package| package.0).collect();
        // A package in common is a name in common.
        let related = theirs.iter().any(|package| names.contains(package.0));
        let unrelated = !related && !ours.is_empty() && !theirs.is_empty();
        if unrelated && policy == Policy::Strict {
            return Err(Clash::Unrelated(current.id.clone()));
        }
        return Ok(newer(current, incoming));
    }
    if ours == theirs {
        return Ok(Resolution::TakeIncoming);
    }
    if theirs.is_subset(&ours) {
        return Ok(Resolution::KeepCurrent);
    }
    if ours.is_subset(&theirs) {
        return Ok(Resolution::TakeIncoming);
    }
    if ours.is_disjoint(&theirs) {
        return Ok(Resolution::Merged(Box::new(merge(current, incoming))));
    }
    match policy {
        Policy::Strict => Err(Clash::Intersecting(current.id.clone())),
        Policy::TakeNewer => Ok(newer(current, incoming)),
    }
}

/// By date, then by version; of equals, the incoming.
fn newer(current: &Advisory, incoming: &Advisory) -> Resolution {
    let order =
        (incoming.changed_at().cmp(&current.changed_at())).then_with(|| rpmvercmp(&incoming.version, &current.version));
    if order == Ordering::Less { Resolution::KeepCurrent } else { Resolution::TakeIncoming }
}

/// The existing one with the collections and references of the other that it lacks.
fn merge(current: &Advisory, incoming: &Advisory) -> Advisory {
    let mut merged = current.clone();
    merged.collections.extend(incoming.collections.iter().cloned());
    name_apart(&mut merged.collections);
    let known: HashSet<_> = current.references.iter().collect();
    merged.references.extend(incoming.references.iter().filter(|&reference| !known.contains(reference)).cloned());
    merged.reboot_suggested |= incoming.reboot_suggested;
    merged
}

/// Gives each a name of its own, since clients take collections by name: `collection_0` and so on to those that have
/// none, `name_1` and so on to further ones of one name.
fn name_apart(collections: &mut [Collection]) {
    let mut names: HashSet<String> = HashSet::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    // Those that have a name keep it, wherever they stand.
    let (named, unnamed): (Vec<_>, Vec<_>) = collections.iter_mut().partition(|one| !one.name.is_empty());
    for collection in named.into_iter().chain(unnamed) {
        let is_unnamed = collection.name.is_empty();
        let name = if is_unnamed { "collection".to_owned() } else { collection.name.clone() };
        // Numbers only grow, so that many of one name do not take the square of their number.
        let number = numbers.entry(if is_unnamed { String::new() } else { name.clone() }).or_insert(0);
        while collection.name.is_empty() || !names.insert(collection.name.clone()) {
            // The first that has no name is number 0, the second of one name number 1.
            *number += 1;
            collection.name = format!("{name}_{}", *number - usize::from(is_unnamed));
        }
    }
}
