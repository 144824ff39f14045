//! Scanning a version: what is known to be wrong with its packages, by records of the OSV schema, which a service
//! ([`service`]) or a dump ([`dump`]) has.
//!
//! Reports are written while the scan goes on, in slices. Each is right by itself, so what a scan found before it
//! failed may stay, and units that it did not come to keep the reports they have.

mod dump;
mod service;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use super::Stores;
use crate::db::{Conn, vulnerability_reports};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{GroupBy, Packages, Release, Scanner, Task, VersionUnits};

pub use dump::Dump;
use dump::Known;
pub use service::Service;

/// Packages whose units are read at once.
const NAMES: usize = 100;
/// Releases that are looked up between two writes.
const RELEASES: usize = 20;
/// Questions to the service at the same time.
const QUESTIONS: usize = 5;

/// What to scan, and for what.
pub struct ScanRequest<'a> {
    pub scanner: Arc<dyn Scanner>,
    /// Whose records a dump is read for; a service knows itself.
    pub ecosystems: Vec<String>,
    pub units: &'a VersionUnits,
    pub source: Source,
}

/// Where records come from.
pub enum Source {
    Service(Service),
    Dump(Dump),
}

/// A source, ready to be asked.
enum Records {
    Service(Service),
    Known(Arc<Known>),
}

/// What units are looked up as, and which units.
struct Lookup {
    releases: Vec<Release>,
    units: Vec<Id>,
}

/// What is done with the reports that are new.
pub type Then = dyn Fn(&mut Conn, Vec<Id>) -> Result<()> + Send + Sync;

/// Looks all packages of a version up and writes a report for each unit with a known vulnerability; units without one
/// lose the report they had. `then` belongs into the transaction that makes new reports.
///
/// # Errors
/// `Upstream`, naming the source, when it cannot be used or says what it should not.
pub async fn scan(stores: &Stores, task: &Arc<dyn Task>, request: ScanRequest<'_>, then: Arc<Then>) -> Result<()> {
    let ScanRequest { scanner, ecosystems, units, source } = request;
    let packages = scanner.packages();
    let names = names(units, packages).await?;
    let records = match source {
        Source::Service(service) => Records::Service(service),
        Source::Dump(dump) => {
            let asked = packages_asked(units, &*scanner, &names).await?;
            Records::Known(Arc::new(dump::read(task, (scanner.clone(), ecosystems), dump, asked).await?))
        }
    };
    let total = units.count(packages.content_type).await?;
    let looked_up = task.progress("Packages Looked Up", "scan.packages", Some(total));
    let vulnerable = task.progress("Vulnerable Packages", "scan.vulnerable", None);
    for names in names.chunks(NAMES) {
        let mut lookups = lookups(units, &*scanner, names).await?;
        while !lookups.is_empty() {
            task.check()?;
            let rest = lookups.split_off(lookups.len().min(RELEASES));
            let found = records.about(std::mem::replace(&mut lookups, rest)).await?;
            for (lookup, vulns) in &found {
                let count = i64::try_from(lookup.units.len()).unwrap_or(i64::MAX);
                looked_up.add(count);
                vulnerable.add(if vulns.is_empty() { 0 } else { count });
            }
            write(stores, task, units.version().id, found, then.clone()).await?;
        }
    }
    Ok(())
}

/// The packages of the version, by name.
async fn names(units: &VersionUnits, packages: Packages) -> Result<Vec<String>> {
    let name = name_column(packages)?;
    let by = GroupBy { content_type: packages.content_type, column: name, label: name, also: &[] };
    let (mut groups, mut names) = (units.groups(by).await?, vec![]);
    while let Some(page) = groups.next_page().await? {
        names.extend(page.into_iter().map(|group| group.value));
    }
    Ok(names)
}

fn name_column(packages: Packages) -> Result<&'static str> {
    packages.columns.first().copied().ok_or_else(|| Error::internal("packages to scan have no name"))
}

/// What the packages of these names are looked up as.
async fn lookups(units: &VersionUnits, scanner: &dyn Scanner, names: &[String]) -> Result<Vec<Lookup>> {
    let packages = scanner.packages();
    let named = vec![(name_column(packages)?, names.to_vec())];
    let mut units_of: BTreeMap<Vec<Release>, Vec<Id>> = BTreeMap::new();
    for row in units.matching(packages.content_type, packages.columns, named).await? {
        units_of.entry(scanner.releases(&row)?).or_default().push(row.id);
    }
    Ok(units_of.into_iter().map(|(releases, units)| Lookup { releases, units }).collect())
}

/// The names under which anything of the version is looked up.
async fn packages_asked(units: &VersionUnits, scanner: &dyn Scanner, names: &[String]) -> Result<HashSet<String>> {
    let mut asked = HashSet::new();
    for names in names.chunks(NAMES) {
        let lookups = lookups(units, scanner, names).await?;
        asked.extend(lookups.into_iter().flat_map(|lookup| lookup.releases).map(|release| release.package));
    }
    Ok(asked)
}

impl Records {
    /// Each of the lookups with the records that are about it.
    async fn about(&self, lookups: Vec<Lookup>) -> Result<Vec<(Lookup, Vec<Json>)>> {
        match self {
            Self::Service(service) => {
                let ask = |lookup: Lookup| async move {
                    let mut vulns = vec![];
                    for release in &lookup.releases {
                        vulns.extend(service.query(release).await?);
                    }
                    Ok((lookup, distinct(vulns)))
                };
                stream::iter(lookups).map(ask).buffered(QUESTIONS).try_collect().await
            }
            Self::Known(known) => {
                let known = known.clone();
                let look_up = move |lookup: Lookup| {
                    let vulns = lookup.releases.iter().flat_map(|release| known.about(release)).collect();
                    (lookup, distinct(vulns))
                };
                let all = spawn_blocking(move || lookups.into_iter().map(look_up).collect());
                all.await.map_err(Error::internal)
            }
        }
    }
}

/// Each record once, where it came first.
fn distinct(mut vulns: Vec<Json>) -> Vec<Json> {
    let mut ids = HashSet::new();
    vulns.retain(|record| ids.insert(record.get("id").cloned()));
    vulns
}

/// Replaces the reports of units in which a scan of the version found this.
async fn write(
    stores: &Stores,
    task: &Arc<dyn Task>,
    version: Id,
    found: Vec<(Lookup, Vec<Json>)>,
    then: Arc<Then>,
) -> Result<()> {
    let (task, domain) = (task.clone(), stores.domain);
    let write = stores.db.write(move |conn| {
        task.fence(conn)?;
        let mut made = vec![];
        for (lookup, vulns) in found {
            if vulns.is_empty() {
                vulnerability_reports::delete_of_units(conn, &lookup.units)?;
                continue;
            }
            let vulns = Json::Array(vulns);
            for unit in lookup.units {
                made.extend(vulnerability_reports::put(conn, domain, unit, version, &vulns)?);
            }
        }
        then(conn, made)
    });
    write.await
}

/// The id of a record that may be kept, or what is wrong with it.
fn id_of(record: &Json) -> Result<&str, &'static str> {
    if has_null_character(record) {
        // PostgreSQL keeps no such text.
        return Err("has a null character in a text");
    }
    let id = record.get("id").and_then(Json::as_str).filter(|id| !id.is_empty());
    id.ok_or("is no record of a vulnerability: it has no `id`")
}

fn has_null_character(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(has_null_character),
        Json::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_null_character(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}
