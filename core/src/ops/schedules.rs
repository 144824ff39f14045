//! What is done regularly as a task.

use serde_json::json;

use crate::app::Shared;
use crate::error::Result;
use crate::id::{Id, now};
use crate::tasks::{NewTask, Schedule, dispatch_due, keep_schedules};

static SCHEDULES: &[Schedule] = &[Schedule {
    name: "Clean up stale content periodically",
    interval: |app| app.config.orphan_cleanup_interval,
    task: |_, domain| NewTask { cid: uuid::Uuid::new_v4().simple().to_string(), ..clean_up(domain) },
}];

/// To be called once at the start.
pub async fn keep(app: &Shared) -> Result<()> {
    keep_schedules(app, SCHEDULES).await
}

/// Dispatches what is due; the number of tasks.
pub(super) async fn dispatch(app: &Shared) -> Result<u64> {
    let tasks = dispatch_due(app, SCHEDULES, now()).await?;
    for task in &tasks {
        tracing::info!(%task, "a scheduled task is dispatched");
    }
    Ok(tasks.len() as u64)
}

fn clean_up(domain: Id) -> NewTask {
    NewTask {
        name: "pulpcore.app.tasks.orphan.orphan_cleanup".into(),
        kind: "orphan_cleanup",
        kind_if_blocked: None,
        args: json!({}),
        exclusive: vec![format!("pdrn:{domain}:orphans")],
        shared: vec![],
        cid: String::new(),
        created_by: None,
        group: None,
        parent: None,
        measures_memory: false,
    }
}
