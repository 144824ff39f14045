//! What anybody may ask: whether the server lives, how it does, and which collections there are.

use std::sync::LazyLock;
use std::time::Duration;

use actix_web::http::Method;
use moka::sync::Cache;
use serde_json::{Map, Value as Json, json};
use tokio::sync::Semaphore;

use super::super::answer::Answer;
use super::super::page;
use super::super::request::Request;
use super::super::routes::{Content, Doc, Endpoint, Run, summary};
use crate::app::{PULP_VERSION, Shared};
use crate::auth::policy::{Policy, Verb};
use crate::db::workers::{self, AppStatus, AppType};
use crate::db::{Conn, artifacts};
use crate::error::{Error, Result};
use crate::id::{Id, format_instant, now};
use crate::resource::Operation;

/// How long the database may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many requests for the status may wait for the database, so that they do not take all threads while it
/// is away.
static QUESTIONS: Semaphore = Semaphore::const_new(4);

/// The size of all artifacts by domain. Adding them up takes long when there are many.
static SIZES: LazyLock<Cache<Id, i64>> =
    LazyLock::new(|| Cache::builder().max_capacity(16).time_to_live(Duration::from_secs(60)).build());

pub fn endpoints() -> Vec<Endpoint> {
    let endpoint = |operation: &str, path: &str, tag: &str, run: Run, text: &str, content| Endpoint {
        operation: operation.into(),
        method: Method::GET,
        path: path.into(),
        resource: None,
        policy: Some(Policy::open()),
        verb: Verb::Read,
        run,
        doc: Doc {
            tag: tag.into(),
            summary: summary(text),
            description: text.into(),
            answers: vec![(200, content)],
            selects: true,
            ..Doc::default()
        },
    };
    let root = json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string", "format": "uri"}});
    vec![
        endpoint(
            "status_read",
            "status/",
            "Status",
            |request| Box::pin(status(request)),
            "Tell what runs, in which version, and whether the database answers.",
            Content::Named("StatusResponse"),
        ),
        endpoint(
            "livez_read",
            "livez/",
            "Livez",
            |_| Box::pin(async { Ok(Answer::empty(200)) }),
            "Answer, to show that the server lives.",
            Content::Empty,
        ),
        endpoint(
            "root_read",
            "",
            "Root",
            |request| Box::pin(async move { Ok(root_index(&request)) }),
            "List the addresses of all collections.",
            Content::Other { schema: "RootResponse".into(), json: root },
        ),
    ]
}

/// What the database knows of the installation.
#[derive(Default)]
struct Known {
    workers: Vec<AppStatus>,
    api_apps: Vec<AppStatus>,
    content_apps: Vec<AppStatus>,
    /// The size of all artifacts, where the store itself does not tell what is used.
    size: Option<i64>,
}

async fn status(request: Request) -> Result<Answer> {
    let app = &request.app;
    let is_local = app.storage.usage().is_some();
    let known = ask(app, is_local).await;
    if let Err(error) = &known {
        tracing::warn!(%error, "the status is asked for and the database does not answer");
    }
    let connected = known.is_ok();
    let known = known.unwrap_or_default();
    let storage = match app.storage.usage() {
        Some(usage) => json!({"total": usage.total, "used": usage.used, "free": usage.free}),
        None => json!({"total": null, "used": known.size, "free": null}),
    };
    let body = json!({
        "versions": versions(app),
        "online_workers": show(&known.workers),
        "online_api_apps": show(&known.api_apps),
        "online_content_apps": show(&known.content_apps),
        "database_connection": {"connected": connected},
        "redis_connection": {"connected": false},
        "storage": storage,
        "content_settings": {
            "content_origin": app.config.content_origin.as_deref().unwrap_or(&request.origin),
            "content_path_prefix": app.config.content_path_prefix,
        },
        "domain_enabled": app.config.domain_enabled,
    });
    Ok(Answer::ok(page::select(&request.query, body)))
}

/// # Errors
/// `Storage` when the database does not answer in time.
async fn ask(app: &Shared, is_local: bool) -> Result<Known> {
    let (db, domain, config) = (app.db.clone(), app.domain, &app.config);
    let [worker, api, content] = [config.worker_ttl, config.api_app_ttl, config.content_app_ttl].map(|ttl| now() - ttl);
    let question = async move {
        let place = QUESTIONS.acquire().await.map_err(Error::internal)?;
        db.read(move |conn| {
            // Given back when the thread is free again, which may be after we gave up.
            let _place = place;
            Ok(Known {
                workers: workers::online(conn, AppType::Worker, worker)?,
                api_apps: workers::online(conn, AppType::Api, api)?,
                content_apps: workers::online(conn, AppType::Content, content)?,
                size: if is_local { None } else { Some(size(conn, domain)?) },
            })
        })
        .await
    };
    let answer = tokio::time::timeout(PATIENCE, question).await;
    answer.map_err(|_| Error::storage("the database does not answer", "no answer in time"))?
}

fn size(conn: &mut Conn, domain: Id) -> Result<i64> {
    if let Some(size) = SIZES.get(&domain) {
        return Ok(size);
    }
    let size = artifacts::total_size(conn, domain)?;
    SIZES.insert(domain, size);
    Ok(size)
}

fn show(processes: &[AppStatus]) -> Json {
    let shown = processes.iter().map(|process| {
        json!({
            "name": process.name,
            "last_heartbeat": format_instant(process.last_heartbeat),
            "versions": process.versions,
        })
    });
    shown.collect()
}

fn versions(app: &Shared) -> Json {
    let entry = |component: &str, version: &str, package: &str, module: &str| {
        json!({
            "component": component, "version": version, "package": package, "module": module,
            "domain_compatible": true,
        })
    };
    let core = entry("core", PULP_VERSION, "pulpcore", "pulpcore.app");
    // A format that is part of the reference's core is told with it.
    let formats = app.registry.plugins.iter().filter(|plugin| plugin.name() != "core").map(|plugin| {
        let (package, module) = plugin.package();
        entry(plugin.name(), plugin.version(), package, module)
    });
    std::iter::once(core).chain(formats).collect()
}

fn root_index(request: &Request) -> Answer {
    let lists = request.app.registry.resources.iter().filter(|resource| resource.can.contains(&Operation::List));
    let address = |path: &str| json!(format!("{}{}{path}", request.origin, request.app.api));
    let pairs = lists.map(|resource| (resource.path.trim_end_matches('/').to_owned(), address(resource.path)));
    Answer::ok(Json::Object(pairs.collect::<Map<_, _>>()))
}
