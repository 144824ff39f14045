//! Which of several packages that would do is taken.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::pool::Relation;
use super::view::{Places, View};
use super::{Index, Pool};

/// What was learned of the pool, and what is preferred.
pub(super) struct Taste<'a> {
    pool: &'a Pool,
    upgrade: bool,
    /// Packages that cannot be installed, because nothing within reach is what they or what they need require.
    pub hopeless: HashSet<Index>,
    enemies: HashMap<Index, Vec<Index>>,
}

/// One package that would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub package: Index,
    /// Which of the alternatives of an expression it is.
    pub alternative: u32,
    /// What was asked for, where it is one capability.
    pub relation: Option<Relation>,
}

impl<'a> Taste<'a> {
    pub fn new(pool: &'a Pool, upgrade: bool) -> Self {
        Self { pool, upgrade, hopeless: HashSet::new(), enemies: HashMap::new() }
    }

    /// Puts the best first. `asking` is the package that requires it.
    pub fn sort(&self, candidates: &mut Vec<Candidate>, asking: Index, places: &Places<'_>, view: &View) {
        let arch = self.pool.entry(asking).arch;
        let arch = if self.pool.is_noarch(arch) { self.pool.main_arch } else { arch };
        // The same module is asked for by its own packages only.
        let takes_modular = self.pool.entry(asking).is_modular;
        candidates.sort_by(|one, other| {
            let key = |candidate: &Candidate| {
                let entry = self.pool.entry(candidate.package);
                let visible = places.is_visible(view, candidate.package);
                (
                    self.hopeless.contains(&candidate.package),
                    entry.arch != arch && !self.pool.is_noarch(entry.arch),
                    !visible && !self.upgrade,
                    entry.is_modular && !takes_modular && !visible,
                    candidate.alternative,
                    !candidate.relation.is_some_and(|relation| self.pool.is_called(candidate.package, relation)),
                    !visible && !places.is_near(view, candidate.package),
                )
            };
            key(one).cmp(&key(other)).then_with(|| self.compare(one.package, other.package, places, view))
        });
        candidates.dedup_by_key(|candidate| candidate.package);
    }

    /// Names that come first in the pool, the newest version of each first, and of equal ones what is there.
    fn compare(&self, one: Index, other: Index, places: &Places<'_>, view: &View) -> std::cmp::Ordering {
        let (left, right) = (self.pool.entry(one), self.pool.entry(other));
        let is_new = |package| !places.is_visible(view, package);
        (left.name.cmp(&right.name))
            .then_with(|| right.evr.compare(&left.evr))
            .then_with(|| (is_new(one), one).cmp(&(is_new(other), other)))
            .then_with(|| Reverse(one).cmp(&Reverse(other)))
    }

    /// What a package conflicts with or obsoletes.
    pub fn enemies(&mut self, package: Index) -> &[Index] {
        let pool = self.pool;
        self.enemies.entry(package).or_insert_with(|| {
            let entry = pool.entry(package);
            let mut found: Vec<Index> =
                entry.conflicts.iter().flat_map(|relation| pool.providers(*relation).to_vec()).collect();
            found.extend(entry.obsoletes.iter().flat_map(|relation| pool.named(*relation)));
            // Other versions of itself are held against each other by their names.
            found.retain(|other| pool.entry(*other).name != entry.name);
            found.sort_unstable();
            found.dedup();
            found
        })
    }
}
