//! Work on the newest version of a repository that only its format knows: a long task.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value as Json;

use super::Stores;
use super::publish_task::{format, stores};
use crate::app::Shared;
use crate::db::{repositories, units};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{RepositoryJob, Task, VersionUnits};
use crate::tasks::TaskContext;

#[derive(Debug, Deserialize)]
struct Job {
    repository: Id,
    /// As the format calls it.
    work: String,
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let Job { repository, work } = serde_json::from_value(args).map_err(Error::internal)?;
        let found = app.db.read(move |conn| {
            let pulp_type = repositories::settings(conn, repository)?.pulp_type;
            let version = repositories::newest_version(conn, repository)?;
            Ok((pulp_type, units::version(conn, version)?))
        });
        let (pulp_type, version) = found.await?;
        let version = version.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
        let plugin = format(&app, &pulp_type)?;
        let task: Arc<dyn Task> = Arc::new(context);
        let Stores { db, storage, domain, digests, .. } = stores(&app)?;
        let units = VersionUnits::new(db.clone(), version, plugin.content_types());
        let job = RepositoryJob::new(units, task, (db, storage, domain, digests));
        let result = plugin.work(&work, &job).await;
        app.served_content_changed();
        result
    })
}
