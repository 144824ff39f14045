//! Domains: made and changed only with stores that can be reached, deleted by a task of
//! their own.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::write::{self, Holds, exists};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::domains::{self, place};
use crate::resource::{Errors, Mode};
use crate::storage::Storage;

/// How long a store may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn create(mut request: Request) -> Result<Answer> {
    let fields = request.resource()?.fields.clone();
    let given = request.input(&fields).await?.fields;
    probe(&request, Mode::Create, &given, None).await?;
    write::create_of(request, &given).await
}

pub async fn replace(request: Request) -> Result<Answer> {
    update(request, Mode::Replace).await
}

pub async fn change(request: Request) -> Result<Answer> {
    update(request, Mode::Change).await
}

async fn update(mut request: Request, mode: Mode) -> Result<Answer> {
    let id = existing(&request, "updated").await?;
    let fields = request.resource()?.fields.clone();
    let given = request.input(&fields).await?.fields;
    probe(&request, mode, &given, Some(id)).await?;
    write::update_of(request, mode, &given).await
}

pub async fn delete(request: Request) -> Result<Answer> {
    let id = existing(&request, "deleted").await?;
    let holds = Holds::exclusive(request.resource()?.prn(id));
    request.dispatch("pulpcore.app.tasks.base.ageneral_delete", "domain_delete", json!({"id": id}), holds).await
}

/// The domain that the path names, unless it is the default one.
async fn existing(request: &Request, done: &'static str) -> Result<Id> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    let look = request.app.db.read(move |conn| {
        exists(conn, &app.registry.resources[at], id)?;
        domains::refuse_default(conn, id, done)
    });
    look.await.map(|()| id)
}

/// Asks the store that is wanted whether it can be used, once nothing else is wrong with the request.
async fn probe(request: &Request, mode: Mode, given: &Map<String, Json>, existing: Option<Id>) -> Result<()> {
    let at = request.resource_at()?;
    let mut errors = Errors::default();
    let draft = mode.parse(&request.resource()?.fields, given, &mut errors);
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let wanted = request.app.db.read(move |conn| {
        let resource = &app.registry.resources[at];
        let scope = viewpoint.scope(&app);
        crate::ops::configured::check(&app, &scope, conn, resource, &draft, existing, &mut errors)?;
        errors.into_result()?;
        let before = existing.map(|id| crate::db::domains::by_id(conn, id)).transpose()?.flatten();
        domains::wanted(&app, &draft, before.as_ref(), &mut Errors::default())
    });
    let Some((store, settings)) = wanted.await? else { return Ok(()) };
    let wrong = |message: Json| Error::InvalidBody(json!({"storage_settings": message}));
    let id = existing.unwrap_or_else(Id::new);
    let config = place::config(&request.app.config, id, &store.class, &settings).map_err(wrong)?;
    match tokio::time::timeout(PATIENCE, Storage::try_out(&config)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::info!(%error, "the store of a domain cannot be used");
            Err(wrong(json!([error.public_text()])))
        }
        Err(_) => Err(wrong(json!(["the store does not answer"]))),
    }
}
