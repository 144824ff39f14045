//! Beginning the replication of an upstream server.

use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::write::Holds;
use crate::db::upstream_pulps;
use crate::error::Result;
use crate::ops::replication::{self, ReplicationJob};
use crate::resource::{ActionRun, Errors};
use crate::tasks;

pub async fn replicate(mut request: Request) -> Result<Answer> {
    let id = request.id()?;
    let mut errors = Errors::default();
    let draft = request.draft(ActionRun::Replicate, &mut errors).await?;
    let q_select = draft.get("q_select").and_then(Json::as_str).map(str::to_owned);
    let (app, viewpoint, selection) = (request.app.clone(), request.viewpoint(), q_select.clone());
    let known = request.app.db.read(move |conn| {
        let known = upstream_pulps::by_id(conn, id)?;
        if let Some(selection) = selection {
            replication::check_selection(&viewpoint.scope(&app), conn, &selection, &mut errors)?;
        }
        errors.into_result()?;
        Ok(known)
    });
    let description = format!("Replication of {}", known.await?.name);
    let holds = Holds::exclusive(replication::reservation(request.app.domain)).and_shared(request.resource()?.prn(id));
    let args = json!(ReplicationJob { upstream: id, q_select });
    let task = request.task(replication::NAME, replication::REPLICATE, args, holds);
    let group = tasks::dispatch_with_group(&request.app, description, task).await?;
    Ok(Answer::task_group(format!("{}task-groups/{group}/", request.app.api)))
}
