//! Taking packages out of repositories of which there is a newer version, once they are old enough.

use std::collections::HashMap;

use pith_core::error::{Error, Result};
use pith_core::id::{Id, now};
use pith_core::plugin::{
    FormatOperation, Operand, Operands, OperationAnswer, OperationJob, OperationTask, RepositoryChange, VersionUnits,
};
use pith_core::resource::{Draft, Errors, Field};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::content::package::PACKAGE;
use crate::resources::PULP_TYPE;

/// Starts a task for each repository.
pub(crate) const WORK: &str = "prune";
/// Prunes one.
pub(crate) const REPOSITORY_WORK: &str = "prune_repository";

/// Milliseconds.
const DAY: i64 = 86_400_000;

/// Packages read together.
const PAGE: i64 = 5000;

#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    /// With their PRNs.
    repositories: Vec<(Id, String)>,
    keep_days: i64,
    dry_run: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Prune {
    repository: Id,
    keep_days: i64,
    dry_run: bool,
}

pub(crate) fn operation() -> FormatOperation {
    let repository = "/pulp/api/v3/repositories/rpm/rpm/01a1fe66-ae0a-7573-bf89-4b840f40d440/";
    FormatOperation {
        id: "rpm_prune_prune_packages",
        path: "rpm/prune/",
        tag: "Rpm: Prune",
        description: "Take old packages out of repositories that have newer versions of them.",
        schema: "PrunePackages",
        fields: vec![
            Field::hrefs("repo_hrefs", "The repositories; `*` alone means all.", repository).required(),
            Field::integer(
                "keep_days",
                Some(0),
                "Packages stay that this server has had for no longer than so many days.",
                14,
            )
            .default(json!(14))
            .input(),
            Field::boolean("dry_run", "Only tell how many packages would leave.", false).default(json!(false)).input(),
        ],
        answer: OperationAnswer::TaskGroup("Prune old Packages."),
        prepare,
    }
}

fn prepare(draft: &Draft, operands: &mut dyn Operands, errors: &mut Errors) -> Result<OperationTask> {
    let listed = draft.get("repo_hrefs").and_then(Json::as_array).cloned().unwrap_or_default();
    let hrefs: Vec<&str> = listed.iter().filter_map(Json::as_str).collect();
    let repositories = named(&hrefs, operands, errors)?;
    let args = Begin {
        repositories: repositories.into_iter().map(|one| (one.repository, one.prn)).collect(),
        keep_days: draft.get("keep_days").and_then(Json::as_i64).unwrap_or(14),
        dry_run: draft.get("dry_run").and_then(Json::as_bool).unwrap_or(false),
    };
    Ok(OperationTask {
        work: WORK,
        name: "pulp_rpm.app.tasks.prune.prune_packages",
        args: json!(args),
        exclusive: vec![format!("pdrn:{}:rpm:prune", operands.domain())],
        shared: vec![],
    })
}

/// Messages are those that clients of the reference know.
fn named(hrefs: &[&str], operands: &mut dyn Operands, errors: &mut Errors) -> Result<Vec<Operand>> {
    if hrefs.is_empty() {
        errors.add("repo_hrefs", "Must not be [].");
    }
    if hrefs.contains(&"*") {
        if hrefs.len() > 1 {
            errors.add("repo_hrefs", "Can't specify specific HREFs when using '*'");
        }
        return operands.repositories(PULP_TYPE);
    }
    let mut found: Vec<Operand> = vec![];
    for href in hrefs {
        match operands.repository(PULP_TYPE, href)? {
            Ok(one) if found.contains(&one) => {}
            Ok(one) => found.push(one),
            Err(message) => errors.add("repo_hrefs", format!("URI not valid: {href} ({message})")),
        }
    }
    Ok(found)
}

/// Starts the tasks; each repository is reserved by its own alone.
pub(crate) async fn begin(job: &dyn OperationJob) -> Result<Json> {
    let Begin { repositories, keep_days, dry_run } =
        serde_json::from_value(job.args().clone()).map_err(Error::internal)?;
    let total = i64::try_from(repositories.len()).unwrap_or(i64::MAX);
    let progress = job.progress("Pruning old Packages", "rpm.package.prune", Some(total));
    for (repository, prn) in repositories {
        job.check()?;
        let task = OperationTask {
            work: REPOSITORY_WORK,
            name: "pulp_rpm.app.tasks.prune.prune_repo_packages",
            args: json!(Prune { repository, keep_days, dry_run }),
            exclusive: vec![prn],
            shared: vec![],
        };
        job.start(task).await?;
        progress.add(1);
    }
    Ok(Json::Null)
}

/// Prunes one repository.
pub(crate) async fn prune(job: &dyn OperationJob) -> Result<Json> {
    let Prune { repository, keep_days, dry_run } =
        serde_json::from_value(job.args().clone()).map_err(Error::internal)?;
    let found = job.repository(repository).await?;
    let before = now().timestamp_millis().saturating_sub(keep_days.saturating_mul(DAY));
    let packages = read(job, &job.units(found.version).await?).await?;
    let remove = surplus(&packages, before);
    let count = i64::try_from(remove.len()).unwrap_or(i64::MAX);
    let message = format!("Pruning {}", found.name);
    let progress = job.progress(&message, "rpm.package.prune.repository", Some(count));
    if !dry_run && !remove.is_empty() {
        job.change(vec![RepositoryChange { remove, ..RepositoryChange::of(repository) }]).await?;
        progress.add(count);
    }
    Ok(Json::Null)
}

/// A package of a version.
struct Held {
    id: Id,
    name: String,
    arch: String,
    /// Orders as versions do.
    evr: String,
    /// When this server had it first, in milliseconds of the epoch.
    created: i64,
}

async fn read(job: &dyn OperationJob, units: &VersionUnits) -> Result<Vec<Held>> {
    let (mut packages, mut after) = (vec![], None);
    loop {
        job.check()?;
        let page = units.page(PACKAGE, &["name", "arch", "evr", "is_modular"], after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(packages) };
        after = Some(last.id);
        for row in &page {
            // Which packages a module has its document says.
            if !row.get::<bool>(3)? {
                let (name, arch, evr) = (row.get(0)?, row.get(1)?, row.get(2)?);
                packages.push(Held { id: row.id, name, arch, evr, created: row.created.timestamp_millis() });
            }
        }
    }
}

/// The packages of which a newer version is there, and which were here before that instant.
fn surplus(packages: &[Held], before: i64) -> Vec<Id> {
    let mut newest: HashMap<(&str, &str), &str> = HashMap::new();
    for package in packages {
        let evr = newest.entry((&package.name, &package.arch)).or_insert(&package.evr);
        *evr = (*evr).max(&package.evr);
    }
    let is_old = |package: &&Held| {
        newest.get(&(package.name.as_str(), package.arch.as_str())).is_some_and(|newest| *newest > package.evr.as_str())
    };
    packages.iter().filter(is_old).filter(|package| package.created <= before).map(|package| package.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evr::Evr;

    #[test]
    fn what_is_newest_or_young_stays() {
        let day = |days: i64| -days * DAY;
        let held = |name: &str, arch: &str, version: &str, days: i64| Held {
            id: Id::new(),
            name: name.to_owned(),
            arch: arch.to_owned(),
            evr: Evr::new(0, version, "1").sort_key(),
            created: day(days),
        };
        let packages = vec![
            held("a", "x86_64", "9", 30),
            held("a", "x86_64", "10", 30),
            held("a", "x86_64", "8", 1),
            held("a", "i686", "9", 30),
            held("b", "x86_64", "1", 30),
            held("b", "x86_64", "1", 30),
            held("c", "x86_64", "1~rc1", 30),
            held("c", "x86_64", "1", 1),
        ];
        assert_eq!(surplus(&packages, day(14)), [packages[0].id, packages[6].id]);
    }
}
