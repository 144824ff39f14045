//! The end of a domain: refused as long as anything is in it but orphans and the record of tasks. All rows go in one
//! transaction, which puts the store down to be dissolved; the bytes go after it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{refuse_default, upkeep};
use crate::app::Shared;
use crate::db::domains as rows;
use crate::db::{Conn, Lock};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::housekeeping;
use crate::ops::publish_task::stores;
use crate::tasks::TaskContext;

/// The kinds of objects whose presence keeps a domain, as Pulp calls them.
const OCCUPANTS: [(&str, &str); 11] = [
    ("alternate_content_source", "AlternateContentSource"),
    ("(SELECT * FROM repository WHERE NOT user_hidden)", "Repository"),
    ("remote", "Remote"),
    ("publication", "Publication"),
    ("distribution", "Distribution"),
    ("content_guard", "ContentGuard"),
    ("upload", "Upload"),
    ("exporter", "Exporter"),
    ("importer", "Importer"),
    ("upstream_pulp", "UpstreamPulp"),
    ("vulnerability_report", "VulnerabilityReport"),
];

#[derive(Debug, Deserialize)]
struct Deletion {
    id: Id,
}

/// The task that deletes a domain. Bytes that cannot be removed now are removed later.
pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let Deletion { id } = serde_json::from_value(args).map_err(Error::internal)?;
        remove_uploads(&app, id).await?;
        let fenced = context.clone();
        let delete = app.db.write(move |conn| {
            fenced.fence(conn)?;
            delete(conn, id, fenced.id())
        });
        delete.await?;
        app.domain_changed();
        if let Err(error) = upkeep::dissolve(&app).await {
            tracing::warn!(%error, "the files of a domain that is no more are removed later");
        }
        Ok(Json::Null)
    })
}

/// What dissolving a store leaves there, since others may share it: of uploads that are no more. A store that cannot be
/// reached does not keep its domain.
async fn remove_uploads(app: &Shared, id: Id) -> Result<()> {
    if app.db.read(move |conn| rows::by_id(conn, id)).await?.is_none() {
        return Ok(());
    }
    let remove = async {
        let view = app.of_domain(id).await?;
        housekeeping::remove_uploads(&stores(&view)?, Duration::ZERO).await
    };
    if let Err(error) = remove.await {
        tracing::warn!(%error, "chunks of a domain's former uploads may be left in its store");
    }
    Ok(())
}

fn delete(conn: &mut Conn, id: Id, own_task: Id) -> Result<()> {
    conn.lock(&Lock::Resource(crate::id::prn("core", "Domain", id)))?;
    refuse_default(conn, id, "deleted")?;
    refuse_occupied(conn, id, own_task)?;
    let domain = rows::by_id(conn, id)?.ok_or_else(|| Error::not_found("Domain"))?;
    rows::delete(conn, &domain, own_task).map_err(|error| match error {
        Error::Referenced => occupied(&["Content"]),
        other => other,
    })
}

fn refuse_occupied(conn: &mut Conn, id: Id, own_task: Id) -> Result<()> {
    if rows::has_repositories_with_content(conn, id)? {
        let text = "You cannot delete a domain that still contains repositories with content.";
        return Err(Error::Conflict(format!("[PLP0007] {text}")));
    }
    let mut found = vec![];
    for (table, model) in OCCUPANTS {
        if rows::holds(conn, table, id)? {
            found.push(model);
        }
    }
    if rows::has_unfinished_tasks(conn, id, own_task)? {
        found.push("Task");
    }
    if found.is_empty() { Ok(()) } else { Err(occupied(&found)) }
}

fn occupied(by: &[&str]) -> Error {
    let text = "Cannot delete the object because it is still referenced by other objects";
    Error::Conflict(format!("[PLP0029] {text}: {}", by.join(", ")))
}
