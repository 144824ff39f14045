//! Creating, changing and deleting what is configured.

use serde_json::{Map, Value as Json};

use super::answer::Answer;
use super::endpoints::{content, content_guards, domains, exchange, parts, publications, vulnerability_reports};
use super::request::Request;
use super::routes::Run;
use crate::db::roles::ObjectKey;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::{configured, create_content};
use crate::resource::{Draft, Errors, Kind, Mode, Resource, creator};
use crate::tasks::{self, NewTask};

/// The handler that creates objects of a kind.
pub fn creator(kind: Kind) -> Run {
    match kind {
        Kind::Distribution => |request| Box::pin(create_by_task(request)),
        Kind::Publication => |request| Box::pin(publications::create(request)),
        Kind::Content => |request| Box::pin(content::create(request)),
        Kind::Domain => |request| Box::pin(domains::create(request)),
        Kind::Export => |request| Box::pin(exchange::export(request)),
        Kind::Import => |request| Box::pin(exchange::import(request)),
        Kind::Part => |request| Box::pin(parts::create(request)),
        _ => |request| Box::pin(create(request)),
    }
}

/// The handler that replaces the settings of objects of a kind.
pub fn replacer(kind: Kind) -> Run {
    match kind {
        Kind::ContentGuard => |request| Box::pin(content_guards::replace(request)),
        Kind::Domain => |request| Box::pin(domains::replace(request)),
        Kind::Importer | Kind::UpstreamPulp => |request| Box::pin(replace_at_once(request)),
        _ => |request| Box::pin(replace(request)),
    }
}

/// The handler that changes some settings of objects of a kind.
pub fn changer(kind: Kind) -> Run {
    match kind {
        Kind::ContentGuard => |request| Box::pin(content_guards::change(request)),
        Kind::Domain => |request| Box::pin(domains::change(request)),
        Kind::Importer | Kind::UpstreamPulp => |request| Box::pin(change_at_once(request)),
        _ => |request| Box::pin(change(request)),
    }
}

/// The handler that deletes objects of a kind.
pub fn deleter(kind: Kind) -> Run {
    match kind {
        Kind::ContentGuard => |request| Box::pin(content_guards::delete(request)),
        Kind::Domain => |request| Box::pin(domains::delete(request)),
        Kind::Publication => |request| Box::pin(publications::delete(request)),
        Kind::Export | Kind::Import => |request| Box::pin(exchange::delete(request)),
        Kind::Importer | Kind::UpstreamPulp => |request| Box::pin(delete_at_once(request)),
        Kind::Part => |request| Box::pin(parts::delete(request)),
        Kind::VulnerabilityReport => |request| Box::pin(vulnerability_reports::delete(request)),
        _ => |request| Box::pin(delete(request)),
    }
}

impl Request {
    /// Dispatches a task in the name of this request's user.
    pub async fn dispatch(&self, name: &str, kind: &'static str, args: Json, holds: Holds) -> Result<Answer> {
        let id = tasks::dispatch(&self.app, self.task(name, kind, args, holds)).await?;
        Ok(Answer::task(format!("{}tasks/{id}/", self.app.api)))
    }

    /// The same; a task that has run by then and found the input wrong is answered as wrong input.
    pub async fn dispatch_checked(&self, name: &str, kind: &'static str, args: Json, holds: Holds) -> Result<Answer> {
        match tasks::dispatch_telling(&self.app, self.task(name, kind, args, holds)).await? {
            (_, Some(wrong)) => Err(Error::Invalid(wrong)),
            (id, None) => Ok(Answer::task(format!("{}tasks/{id}/", self.app.api))),
        }
    }

    /// Records a task that failed before it began.
    pub async fn dispatch_failed(&self, name: &str, args: Json, holds: Holds, error: Error) -> Result<Answer> {
        let task = self.task(name, "content_create", args, holds);
        let id = tasks::dispatch_failed(&self.app, &task, error).await?;
        Ok(Answer::task(format!("{}tasks/{id}/", self.app.api)))
    }

    /// A task in the name of this request's user, to be dispatched.
    pub fn task(&self, name: &str, kind: &'static str, args: Json, holds: Holds) -> NewTask {
        NewTask {
            name: name.to_owned(),
            kind,
            kind_if_blocked: (kind == "content_create").then_some(create_content::KIND_PUBLISHING),
            args,
            exclusive: holds.exclusive,
            shared: holds.shared,
            cid: self.cid.clone(),
            created_by: self.user_id(),
            group: None,
            parent: None,
            measures_memory: self.asks_for(tasks::MEMORY),
        }
    }

    /// Whether the client wants a diagnostic of the task, and the configuration has it. Unknown ones are passed over.
    fn asks_for(&self, diagnostic: &str) -> bool {
        let asked = self.headers.get_all("X-Task-Diagnostics").filter_map(|value| value.to_str().ok());
        asked.flat_map(|names| names.split(',')).any(|name| name.trim() == diagnostic)
            && self.app.config.task_diagnostics.iter().any(|name| name == diagnostic)
    }
}

/// What a task reserves.
#[derive(Default)]
pub struct Holds {
    pub exclusive: Vec<String>,
    pub shared: Vec<String>,
}

impl Holds {
    pub fn exclusive(resource: impl Into<String>) -> Self {
        Self { exclusive: vec![resource.into()], shared: vec![] }
    }

    pub fn shared(resource: impl Into<String>) -> Self {
        Self { exclusive: vec![], shared: vec![resource.into()] }
    }

    pub fn and_shared(mut self, resource: impl Into<String>) -> Self {
        self.shared.push(resource.into());
        self
    }
}

/// Reads the body by the resource's fields.
async fn given(request: &mut Request) -> Result<Map<String, Json>> {
    let fields = request.resource()?.fields.clone();
    Ok(request.input(&fields).await?.fields)
}

/// Checks what was given against the database.
async fn checked(request: &Request, mode: Mode, given: &Map<String, Json>, existing: Option<Id>) -> Result<Draft> {
    let at = request.resource_at()?;
    let mut errors = Errors::default();
    let draft = mode.parse(&request.resource()?.fields, given, &mut errors);
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    request
        .app
        .db
        .read(move |conn| {
            let resource = &app.registry.resources[at];
            if let Some(id) = existing {
                exists(conn, resource, id)?;
            }
            configured::check(&app, &viewpoint.scope(&app), conn, resource, &draft, existing, &mut errors)?;
            errors.into_result()?;
            Ok(draft)
        })
        .await
}

/// # Errors
/// `NotFound` when no object of the resource has this id.
pub fn exists(conn: &mut crate::db::Conn, resource: &Resource, id: Id) -> Result<()> {
    match resource.record(conn, &[], id)? {
        Some(_) => Ok(()),
        None => Err(Error::not_found(resource.model)),
    }
}

async fn create(mut request: Request) -> Result<Answer> {
    let fields = request.resource()?.fields.clone();
    let input = request.input(&fields).await?;
    create_of(request, &input.fields).await
}

/// Creates an object of something else than its fields; the path ends with what.
pub async fn create_derived(mut request: Request) -> Result<Answer> {
    let named = request.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let derivation = request.resource()?.derivations.iter().find(|one| one.name == named).cloned();
    let derivation = derivation.ok_or_else(|| Error::internal("the resource lacks this derivation"))?;
    let input = request.input(&derivation.fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&derivation.fields, &input.fields, &mut errors);
    errors.into_result()?;
    let fields = (derivation.derive)(draft)?;
    create_of(request, &fields).await
}

/// Creates an object of the request's resource.
pub async fn create_of(request: Request, given: &Map<String, Json>) -> Result<Answer> {
    let at = request.resource_at()?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&request.resource()?.fields, given, &mut errors);
    let (app, viewpoint, user) = (request.app.clone(), request.viewpoint(), request.user_id());
    let body = request
        .app
        .db
        .write(move |conn| {
            let resource = &app.registry.resources[at];
            let scope = viewpoint.scope(&app);
            configured::lock(conn, resource.kind)?;
            let change = configured::check(&app, &scope, conn, resource, &draft, None, &mut errors)?;
            errors.into_result()?;
            let id = configured::create(&app, conn, resource, &change)?;
            creator::created(&app.registry, conn, resource, ObjectKey::Id(id), user)?;
            resource.load(&scope, conn, id)?.ok_or_else(|| Error::internal("what was made is not there"))
        })
        .await?;
    Ok(Answer::created(body))
}

async fn create_by_task(mut request: Request) -> Result<Answer> {
    let given = given(&mut request).await?;
    let draft = checked(&request, Mode::Create, &given, None).await?;
    let args = configured::arguments(request.resource()?, None, draft, request.viewpoint().content());
    let domain = request.app.domain;
    let holds = Holds::exclusive(format!("pdrn:{domain}:distribution.base_path"))
        .and_shared(format!("pdrn:{domain}:distributions"));
    request.dispatch("pulpcore.app.tasks.base.general_create", "general_create", args, holds).await
}

async fn replace(request: Request) -> Result<Answer> {
    update(request, Mode::Replace).await
}

async fn change(request: Request) -> Result<Answer> {
    update(request, Mode::Change).await
}

async fn update(mut request: Request, mode: Mode) -> Result<Answer> {
    let given = given(&mut request).await?;
    update_of(request, mode, &given).await
}

/// Changes the object that the path names: by a task, if anything is to change.
pub async fn update_of(request: Request, mode: Mode, given: &Map<String, Json>) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let draft = checked(&request, mode, given, Some(id)).await?;
    let (app, viewpoint, asked) = (request.app.clone(), request.viewpoint(), draft.clone());
    let unchanged = request
        .app
        .db
        .read(move |conn| {
            let resource = &app.registry.resources[at];
            let scope = viewpoint.scope(&app);
            let change = configured::check(&app, &scope, conn, resource, &asked, Some(id), &mut Errors::default())?;
            if configured::would_change(&app, conn, resource, id, &change)? {
                return Ok(None);
            }
            resource.load(&scope, conn, id)
        })
        .await?;
    if let Some(body) = unchanged {
        return Ok(Answer::ok(body));
    }
    let resource = request.resource()?;
    let mut holds = Holds::exclusive(resource.prn(id));
    if resource.kind == Kind::Distribution && draft.contains_key("base_path") {
        let domain = request.app.domain;
        holds.exclusive.push(format!("pdrn:{domain}:distribution.base_path"));
        holds.shared.push(format!("pdrn:{domain}:distributions"));
    }
    let args = configured::arguments(resource, Some(id), draft, request.viewpoint().content());
    request.dispatch("pulpcore.app.tasks.base.ageneral_update", "general_update", args, holds).await
}

async fn delete(request: Request) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let app = request.app.clone();
    request.app.db.read(move |conn| exists(conn, &app.registry.resources[at], id)).await?;
    let resource = request.resource()?;
    let args = configured::arguments(resource, Some(id), Draft::new(), request.viewpoint().content());
    let holds = Holds::exclusive(resource.prn(id));
    request.dispatch("pulpcore.app.tasks.base.general_delete", "general_delete", args, holds).await
}

/// Replaces the settings of an object that changes without a task.
async fn replace_at_once(request: Request) -> Result<Answer> {
    save(request, Mode::Replace).await
}

async fn change_at_once(request: Request) -> Result<Answer> {
    save(request, Mode::Change).await
}

async fn save(mut request: Request, mode: Mode) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let fields = request.resource()?.fields.clone();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = mode.parse(&fields, &input.fields, &mut errors);
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let write = request.app.db.write(move |conn| {
        let (resource, scope) = (&app.registry.resources[at], viewpoint.scope(&app));
        exists(conn, resource, id)?;
        let change = configured::check(&app, &scope, conn, resource, &draft, Some(id), &mut errors)?;
        errors.into_result()?;
        if configured::would_change(&app, conn, resource, id, &change)? {
            configured::update(&app, conn, resource, id, &change)?;
        }
        resource.load(&scope, conn, id)?.ok_or_else(|| Error::not_found(resource.model))
    });
    Ok(Answer::ok(write.await?))
}

async fn delete_at_once(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    let delete = request.app.db.write(move |conn| {
        let resource = &app.registry.resources[at];
        exists(conn, resource, id)?;
        configured::delete(conn, resource, id)
    });
    delete.await?;
    Ok(Answer::empty(204))
}
