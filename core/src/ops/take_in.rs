//! The task that makes a version of the units that wait for one.

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};

use super::{change_version, publish_task};
use crate::app::{App, Shared};
use crate::db::{Conn, pending};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;
use crate::plugin::Rejected;
use crate::resource::Kind;
use crate::tasks::{NewTask, ShortTask, TaskContext};

/// The task's key in the queue.
pub const KIND: &str = "take_in_uploads";
/// The same for a repository that publishes by itself.
pub const KIND_PUBLISHING: &str = "take_in_uploads_and_publish";

/// A task that takes in what waits in a repository.
pub fn task(repository: Id, prn: String, name: &str, cid: &str, created_by: Option<i64>) -> NewTask {
    NewTask {
        name: name.to_owned(),
        kind: KIND,
        kind_if_blocked: None,
        args: json!({ "repository": repository }),
        exclusive: vec![prn],
        shared: vec![],
        cid: cid.to_owned(),
        created_by,
        group: None,
        parent: None,
        measures_memory: false,
    }
}

/// Objects that came into being, the version among them, and what could not be taken in.
#[derive(Default)]
struct TakenIn {
    version: Option<Id>,
    created: Vec<change_version::Created>,
    refused: Vec<Json>,
    rejected: Vec<Rejected>,
}

fn take_in(app: &App, conn: &mut Conn, args: &Json) -> Result<TakenIn> {
    let repository: Id = serde_json::from_value(args["repository"].clone()).map_err(Error::internal)?;
    let waiting = pending::units(conn, repository)?.units;
    let mut taken = TakenIn::default();
    if waiting.is_empty() {
        return Ok(taken);
    }
    pending::clear(conn, repository)?;
    let all = change_version::adding(repository, waiting.clone(), true);
    let (units, finished) = match conn.savepoint(|conn| change_version::change(app, conn, &all)) {
        Ok(finished) => (waiting, finished),
        Err(error) if refusal(&error).is_some() => {
            let units = accepted(app, conn, repository, waiting, &mut taken.refused)?;
            let wanted = change_version::adding(repository, units.clone(), true);
            let finished = change_version::change(app, conn, &wanted)?;
            (units, finished)
        }
        Err(error) => return Err(error),
    };
    taken.rejected = finished.rejected;
    if let Some(version) = finished.version {
        taken.version = Some(version.id);
        taken.created.push(change_version::describe(app, conn, version.id)?.0);
    }
    for unit in units {
        taken.created.extend(described(app, conn, unit)?);
    }
    Ok(taken)
}

/// Those that can be added together. Each was tried before it was answered, except while a synchronization ran:
/// should what that brought refuse one of them, the others are not held up.
fn accepted(app: &App, conn: &mut Conn, repository: Id, waiting: Vec<Id>, refused: &mut Vec<Json>) -> Result<Vec<Id>> {
    let mut units = Vec::with_capacity(waiting.len());
    for unit in waiting {
        units.push(unit);
        if let Some(reason) = tried(app, conn, repository, &units)? {
            units.pop();
            tracing::warn!(%unit, reason, "an upload could not be taken into a version");
            refused.push(json!({"content": crate::id::prn("core", "content", unit), "reason": reason}));
        }
    }
    Ok(units)
}

/// Why the repository cannot have these units; none when it can. Leaves no trace.
fn tried(app: &App, conn: &mut Conn, repository: Id, units: &[Id]) -> Result<Option<String>> {
    let wanted = change_version::adding(repository, units.to_vec(), true);
    // The end of the attempt is an error, so that the attempt is undone.
    let tried = conn.savepoint(|conn| match change_version::change(app, conn, &wanted)?.rejected.first() {
        Some(rejected) => Err::<(), _>(Error::Conflict(rejected.message.to_owned())),
        None => Err(Error::Canceled),
    });
    match tried {
        Ok(()) | Err(Error::Canceled) => Ok(None),
        Err(error) => refusal(&error).map(Some).ok_or(error),
    }
}

/// The reason, if this is the repository's refusal rather than a failure.
fn refusal(error: &Error) -> Option<String> {
    matches!(error, Error::Conflict(_) | Error::Invalid(_) | Error::InvalidBody(_)).then(|| error.public_text())
}

/// Whether the repository can have these units. That a unique key is free, also among those that wait, is for the caller
/// to know.
///
/// # Errors
/// `Conflict` with the reason when it cannot.
pub fn try_out(app: &App, conn: &mut Conn, repository: Id, units: &[Id]) -> Result<()> {
    match tried(app, conn, repository, units)? {
        None => Ok(()),
        Some(reason) => Err(Error::Conflict(reason)),
    }
}

fn described(app: &App, conn: &mut Conn, unit: Id) -> Result<Option<change_version::Created>> {
    let row = conn.query_opt("SELECT pulp_type FROM content WHERE id = $1", params![unit])?;
    let pulp_type: Option<String> = row.map(|row| row.get(0)).transpose()?;
    let resource = pulp_type.and_then(|pulp_type| app.registry.typed(Kind::Content, &pulp_type));
    Ok(resource.map(|resource| (resource.prn(unit), format!("{}{unit}/", resource.path))))
}

fn result(refused: Vec<Json>) -> Json {
    if refused.is_empty() { Json::Null } else { json!({ "refused": refused }) }
}

pub fn run(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let taken = take_in(app, conn, args)?;
    task.rejected(&taken.rejected);
    taken.created.into_iter().for_each(|(prn, path)| task.created(prn, path));
    Ok(result(taken.refused))
}

pub fn run_and_publish(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let (shared, fence) = (app.clone(), context.clone());
        let taken = app.db.write(move |conn| {
            fence.fence(conn)?;
            let mut taken = take_in(&shared, conn, &args)?;
            fence.created(conn, std::mem::take(&mut taken.created))?;
            Ok(taken)
        });
        let taken = taken.await?;
        app.served_content_changed();
        context.rejected(&taken.rejected);
        if let Some(version) = taken.version {
            publish_task::after_new_version(&app, &context, version).await?;
        }
        Ok(result(taken.refused))
    })
}
