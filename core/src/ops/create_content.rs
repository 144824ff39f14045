//! Making content units of files: at once, from an upload, or from an address; into a repository if asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::time::sleep;

use super::content::{self, StoredUnit};
use super::inspect::{self, NewUnit};
use super::{change_version, create_together, publish_task, sign_upload};
use crate::app::{App, Shared};
use crate::db::{Announced, Conn, artifacts, repositories, uploads, versions as rows};
use crate::download::{Downloader, RemoteSettings, Wanted};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{ContentType, Rejected, Unit};
use crate::resource::Kind;
use crate::storage::Staged;
use crate::tasks::{ShortTask, TaskContext};

/// The key of the task for repositories that publish by themselves, and for requests that had to wait.
pub const KIND_PUBLISHING: &str = "content_create_and_publish";

/// The key of the task for files that were uploaded in chunks, or that are to be signed.
pub const KIND_OF_UPLOAD: &str = "content_from_upload";

/// How often an upload that is in use is looked at again, and after which time.
const LOOKS: usize = 50;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What the tasks below are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// `file.file`
    pub r#type: String,
    pub repository: Option<Id>,
    pub overwrite: bool,
    pub labels: Option<Json>,
    /// The unit, when the request has made it already.
    pub file: Option<NewUnit>,
    pub(super) upload: Option<Id>,
    /// The upload was made for this task alone, and is gone after it.
    #[serde(default)]
    temporary: bool,
    url: Option<String>,
    /// Timeouts and credentials for `url`.
    settings: Option<Json>,
    /// What the client said about the file.
    #[serde(default)]
    given: Map<String, Json>,
}

/// The ids of a unit and of those that came with it, the unit's first.
pub struct Stored {
    pub unit: StoredUnit,
    /// With their types.
    pub companions: Vec<(String, Id)>,
}

impl Stored {
    pub fn ids(&self) -> Vec<Id> {
        std::iter::once(self.unit.id).chain(self.companions.iter().map(|(_, id)| *id)).collect()
    }
}

/// Stores a unit, its artifacts and the units that came with it.
pub fn store(app: &App, conn: &mut Conn, pulp_type: &str, new: &NewUnit, labels: Option<&Json>) -> Result<Stored> {
    for (size, digests) in &new.artifacts {
        artifacts::insert(conn, app.domain, *size, digests)?;
    }
    let (none, kind) = (json!({}), content_type(app, pulp_type)?);
    let unit = content::get_or_create_labelled(conn, app.domain, &**kind, &new.unit, labels.unwrap_or(&none))?;
    let mut companions = vec![];
    for run in new.companions.chunk_by(|(one, _), (next, _)| one == next) {
        let Some((name, _)) = run.first() else { continue };
        let units: Vec<Unit> = run.iter().map(|(_, unit)| unit.clone()).collect();
        let ids = content::get_or_create(conn, app.domain, &**content_type(app, name)?, &units)?;
        companions.extend(ids.into_iter().map(|id| (name.clone(), id)));
    }
    Ok(Stored { companions, unit })
}

/// The content type of this name.
pub fn content_type<'a>(app: &'a App, pulp_type: &str) -> Result<&'a Arc<dyn ContentType>> {
    app.registry.content_type(pulp_type).ok_or_else(|| Error::internal(format!("no content type `{pulp_type}`")))
}

/// Whether a repository can hold this type and publishes by itself.
///
/// # Errors
/// Under `repository` when its format has no such units.
pub fn check_repository(app: &App, conn: &mut Conn, repository: Id, pulp_type: &str) -> Result<bool> {
    let settings = repositories::settings(conn, repository)?;
    if !app.registry.content_types_of(&settings.pulp_type).contains(&pulp_type) {
        return Err(Error::field("repository", "Invalid hyperlink - Incorrect URL match."));
    }
    Ok(publish_task::is_automatic(&settings.details))
}

/// The PRN by which tasks reserve a repository.
pub fn repository_prn(app: &App, conn: &mut Conn, repository: Id) -> Result<String> {
    let pulp_type = repositories::settings(conn, repository)?.pulp_type;
    let resource = app.registry.typed(Kind::Repository, &pulp_type);
    Ok(resource.ok_or_else(|| Error::internal("a repository of an unknown type"))?.prn(repository))
}

/// What became of a job.
pub(super) struct Made {
    pub created: Vec<change_version::Created>,
    /// The version that has the unit, if it is to be published now.
    pub version: Option<Id>,
    pub rejected: Vec<Rejected>,
    /// The unit as clients see it.
    pub shown: Json,
}

/// Stores the unit and makes a version with it if a repository is named. The version comes first among
/// what was created.
pub(super) fn create(app: &App, conn: &mut Conn, job: &Job, new: &NewUnit) -> Result<Made> {
    let stored = store(app, conn, &job.r#type, new, job.labels.as_ref())?;
    let (mut version, mut rejected) = (None, vec![]);
    if let Some(repository) = job.repository {
        let wanted = change_version::adding(repository, stored.ids(), job.overwrite);
        let finished = change_version::change(app, conn, &wanted)?;
        rejected = finished.rejected;
        version = finished.version.map(|new| new.id);
    }
    let is_known = !stored.unit.created && version.is_none() && rejected.is_empty();
    if is_known && content_type(app, &job.r#type)?.refuses_known() {
        return Err(known(&job.r#type));
    }
    let named = version.map(|id| change_version::describe(app, conn, id)).transpose()?;
    let (created, shown) = describe(app, conn, job, &stored, named.map(|(created, _)| created))?;
    if is_known && let Some(repository) = job.repository {
        // A process that ended between a version and its publication has left the latter to us.
        version = rows::unpublished(conn, repository, stored.unit.id)?;
    }
    Ok(Made { created, version, rejected, shown })
}

/// What came of a job, the version first, and the unit as clients see it.
pub(super) fn describe(
    app: &App,
    conn: &mut Conn,
    job: &Job,
    stored: &Stored,
    version: Option<change_version::Created>,
) -> Result<(Vec<change_version::Created>, Json)> {
    let resource = |name: &str| {
        let resource = app.registry.typed(Kind::Content, name);
        resource.ok_or_else(|| Error::internal("a content type without a resource"))
    };
    let mut created: Vec<_> = version.into_iter().collect();
    let own = (job.r#type.clone(), stored.unit.id);
    let companions = if content_type(app, &job.r#type)?.names_companions() { &stored.companions[..] } else { &[] };
    for (name, id) in std::iter::once(&own).chain(companions) {
        let resource = resource(name)?;
        created.push((resource.prn(id), format!("{}{id}/", resource.path)));
    }
    let content = app.content_base(None);
    let shown = resource(&own.0)?.load(&app.scope(&content), conn, own.1)?.unwrap_or_default();
    Ok((created, shown))
}

/// Clients look for what a database would say.
fn known(pulp_type: &str) -> Error {
    let problem = format!("there is a unit of `{pulp_type}` that says the same already");
    Error::Conflict(format!("duplicate key value violates unique constraint: {problem}"))
}

/// The task for a unit whose file is in the store.
pub fn run(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let job: Job = serde_json::from_value(args.clone()).map_err(Error::internal)?;
    let new = job.file.as_ref().ok_or_else(|| Error::internal("a task without a file"))?;
    let Made { created, rejected, shown, .. } = create(app, conn, &job, new)?;
    task.rejected(&rejected);
    created.into_iter().for_each(|(prn, path)| task.created(prn, path));
    Ok(shown)
}

/// The task for files that are elsewhere, and for repositories that publish by themselves.
pub fn run_long(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: Job = serde_json::from_value(args).map_err(Error::internal)?;
        if job.url.is_some() {
            return make_of_url(&app, job, &context).await;
        }
        let temporary = job.upload.filter(|_| job.temporary);
        let made = create_together::run(&app, job, &context).await;
        if let (Err(_), Some(upload)) = (&made, temporary) {
            app.db.write(move |conn| uploads::delete(conn, upload)).await?;
            app.storage.drop_upload(upload).await?;
        }
        made
    })
}

/// Of a file that lies at an address.
async fn make_of_url(app: &Shared, job: Job, context: &TaskContext) -> Result<Json> {
    let url = job.url.as_deref().ok_or_else(|| Error::internal("a task without an address"))?;
    let staged = fetch(app, url, job.settings.as_ref()).await?;
    let (new, _announced) = unit_of(app, &job, staged, context.cid()).await?;
    let (shared, fence) = (app.clone(), context.clone());
    let create = move |conn: &mut Conn| {
        fence.fence(conn)?;
        let mut made = create(&shared, conn, &job, &new)?;
        fence.created(conn, std::mem::take(&mut made.created))?;
        Ok(made)
    };
    let made = app.db.write(create).await?;
    finish(app, context, made).await.map(|(_, shown)| shown)
}

/// Reports what was left out, and publishes the version where its repository asks for that: the publication, and the unit
/// as clients see it.
pub(super) async fn finish(
    app: &Shared,
    context: &TaskContext,
    made: Made,
) -> Result<(Option<change_version::Created>, Json)> {
    let Made { version, rejected, shown, .. } = made;
    context.rejected(&rejected);
    let publication = match version {
        Some(version) => publish_task::after_new_version(app, context, version).await?,
        None => None,
    };
    Ok((publication, shown))
}

/// The file of an upload whose chunks have all come.
///
/// # Errors
/// `Invalid` when bytes are missing.
pub async fn assemble(app: &Shared, upload: Id) -> Result<Staged> {
    let (size, chunks) = app
        .db
        .read(move |conn| {
            let size = uploads::size(conn, upload)?.ok_or_else(|| Error::not_found("Upload"))?;
            Ok((size, uploads::chunks(conn, upload)?))
        })
        .await?;
    let mut end = 0;
    for (offset, length) in &chunks {
        if *offset != end {
            return Err(Error::non_field(format!("the upload lacks or doubles bytes at {}", end.min(*offset))));
        }
        end += length;
    }
    if end != size {
        return Err(Error::non_field(format!("the upload has {end} of {size} bytes")));
    }
    app.storage.assemble(upload, &chunks, app.digests()?).await
}

/// As [`assemble`], of an upload that somebody else may be looking at for a moment: a task that was to do the work of
/// this one too, and was canceled.
async fn assemble_in_time(app: &Shared, upload: Id) -> Result<Staged> {
    for _ in 0..LOOKS {
        match assemble(app, upload).await {
            Err(Error::Conflict(_)) => sleep(BETWEEN_LOOKS).await,
            assembled => return assembled,
        }
    }
    assemble(app, upload).await
}

/// The file at an address, read with these settings of the network, if any were given.
///
/// # Errors
/// `Invalid` naming the field that cannot work; `Upstream` when the file cannot be had.
pub async fn fetch(app: &Shared, url: &str, given: Option<&Json>) -> Result<Staged> {
    let mut settings = RemoteSettings { url: url.to_owned(), tls_validation: true, ..RemoteSettings::default() };
    if let Some(Json::Object(given)) = given {
        super::remotes::read_network_settings(given, &mut settings)?;
    }
    crate::download::check_url(url, &app.config.allowed_import_paths).map_err(|text| Error::field("file_url", text))?;
    let downloader = Downloader::new(&settings, &app.config.allowed_import_paths)?;
    let largest = app.config.largest_upload().unwrap_or(u64::MAX);
    let wanted = Wanted { url: url.to_owned(), size: None, digests: vec![], largest };
    downloader.fetch(&wanted, &app.storage, app.digests()?).await
}

/// The unit of a file, which is signed where the repository wants that. The correlation id is that of who brought it.
async fn unit_of(app: &Shared, job: &Job, staged: Staged, cid: &str) -> Result<(NewUnit, Announced)> {
    let into = sign_upload::Into { pulp_type: &job.r#type, repository: job.repository, cid };
    let staged = sign_upload::staged(app, into, staged).await?;
    inspect::staged(app, &**content_type(app, &job.r#type)?, staged, None, &job.given).await
}

/// The unit of a file that was uploaded in chunks; the upload may be gone then.
pub(super) async fn unit_of_upload(app: &Shared, job: &Job, upload: Id, cid: &str) -> Result<(NewUnit, Announced)> {
    unit_of(app, job, assemble_in_time(app, upload).await?, cid).await
}

/// The same, of an upload that stays as it is. The bytes of the unit are in the store, but nothing holds them there.
pub(super) async fn unit_beside_upload(app: &Shared, job: &Job, upload: Id, cid: &str) -> Result<NewUnit> {
    let into = sign_upload::Into { pulp_type: &job.r#type, repository: job.repository, cid };
    let staged = sign_upload::staged_beside(app, into, assemble(app, upload).await?).await?;
    let content_type = content_type(app, &job.r#type)?;
    inspect::staged(app, &**content_type, staged, None, &job.given).await.map(|(unit, _)| unit)
}

/// The task that makes an artifact of an upload.
pub fn run_commit(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let id: Id = serde_json::from_value(args["upload"].clone()).map_err(Error::internal)?;
        let stated = args["sha256"].as_str().unwrap_or_default().to_ascii_lowercase();
        let staged = assemble(&app, id).await?;
        let (size, digests) = (staged.size, staged.digests.clone());
        if digests.sha256.as_str() != stated {
            return Err(Error::non_field("The sha256 checksum did not match."));
        }
        let (domain, sha256) = (app.domain, digests.sha256.clone());
        let known = app.db.read(move |conn| artifacts::by_sha256(conn, domain, &[sha256])).await?;
        if !known.is_empty() {
            return Err(Error::non_field(format!("Artifact with sha256 checksum of '{stated}' already exists.")));
        }
        let _announced = app.db.announce(app.domain, std::slice::from_ref(&digests.sha256)).await?;
        app.storage.keep(staged).await?;
        let fence = context.clone();
        let commit = app.db.write(move |conn| {
            fence.fence(conn)?;
            uploads::delete(conn, id)?;
            let artifact = artifacts::insert(conn, domain, size, &digests)?;
            fence.created(conn, [(crate::id::prn("core", "artifact", artifact), format!("artifacts/{artifact}/"))])
        });
        commit.await?;
        app.storage.drop_upload(id).await?;
        Ok(Json::Null)
    })
}
