//! The task that synchronizes a repository with a remote.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::publish_task::{describing, format, stores};
use super::sync::{Alternates, Downloaders, SyncRequest, Synchronized, Then, synchronize};
use super::{change_version, remote, scan_task, upkeep_tasks};
use crate::app::{App, Shared};
use crate::db::{remotes, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin;
use crate::resource::Kind;
use crate::tasks::TaskContext;

#[derive(Debug, Deserialize)]
struct Job {
    repository: Id,
    remote: Id,
    options: Map<String, Json>,
    /// The newest version is published if this makes none.
    #[serde(default)]
    publishes_newest: bool,
}

/// Makes a new version of what upstream has; the result is the version as clients see it.
pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: Job = serde_json::from_value(args).map_err(Error::internal)?;
        let (repository, id) = (job.repository, job.remote);
        let (settings, remote) = app
            .db
            .read(move |conn| {
                let settings = repositories::settings(conn, repository)?;
                Ok((settings, remotes::by_id(conn, id)?.ok_or_else(|| Error::not_found("Remote"))?))
            })
            .await?;
        let (pulp_type, details) = (settings.pulp_type, remote.details.clone());
        let plugin = format(&app, &pulp_type)?;
        let request = SyncRequest {
            repository,
            downloader: remote::downloader(&app, &remote)?,
            remote: remote::reached(&app, remote)?,
            options: plugin.sync_options(&job.options, &settings.details)?,
            alternates: alternates(&app),
            publishes: app.registry.publishes(&pulp_type),
            publishes_newest: job.publishes_newest,
            model: model(&app, &pulp_type)?,
        };
        let task: Arc<dyn plugin::Task> = Arc::new(context.clone());
        let (shared, naming) = (app.clone(), context.clone());
        let then = Then {
            version: Box::new(move |conn, version| {
                let named = change_version::name(&shared, conn, version)?;
                naming.created(conn, [named])
            }),
            publication: Box::new(describing(&app, &context)),
        };
        let made = synchronize(&stores(&app)?, &task, plugin, request, then).await?;
        let mut shown = Json::Null;
        if let Some(version) = made.version {
            let shared = app.clone();
            shown = app.db.read(move |conn| change_version::show(&shared, conn, version.id)).await?;
        }
        app.served_content_changed();
        if let Some(version) = made.version {
            scan_task::after_sync(&app, &context, version.id, &details).await?;
        }
        Ok(with_failures(shown, &made))
    })
}

fn alternates(app: &Shared) -> Alternates {
    let shared = app.clone();
    let downloaders: Downloaders = Arc::new(move |remote| {
        let app = shared.clone();
        Box::pin(async move { upkeep_tasks::downloader(&app, remote).await })
    });
    Alternates::new(downloaders, app.config.remote_content_fetch_failure_cooldown)
}

fn model(app: &App, pulp_type: &str) -> Result<(&'static str, &'static str)> {
    let resource = app.registry.typed(Kind::Repository, pulp_type);
    let resource = resource.ok_or_else(|| Error::internal(format!("no repositories of `{pulp_type}`")))?;
    Ok((resource.app, resource.model))
}

/// The result of the task names what could not be had.
fn with_failures<T>(mut shown: Json, made: &Synchronized<T>) -> Json {
    if made.failures > 0 {
        let failures = json!({"failures": made.failures, "failed": made.failed});
        match (shown.as_object_mut(), failures) {
            (Some(shown), Json::Object(failures)) => shown.extend(failures),
            (_, failures) => shown = failures,
        }
    }
    shown
}
