//! Replicating what another server distributes: its distributions are read (`listing.rs`), remotes and repositories of
//! the same names are made and brought up to date in one transaction (`plan.rs`), each repository that may have changed
//! is synchronized by a task of its own, and when all of that succeeded, distributions serve the new versions and what
//! the upstream has no more is deleted, in one transaction again (`finish.rs`).
//!
//! Nothing is ever changed or deleted that does not carry the label of a replication (`ownership.rs`).

mod finish;
mod listing;
mod ownership;
mod plan;
mod settings;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::app::{App, Shared};
use crate::db::upstream_pulps as rows;
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::resource::Kind;
use crate::tasks::{NewTask, TaskContext};
pub use finish::run as run_finish;
use finish::{Ending, Synchronization};
use plan::{Plan, Planned};
pub use settings::{check, check_selection};

pub const REPLICATE: &str = "replicate";
pub const FINISH: &str = "finish_replication";

/// The name by which clients know the task that begins one.
pub const NAME: &str = "pulpcore.app.tasks.replica.replicate_distributions";
const FINISH_NAME: &str = "pulpcore.app.tasks.replica.finalize_replication";

/// What the task is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReplicationJob {
    pub upstream: Id,
    /// In place of what the upstream server is set to.
    pub q_select: Option<String>,
}

/// What no two replications of a domain do at once.
pub fn reservation(domain: Id) -> String {
    format!("pdrn:{domain}:servers")
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: ReplicationJob = serde_json::from_value(args).map_err(Error::internal)?;
        replicate(&app, &context, &job).await
    })
}

async fn replicate(app: &Shared, context: &TaskContext, job: &ReplicationJob) -> Result<Json> {
    let (began, id) = (now(), job.upstream);
    let mut upstream = app.db.read(move |conn| rows::by_id(conn, id)).await?;
    if let Some(selection) = &job.q_select {
        upstream.q_select = Some(selection.clone());
    }
    let listed = tokio::select! {
        listed = listing::read(app, context, &upstream) => listed?,
        () = context.cancelled() => return Err(Error::Canceled),
    };
    context.check()?;
    let plan = Plan {
        app: app.clone(),
        context: context.clone(),
        upstream: Arc::new(upstream),
        listed,
        deletes: job.q_select.is_none(),
    };
    let Planned { synchronizations, mut ending } = app.db.write(move |conn| plan.carry_out(conn)).await?;
    for (name, task) in synchronizations {
        let task = context.dispatch_child(task).await?;
        ending.synchronizations.push(Synchronization { name, task });
    }
    ending.began = Some(began);
    context.dispatch_child(finishing(app, job, &ending)?).await?;
    Ok(Json::Null)
}

/// The task that ends the replication. It waits until nobody else uses the upstream server: until its
/// synchronizations are over.
fn finishing(app: &App, job: &ReplicationJob, ending: &Ending) -> Result<NewTask> {
    let upstreams = app.registry.untyped(Kind::UpstreamPulp);
    let upstream = upstreams.ok_or_else(|| Error::internal("no resource of upstream servers"))?.prn(job.upstream);
    let domain = app.domain;
    let mut exclusive =
        vec![upstream, format!("pdrn:{domain}:distribution.base_path"), format!("pdrn:{domain}:distributions")];
    exclusive.extend(ending.reservations(app));
    Ok(new_task(FINISH_NAME, FINISH, json!(ending), exclusive, vec![]))
}

fn new_task(name: &str, kind: &'static str, args: Json, exclusive: Vec<String>, shared: Vec<String>) -> NewTask {
    NewTask {
        name: name.to_owned(),
        kind,
        kind_if_blocked: None,
        args,
        exclusive,
        shared,
        cid: String::new(),
        created_by: None,
        group: None,
        parent: None,
        measures_memory: false,
    }
}
