//! The tasks that publish: asked for, or following a new version of a repository that publishes by itself.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value as Json;

use super::change_version::Created;
use super::publish::{PublishRequest, autopublish, publish};
use super::{Stores, distributions, versions};
use crate::app::{App, Shared};
use crate::db::roles::ObjectKey;
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{self, Plugin};
use crate::resource::{Kind, creator};
use crate::tasks::{self, TaskContext};

#[derive(Debug, Deserialize)]
struct Job {
    /// `file.file`
    r#type: String,
    repository: Id,
    /// None: the newest when the task begins.
    version: Option<Id>,
    details: Json,
    checkpoint: bool,
}

/// Whether a repository's details ask for a publication of every new version.
pub fn is_automatic(details: &Json) -> bool {
    details.get("autopublish").and_then(Json::as_bool).unwrap_or(false)
}

/// The parts that verbs on content work with.
pub fn stores(app: &App) -> Result<Stores> {
    Ok(Stores {
        db: app.db.clone(),
        storage: app.storage.clone(),
        domain: app.domain,
        digests: app.digests()?,
        signing: app.signing.clone(),
    })
}

/// The format that owns a type.
pub fn format<'a>(app: &'a App, pulp_type: &str) -> Result<&'a Arc<dyn Plugin>> {
    app.registry.plugin(pulp_type).ok_or_else(|| Error::internal(format!("no format for `{pulp_type}`")))
}

/// The task that a client asked for.
pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: Job = serde_json::from_value(args).map_err(Error::internal)?;
        let version = match job.version {
            Some(version) => version,
            None => {
                let repository = job.repository;
                app.db.read(move |conn| repositories::newest_version(conn, repository)).await?
            }
        };
        let request = PublishRequest {
            repository_version: version,
            pulp_type: job.r#type.clone(),
            details: job.details,
            checkpoint: job.checkpoint,
        };
        let task: Arc<dyn plugin::Task> = Arc::new(context.clone());
        let then = describing(&app, &context);
        let (_, shown) = publish(&stores(&app)?, &task, &**format(&app, &job.r#type)?, request, then).await?;
        app.served_content_changed();
        Ok(shown)
    })
}

/// Publishes a new version where its repository asks for that; how the task names the publication.
pub async fn after_new_version(app: &Shared, context: &TaskContext, version: Id) -> Result<Option<Created>> {
    let (_, pulp_type, _) = match app.db.read(move |conn| repositories::owner(conn, version)).await {
        // Retention took it away at once.
        Err(Error::NotFound(_)) => return Ok(None),
        found => found?,
    };
    let task: Arc<dyn plugin::Task> = Arc::new(context.clone());
    let then = describing(app, context);
    let made = autopublish(&stores(app)?, &task, &**format(app, &pulp_type)?, version, then).await?;
    if made.is_some() {
        app.served_content_changed();
    }
    Ok(made.map(|(created, _)| created))
}

/// How a task names a publication, and the publication as clients see it.
pub type Described = (Created, Json);

/// What belongs into the transaction that makes a publication: that the task names it, who may do what with it, and what
/// distributions serve from then on.
pub fn describing(
    app: &Shared,
    context: &TaskContext,
) -> impl FnOnce(&mut Conn, Id) -> Result<Described> + Send + use<> {
    let (shared, context) = (app.clone(), context.clone());
    move |conn, publication| {
        let (created, shown) = describe(&shared, conn, publication, context.created_by())?;
        context.created(conn, [created.clone()])?;
        Ok((created, shown))
    }
}

/// Notes what distributions serve with a new publication.
fn describe(app: &App, conn: &mut Conn, publication: Id, user: Option<i64>) -> Result<Described> {
    let (pulp_type, repository) = repositories::published(conn, publication)?;
    let resource = app.registry.typed(Kind::Publication, &pulp_type);
    let resource = resource.ok_or_else(|| Error::internal("a publication of an unknown type"))?;
    creator::created(&app.registry, conn, resource, ObjectKey::Id(publication), user)?;
    versions::retain_checkpoints(conn, repository)?;
    distributions::note_repository(app, conn, repository)?;
    let content = app.content_base(None);
    let shown = resource.load(&app.scope(&content), conn, publication)?.unwrap_or_default();
    Ok(((resource.prn(publication), format!("{}{publication}/", resource.path)), shown))
}

impl plugin::Task for TaskContext {
    fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn plugin::Progress> {
        Arc::new(TaskContext::progress(self, message, code, total))
    }

    fn correlation_id(&self) -> &str {
        self.cid()
    }

    fn check(&self) -> Result<()> {
        TaskContext::check(self)
    }

    fn reserve(&self, conn: &mut Conn, prn: &str) -> Result<()> {
        TaskContext::reserve(self, conn, prn)
    }

    fn fence(&self, conn: &mut Conn) -> Result<()> {
        TaskContext::fence(self, conn)
    }
}

impl plugin::Progress for tasks::Progress {
    fn add(&self, count: i64) {
        tasks::Progress::add(self, count);
    }

    fn set_total(&self, total: i64) {
        tasks::Progress::set_total(self, total);
    }

    fn set_suffix(&self, suffix: &str) {
        tasks::Progress::set_suffix(self, suffix);
    }

    fn finish(&self) {
        tasks::Progress::finish(self);
    }
}
