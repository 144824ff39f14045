//! What a requirement comes to, given what is chosen so far.

use super::pool::{Relation, Requirement, Rich};
use super::prefer::Candidate;
use super::{Index, Pool};

/// What has to be done for a requirement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing.
    Met,
    /// Nothing yet, but that may change with what is chosen.
    Open,
    /// One of these has to be chosen.
    OneOf(Vec<Candidate>),
}

/// Looks at requirements against the packages that `holds` says are chosen. `reachable` says which may be.
pub(super) struct Look<'a> {
    pub pool: &'a Pool,
    pub holds: &'a dyn Fn(Index) -> bool,
    pub reachable: &'a dyn Fn(Index) -> bool,
    /// Whether clients may have a package although it is not chosen.
    pub present: &'a dyn Fn(Index) -> bool,
}

impl Look<'_> {
    /// What a requirement demands, part by part.
    pub fn demands(&self, requirement: &Requirement) -> Vec<Demand> {
        let mut found = Vec::new();
        match requirement {
            Requirement::One(relation) => found.push(self.one(*relation)),
            Requirement::Rich(rich) => self.rich(rich, &mut found),
            Requirement::Unreadable => found.push(Demand::OneOf(vec![])),
        }
        found
    }

    fn one(&self, relation: Relation) -> Demand {
        let providers = self.pool.providers(relation);
        if providers.iter().any(|package| (self.holds)(*package)) {
            return Demand::Met;
        }
        Demand::OneOf(self.candidates(&providers, 0, Some(relation)))
    }

    fn candidates(&self, packages: &[Index], alternative: u32, relation: Option<Relation>) -> Vec<Candidate> {
        let reachable = packages.iter().copied().filter(|package| (self.reachable)(*package));
        reachable.map(|package| Candidate { package, alternative, relation }).collect()
    }

    fn rich(&self, rich: &Rich, found: &mut Vec<Demand>) {
        match rich {
            Rich::One(relation) => found.push(self.one(*relation)),
            Rich::And(all) => all.iter().for_each(|one| self.rich(one, found)),
            Rich::Or(all) => self.any(all, found),
            Rich::With(_) | Rich::Without(..) => {
                let packages = self.packages(rich);
                found.push(match packages.iter().any(|package| (self.holds)(*package)) {
                    true => Demand::Met,
                    false => Demand::OneOf(self.candidates(&packages, 0, None)),
                });
            }
            Rich::If { then, condition, otherwise, holds_if } => {
                if self.may_hold(condition) == *holds_if {
                    self.rich(then, found);
                } else if let Some(otherwise) = otherwise {
                    self.rich(otherwise, found);
                    found.push(Demand::Open);
                } else {
                    found.push(Demand::Open);
                }
            }
        }
    }

    /// One of several expressions.
    fn any(&self, all: &[Rich], found: &mut Vec<Demand>) {
        if all.iter().any(|one| self.is_met(one)) {
            return found.push(Demand::Met);
        }
        let mut candidates = Vec::new();
        for (one, alternative) in all.iter().zip(0..) {
            if !matches!(one, Rich::And(_) | Rich::If { .. }) {
                candidates.extend(self.candidates(&self.packages(one), alternative, None));
            }
        }
        let whole = all.iter().find(|one| matches!(one, Rich::And(_) | Rich::If { .. }));
        match whole {
            Some(whole) if candidates.is_empty() => self.rich(whole, found),
            _ => found.push(Demand::OneOf(candidates)),
        }
    }

    /// The packages each of which does for the expression alone.
    fn packages(&self, rich: &Rich) -> Vec<Index> {
        match rich {
            Rich::One(relation) => self.pool.providers(*relation).to_vec(),
            Rich::Or(all) => all.iter().flat_map(|one| self.packages(one)).collect(),
            Rich::With(all) | Rich::And(all) => {
                let mut lists = all.iter().map(|one| self.packages(one));
                let mut first = lists.next().unwrap_or_default();
                for list in lists {
                    first.retain(|package| list.contains(package));
                }
                first
            }
            Rich::Without(one, other) => {
                let (mut first, without) = (self.packages(one), self.packages(other));
                first.retain(|package| !without.contains(package));
                first
            }
            Rich::If { .. } => vec![],
        }
    }

    /// Whether what is chosen meets it.
    fn is_met(&self, rich: &Rich) -> bool {
        self.evaluate(rich, self.holds)
    }

    /// Whether clients may have what the condition asks for.
    fn may_hold(&self, condition: &Rich) -> bool {
        self.evaluate(condition, &|package| (self.holds)(package) || (self.present)(package))
    }

    fn evaluate(&self, rich: &Rich, holds: &dyn Fn(Index) -> bool) -> bool {
        match rich {
            Rich::One(_) | Rich::With(_) | Rich::Without(..) => self.packages(rich).into_iter().any(holds),
            Rich::And(all) => all.iter().all(|one| self.evaluate(one, holds)),
            Rich::Or(all) => all.iter().any(|one| self.evaluate(one, holds)),
            Rich::If { then, condition, otherwise, holds_if } => {
                if self.evaluate(condition, holds) == *holds_if {
                    self.evaluate(then, holds)
                } else {
                    otherwise.as_ref().is_none_or(|otherwise| self.evaluate(otherwise, holds))
                }
            }
        }
    }
}
