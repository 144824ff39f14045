//! The tasks that make and delete repository versions.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::modify::{Modification, Remove, modify};
use super::publish_task;
use super::sign_units::{self, Signed};
use super::versions::{self, Finished, Overwrite, RepositoryKind};
use crate::app::{App, Shared};
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::Rejected;
use crate::resource::Kind;
use crate::tasks::{ShortTask, TaskContext};

/// What a modification is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    repository: Id,
    add: Vec<Id>,
    remove: Vec<Id>,
    remove_all: bool,
    base_version: Option<Id>,
    overwrite: bool,
}

/// An object that came into being: PRN, and path below the API root.
pub type Created = (String, String);

/// Calls `work` with what core must know of a repository's type.
pub fn with_kind<T>(
    app: &App,
    conn: &mut Conn,
    repository: Id,
    work: impl FnOnce(&mut Conn, &RepositoryKind<'_>) -> Result<T>,
) -> Result<T> {
    let pulp_type = repositories::settings(conn, repository)?.pulp_type;
    let plugin = app.registry.plugin(&pulp_type).ok_or_else(|| Error::internal("a repository of an unknown format"))?;
    let content_types = app.registry.content_types_of(&pulp_type);
    let publishes = app.registry.publishes(&pulp_type);
    work(conn, &RepositoryKind { plugin: plugin.as_ref(), content_types: &content_types, publishes })
}

/// Makes a version as asked; none when it would equal the newest.
pub fn change(app: &App, conn: &mut Conn, change: &Modification) -> Result<Finished> {
    with_kind(app, conn, change.repository, |conn, kind| modify(conn, kind, change))
}

/// A modification that only adds.
pub fn adding(repository: Id, add: Vec<Id>, overwrite: bool) -> Modification {
    Modification {
        repository,
        base_version: None,
        remove: Remove::Units(vec![]),
        add,
        overwrite: overwriting(overwrite),
    }
}

fn overwriting(allowed: bool) -> Overwrite {
    if allowed { Overwrite::Allowed } else { Overwrite::Refused }
}

/// How a task names a new version.
pub fn name(app: &App, conn: &mut Conn, version: Id) -> Result<Created> {
    let (repository, pulp_type, number) = repositories::owner(conn, version)?;
    let resource = app.registry.typed(Kind::Repository, &pulp_type);
    let resource = resource.ok_or_else(|| Error::internal("a repository of an unknown type"))?;
    let path = format!("{}{repository}/versions/{number}/", resource.path);
    Ok((crate::id::prn("core", "repositoryversion", version), path))
}

/// The same, and the version as clients see it.
pub fn describe(app: &App, conn: &mut Conn, version: Id) -> Result<(Created, Json)> {
    let named = name(app, conn, version)?;
    Ok((named, show(app, conn, version)?))
}

/// A version as clients see it.
pub fn show(app: &App, conn: &mut Conn, version: Id) -> Result<Json> {
    let versions = app.registry.resources.iter().find(|resource| resource.kind == Kind::RepositoryVersion);
    let content = app.content_base(None);
    let shown = match versions {
        Some(versions) => versions.load(&app.scope(&content), conn, version)?,
        None => None,
    };
    Ok(shown.unwrap_or_default())
}

/// A version that was made: its id, how the task names it, and as clients see it.
type Made = Option<(Id, Created, Json)>;

fn job(args: &Json) -> Result<Job> {
    serde_json::from_value(args.clone()).map_err(Error::internal)
}

fn run_job(app: &App, conn: &mut Conn, job: Job) -> Result<(Made, Vec<Rejected>)> {
    let wanted = Modification {
        repository: job.repository,
        base_version: job.base_version,
        remove: if job.remove_all { Remove::All } else { Remove::Units(job.remove) },
        add: job.add,
        overwrite: overwriting(job.overwrite),
    };
    let finished = change(app, conn, &wanted)?;
    let Some(version) = finished.version else { return Ok((None, finished.rejected)) };
    let (created, shown) = describe(app, conn, version.id)?;
    Ok((Some((version.id, created, shown)), finished.rejected))
}

/// The task that adds and removes units.
pub fn run_modify(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let (made, rejected) = run_job(app, conn, job(args)?)?;
    task.rejected(&rejected);
    let Some((_, (prn, path), shown)) = made else { return Ok(Json::Null) };
    task.created(prn, path);
    Ok(shown)
}

/// The same for a repository that publishes by itself.
pub fn run_modify_and_publish(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move { modify_and_publish(&app, job(&args)?, Signed::default(), &context).await })
}

/// The same for a repository that signs what is added to it.
pub fn run_modify_signed(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let (shared, mut job) = (app.clone(), job(&args)?);
        let repository = job.repository;
        let wanted =
            app.db.read(move |conn| Ok(sign_units::wanted(&shared, &repositories::settings(conn, repository)?)));
        let mut signed = Signed::default();
        if let Some(signature) = wanted.await? {
            signed = sign_units::signed(&app, &context, &signature, std::mem::take(&mut job.add)).await?;
            job.add.clone_from(&signed.units);
        }
        modify_and_publish(&app, job, signed, &context).await
    })
}

async fn modify_and_publish(app: &Shared, job: Job, signed: Signed, context: &TaskContext) -> Result<Json> {
    let (shared, fence) = (app.clone(), context.clone());
    let modify = move |conn: &mut Conn| {
        fence.fence(conn)?;
        sign_units::check_kept(conn, &signed.units)?;
        let (made, rejected) = run_job(&shared, conn, job)?;
        let named = made.as_ref().map(|(_, created, _)| created.clone());
        fence.created(conn, named.into_iter().chain(signed.created))?;
        Ok((made, rejected))
    };
    let (made, rejected) = app.db.write(modify).await?;
    context.rejected(&rejected);
    let Some((version, _, shown)) = made else { return Ok(Json::Null) };
    publish_task::after_new_version(app, context, version).await?;
    Ok(shown)
}

/// The task that deletes a version.
pub fn run_delete(app: &App, conn: &mut Conn, args: &Json, _: &mut ShortTask) -> Result<Json> {
    let version: Id = serde_json::from_value(args["version"].clone()).map_err(Error::internal)?;
    let (repository, ..) = repositories::owner(conn, version)?;
    let served = with_kind(app, conn, repository, |conn, kind| versions::is_protected(conn, version, kind))?;
    if served {
        return Err(Error::Conflict("the version is being distributed".into()));
    }
    versions::delete(conn, version)?;
    super::distributions::note_repository(app, conn, repository)?;
    Ok(Json::Null)
}
