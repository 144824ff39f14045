//! Scanning a version: what is known to be wrong with its packages, by records of the OSV schema, which a service
//! ([`service`]) or a dump ([`dump`]) has.
//!
//! Reports are written while the scan goes on, in slices. Each is right by itself, so what a scan found before it
//! failed may stay, and units that it did not come to keep the reports they have.

mod dump;
mod service;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use super::Stores;
use crate::db::vulnerability_reports;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{GroupBy, Packages, Scanner, Task, VersionUnits};

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

/// A version of a package, and the units that it consists of.
struct Release {
    name: String,
    version: String,
    units: Vec<Id>,
}

/// Looks all packages of a version up and writes a report for each unit with a known vulnerability; units without one
/// lose the report they had. `announce` hears of each report that is new, once it is there.
///
/// # Errors
/// `Upstream`, naming the source, when it cannot be used or says what it should not.
pub async fn scan(
    stores: &Stores,
    task: &Arc<dyn Task>,
    request: ScanRequest<'_>,
    announce: &(dyn Fn(Id) + Send + Sync),
) -> Result<()> {
    let ScanRequest { scanner, units, source } = request;
    let packages = scanner.packages();
    let names = names(units, packages).await?;
    let records = match source {
        Source::Service(service) => Records::Service(service),
        Source::Dump(dump) => Records::Known(Arc::new(dump::read(task, scanner, dump, &names).await?)),
    };
    let total = units.count(packages.content_type).await?;
    let looked_up = task.progress("Packages Looked Up", "scan.packages", Some(total));
    let vulnerable = task.progress("Vulnerable Packages", "scan.vulnerable", None);
    for names in names.chunks(NAMES) {
        let mut releases = releases(units, packages, names).await?;
        while !releases.is_empty() {
            task.check()?;
            let rest = releases.split_off(releases.len().min(RELEASES));
            let found = records.about(std::mem::replace(&mut releases, rest)).await?;
            for (release, vulns) in &found {
                let count = i64::try_from(release.units.len()).unwrap_or(i64::MAX);
                looked_up.add(count);
                vulnerable.add(if vulns.is_empty() { 0 } else { count });
            }
            write(stores, task, units.version().id, found).await?.into_iter().for_each(announce);
        }
    }
    Ok(())
}

/// The packages of the version, by name.
async fn names(units: &VersionUnits, packages: Packages) -> Result<Vec<String>> {
    let [name, _] = *packages.columns;
    let by = GroupBy { content_type: packages.content_type, column: name, label: name, also: &[] };
    let (mut groups, mut names) = (units.groups(by).await?, vec![]);
    while let Some(page) = groups.next_page().await? {
        names.extend(page.into_iter().map(|group| group.value));
    }
    Ok(names)
}

async fn releases(units: &VersionUnits, packages: Packages, names: &[String]) -> Result<Vec<Release>> {
    let [name, _] = *packages.columns;
    let rows = units.matching(packages.content_type, packages.columns, vec![(name, names.to_vec())]).await?;
    let mut units: BTreeMap<(String, String), Vec<Id>> = BTreeMap::new();
    for row in rows {
        units.entry((row.get(0)?, row.get(1)?)).or_default().push(row.id);
    }
    Ok(units.into_iter().map(|((name, version), units)| Release { name, version, units }).collect())
}

impl Records {
    /// Each of the releases with the records that are about it.
    async fn about(&self, releases: Vec<Release>) -> Result<Vec<(Release, Vec<Json>)>> {
        match self {
            Self::Service(service) => {
                let ask = |release: Release| async move {
                    let vulns = service.query(&release.name, &release.version).await?;
                    Ok((release, vulns))
                };
                stream::iter(releases).map(ask).buffered(QUESTIONS).try_collect().await
            }
            Self::Known(known) => {
                let known = known.clone();
                let look_up = move |release: Release| {
                    let vulns = known.about(&release.name, &release.version);
                    (release, vulns)
                };
                let all = spawn_blocking(move || releases.into_iter().map(look_up).collect());
                all.await.map_err(Error::internal)
            }
        }
    }
}

/// Replaces the reports of units in which a scan of the version found this; the reports that are new.
async fn write(
    stores: &Stores,
    task: &Arc<dyn Task>,
    version: Id,
    found: Vec<(Release, Vec<Json>)>,
) -> Result<Vec<Id>> {
    let (task, domain) = (task.clone(), stores.domain);
    let write = stores.db.write(move |conn| {
        task.fence(conn)?;
        let mut made = vec![];
        for (release, vulns) in found {
            if vulns.is_empty() {
                vulnerability_reports::delete_of_units(conn, &release.units)?;
                continue;
            }
            let vulns = Json::Array(vulns);
            for unit in release.units {
                made.extend(vulnerability_reports::put(conn, domain, unit, version, &vulns)?);
            }
        }
        Ok(made)
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
