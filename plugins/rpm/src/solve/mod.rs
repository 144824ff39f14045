//! Which packages have to be copied along so that what is asked for can be installed from where it is copied to.
//!
//! Pure: a [`Pool`] of packages that lie in numbered places (repositories), [`Route`]s that say from which place
//! packages may come to which, and packages that are wanted somewhere. For each of these an installation is looked for,
//! as a client would make it: all that it requires, at most one version of each name, nothing that conflicts or is
//! obsoleted. What a destination has is preferred, then the newest version of the architecture at hand.
//!
//! Choices that turn out wrong are taken back, so often and no more; then what is required is copied although it cannot
//! be installed together, which is no worse for a repository. Weak dependencies do not count.

mod goals;
mod pool;
mod prefer;
mod search;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub(crate) use pool::{Index, Place, Pool, PoolBuilder};

use crate::package::is_primary_path;

use self::prefer::Taste;
use self::search::Search;
use self::view::Places;

/// How often the choices for one package are taken back.
const JUMPS: usize = 256;

/// So many requirements are looked at in all: some minutes' work, and more than a whole distribution takes.
const STEPS: u64 = 200_000_000;

/// Packages may come from a source to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    pub source: Place,
    pub destination: Place,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Solution {
    /// What destinations need beside what they have and what is wanted in them.
    pub added: BTreeSet<(Place, Index)>,
    /// What nothing in the pool provides that may come there, and by which package it is required.
    pub unresolved: BTreeSet<(Index, String)>,
    /// Paths among that of which only the full lists of files can tell; see [`Pool::add_file`].
    pub unknown_paths: BTreeSet<String>,
    /// There was not time for all that is wanted.
    pub is_cut_short: bool,
}

/// Looks for what the `wanted` packages require. With `upgrade` the newest versions are preferred to those that
/// destinations have.
pub(crate) fn solve(pool: &Pool, routes: &[Route], wanted: &[(Place, Index)], upgrade: bool) -> Solution {
    let mut places = Places::new(pool, routes);
    for (place, package) in wanted {
        places.put(*package, *place);
    }
    let mut solution = Solution::default();
    // What is within reach differs.
    let mut tastes: BTreeMap<Place, Taste<'_>> = BTreeMap::new();
    let mut steps = STEPS;
    // What is part of an installation that can be made can be installed.
    let mut settled: HashSet<(Place, Index)> = HashSet::new();
    for (place, package) in wanted {
        if pool.is_source(*package) || settled.contains(&(*place, *package)) {
            continue;
        }
        let view = places.view(*place);
        let taste = tastes.entry(*place).or_insert_with(|| Taste::new(pool, upgrade));
        let found = Search::new(pool, &places, &view, taste).run(*package, &mut steps);
        for chosen in found.chosen {
            if found.is_sound {
                settled.insert((*place, chosen));
            }
            if let Some(destination) = places.destination(&view, chosen) {
                places.put(chosen, destination);
                solution.added.insert((destination, chosen));
            }
        }
        for (package, requirement) in found.unresolved {
            if requirement.starts_with('/') && !is_primary_path(&requirement) {
                solution.unknown_paths.insert(requirement.clone());
            }
            solution.unresolved.insert((package, requirement));
        }
    }
    solution.is_cut_short = steps == 0;
    solution
}
