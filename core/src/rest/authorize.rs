//! May whoever sent a request do what it asks for? The one place that gathers what access policies need to know:
//! what the actor holds, for everything and on the object in the path, whether that is an object the actor sees,
//! and later what the body names. [`statement::judge`] decides.
//!
//! For an administrator nothing is looked up. For others it is one statement, and nothing is remembered, so that
//! what is changed on another host holds at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::http::Method;
use serde_json::{Map, Value as Json};

use super::confine;
use super::request::Request;
use super::routes::{Endpoint, Matched};
use crate::app::{App, Shared};
use crate::auth::policy::requirement::{REPOSITORY_FIELD, Requirement, Subject};
use crate::auth::policy::statement::{self, Pending, Question, Sight, Verdict};
use crate::auth::policy::{Actor, CONTENT_LABELS, Rights, SCOPING, Scope, Statement};
use crate::db::access_policies::Changed;
use crate::db::roles::{self, Held, ObjectKey};
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::operands::Used;
use crate::resource::{AccessPolicy, Reader, Reference, Registry, Resource};

/// What a request may do that is let through.
#[derive(Default)]
pub struct Authorized {
    /// Whose lists are to be cut; none sees everything.
    pub reader: Option<Reader>,
    /// What the body has to show before anything is done.
    pub pending: Vec<Pending>,
}

/// What is asked for, apart from any body.
struct Asked {
    actor: Option<Actor>,
    action: &'static str,
    is_safe: bool,
    /// The position of the resource in the registry.
    resource: Option<usize>,
    /// What the path names first.
    key: Option<ObjectKey>,
    /// That is an object of the resource, not something around it.
    is_object: bool,
}

/// # Errors
/// `Unauthenticated`, `Forbidden`, or `NotFound` for an object that the actor must not know of.
pub async fn authorize(app: &Shared, actor: Option<&Actor>, matched: &Matched, method: &Method) -> Result<Authorized> {
    confine::admit(app, actor, matched).await?;
    if actor.is_some_and(|actor| actor.is_superuser) {
        return Ok(Authorized::default());
    }
    let endpoint = &app.routes.endpoints[matched.endpoint];
    let policy = app.routes.policy(app, endpoint);
    let asked = Asked {
        actor: actor.cloned(),
        action: action(endpoint, method),
        is_safe: method.is_safe(),
        resource: endpoint.resource,
        key: matched.parameters.first().and_then(|text| key(&app.registry, endpoint, text)),
        is_object: endpoint.resource.is_some_and(|at| {
            let resource = &app.registry.resources[at];
            endpoint.path.strip_prefix(resource.path).is_some_and(|rest| rest.starts_with("{}/"))
        }),
    };
    match app.routes.access_policy(matched.endpoint) {
        Some(at) => look_up(app, at, asked).await,
        None => {
            // Nothing that can be given to anybody is asked for.
            let verdict = asked.judge(&policy.statements(), &Rights::default(), Sight::Unneeded);
            settle(verdict, None, actor, "")
        }
    }
}

/// A distribution whose native face is asked, and the repository that it serves.
#[derive(Clone, Copy)]
pub struct Index {
    pub distribution: Id,
    pub repository: Option<Id>,
}

/// Whether the actor may run an operation of a native face, which the policy of this viewset calls `action`.
///
/// # Errors
/// `Unauthenticated` or `Forbidden`.
pub async fn permit_on_face(
    app: &Shared,
    actor: Option<&Actor>,
    index: Index,
    viewset: &str,
    (action, is_safe): (&'static str, bool),
) -> Result<()> {
    if let Some(actor) = actor.filter(|_| !is_safe) {
        confine::admit_change(actor, index.repository)?;
    }
    if actor.is_some_and(|actor| actor.is_superuser) {
        return Ok(());
    }
    let at = app.registry.policies.iter().position(|policy| policy.viewset == viewset);
    let at = at.ok_or_else(|| refused(actor))?;
    let asked = Asked { actor: actor.cloned(), action, is_safe, resource: None, key: None, is_object: false };
    let pending = look_up(app, at, asked).await?.pending;
    if pending.is_empty() {
        return Ok(());
    }
    let named = Named { fields: vec![], index: Some(index) };
    let (shared, user) = (app.clone(), actor.map(|actor| actor.user_id));
    let is_allowed = app.db.read(move |conn| is_allowed(&pending, &shared, conn, user, &named));
    if is_allowed.await? { Ok(()) } else { Err(refused(actor)) }
}

/// The action as access policies call it.
fn action(endpoint: &Endpoint, method: &Method) -> &'static str {
    match endpoint.verb.action_names()[..] {
        [_, partial] if *method == Method::PATCH => partial,
        [name, ..] => name,
        [] => "",
    }
}

/// What a path names first, as the objects of that collection are known: none for what cannot be one.
fn key(registry: &Registry, endpoint: &Endpoint, text: &str) -> Option<ObjectKey> {
    let collection = endpoint.path.split("{}").next().unwrap_or_default();
    match registry.by_path(collection)?.kind.is_numbered() {
        true => text.parse().ok().map(ObjectKey::Number),
        false => text.parse().ok().map(ObjectKey::Id),
    }
}

async fn look_up(app: &Shared, at: usize, asked: Asked) -> Result<Authorized> {
    let shared = app.clone();
    app.db.read(move |conn| decide(&shared, conn, &shared.registry.policies[at], &asked)).await
}

fn decide(app: &App, conn: &mut Conn, policy: &AccessPolicy, asked: &Asked) -> Result<Authorized> {
    let user = asked.actor.as_ref().map(|actor| actor.user_id);
    let mut held = roles::held(conn, user, app.domain, asked.key, &policy.viewset)?;
    let changed = held.policy.take().unwrap_or_default();
    let rights = rights(held);
    let reader = is_scoped(policy, &changed).then(|| Reader {
        user,
        domain: app.domain,
        everywhere: Arc::new(rights.everywhere.union(&rights.in_domain).cloned().collect()),
    });
    let resource = asked.resource.map(|at| &app.registry.resources[at]);
    let sight = match (&reader, resource, asked.key.filter(|_| asked.is_object)) {
        (Some(reader), Some(resource), Some(key)) => sight(&app.registry, conn, reader, &rights, resource, key)?,
        _ => Sight::Unneeded,
    };
    let verdict = match changed.statements {
        Some(statements) => asked.judge(&parsed(&policy.viewset, &statements), &rights, sight),
        None => asked.judge(&policy.statements, &rights, sight),
    };
    settle(verdict, reader, asked.actor.as_ref(), resource.map_or("", |resource| resource.model))
}

impl Asked {
    fn judge(&self, statements: &[Statement], rights: &Rights, sight: Sight) -> Verdict {
        let (actor, action, is_safe) = (self.actor.as_ref(), self.action, self.is_safe);
        statement::judge(statements, &Question { actor, action, is_safe, rights, sight })
    }
}

fn settle(verdict: Verdict, reader: Option<Reader>, actor: Option<&Actor>, model: &str) -> Result<Authorized> {
    match verdict {
        Verdict::Allowed => Ok(Authorized { reader, pending: vec![] }),
        Verdict::Depends(pending) => Ok(Authorized { reader, pending }),
        Verdict::NotFound => Err(Error::not_found(model)),
        Verdict::Refused => Err(refused(actor)),
    }
}

fn refused(actor: Option<&Actor>) -> Error {
    match actor {
        Some(_) => Error::Forbidden,
        None => Error::anonymous(),
    }
}

fn rights(held: Held) -> Rights {
    Rights {
        everywhere: held.everywhere.into_iter().collect(),
        in_domain: held.in_domain.into_iter().collect(),
        on_object: held.on_object.into_iter().collect(),
        groups: held.groups.into_iter().collect(),
    }
}

fn is_scoped(policy: &AccessPolicy, changed: &Changed) -> bool {
    match &changed.queryset_scoping {
        Some(scoping) => scoping.get("function").and_then(Json::as_str) == Some(SCOPING),
        None => policy.policy.scope == Scope::Permitted,
    }
}

fn sight(
    registry: &Registry,
    conn: &mut Conn,
    reader: &Reader,
    rights: &Rights,
    resource: &Resource,
    key: ObjectKey,
) -> Result<Sight> {
    let is_seen = if resource.has_object_roles() {
        rights.reach(&resource.view_permission())
    } else {
        reader.sees(registry, conn, resource, key)?
    };
    Ok(if is_seen { Sight::Seen } else { Sight::Hidden })
}

/// Statements that were changed. They were read before they were kept; one that cannot be read any more allows
/// nothing, and if it may deny something, it denies everything.
fn parsed(viewset: &str, statements: &Json) -> Vec<Statement> {
    let read = |json: &Json| match Statement::parse(json) {
        Ok(statement) => Some(statement),
        Err(error) => {
            tracing::warn!(viewset, error, "a statement of an access policy cannot be read");
            (json.get("effect").and_then(Json::as_str) != Some("allow")).then(Statement::denying_all)
        }
    };
    statements.as_array().into_iter().flatten().filter_map(read).collect()
}

impl Request {
    /// Refuses what concerns all tasks of a group, unless its sender may change each of them.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(super) async fn permit_on_tasks(&self, group: Id) -> Result<()> {
        if self.actor.as_ref().is_some_and(|actor| actor.is_superuser) {
            return Ok(());
        }
        let (app, user) = (self.app.clone(), self.user_id());
        let may_all = self.app.db.read(move |conn| {
            let rights = rights(roles::held(conn, user, app.domain, None, "")?);
            let everywhere = Arc::new(rights.everywhere.union(&rights.in_domain).cloned().collect());
            Reader { user, domain: app.domain, everywhere }.may_change_all(&app.registry, conn, group)
        });
        if may_all.await? { Ok(()) } else { Err(refused(self.actor.as_ref())) }
    }

    /// Refuses what uses repositories, unless its sender has the permissions that takes. What names none is for
    /// administrators.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(super) async fn permit_use(&self, used: Option<BTreeSet<Used>>) -> Result<()> {
        if self.actor.as_ref().is_some_and(|actor| actor.is_superuser) {
            return Ok(());
        }
        let used = used.ok_or_else(|| refused(self.actor.as_ref()))?;
        let (app, user) = (self.app.clone(), self.user_id());
        let may_all = self.app.db.read(move |conn| {
            let on_all = rights(roles::held(conn, user, app.domain, None, "")?);
            for Used { repository, permission } in used.iter().filter(|used| !on_all.reach_all(&used.permission)) {
                let held = roles::held(conn, user, app.domain, Some(ObjectKey::Id(*repository)), "")?;
                if !rights(held).reach(permission) {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        if may_all.await? { Ok(()) } else { Err(refused(self.actor.as_ref())) }
    }

    /// Refuses a request whose body names what its sender may not use.
    ///
    /// # Errors
    /// `Forbidden`, or `Invalid` for what must be named and is not.
    pub(super) async fn permit_body(&mut self, fields: &Map<String, Json>) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.judge(pending, fields).await
    }

    /// The same of a request without a body.
    pub(super) async fn permit_without_body(&self) -> Result<()> {
        self.judge(self.pending.clone(), &Map::new()).await
    }

    async fn judge(&self, pending: Vec<Pending>, fields: &Map<String, Json>) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        let named = named(&self.app, &pending, fields)?;
        let labels = is_upload(&pending) && gives_labels(fields);
        let (app, user) = (self.app.clone(), self.user_id());
        let is_allowed = self.app.db.read(move |conn| {
            let is_allowed = is_allowed(&pending, &app, conn, user, &named)?;
            if is_allowed && labels && !may_label(&app, conn, user)? {
                let problem = format!("labels are given by those who have the permission {CONTENT_LABELS}");
                return Err(Error::field("pulp_labels", problem));
            }
            Ok(is_allowed)
        });
        if is_allowed.await? { Ok(()) } else { Err(refused(self.actor.as_ref())) }
    }
}

/// Whether one of the statements allows, and none denies.
fn is_allowed(pending: &[Pending], app: &App, conn: &mut Conn, user: Option<i64>, named: &Named) -> Result<bool> {
    let mut is_allowed = false;
    for statement in pending {
        if statement.holds(app, conn, user, named)? {
            if !statement.allows {
                return Ok(false);
            }
            is_allowed = true;
        }
    }
    Ok(is_allowed)
}

/// Whether a unit is to be made for a repository.
fn is_upload(pending: &[Pending]) -> bool {
    pending.iter().flat_map(|statement| &statement.requires).any(|asked| asked.subject == Subject::Upload)
}

/// Whether a body has labels; in a form they are the text of an object. What is no object the operation refuses itself.
fn gives_labels(fields: &Map<String, Json>) -> bool {
    let is_some = |labels: &Json| labels.as_object().is_some_and(|labels| !labels.is_empty());
    match fields.get("pulp_labels") {
        Some(Json::String(text)) => serde_json::from_str(text).is_ok_and(|labels: Json| is_some(&labels)),
        Some(labels) => is_some(labels),
        None => false,
    }
}

fn may_label(app: &App, conn: &mut Conn, user: Option<i64>) -> Result<bool> {
    Ok(rights(roles::held(conn, user, app.domain, None, "")?).reach_all(CONTENT_LABELS))
}

/// What decides beside the path.
#[derive(Default)]
struct Named {
    /// What the body names, by field, as far as statements ask.
    fields: Vec<(String, Reference)>,
    /// Of a native face.
    index: Option<Index>,
}

fn named(app: &App, pending: &[Pending], fields: &Map<String, Json>) -> Result<Named> {
    let mut named = Named::default();
    for requirement in pending.iter().flat_map(|statement| &statement.requires) {
        for field in fields_of(requirement) {
            let text = fields.get(field).and_then(Json::as_str).unwrap_or_default();
            if text.is_empty() && requirement.subject == Subject::Upload {
                return Err(Error::field(field, "Destination upload repository was not provided."));
            }
            // What is no reference the operation refuses itself.
            named.fields.extend(app.registry.parse(&app.api, text).map(|reference| (field.to_owned(), reference)));
        }
    }
    Ok(named)
}

/// The fields of a body in which a requirement looks.
fn fields_of(requirement: &Requirement) -> Vec<&str> {
    match &requirement.subject {
        Subject::Parameter(field) if field == REPOSITORY_FIELD => vec![REPOSITORY_FIELD, "repository_version"],
        Subject::Parameter(field) => vec![field],
        Subject::Upload => vec![REPOSITORY_FIELD],
        Subject::Object | Subject::Repository | Subject::Group | Subject::Index | Subject::IndexRepository => vec![],
    }
}

impl Pending {
    fn holds(&self, app: &App, conn: &mut Conn, user: Option<i64>, named: &Named) -> Result<bool> {
        for requirement in &self.requires {
            let Some(keys) = keys(conn, requirement, named)? else { return Ok(false) };
            for key in keys {
                let rights = rights(roles::held(conn, user, app.domain, Some(key), "")?);
                if !rights.hold(requirement.levels, &requirement.permissions) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// The objects on which a requirement must hold; none where it cannot.
fn keys(conn: &mut Conn, requirement: &Requirement, named: &Named) -> Result<Option<Vec<ObjectKey>>> {
    match requirement.subject {
        Subject::Index => return Ok(named.index.map(|index| vec![ObjectKey::Id(index.distribution)])),
        Subject::IndexRepository => {
            return Ok(named.index.map(|index| index.repository.into_iter().map(ObjectKey::Id).collect()));
        }
        _ => {}
    }
    let (fields, mut keys) = (fields_of(requirement), vec![]);
    for (_, reference) in named.fields.iter().filter(|(field, _)| fields.contains(&field.as_str())) {
        keys.extend(object(conn, reference)?);
    }
    Ok(Some(keys))
}

/// The object whose roles count for a reference; of a version its repository.
fn object(conn: &mut Conn, reference: &Reference) -> Result<Option<ObjectKey>> {
    Ok(match reference {
        Reference::Object(_, id) => Some(ObjectKey::Id(*id)),
        Reference::Version { repository, .. } => Some(ObjectKey::Id(*repository)),
        Reference::VersionId(id) => match repositories::owner(conn, *id) {
            Ok((repository, ..)) => Some(ObjectKey::Id(repository)),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        },
        Reference::Collection(_) => None,
    })
}
