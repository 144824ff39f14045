//! Domains: made and changed only with stores that can be reached, deleted by a task of
//! their own.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::super::write::{self, Holds, exists};
use crate::auth::policy::Verb;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::domains::migrate::{self, Migration};
use crate::ops::domains::settings::{self, CLASSES, Settings};
use crate::ops::domains::{self, place};
use crate::resource::{Errors, Field, Mode, Registry};
use crate::storage::{Storage, StorageConfig};
use crate::tasks;

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

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let text = "Move the files of the domain to another store, in a task. They are served all the time, and stay in the \
                store that they leave.";
    vec![Endpoint {
        operation: "domains_migrate".into(),
        method: Method::POST,
        path: "domains/migrate/".into(),
        resource: super::position(registry, "domains/"),
        policy: None,
        verb: Verb::Action("migrate"),
        run: |request| Box::pin(migrate(request)),
        doc: Doc {
            tag: "Domains".into(),
            summary: summary(text),
            description: text.into(),
            body: Some(BodyDoc { schema: "DomainBackendMigrator".into(), fields: migration_fields() }),
            answers: vec![(202, Content::Task)],
            ..Doc::default()
        },
    }]
}

fn migration_fields() -> Vec<Field> {
    let example = json!({"location": ""});
    vec![
        Field::choice("storage_class", &CLASSES, "What kind of store the files go to.", CLASSES[0]).required(),
        Field::any("storage_settings", "", "Where that store is and how it is reached.", example).required(),
    ]
}

/// Of the domain that is spoken to.
async fn migrate(mut request: Request) -> Result<Answer> {
    let domain = match request.app.api.domain_of(&request.path) {
        Some((Some(name), _)) if request.app.config.domain_enabled => request.app.of_domain_named(name).await?,
        _ => None,
    };
    let app = domain.unwrap_or_else(|| request.app.clone());
    let id = app.domain;
    app.db.read(move |conn| domains::refuse_default(conn, id, "migrated")).await?;
    let fields = migration_fields();
    let given = request.input(&fields).await?.fields;
    let migration = migration(&fields, &given)?;
    let (shared, prn) = (app.clone(), request.resource()?.prn(id));
    let args = json!(migration);
    let place = app.db.read(move |conn| migration.check(&shared, conn)).await?;
    try_out(&place).await?;
    let task = request.task(migrate::NAME, migrate::KIND, args, Holds::exclusive(prn));
    let id = tasks::dispatch(&app, task).await?;
    Ok(Answer::task(format!("{}tasks/{id}/", app.api)))
}

fn migration(fields: &[Field], given: &Map<String, Json>) -> Result<Migration> {
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(fields, given, &mut errors);
    let class = draft.get("storage_class").and_then(Json::as_str).unwrap_or_default().to_owned();
    let read = match draft.get("storage_settings") {
        _ if class.is_empty() => None,
        _ if !settings::is_installed(&class) => {
            errors.add("storage_class", "Backend is not installed on Pulp.");
            None
        }
        Some(Json::Object(given)) => match settings::read(&class, given, Settings::default()) {
            Ok(settings) => Some(settings),
            Err(wrong) => {
                errors.0.insert("storage_settings".into(), wrong);
                None
            }
        },
        Some(_) => {
            errors.add("storage_settings", "Storage settings should be a JSON object.");
            None
        }
        None => None,
    };
    errors.into_result()?;
    let Settings { shown, secret } = read.ok_or_else(|| Error::internal("a migration to nowhere"))?;
    Ok(Migration { class, settings: shown, secrets: secret })
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
    try_out(&config).await
}

/// # Errors
/// `InvalidBody` when the store cannot be used.
async fn try_out(place: &StorageConfig) -> Result<()> {
    let wrong = |message: Json| Error::InvalidBody(json!({"storage_settings": message}));
    match tokio::time::timeout(PATIENCE, Storage::try_out(place)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::info!(%error, "the store of a domain cannot be used");
            Err(wrong(json!([error.public_text()])))
        }
        Err(_) => Err(wrong(json!(["the store does not answer"]))),
    }
}
