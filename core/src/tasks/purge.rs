//! Removes finished tasks of the past, as a task.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{TaskContext, TaskKind};
use crate::app::Shared;
use crate::db::tasks::{self, PurgeCount, Purged, State};
use crate::error::{Error, Result};
use crate::id::Instant;

/// The kind of task that purges; its arguments are [`PurgeOptions`].
pub const PURGE: TaskKind = TaskKind::Long { key: "purge", run };

/// Tasks per transaction: others write in between.
const SLICE: i64 = 500;

/// Which tasks go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PurgeOptions {
    pub finished_before: Instant,
    /// Final states only; others are passed over.
    pub states: Vec<String>,
    /// Only tasks of this user; none: everybody's.
    pub created_by: Option<i64>,
}

fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let options: PurgeOptions = serde_json::from_value(args).map_err(Error::internal)?;
        purge(&app, &options, &context).await.map(|()| Json::Null)
    })
}

async fn purge(app: &Shared, options: &PurgeOptions, context: &TaskContext) -> Result<()> {
    let purged = Purged {
        finished_before: options.finished_before,
        states: options.states.iter().filter_map(|state| state.parse::<State>().ok()).collect(),
        created_by: options.created_by,
        domain: Some(app.domain),
    };
    let task_objects = count(context, "core.Task");
    let total = context.progress("Purged task-related-objects total", "purge.tasks.total", Some(0));
    let failed = context.progress("Tasks failed to purge", "purge.tasks.error", Some(0));
    let mut sum = PurgeCount::default();
    loop {
        context.check()?;
        let purged = purged.clone();
        let slice = app.queue.parts.db.write(move |conn| tasks::purge(conn, &purged, SLICE)).await?;
        if slice.tasks == 0 {
            break;
        }
        sum.tasks += slice.tasks;
        sum.created_resources += slice.created_resources;
        sum.progress_reports += slice.progress_reports;
        set(&task_objects, sum.tasks);
        set(&total, sum.tasks + sum.created_resources + sum.progress_reports);
    }
    for (model, removed) in
        [("core.CreatedResource", sum.created_resources), ("core.ProgressReport", sum.progress_reports)]
    {
        if removed > 0 {
            let progress = count(context, model);
            set(&progress, removed);
            progress.finish();
        }
    }
    [task_objects, total, failed].iter().for_each(super::Progress::finish);
    Ok(())
}

fn count(context: &TaskContext, model: &str) -> super::Progress {
    let message = format!("Purged task-objects of type {model}");
    context.progress(&message, &format!("purge.tasks.key.{model}"), Some(0))
}

fn set(progress: &super::Progress, count: u64) {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    progress.set_total(count);
    progress.set_done(count);
}
