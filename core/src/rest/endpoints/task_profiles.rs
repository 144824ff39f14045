//! What was measured while a task ran: `{"urls": {"memory_profile": …}}`. Clients read these addresses without
//! saying who they are, so each carries a ticket.

use actix_web::http::Method;
use chrono::TimeDelta;
use futures_util::TryStreamExt;
use serde_json::{Map, Value as Json, json};
use url::form_urlencoded::byte_serialize;

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{Content, Doc, Endpoint, summary};
use super::super::write::exists;
use super::position;
use super::tasks::PATH;
use crate::auth::policy::{Policy, Verb};
use crate::auth::ticket;
use crate::db::task_profiles;
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::resource::Registry;
use crate::tasks::MEMORY_PROFILE;

/// How long an address is good for.
const VALID: TimeDelta = TimeDelta::hours(1);

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let text = "List the addresses of what was measured while a task ran. They are open to anyone for an hour.";
    let urls = json!({
        "type": "object", "required": ["urls"],
        "properties": {"urls": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}},
    });
    let list = Endpoint {
        operation: "tasks_profile_artifacts".into(),
        method: Method::GET,
        path: format!("{PATH}{{}}/profile_artifacts/"),
        resource: position(registry, PATH),
        policy: None,
        verb: Verb::Action("profile_artifacts"),
        run: |request| Box::pin(list(request)),
        doc: Doc {
            tag: "Tasks".into(),
            summary: summary(text),
            description: text.into(),
            answers: vec![(200, Content::Other { schema: "ProfileArtifactResponse".into(), json: urls })],
            href_parameter: Some("task_href"),
            ..Doc::default()
        },
    };
    // Not described: clients get its address from the list.
    let read = Endpoint {
        operation: String::new(),
        method: Method::GET,
        path: format!("{PATH}{{}}/profile_artifacts/{MEMORY_PROFILE}/"),
        resource: position(registry, PATH),
        policy: Some(Policy::open()),
        verb: Verb::Read,
        run: |request| Box::pin(read_memory_profile(request)),
        doc: Doc::default(),
    };
    vec![list, read]
}

async fn list(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    let names = request.app.db.read(move |conn| {
        exists(conn, &app.registry.resources[at], id)?;
        task_profiles::names(conn, id)
    });
    let mut urls = Map::new();
    for name in names.await? {
        let url = address(&request, id, &name)?;
        urls.insert(name, Json::String(url));
    }
    Ok(Answer::ok(json!({"urls": urls})))
}

fn address(request: &Request, task: Id, name: &str) -> Result<String> {
    let ticket = ticket::issue(&request.app.secrets, &thing(task, name), now() + VALID)?;
    let ticket: String = byte_serialize(ticket.as_bytes()).collect();
    Ok(format!("{}{}{PATH}{task}/profile_artifacts/{name}/?ticket={ticket}", request.origin, request.app.api))
}

/// What a ticket opens.
fn thing(task: Id, name: &str) -> String {
    format!("task/{task}/{name}")
}

async fn read_memory_profile(request: Request) -> Result<Answer> {
    let id = request.id()?;
    let ticket = request.query.iter().find(|(key, _)| key == "ticket").map(|(_, value)| value.as_str());
    if !ticket.is_some_and(|ticket| ticket::opens(&request.app.secrets, ticket, &thing(id, MEMORY_PROFILE), now())) {
        return Err(Error::Forbidden);
    }
    let found = request.app.db.read(move |conn| task_profiles::sha256(conn, id, MEMORY_PROFILE)).await?;
    let sha256 = found.ok_or_else(|| request.not_found())?;
    // Small: `tasks` bounds it.
    let parts: Vec<_> = request.app.storage.stream(&sha256, None).await?.try_collect().await?;
    let text = String::from_utf8(parts.concat()).map_err(Error::internal)?;
    Ok(Answer::text("text/plain; charset=utf-8", text))
}
