//! Puts units without files into a repository and takes others out by their unique keys, as one version.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::modify::{Modification, Remove};
use super::versions::Overwrite;
use super::{change_version, content, create_content, publish_task};
use crate::app::{App, Shared};
use crate::db::{Conn, pending, repositories, versions};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{Change, Unit};
use crate::tasks::{self, NewTask, ShortTask, TaskContext};

/// What the task is told. Types are texts here: the task may run after a restart.
#[derive(Serialize, Deserialize)]
struct Job {
    repository: Id,
    add: Vec<(String, Unit)>,
    remove: Vec<(String, String)>,
}

/// See [`crate::plugin::FaceHost::change`].
pub async fn dispatch(app: &Shared, change: Change, cid: &str, created_by: Option<i64>) -> Result<Id> {
    let (shared, repository) = (app.clone(), change.repository);
    let found = app.db.read(move |conn| {
        let prn = create_content::repository_prn(&shared, conn, repository)?;
        Ok((prn, publish_task::is_automatic(&repositories::settings(conn, repository)?.details)))
    });
    let (prn, publishes) = found.await?;
    let owned = |(pulp_type, value): (&'static str, Unit)| (pulp_type.to_owned(), value);
    let job = Job {
        repository,
        add: change.add.into_iter().map(owned).collect(),
        remove: change.remove.into_iter().map(|(pulp_type, key)| (pulp_type.to_owned(), key)).collect(),
    };
    let task = NewTask {
        name: change.task.to_owned(),
        kind: if publishes { "change_units_and_publish" } else { "change_units" },
        kind_if_blocked: None,
        args: json!(job),
        exclusive: vec![prn],
        shared: vec![],
        cid: cid.to_owned(),
        created_by,
        group: None,
        parent: None,
        measures_memory: false,
    };
    tasks::dispatch(app, task).await
}

fn change(app: &App, conn: &mut Conn, args: &Json) -> Result<Option<(Id, change_version::Created)>> {
    let job: Job = serde_json::from_value(args.clone()).map_err(Error::internal)?;
    let newest = versions::latest(conn, job.repository)?.ok_or_else(|| Error::not_found("Repository"))?;
    let mut remove = Vec::new();
    for (pulp_type, key) in &job.remove {
        remove.extend(pending::holder(conn, job.repository, newest.number, pulp_type, key)?);
    }
    let mut add = Vec::new();
    for (pulp_type, unit) in &job.add {
        let content_type = app.registry.content_type(pulp_type);
        let content_type = content_type.ok_or_else(|| Error::internal(format!("no content type `{pulp_type}`")))?;
        add.extend(content::get_or_create(conn, app.domain, &**content_type, std::slice::from_ref(unit))?);
    }
    let wanted = Modification {
        repository: job.repository,
        base_version: None,
        remove: Remove::Units(remove),
        add,
        overwrite: Overwrite::Allowed,
    };
    let Some(version) = change_version::change(app, conn, &wanted)?.version else { return Ok(None) };
    Ok(Some((version.id, change_version::name(app, conn, version.id)?)))
}

pub fn run(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    if let Some((_, (prn, path))) = change(app, conn, args)? {
        task.created(prn, path);
    }
    Ok(Json::Null)
}

/// The same for a repository that publishes by itself.
pub fn run_and_publish(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let (shared, fence) = (app.clone(), context.clone());
        let made = app.db.write(move |conn| {
            fence.fence(conn)?;
            let Some((version, created)) = change(&shared, conn, &args)? else { return Ok(None) };
            fence.created(conn, [created])?;
            Ok(Some(version))
        });
        if let Some(version) = made.await? {
            publish_task::after_new_version(&app, &context, version).await?;
        }
        Ok(Json::Null)
    })
}
