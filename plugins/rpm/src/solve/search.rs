//! One installation: a package and all that it requires, as a client would put it together.

use std::collections::{HashMap, HashSet};

use super::goals::{Demand, Look};
use super::pool::Requirement;
use super::prefer::{Candidate, Taste};
use super::view::{Places, View};
use super::{Index, JUMPS, Pool};

/// What an installation consists of.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Without the package that was asked for.
    pub chosen: Vec<Index>,
    /// What nothing provides, and who requires it.
    pub unresolved: Vec<(Index, String)>,
    /// It can be made: nothing had to be chosen that cannot be beside another.
    pub is_sound: bool,
}

/// A choice that was made, with what is needed to take it back.
struct Pick {
    asking: Index,
    picked: Index,
    /// The best first.
    options: Vec<Candidate>,
    /// The one that comes after that which was picked.
    next: usize,
    /// Without one of these there would have been other options, or those that were tried would have done.
    culprits: HashSet<Index>,
    before: Mark,
}

/// How far things were.
#[derive(Clone, Copy)]
struct Mark {
    head: usize,
    goals: usize,
    chosen: usize,
    open: usize,
    unresolved: usize,
}

pub(super) struct Search<'a, 'b> {
    pool: &'a Pool,
    places: &'b Places<'a>,
    view: &'b View,
    taste: &'b mut Taste<'a>,
    /// Requirements by their numbers and those who have them, in the order they came up.
    goals: Vec<(Index, u32)>,
    head: usize,
    /// Requirements that depend on what else is chosen.
    open: Vec<(Index, u32)>,
    order: Vec<Index>,
    chosen: HashSet<Index>,
    by_name: HashMap<u32, Vec<Index>>,
    /// How many of the chosen cannot be beside a package.
    banned: HashMap<Index, u32>,
    picks: Vec<Pick>,
    unresolved: Vec<(Index, String)>,
    jumps: usize,
    is_strict: bool,
    /// Something was chosen that cannot be installed.
    is_flawed: bool,
}

impl<'a, 'b> Search<'a, 'b> {
    pub fn new(pool: &'a Pool, places: &'b Places<'a>, view: &'b View, taste: &'b mut Taste<'a>) -> Self {
        Self {
            pool,
            places,
            view,
            taste,
            goals: vec![],
            head: 0,
            open: vec![],
            order: vec![],
            chosen: HashSet::new(),
            by_name: HashMap::new(),
            banned: HashMap::new(),
            picks: vec![],
            unresolved: vec![],
            jumps: 0,
            is_strict: true,
            is_flawed: false,
        }
    }

    /// Takes a step off for each requirement that is looked at; at none it ends with what it has.
    pub fn run(mut self, root: Index, steps: &mut u64) -> Found {
        loop {
            self.choose(root);
            let is_sound = self.satisfy(root, steps);
            if is_sound || !self.is_strict {
                let chosen = self.order.split_off(1);
                return Found {
                    chosen,
                    unresolved: self.unresolved,
                    is_sound: is_sound && self.is_strict && !self.is_flawed,
                };
            }
            // What cannot be together is copied all the same: with the best choices, not the last ones.
            self.restore(Mark { head: 0, goals: 0, chosen: 0, open: 0, unresolved: 0 });
            self.picks.clear();
            self.is_strict = false;
        }
    }

    /// Whether all that can be met is.
    fn satisfy(&mut self, root: Index, steps: &mut u64) -> bool {
        loop {
            while let Some((asking, number)) = self.goals.get(self.head).copied() {
                if *steps == 0 {
                    return true;
                }
                *steps -= 1;
                if !self.attend(asking, number, root) {
                    return false;
                }
            }
            let again = self.open.iter().copied().find(|(_, number)| self.is_due(*number));
            match again {
                Some(goal) => self.goals.push(goal),
                None => return true,
            }
        }
    }

    /// Whether a requirement that was met has become one that is not.
    fn is_due(&self, number: u32) -> bool {
        let due = |demand: &Demand| matches!(demand, Demand::OneOf(candidates) if !candidates.is_empty());
        self.demands(&self.pool.requirement(number).1).iter().any(due)
    }

    fn demands(&self, requirement: &Requirement) -> Vec<Demand> {
        let look = Look {
            pool: self.pool,
            holds: &|package| self.chosen.contains(&package),
            reachable: &|package| self.places.is_within_reach(self.view, package),
            present: &|package| self.places.is_visible(self.view, package),
        };
        look.demands(requirement)
    }

    /// Does the next thing for the requirement at the head. False when it cannot be met beside what is chosen.
    fn attend(&mut self, asking: Index, number: u32, root: Index) -> bool {
        let pool = self.pool;
        let (text, requirement) = pool.requirement(number);
        let (mut lacks, mut is_open) = (false, false);
        for demand in self.demands(requirement) {
            match demand {
                Demand::Met => {}
                Demand::Open => is_open = true,
                Demand::OneOf(candidates) if candidates.is_empty() => lacks = true,
                Demand::OneOf(candidates) => return self.pick(asking, candidates, root),
            }
        }
        if lacks {
            if self.is_known(requirement) {
                if self.despair(asking, root) {
                    return true;
                }
                self.is_flawed = true;
            }
            self.unresolved.push((asking, text.clone()));
        }
        if is_open && !self.open.contains(&(asking, number)) {
            self.open.push((asking, number));
        }
        self.head += 1;
        true
    }

    /// Whether something like it is within reach, in another version. What is not is taken to be elsewhere.
    fn is_known(&self, requirement: &Requirement) -> bool {
        let Requirement::One(relation) = requirement else { return false };
        self.pool.of_any_version(*relation).any(|package| self.places.is_within_reach(self.view, package))
    }

    /// Notes that a package cannot be installed, and takes back that it was chosen. False when it must be
    /// chosen all the same.
    fn despair(&mut self, package: Index, root: Index) -> bool {
        if package == root || !self.taste.hopeless.insert(package) {
            return false;
        }
        let Some(at) = self.picks.iter().position(|pick| pick.picked == package) else { return false };
        self.take_back(at);
        true
    }

    /// Takes one of the candidates for what `asking` requires. False when none can be beside what is chosen.
    fn pick(&mut self, asking: Index, mut candidates: Vec<Candidate>, root: Index) -> bool {
        self.taste.sort(&mut candidates, asking, self.places, self.view);
        let (mut fitting, mut culprits) = (Vec::new(), HashSet::from([asking]));
        for candidate in &candidates {
            let blockers = if self.is_strict { self.blockers(candidate.package) } else { vec![] };
            match blockers.is_empty() {
                true => fitting.push(*candidate),
                false => culprits.extend(blockers),
            }
        }
        let is_hopeless = |candidate: &Candidate| self.taste.hopeless.contains(&candidate.package);
        let is_lost = candidates.iter().all(is_hopeless);
        let mut options = fitting.clone();
        options.retain(|candidate| !is_hopeless(candidate));
        if options.is_empty() {
            let is_avoided = if is_lost { self.despair(asking, root) } else { self.jump(culprits.clone()) };
            if is_avoided {
                return true;
            }
            if fitting.is_empty() {
                return false;
            }
            self.is_flawed = true;
            options = fitting;
        }
        self.take(asking, options, 0, culprits);
        true
    }

    fn take(&mut self, asking: Index, options: Vec<Candidate>, at: usize, culprits: HashSet<Index>) {
        let picked = options[at].package;
        let before = Mark {
            head: self.head,
            goals: self.goals.len(),
            chosen: self.order.len(),
            open: self.open.len(),
            unresolved: self.unresolved.len(),
        };
        self.picks.push(Pick { asking, picked, options, next: at + 1, culprits, before });
        self.choose(picked);
    }

    fn choose(&mut self, package: Index) {
        let entry = self.pool.entry(package);
        self.order.push(package);
        self.chosen.insert(package);
        self.by_name.entry(entry.name).or_default().push(package);
        for enemy in self.taste.enemies(package) {
            *self.banned.entry(*enemy).or_default() += 1;
        }
        self.goals.extend(entry.requires.iter().map(|number| (package, *number)));
    }

    /// The chosen packages that it cannot be beside.
    fn blockers(&mut self, package: Index) -> Vec<Index> {
        let pool = self.pool;
        let entry = pool.entry(package);
        let mut found: Vec<Index> = self.by_name.get(&entry.name).cloned().unwrap_or_default();
        // Of several architectures there may be one version each.
        found.retain(|other| {
            let arch = pool.entry(*other).arch;
            *other != package && (arch == entry.arch || pool.is_noarch(arch) || pool.is_noarch(entry.arch))
        });
        found.extend(self.taste.enemies(package).iter().filter(|enemy| self.chosen.contains(enemy)));
        if self.banned.get(&package).is_some_and(|count| *count > 0) {
            for other in self.order.clone() {
                if self.taste.enemies(other).binary_search(&package).is_ok() {
                    found.push(other);
                }
            }
        }
        found
    }

    /// Goes back to the last choice that led to a dead end and has another option (conflict-directed backjumping).
    /// `culprits` are the chosen packages without one of which it would be none; one choice passes on those that were
    /// found at it to the choices before it.
    fn jump(&mut self, mut culprits: HashSet<Index>) -> bool {
        if self.jumps == JUMPS {
            return false;
        }
        self.jumps += 1;
        // Nothing is taken back unless there is another option.
        let mut at = self.picks.len();
        while let Some(earlier) = self.picks[..at].iter().rposition(|pick| culprits.contains(&pick.picked)) {
            at = earlier;
            let pick = &self.picks[at];
            culprits.remove(&pick.picked);
            culprits.extend(&pick.culprits);
            if pick.next < pick.options.len() {
                if let Some(Pick { asking, options, next, .. }) = self.take_back(at) {
                    self.take(asking, options, next, culprits);
                }
                return true;
            }
        }
        false
    }

    /// Undoes a pick and all later ones.
    fn take_back(&mut self, at: usize) -> Option<Pick> {
        self.picks.truncate(at + 1);
        let pick = self.picks.pop()?;
        self.restore(pick.before);
        Some(pick)
    }

    fn restore(&mut self, mark: Mark) {
        self.head = mark.head;
        self.goals.truncate(mark.goals);
        self.open.truncate(mark.open);
        self.unresolved.truncate(mark.unresolved);
        for package in self.order.split_off(mark.chosen) {
            self.chosen.remove(&package);
            if let Some(named) = self.by_name.get_mut(&self.pool.entry(package).name) {
                named.retain(|other| *other != package);
            }
            for enemy in self.taste.enemies(package) {
                if let Some(count) = self.banned.get_mut(enemy) {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }
}
