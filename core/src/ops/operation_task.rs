//! The tasks that do the work of a format's own operations.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::change_version::{self, Created, with_kind};
use super::versions::{self, Finished, Overwrite};
use super::{content, create_content, publish_task};
use crate::app::{App, Shared};
use crate::db::{Conn, repositories, units};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{
    OperationJob, OperationRepository, OperationTask, Plugin, Progress, RepositoryChange, Unit, VersionUnits,
};
use crate::resource::Kind;
use crate::tasks::{NewTask, TaskContext};

pub const KIND: &str = "format_operation";

/// What the task is told.
#[derive(Serialize, Deserialize)]
struct Told {
    component: String,
    work: String,
    args: Json,
}

/// The arguments of a task that does such work, for the format of this component.
pub fn arguments(component: &str, task: &OperationTask) -> Json {
    json!(Told { component: component.to_owned(), work: task.work.to_owned(), args: task.args.clone() })
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let told: Told = serde_json::from_value(args).map_err(Error::internal)?;
        let component = |plugin: &&Arc<dyn Plugin>| plugin.name() == told.component;
        let plugin = app.registry.plugins.iter().find(component).cloned();
        let plugin = plugin.ok_or_else(|| Error::internal(format!("no format `{}`", told.component)))?;
        let job = Job { app: app.clone(), context, plugin: plugin.clone(), args: told.args };
        plugin.operate(&told.work, &job).await
    })
}

struct Job {
    app: Shared,
    context: TaskContext,
    plugin: Arc<dyn Plugin>,
    args: Json,
}

#[async_trait]
impl OperationJob for Job {
    fn args(&self) -> &Json {
        &self.args
    }

    async fn units(&self, version: Id) -> Result<VersionUnits> {
        let found = self.app.db.read(move |conn| units::version(conn, version)).await?;
        let found = found.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
        Ok(VersionUnits::new(self.app.db.clone(), found, self.plugin.content_types()))
    }

    async fn repository(&self, repository: Id) -> Result<OperationRepository> {
        let found = self.app.db.read(move |conn| {
            let details = repositories::settings(conn, repository)?.details;
            let version = repositories::newest_version(conn, repository)?;
            Ok(OperationRepository { name: repositories::name(conn, repository)?, details, version })
        });
        found.await
    }

    async fn store(&self, units: Vec<(&'static str, Unit)>) -> Result<Vec<Id>> {
        let (app, fence) = (self.app.clone(), self.context.clone());
        let stored = self.app.db.write(move |conn| {
            fence.fence(conn)?;
            let stored = units.iter().map(|(pulp_type, unit)| store(&app, conn, pulp_type, unit));
            let (ids, created): (Vec<_>, Vec<_>) = stored.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            fence.created(conn, created)?;
            Ok(ids)
        });
        stored.await
    }

    async fn change(&self, changes: Vec<RepositoryChange>) -> Result<Vec<Option<Id>>> {
        let (app, fence) = (self.app.clone(), self.context.clone());
        let made = self.app.db.write(move |conn| {
            fence.fence(conn)?;
            let made = changes.iter().map(|change| make(&app, conn, change));
            let (made, created): (Vec<_>, Vec<_>) = made.collect::<Result<Vec<_>>>()?.into_iter().unzip();
            fence.created(conn, created.into_iter().flatten())?;
            Ok(made)
        });
        let made: Vec<Finished> = made.await?;
        made.iter().for_each(|finished| self.context.rejected(&finished.rejected));
        self.app.served_content_changed();
        let versions: Vec<_> = made.iter().map(|finished| finished.version.map(|version| version.id)).collect();
        for version in versions.iter().flatten() {
            publish_task::after_new_version(&self.app, &self.context, *version).await?;
        }
        Ok(versions)
    }

    async fn start(&self, task: OperationTask) -> Result<()> {
        let new = NewTask {
            name: task.name.to_owned(),
            kind: KIND,
            kind_if_blocked: None,
            args: arguments(self.plugin.name(), &task),
            exclusive: task.exclusive,
            shared: task.shared,
            cid: String::new(),
            created_by: None,
            group: None,
            parent: None,
            measures_memory: false,
        };
        self.context.dispatch_child(new).await.map(drop)
    }

    fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn Progress> {
        Arc::new(self.context.progress(message, code, total))
    }

    fn check(&self) -> Result<()> {
        self.context.check()
    }
}

/// The unit's id and how the task names it.
fn store(app: &App, conn: &mut Conn, pulp_type: &str, unit: &Unit) -> Result<(Id, Created)> {
    let content_type = create_content::content_type(app, pulp_type)?;
    let ids = content::get_or_create(conn, app.domain, &**content_type, std::slice::from_ref(unit))?;
    let id = ids.into_iter().next().ok_or_else(|| Error::internal("a unit was not stored"))?;
    let resource = app.registry.typed(Kind::Content, pulp_type);
    let resource = resource.ok_or_else(|| Error::internal("a content type without a resource"))?;
    Ok((id, (resource.prn(id), format!("{}{id}/", resource.path))))
}

/// What became of the change, and how the task names the version.
fn make(app: &App, conn: &mut Conn, change: &RepositoryChange) -> Result<(Finished, Option<Created>)> {
    let finished = with_kind(app, conn, change.repository, |conn, kind| {
        let mut draft = versions::begin(conn, change.repository)?;
        if let Some(base) = change.base_version {
            draft.set_base(conn, base)?;
        }
        draft.remove_types(conn, &change.remove_types)?;
        draft.remove(conn, &change.remove)?;
        for version in &change.add_versions {
            draft.add_version(conn, *version)?;
        }
        draft.add(conn, &change.add)?;
        draft.finish(conn, kind, Overwrite::Allowed)
    })?;
    let created = finished.version.map(|version| change_version::name(app, conn, version.id)).transpose()?;
    Ok((finished, created))
}
