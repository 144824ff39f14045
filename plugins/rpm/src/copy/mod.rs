//! Copying content from versions of repositories to other repositories, with what belongs to it.
//!
//! What is copied brings what it names: advisories their packages and modules, groups their packages, categories and
//! environments their groups, modules their packages. With `dependency_solving` packages bring what they require
//! (see [`crate::solve`]), modules the modules that they depend on, and modules of advisories all of their packages.

mod children;
mod modules;
mod plan;
mod request;
mod solving;

use std::collections::BTreeSet;

use pith_core::error::{Error, Result};
use pith_core::plugin::{FormatOperation, OperationAnswer, OperationJob};
use pith_core::resource::Field;
use serde_json::{Value as Json, json};

use self::plan::Plan;
use self::request::Request;
use self::solving::Solver;

pub(crate) const WORK: &str = "copy";

/// How often packages may bring modules and these packages, in turn.
const ROUNDS: usize = 4;

/// So many requirements that nothing provides the task's result lists.
const LISTED: usize = 1000;

pub(crate) fn operation() -> FormatOperation {
    let config = json!([{
        "source_repo_version": "/pulp/api/v3/repositories/rpm/rpm/01a1fe66-ae0a-7573-bf89-4b840f40d440/versions/1/",
        "dest_repo": "/pulp/api/v3/repositories/rpm/rpm/01a1fe66-ff4d-713b-9b36-a47e2b2b2d36/",
        "content": ["/pulp/api/v3/content/rpm/packages/01a1fe66-b1a5-7d69-a9e7-2c6a4d0a4e5b/"],
    }]);
    FormatOperation {
        id: "copy_content",
        path: "rpm/copy/",
        tag: "Rpm: Copy",
        description: "Copy content from versions of repositories to other repositories. The new versions of all are \
                      made together.",
        schema: "Copy",
        fields: vec![
            Field::any(
                "config",
                "",
                "From which version to which repository, which units (all unless told), and the number of the version \
                 of the destination to start from (the newest unless told).",
                config,
            )
            .required()
            .input(),
            Field::boolean("dependency_solving", "Whether packages bring what they require.", true)
                .default(json!(true))
                .input(),
            Field::boolean(
                "dependency_upgrade",
                "Whether the newest version of what is required is copied although the destination has one that does.",
                false,
            )
            .default(json!(false))
            .input(),
        ],
        answer: OperationAnswer::Task,
        prepare: request::prepare,
    }
}

/// Makes the new versions of all destinations, or none.
pub(crate) async fn copy(job: &dyn OperationJob) -> Result<Json> {
    let request: Request = serde_json::from_value(job.args().clone()).map_err(Error::internal)?;
    let mut plan = Plan::new(job, &request).await?;
    plan.add_families(request.dependency_solving).await?;
    let mut unresolved = BTreeSet::new();
    if request.dependency_solving && plan.has_selections() {
        let mut solver = Solver::load(job, &plan).await?;
        for _ in 0..ROUNDS {
            job.check()?;
            let solved = solver.solve(&plan, request.dependency_upgrade).await?;
            unresolved = solved.unresolved;
            if solved.is_cut_short {
                job.progress("There was not time to look at all requirements", "rpm.copy.unsolved", None).finish();
            }
            if !plan.add_packages(solved.added).await? {
                break;
            }
        }
    }
    job.check()?;
    job.change(plan.into_changes()).await?;
    Ok(report(job, &unresolved))
}

/// Tells what nothing in the sources and destinations provides; a repository beside them may.
fn report(job: &dyn OperationJob, unresolved: &BTreeSet<(String, String)>) -> Json {
    if unresolved.is_empty() {
        return Json::Null;
    }
    let count = i64::try_from(unresolved.len()).unwrap_or(i64::MAX);
    let progress = job.progress("Requirements that no repository provides", "rpm.copy.unresolved", Some(count));
    progress.add(count);
    progress.finish();
    let shown = |(package, requires): &(String, String)| json!({"package": package, "requires": requires});
    let listed: Vec<Json> = unresolved.iter().take(LISTED).map(shown).collect();
    json!({"unresolved_count": count, "unresolved": listed})
}
