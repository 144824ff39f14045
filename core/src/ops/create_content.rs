//! Making content units of files: at once, from an upload, or from an address; into a repository if asked.

use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::content::{self, StoredUnit};
use super::{change_version, publish_task};
use crate::app::{App, Shared};
use crate::db::{Announced, Conn, artifacts, repositories, uploads};
use crate::download::{Downloader, RemoteSettings, Wanted};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::params;
use crate::plugin::{ContentType, Inspection, Unit};
use crate::resource::Kind;
use crate::storage::{DigestSet, Digests, Staged};
use crate::tasks::{ShortTask, TaskContext};

/// A unit made of a file that is in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUnit {
    pub unit: Unit,
    pub size: u64,
    pub digests: Digests,
}

/// What the tasks below are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    /// `file.file`
    r#type: String,
    repository: Option<Id>,
    overwrite: bool,
    labels: Option<Json>,
    /// The unit, when the request has made it already.
    file: Option<NewUnit>,
    upload: Option<Id>,
    url: Option<String>,
    /// Timeouts and credentials for `url`.
    settings: Option<Json>,
    /// What the client said about the file.
    #[serde(default)]
    given: Map<String, Json>,
}

/// Stores a unit and its artifact.
pub fn store(app: &App, conn: &mut Conn, pulp_type: &str, new: &NewUnit, labels: Option<&Json>) -> Result<StoredUnit> {
    artifacts::insert(conn, app.domain, new.size, &new.digests)?;
    let labels = labels.cloned().unwrap_or_else(|| json!({}));
    content::get_or_create_labelled(conn, app.domain, &**content_type(app, pulp_type)?, &new.unit, &labels)
}

fn content_type<'a>(app: &'a App, pulp_type: &str) -> Result<&'a Arc<dyn ContentType>> {
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

/// An artifact's size and digests.
pub fn artifact_facts(conn: &mut Conn, id: Id) -> Result<(u64, Digests)> {
    let row = conn
        .query_one("SELECT size, md5, sha1, sha224, sha256, sha384, sha512 FROM artifact WHERE id = $1", params![id])?;
    let digests = Digests {
        md5: row.get(1)?,
        sha1: row.get(2)?,
        sha224: row.get(3)?,
        sha256: row.get::<Sha256>(4)?,
        sha384: row.get(5)?,
        sha512: row.get(6)?,
    };
    Ok((row.get::<i64>(0)?.unsigned_abs(), digests))
}

/// Stores the unit and makes a version with it if a repository is named. The version comes first among
/// what was created. Also returns the version and the unit as clients see it.
fn create(
    app: &App,
    conn: &mut Conn,
    job: &Job,
    new: &NewUnit,
) -> Result<(Vec<change_version::Created>, Option<Id>, Json)> {
    let unit = store(app, conn, &job.r#type, new, job.labels.as_ref())?;
    let mut created = Vec::new();
    let mut version = None;
    if let Some(repository) = job.repository {
        let wanted = change_version::adding(repository, vec![unit.id], job.overwrite);
        if let Some(new) = change_version::change(app, conn, &wanted)? {
            created.push(change_version::describe(app, conn, new.id)?.0);
            version = Some(new.id);
        }
    }
    let resource = app.registry.typed(Kind::Content, &job.r#type);
    let resource = resource.ok_or_else(|| Error::internal("a content type without a resource"))?;
    created.push((resource.prn(unit.id), format!("{}{}/", resource.path, unit.id)));
    let content = app.content_base(None);
    let shown = resource.load(&app.scope(&content), conn, unit.id)?.unwrap_or_default();
    Ok((created, version, shown))
}

/// The task for a unit whose file is in the store.
pub fn run(app: &App, conn: &mut Conn, args: &Json, task: &mut ShortTask) -> Result<Json> {
    let job: Job = serde_json::from_value(args.clone()).map_err(Error::internal)?;
    let new = job.file.as_ref().ok_or_else(|| Error::internal("a task without a file"))?;
    let (created, _, shown) = create(app, conn, &job, new)?;
    created.into_iter().for_each(|(prn, path)| task.created(prn, path));
    Ok(shown)
}

/// The task for files that are elsewhere, and for repositories that publish by themselves.
pub fn run_long(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let mut job: Job = serde_json::from_value(args).map_err(Error::internal)?;
        let (new, _announced) = match (job.file.take(), job.upload, &job.url) {
            (Some(file), ..) => waited(&app, file).await?,
            (None, Some(upload), _) => unit_of(&app, &job, assemble(&app, upload).await?).await?,
            (None, None, Some(url)) => unit_of(&app, &job, fetch(&app, &job, url).await?).await?,
            (None, None, None) => return Err(Error::internal("a task without a file")),
        };
        let (shared, upload, fence) = (app.clone(), job.upload, context.clone());
        let (created, version, shown) = app
            .db
            .write(move |conn| {
                fence.fence(conn)?;
                if let Some(upload) = upload {
                    uploads::delete(conn, upload)?;
                }
                create(&shared, conn, &job, &new)
            })
            .await?;
        created.into_iter().for_each(|(prn, path)| context.created(prn, path));
        if let Some(upload) = upload {
            app.storage.drop_upload(upload).await?;
        }
        if let Some(version) = version {
            publish_task::after_new_version(&app, &context, version).await?;
        }
        Ok(shown)
    })
}

async fn assemble(app: &Shared, upload: Id) -> Result<Staged> {
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

async fn fetch(app: &Shared, job: &Job, url: &str) -> Result<Staged> {
    let mut settings = RemoteSettings { url: url.to_owned(), tls_validation: true, ..RemoteSettings::default() };
    if let Some(Json::Object(given)) = &job.settings {
        super::remotes::read_network_settings(given, &mut settings)?;
    }
    crate::download::check_url(url, &app.config.allowed_import_paths).map_err(|text| Error::field("file_url", text))?;
    let downloader = Downloader::new(&settings, &app.config.allowed_import_paths)?;
    let largest = app.config.largest_upload().unwrap_or(u64::MAX);
    let wanted = Wanted { url: url.to_owned(), size: None, digests: vec![], largest };
    downloader.fetch(&wanted, &app.storage, app.digests()?).await
}

/// What a type is shown of a staged file.
pub async fn inspection(of: &dyn ContentType, staged: &mut Staged, file_name: Option<String>) -> Result<Inspection> {
    let path = if of.reads_file() { Some(staged.on_disk().await?) } else { None };
    Ok(Inspection { path, file_name, size: staged.size, digests: staged.digests.clone() })
}

/// A copy of an artifact on this host, for a type that reads files of a store that is elsewhere.
pub async fn local_copy(app: &App, sha256: &Sha256) -> Result<Staged> {
    let mut writer = app.storage.stage(DigestSet::sha256())?;
    let mut bytes = app.storage.stream(sha256, None).await?;
    while let Some(block) = bytes.try_next().await? {
        writer.write(block).await?;
    }
    writer.finish().await
}

/// Inspects a staged file and keeps it.
async fn unit_of(app: &Shared, job: &Job, mut staged: Staged) -> Result<(NewUnit, Announced)> {
    let content_type = content_type(app, &job.r#type)?;
    let inspection = inspection(&**content_type, &mut staged, None).await?;
    let (size, digests) = (staged.size, staged.digests.clone());
    let unit = content_type.inspect(&inspection, &job.given).await?;
    let announced = app.db.announce(std::slice::from_ref(&digests.sha256)).await?;
    app.storage.keep(staged).await?;
    Ok((NewUnit { unit, size, digests }, announced))
}

/// A file that was kept by the request, whose task had to wait: nothing held its bytes meanwhile.
async fn waited(app: &Shared, file: NewUnit) -> Result<(NewUnit, Announced)> {
    let sha256 = &file.digests.sha256;
    let announced = app.db.announce(std::slice::from_ref(sha256)).await?;
    if app.storage.size(sha256).await? != Some(file.size) {
        return Err(Error::Conflict(format!("the file {sha256} was cleaned up while the task waited")));
    }
    Ok((file, announced))
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
        let _announced = app.db.announce(std::slice::from_ref(&digests.sha256)).await?;
        app.storage.keep(staged).await?;
        let fence = context.clone();
        let artifact = app
            .db
            .write(move |conn| {
                fence.fence(conn)?;
                uploads::delete(conn, id)?;
                artifacts::insert(conn, domain, size, &digests)
            })
            .await?;
        app.storage.drop_upload(id).await?;
        context.created(crate::id::prn("core", "artifact", artifact), format!("artifacts/{artifact}/"));
        Ok(Json::Null)
    })
}
