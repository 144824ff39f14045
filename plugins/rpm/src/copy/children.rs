//! Which units bring which others of their version.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{UnitRow, VersionUnits};
use serde_json::Value as Json;

use super::modules::{self, ModuleKey};
use crate::content::{
    advisory, category, defaults, environment, group, langpacks, metadata_file, modulemd, obsolete, package, tree,
};
use crate::evr::{Evr, Nevra};

/// Units looked up together.
const BATCH: usize = 1000;

/// Types whose units bring nothing.
const CHILDLESS: [&str; 6] = [
    defaults::MODULEMD_DEFAULTS,
    obsolete::MODULEMD_OBSOLETE,
    langpacks::PACKAGELANGPACKS,
    tree::DISTRIBUTION_TREE,
    metadata_file::REPO_METADATA_FILE,
    package::PACKAGE,
];

/// Units that go together.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub units: BTreeSet<Id>,
    advisories: Vec<Id>,
    modules: BTreeSet<Id>,
    groups: BTreeSet<Id>,
}

/// The packages that are named.
#[derive(Debug, Default)]
struct Named {
    /// In one version.
    exactly: HashSet<Nevra>,
    /// The newest of each architecture.
    newest: BTreeSet<String>,
}

impl Family {
    /// Those of these units that the version has.
    pub async fn of(source: &VersionUnits, wanted: BTreeSet<Id>) -> Result<Self> {
        let mut family = Self::default();
        for content_type in CHILDLESS {
            family.units.extend(ids(&rows(source, content_type, &[], &wanted).await?));
        }
        family.advisories = ids(&rows(source, advisory::ADVISORY, &[], &wanted).await?);
        family.modules.extend(ids(&rows(source, modulemd::MODULEMD, &[], &wanted).await?));
        family.groups.extend(ids(&rows(source, group::PACKAGEGROUP, &[], &wanted).await?));
        let mut named = BTreeSet::new();
        for (content_type, columns) in [
            (category::PACKAGECATEGORY, &["group_ids"][..]),
            (environment::PACKAGEENVIRONMENT, &["group_ids", "option_ids"][..]),
        ] {
            let found = rows(source, content_type, columns, &wanted).await?;
            family.units.extend(ids(&found));
            for row in &found {
                for at in 0..columns.len() {
                    named.extend(names(&row.get::<Json>(at)?));
                }
            }
        }
        let groups = matching(source, group::PACKAGEGROUP, &[], "id", named).await?;
        family.groups.extend(ids(&groups));
        Ok(family)
    }

    /// Adds what they bring; with `there` also modules that modules depend on and that it does not have.
    pub async fn add_children(&mut self, source: &VersionUnits, there: Option<&VersionUnits>) -> Result<()> {
        let mut named = Named::default();
        let mut keys: BTreeSet<ModuleKey> = BTreeSet::new();
        self.read_advisories(source, &mut named, &mut keys).await?;
        self.read_groups(source, &mut named).await?;
        if !keys.is_empty() || !self.modules.is_empty() {
            let found = modules::choose(source, there, &self.modules, &keys).await?;
            self.modules.extend(found.units);
            named.exactly.extend(found.artifacts);
        }
        self.units.extend(&self.advisories);
        self.units.extend(&self.modules);
        self.units.extend(&self.groups);
        self.units.extend(named.find(source).await?);
        Ok(())
    }

    async fn read_advisories(
        &self,
        source: &VersionUnits,
        named: &mut Named,
        keys: &mut BTreeSet<ModuleKey>,
    ) -> Result<()> {
        for some in self.advisories.chunks(BATCH / 10) {
            let found = source.of_ids(advisory::ADVISORY, &["snippet"], some.to_vec()).await?;
            let snippets = found.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
            let read = move || -> Result<_> { snippets.iter().map(|snippet| advisory::read(snippet)).collect() };
            let read: Vec<_> = tokio::task::spawn_blocking(read).await.map_err(Error::internal)??;
            for advisory in &read {
                let full = advisory.packages().map(|one| Nevra {
                    name: one.name.clone(),
                    evr: one.evr(),
                    arch: one.arch.clone(),
                });
                named.exactly.extend(full);
                keys.extend(advisory.collections.iter().filter_map(|one| one.module.as_ref()).map(ModuleKey::of));
            }
        }
        Ok(())
    }

    async fn read_groups(&self, source: &VersionUnits, named: &mut Named) -> Result<()> {
        for row in rows(source, group::PACKAGEGROUP, &["packages"], &self.groups).await? {
            named.newest.extend(names(&row.get::<Json>(0)?));
        }
        Ok(())
    }
}

impl Named {
    /// The packages of the version.
    async fn find(self, source: &VersionUnits) -> Result<BTreeSet<Id>> {
        const COLUMNS: &[&str] = &["name", "epoch", "version", "release", "arch", "evr", "is_modular"];
        let mut found = BTreeSet::new();
        let mut newest: BTreeMap<(String, String), (bool, String, Vec<Id>)> = BTreeMap::new();
        let asked: BTreeSet<String> =
            self.exactly.iter().map(|nevra| nevra.name.clone()).chain(self.newest.iter().cloned()).collect();
        for row in matching(source, package::PACKAGE, COLUMNS, "name", asked).await? {
            let nevra = nevra(&row)?;
            if self.newest.contains(&nevra.name) && nevra.arch != "src" {
                // Packages of modules are for those who ask for the module, where there is another.
                let rank: (bool, String) = (!row.get::<bool>(6)?, row.get(5)?);
                let key = (nevra.name.clone(), nevra.arch.clone());
                let best = newest.entry(key).or_insert((rank.0, rank.1.clone(), vec![]));
                match (rank.0, &rank.1).cmp(&(best.0, &best.1)) {
                    std::cmp::Ordering::Greater => *best = (rank.0, rank.1, vec![row.id]),
                    std::cmp::Ordering::Equal => best.2.push(row.id),
                    std::cmp::Ordering::Less => {}
                }
            }
            if self.exactly.contains(&nevra) {
                found.insert(row.id);
            }
        }
        found.extend(newest.into_values().flat_map(|(.., ids)| ids));
        Ok(found)
    }
}

/// The full name of a package whose first columns are those of it.
pub(super) fn nevra(row: &UnitRow) -> Result<Nevra> {
    let epoch: String = row.get(1)?;
    let evr = Evr::new(epoch.parse().unwrap_or(0), row.get::<String>(2)?, row.get::<String>(3)?);
    Ok(Nevra { name: row.get(0)?, evr, arch: row.get(4)? })
}

fn ids(rows: &[UnitRow]) -> Vec<Id> {
    rows.iter().map(|row| row.id).collect()
}

/// The values of `name` in a list of objects.
fn names(list: &Json) -> impl Iterator<Item = String> + '_ {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(|item| item.get("name").and_then(Json::as_str)).map(str::to_owned)
}

/// Those of the units that the version has and that are of this type.
pub(super) async fn rows(
    source: &VersionUnits,
    content_type: &str,
    columns: &'static [&'static str],
    wanted: &BTreeSet<Id>,
) -> Result<Vec<UnitRow>> {
    let mut found = vec![];
    let wanted: Vec<Id> = wanted.iter().copied().collect();
    for some in wanted.chunks(BATCH) {
        found.extend(source.of_ids(content_type, columns, some.to_vec()).await?);
    }
    Ok(found)
}

/// The units with one of the values.
async fn matching(
    source: &VersionUnits,
    content_type: &str,
    columns: &'static [&'static str],
    column: &'static str,
    values: BTreeSet<String>,
) -> Result<Vec<UnitRow>> {
    let mut found = vec![];
    let values: Vec<String> = values.into_iter().collect();
    for some in values.chunks(BATCH / 2) {
        found.extend(source.matching(content_type, columns, vec![(column, some.to_vec())]).await?);
    }
    Ok(found)
}
