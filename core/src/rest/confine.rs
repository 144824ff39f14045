//! What a token does less than its user: one that only reads, and one that is for some objects. Beside this the access
//! policies hold, as for the user.
//!
//! A token for objects does what names one of them in its path, makes what names one in its body, lists what it is for,
//! and reads the tasks that change it. No token makes what would outlive it: other tokens, sessions, passwords.

use actix_web::http::Method;
use serde_json::{Map, Value as Json};

use super::endpoints::tokens;
use super::request::Request;
use super::routes::{Endpoint, Matched};
use crate::app::{App, Shared};
use crate::auth::policy::{Actor, Verb};
use crate::auth::token::Grant;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::{Clause, Kind, Operation, Reference, Resource};

/// Whether what is asked for may be done with the actor's token, if it is one that asks; what the body has to name is
/// left to [`Request::confine_body`].
///
/// # Errors
/// `Forbidden`.
pub async fn admit(app: &Shared, actor: Option<&Actor>, matched: &Matched) -> Result<()> {
    let Some(token) = actor.and_then(|actor| actor.token.as_deref()) else { return Ok(()) };
    let endpoint = &app.routes.endpoints[matched.endpoint];
    let is_read = endpoint.method == Method::GET;
    if !is_read && (token.read_only || lets_others_in(endpoint)) {
        return Err(Error::Forbidden);
    }
    if !token.is_confined() {
        return Ok(());
    }
    let named: Option<Id> = matched.parameters.first().and_then(|text| text.parse().ok());
    let resource = endpoint.resource.map(|at| &app.registry.resources[at]);
    let is_admitted = match (named, resource) {
        (Some(id), _) if token.covers(id) => true,
        (Some(id), Some(resource)) if resource.kind == Kind::Task && endpoint.verb == Verb::Read => {
            is_task_about(app, token, id).await?
        }
        (None, Some(resource)) if matched.parameters.is_empty() => {
            is_cut_list(endpoint, resource) || is_made_of_named(endpoint, resource)
        }
        _ => false,
    };
    if is_admitted { Ok(()) } else { Err(Error::Forbidden) }
}

/// Whether what does not name its object in a path may be done to it with the actor's token.
///
/// # Errors
/// `Forbidden`.
pub fn admit_change(actor: &Actor, object: Option<Id>) -> Result<()> {
    match actor.token.as_deref() {
        Some(token) if token.read_only => Err(Error::Forbidden),
        Some(token) if token.is_confined() && !object.is_some_and(|id| token.covers(id)) => Err(Error::Forbidden),
        _ => Ok(()),
    }
}

/// What makes a session or a token.
fn lets_others_in(endpoint: &Endpoint) -> bool {
    endpoint.path == "login/" || (endpoint.path == tokens::PATH && endpoint.verb == Verb::Create)
}

/// The list of a whole collection, which [`Request::covered`] cuts.
fn is_cut_list(endpoint: &Endpoint, resource: &Resource) -> bool {
    endpoint.verb == Verb::List && endpoint.path == resource.path && resource.can.contains(&Operation::List)
}

/// What is made of a repository, or goes into one, that the body names.
fn is_made_of_named(endpoint: &Endpoint, resource: &Resource) -> bool {
    endpoint.verb == Verb::Create && matches!(resource.kind, Kind::Content | Kind::Publication)
}

async fn is_task_about(app: &App, token: &Grant, task: Id) -> Result<bool> {
    let prns: Vec<String> = token.objects.iter().flatten().map(|object| object.prn.clone()).collect();
    app.db.read(move |conn| crate::db::tokens::is_task_about(conn, task, &prns)).await
}

impl Request {
    fn token(&self) -> Option<&Grant> {
        self.actor.as_ref().and_then(|actor| actor.token.as_deref())
    }

    /// The condition that a row of the list of a collection is one that the token is for, if one asks that is not for
    /// everything.
    pub(super) fn covered(&self) -> Option<Clause> {
        if self.has_parameters() {
            // The path names what it lies below, which was looked at.
            return None;
        }
        let objects = self.token()?.objects.as_ref()?;
        if self.resource().is_ok_and(|resource| resource.kind.is_numbered()) {
            return Some(Clause::never());
        }
        let ids: Vec<Id> = objects.iter().map(|object| object.id).collect();
        Some(Clause::new("t.id = ANY({})", [ids.into()]))
    }

    /// Refuses a body that names what the token is not for, or that sets a password by a token.
    ///
    /// # Errors
    /// `Forbidden`.
    pub(super) fn confine_body(&self, fields: &Map<String, Json>) -> Result<()> {
        let Some(token) = self.token() else { return Ok(()) };
        let resource = self.resource().ok();
        if resource.is_some_and(|resource| resource.kind == Kind::User) && fields.contains_key("password") {
            return Err(Error::Forbidden);
        }
        if !token.is_confined() {
            return Ok(());
        }
        let mut named = Vec::new();
        for value in fields.values() {
            references(&self.app, value, &mut named);
        }
        if !named.iter().all(|reference| covers(&self.app, token, reference)) {
            return Err(Error::Forbidden);
        }
        let names = |field: &&str| {
            let text = fields.get(*field).and_then(Json::as_str);
            let reference = text.and_then(|text| self.app.registry.parse(&self.app.api, text));
            matches!(reference, Some(Reference::Object(..) | Reference::Version { .. }))
        };
        // What the path names is what the token is for; without that the body has to name it.
        let is_named = self.has_parameters() || ["repository", "repository_version"].iter().any(names);
        if is_named { Ok(()) } else { Err(Error::Forbidden) }
    }
}

/// All that a value names, at whatever depth.
fn references(app: &App, value: &Json, found: &mut Vec<Reference>) {
    match value {
        Json::String(text) => found.extend(app.registry.parse(&app.api, text)),
        Json::Array(list) => list.iter().for_each(|item| references(app, item, found)),
        Json::Object(map) => map.values().for_each(|item| references(app, item, found)),
        _ => {}
    }
}

/// What files are made of is nobody's: who may put it into a repository is asked of the repository.
fn covers(app: &App, token: &Grant, reference: &Reference) -> bool {
    match reference {
        Reference::Object(at, id) => {
            let kind = app.registry.resources[*at].kind;
            matches!(kind, Kind::Artifact | Kind::Content | Kind::Upload) || token.covers(*id)
        }
        Reference::Version { repository, .. } => token.covers(*repository),
        // Of which repository it is stands nowhere in it.
        Reference::VersionId(_) => false,
        Reference::Collection(_) => true,
    }
}
