//! The transaction that ends a replication, when all of its synchronizations are over: what the upstream has no more
//! goes, distributions serve the new versions, and what was seen is noted. If anything did not succeed, all of it stays
//! as it was, and the next replication goes on from there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::ownership::Ownership;
use super::plan::make;
use crate::app::App;
use crate::db::upstream_pulps::{self as rows, Object, Seen};
use crate::db::{Conn, Lock, repositories, tasks as task_rows};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};
use crate::ops::{configured, references};
use crate::resource::{Errors, Kind, Mode, Resource};
use crate::tasks::ShortTask;

/// So many failures are told of.
const MOST_FAILURES: usize = 20;

/// What the task is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ending {
    pub upstream: Id,
    pub began: Option<Instant>,
    pub placed: Vec<Placed>,
    pub missing: Vec<Missing>,
    pub synchronizations: Vec<Synchronization>,
}

/// A distribution that is to serve the newest version of a repository.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Placed {
    pub pulp_type: String,
    pub name: String,
    pub base_path: String,
    /// None: to be made.
    pub distribution: Option<Id>,
    pub repository: Id,
    pub unchanged_since: Option<String>,
}

/// What the upstream has no more.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Missing {
    what: What,
    pulp_type: String,
    id: Id,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum What {
    Distribution,
    Repository,
    Remote,
}

impl What {
    fn kind(self) -> Kind {
        match self {
            Self::Distribution => Kind::Distribution,
            Self::Repository => Kind::Repository,
            Self::Remote => Kind::Remote,
        }
    }
}

/// A task that must have succeeded, and the name of the distribution that it was for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Synchronization {
    pub name: String,
    pub task: Id,
}

impl Missing {
    pub fn new(kind: Kind, known: &Object) -> Self {
        let what = match kind {
            Kind::Distribution => What::Distribution,
            Kind::Repository => What::Repository,
            _ => What::Remote,
        };
        Self { what, pulp_type: known.pulp_type.clone(), id: known.id }
    }
}

impl Ending {
    /// Of a replication that has yet to find out what there is to do.
    pub fn of(upstream: Id) -> Self {
        Self { upstream, began: None, placed: vec![], missing: vec![], synchronizations: vec![] }
    }

    /// What is changed or deleted and others may be working with.
    pub fn reservations(&self, app: &App) -> Vec<String> {
        let prn = |kind, pulp_type: &str, id: Id| Some(app.registry.typed(kind, pulp_type)?.prn(id));
        let missing = self.missing.iter().filter_map(|one| prn(one.what.kind(), &one.pulp_type, one.id));
        let placed = self.placed.iter().filter_map(|one| prn(Kind::Distribution, &one.pulp_type, one.distribution?));
        missing.chain(placed).collect()
    }
}

/// The task.
pub fn run(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let ending: Ending = serde_json::from_value(args.clone()).map_err(Error::internal)?;
    let upstream = rows::by_id(conn, ending.upstream)?;
    refuse_unsynchronized(conn, &ending)?;
    conn.lock(&Lock::BasePaths)?;
    let ownership = Ownership::of(conn, app.domain, &upstream)?;
    // Distributions make way for others; what they served goes when none serves it any more.
    let (distributions, others): (Vec<_>, Vec<_>) =
        ending.missing.iter().partition(|one| matches!(one.what, What::Distribution));
    for missing in distributions {
        delete(app, conn, &ownership, missing)?;
    }
    // What is there makes way for what is new.
    let (there, new): (Vec<_>, Vec<_>) = ending.placed.iter().partition(|one| one.distribution.is_some());
    for placed in there.into_iter().chain(new) {
        place(app, conn, &ownership, &ending, placed, task)?;
    }
    let mut kept = Vec::new();
    for missing in others {
        kept.extend(delete(app, conn, &ownership, missing)?);
    }
    if let Some(began) = ending.began {
        rows::mark_replicated(conn, ending.upstream, began)?;
    }
    Ok(if kept.is_empty() { Json::Null } else { json!({"kept": kept}) })
}

/// # Errors
/// `Conflict` naming what was not synchronized, and why.
fn refuse_unsynchronized(conn: &mut Conn, ending: &Ending) -> Result<()> {
    let mut failed = Vec::new();
    for Synchronization { name, task } in &ending.synchronizations {
        let found = task_rows::by_id(conn, *task)?;
        let why = match &found {
            Some(task) if task.state == task_rows::State::Completed => continue,
            Some(task) => task.error.as_ref().and_then(|error| error.get("description")).and_then(Json::as_str),
            None => None,
        };
        failed.push(format!("`{name}` ({})", why.unwrap_or("its task did not complete")));
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => {
            let (count, told) = (failed.len(), failed.iter().take(MOST_FAILURES).cloned().collect::<Vec<_>>());
            Err(Error::Conflict(format!("{count} not synchronized, nothing is served anew: {}", told.join(", "))))
        }
    }
}

/// Deletes what is still the replication's own. Why it stays, where something else uses it.
fn delete(app: &App, conn: &mut Conn, ownership: &Ownership, missing: &Missing) -> Result<Option<String>> {
    let kind = missing.what.kind();
    let Some(known) = rows::object_by_id(conn, kind.table(), missing.id)? else { return Ok(None) };
    let resource = resource(app, kind, &known.pulp_type)?;
    if !ownership.covers(&known.labels) {
        return Ok(None);
    }
    let user = match missing.what {
        What::Distribution => None,
        What::Repository => rows::user_of_repository(conn, known.id)?,
        What::Remote => rows::user_of_remote(conn, known.id)?,
    };
    if let Some(user) = user {
        return Ok(Some(format!("{} `{}`, which `{user}` uses", resource.noun, known.name)));
    }
    references::refuse_if_named(&app.registry, conn, kind, known.id)?;
    configured::delete(conn, resource, known.id)?;
    Ok(None)
}

fn resource<'a>(app: &'a App, kind: Kind, pulp_type: &str) -> Result<&'a Resource> {
    app.registry.typed(kind, pulp_type).ok_or_else(|| Error::internal(format!("no {kind:?} of type `{pulp_type}`")))
}

fn place(
    app: &App,
    conn: &mut Conn,
    ownership: &Ownership,
    ending: &Ending,
    placed: &Placed,
    task: &mut ShortTask,
) -> Result<()> {
    let resource = resource(app, Kind::Distribution, &placed.pulp_type)?;
    let told = |problem: &str| Error::Conflict(format!("{} `{}`: {problem}", resource.noun, placed.name));
    let version = repositories::newest_version(conn, placed.repository)?;
    let known = placed.distribution.map(|id| rows::object_by_id(conn, "distribution", id)).transpose()?.flatten();
    let fields =
        fields(app, conn, placed, version, &ownership.mark(known.as_ref().map_or(&Json::Null, |one| &one.labels)))?;
    let id = match known {
        Some(known) if !ownership.covers(&known.labels) => {
            return Err(told("it lost its label meanwhile, and is not changed"));
        }
        Some(known) => {
            change(app, conn, resource, known.id, &fields).map_err(|error| told(&error.public_text()))?;
            known.id
        }
        None => {
            let made = make(app, conn, resource, &fields, task.created_by)?;
            let id = made.map_err(|error| told(&error.public_text()))?;
            task.created(resource.prn(id), format!("{}{id}/", resource.path));
            id
        }
    };
    let unchanged_since = placed.unchanged_since.clone();
    rows::set_seen(conn, id, Some(&Seen { upstream: ending.upstream, version, unchanged_since }))
}

/// What the distribution is set to from now on.
fn fields(app: &App, conn: &mut Conn, placed: &Placed, version: Id, labels: &Json) -> Result<Map<String, Json>> {
    let (_, _, number) = repositories::owner(conn, version)?;
    let repository = resource(app, Kind::Repository, &placed.pulp_type)?;
    let content = app.content_base(None);
    let href = app.scope(&content).href(repository, placed.repository);
    let fields = json!({
        "name": placed.name,
        "base_path": placed.base_path,
        "pulp_labels": labels,
        "repository": null,
        "publication": null,
        "repository_version": format!("{href}versions/{number}/"),
    });
    Ok(fields.as_object().cloned().unwrap_or_default())
}

fn change(app: &App, conn: &mut Conn, resource: &Resource, id: Id, fields: &Map<String, Json>) -> Result<()> {
    let (content, mut errors) = (app.content_base(None), Errors::default());
    let draft = Mode::Change.parse(&resource.fields, fields, &mut errors);
    let change = configured::check(app, &app.scope(&content), conn, resource, &draft, Some(id), &mut errors)?;
    errors.into_result()?;
    if configured::would_change(app, conn, resource, id, &change)? {
        configured::update(app, conn, resource, id, &change)?;
    }
    Ok(())
}
