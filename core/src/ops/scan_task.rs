//! The task that scans a repository version for known vulnerabilities.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::publish_task::{format, stores};
use super::scan::{Dump, ScanRequest, Service, Source, scan};
use crate::app::{App, Shared};
use crate::config::Config;
use crate::db::{Conn, repositories, units};
use crate::error::{Error, Result};
use crate::id::{Id, prn};
use crate::plugin::{Task, VersionUnits};
use crate::resource::Kind;
use crate::tasks::{NewTask, TaskContext};

/// What clients see of the task.
pub const NAME: &str = "pulpcore.app.tasks.vulnerability_report.check_content";
pub const KIND: &str = "scan";

#[derive(Debug, Deserialize)]
struct Job {
    version: Id,
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let Job { version } = serde_json::from_value(args).map_err(Error::internal)?;
        let found = app.db.read(move |conn| {
            let (repository, pulp_type, _) = repositories::owner(conn, version)?;
            let details = repositories::settings(conn, repository)?.details;
            Ok((pulp_type, details, units::version(conn, version)?))
        });
        let (pulp_type, details, version) = found.await?;
        let version = version.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
        let plugin = format(&app, &pulp_type)?;
        let scanner = plugin.scanner().ok_or_else(|| Error::internal(format!("`{pulp_type}` cannot be scanned")))?;
        let ecosystems = scanner.ecosystems(&details)?;
        let source = source(&app.config, ecosystems.clone())?;
        let units = VersionUnits::new(app.db.clone(), version, plugin.content_types());
        let task: Arc<dyn Task> = Arc::new(context.clone());
        let mut resources = app.registry.resources.iter();
        let reports = resources.find(|resource| resource.kind == Kind::VulnerabilityReport);
        let reports = reports.ok_or_else(|| Error::internal("there is no resource of reports"))?;
        let (component, model, path) = (reports.app, reports.model, reports.path);
        let then = move |conn: &mut Conn, made: Vec<Id>| {
            let created = made.into_iter().map(|id| (prn(component, model, id), format!("{path}{id}/")));
            context.created(conn, created)
        };
        scan(&stores(&app)?, &task, ScanRequest { scanner, ecosystems, units: &units, source }, Arc::new(then)).await?;
        Ok(Json::Null)
    })
}

/// Has a version scanned that a synchronization with a remote of these details made, where the format wants that. The
/// task begins once this one has ended.
pub async fn after_sync(app: &App, context: &TaskContext, version: Id, remote: &Json) -> Result<()> {
    let (repository, pulp_type, _) = match app.db.read(move |conn| repositories::owner(conn, version)).await {
        // Retention took it away at once.
        Err(Error::NotFound(_)) => return Ok(()),
        found => found?,
    };
    let scanner = format(app, &pulp_type)?.scanner();
    if scanner.is_none_or(|scanner| !scanner.follows_sync(remote)) {
        return Ok(());
    }
    let repositories = app.registry.typed(Kind::Repository, &pulp_type);
    let repositories = repositories.ok_or_else(|| Error::internal("a repository of an unknown type"))?;
    let task = NewTask {
        name: NAME.to_owned(),
        kind: KIND,
        kind_if_blocked: None,
        args: json!({"version": version}),
        exclusive: vec![],
        shared: vec![repositories.prn(repository)],
        cid: String::new(),
        created_by: None,
        group: None,
        parent: None,
        measures_memory: false,
    };
    context.dispatch_child(task).await.map(drop)
}

/// Where the configuration says to look packages up.
fn source(config: &Config, ecosystems: Vec<String>) -> Result<Source> {
    Ok(match &config.osv_dump {
        Some(path) => {
            let allowed_import_paths = config.allowed_import_paths.clone();
            Source::Dump(Dump { path: path.clone(), allowed_import_paths })
        }
        None => Source::Service(Service::new(&config.osv_url, ecosystems)?),
    })
}
