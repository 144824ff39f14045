//! What was measured while a task ran: `{"urls": {"memory_profile": …}}`. Clients read these addresses without saying who
//! they are, so each is signed.

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{Content, Doc, Endpoint, summary};
use super::super::write::exists;
use super::position;
use super::tasks::PATH;
use crate::auth::policy::Verb;
use crate::db::task_profiles;
use crate::error::Result;
use crate::ops::artifact_distribution::Addresses;
use crate::resource::{Clause, Filter, Input, Registry};

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let text = "List the addresses of what was measured while a task ran. They are open to anyone for an hour.";
    let urls = json!({
        "type": "object", "required": ["urls"],
        "properties": {"urls": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}},
    });
    let ignored = |name| {
        Filter::custom(name, Input::TextList, "Changes nothing: there is one field.", |_, _| Ok(Clause::always()))
    };
    vec![Endpoint {
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
            filters: vec![ignored("fields"), ignored("exclude_fields")],
            href_parameter: Some("task_href"),
            ..Doc::default()
        },
    }]
}

async fn list(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    let (root, origin) = (app.of_default_domain()?, request.origin.clone());
    let urls = request.app.db.read(move |conn| {
        exists(conn, &app.registry.resources[at], id)?;
        let profiles = task_profiles::of_task(conn, id)?;
        if profiles.is_empty() {
            return Ok(Map::new());
        }
        let addresses = Addresses::load(&root, conn, &origin)?;
        profiles.into_iter().map(|(name, artifact)| Ok((name, Json::String(addresses.of(artifact)?)))).collect()
    });
    Ok(Answer::ok(json!({"urls": urls.await?})))
}
