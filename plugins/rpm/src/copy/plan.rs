//! What becomes of each destination.

use std::collections::{BTreeSet, HashSet};

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::{OperationJob, RepositoryChange, VersionUnits};

use super::children::Family;
use super::modules;
use super::request::Request;
use crate::evr::Nevra;

/// The next version of a destination.
pub(super) struct Target {
    repository: Id,
    base: Option<Id>,
    /// What it starts from.
    pub there: VersionUnits,
    /// Versions that are copied as a whole.
    whole: BTreeSet<Id>,
    /// Units of others.
    pub add: BTreeSet<Id>,
}

/// From where to where, in part or as a whole.
pub(super) struct Selection {
    pub source: VersionUnits,
    /// Position in [`Plan::targets`].
    pub target: usize,
    wanted: Option<BTreeSet<Id>>,
}

impl Selection {
    pub fn is_whole(&self) -> bool {
        self.wanted.is_none()
    }
}

pub(super) struct Plan {
    pub targets: Vec<Target>,
    pub selections: Vec<Selection>,
}

/// A package that a destination needs.
pub(super) struct Needed {
    pub target: usize,
    pub package: Id,
    pub nevra: Nevra,
    pub is_modular: bool,
}

impl Plan {
    pub async fn new(job: &dyn OperationJob, request: &Request) -> Result<Self> {
        let mut plan = Self { targets: vec![], selections: vec![] };
        for entry in &request.entries {
            let known = plan.targets.iter().position(|target| target.repository == entry.destination);
            let target = match known {
                Some(at) => at,
                None => {
                    let version = match entry.base {
                        Some(base) => base,
                        None => job.repository(entry.destination).await?.version,
                    };
                    plan.targets.push(Target {
                        repository: entry.destination,
                        base: entry.base,
                        there: job.units(version).await?,
                        whole: BTreeSet::new(),
                        add: BTreeSet::new(),
                    });
                    plan.targets.len() - 1
                }
            };
            if entry.content.is_none() {
                plan.targets[target].whole.insert(entry.source);
            }
            plan.selections.push(Selection {
                source: job.units(entry.source).await?,
                target,
                wanted: entry.content.as_ref().map(|content| content.iter().copied().collect()),
            });
        }
        Ok(plan)
    }

    /// Whether anything is copied in part. What is copied as a whole has all that its source has.
    pub fn has_selections(&self) -> bool {
        self.selections.iter().any(|selection| selection.wanted.as_ref().is_some_and(|wanted| !wanted.is_empty()))
    }

    /// Adds what is wanted, as far as the sources have it, with what it brings.
    pub async fn add_families(&mut self, with_modules: bool) -> Result<()> {
        for selection in &self.selections {
            let Some(wanted) = &selection.wanted else { continue };
            let target = &mut self.targets[selection.target];
            let mut family = Family::of(&selection.source, wanted.clone()).await?;
            family.add_children(&selection.source, with_modules.then_some(&target.there)).await?;
            target.add.extend(family.units);
        }
        Ok(())
    }

    /// Adds packages, those of modules with their modules. Whether these brought further units.
    pub async fn add_packages(&mut self, needed: Vec<Needed>) -> Result<bool> {
        let mut grew = false;
        let mut modular: Vec<HashSet<Nevra>> = self.targets.iter().map(|_| HashSet::new()).collect();
        for one in needed {
            self.targets[one.target].add.insert(one.package);
            if one.is_modular {
                modular[one.target].insert(one.nevra);
            }
        }
        for selection in &self.selections {
            let packages = &modular[selection.target];
            if packages.is_empty() {
                continue;
            }
            let target = &mut self.targets[selection.target];
            let modules = modules::containing(&selection.source, packages).await?;
            let mut family = Family::of(&selection.source, modules).await?;
            family.add_children(&selection.source, Some(&target.there)).await?;
            let before = target.add.len();
            target.add.extend(family.units);
            grew |= target.add.len() > before;
        }
        Ok(grew)
    }

    /// The changes, without those that change nothing.
    pub fn into_changes(self) -> Vec<RepositoryChange> {
        let changes = self.targets.into_iter().map(|target| RepositoryChange {
            base_version: target.base,
            add_versions: target.whole.into_iter().collect(),
            add: target.add.into_iter().collect(),
            ..RepositoryChange::of(target.repository)
        });
        let has_effect = |change: &RepositoryChange| {
            change.base_version.is_some() || !change.add_versions.is_empty() || !change.add.is_empty()
        };
        changes.filter(has_effect).collect()
    }
}
