//! The task that writes the files of a publication, or of a version, into a folder: at the paths at which they are
//! served.

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use super::target::{folder, unwritable};
use crate::app::Shared;
use crate::db::exchange::{self as rows, PublishedFile};
use crate::error::{Error, Result};
use crate::id::{Id, RelativePath};
use crate::tasks::TaskContext;

/// Files looked up together.
const PAGE: i64 = 1000;

/// What the task is told: one of publication and version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilesystemJob {
    pub exporter: Id,
    /// Below the API root, for the export that is made.
    pub path: String,
    pub publication: Option<Id>,
    pub version: Option<Id>,
    /// What this version has is left out.
    pub start: Option<Id>,
    pub params: Json,
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: FilesystemJob = serde_json::from_value(args).map_err(Error::internal)?;
        let exporter = {
            let id = job.exporter;
            app.db.read(move |conn| rows::exporter(conn, id)).await?
        };
        let method = exporter.method.as_deref().unwrap_or("write").to_owned();
        if method != "write" && app.storage.local_path(&crate::id::Sha256::of(b"")).is_none() {
            return Err(Error::Conflict(format!("`{method}` needs a store in a folder of this host")));
        }
        let root = folder(&exporter.path, &app.config.allowed_export_paths).await?;
        let progress = context.progress("Exporting Artifacts", "export.artifacts", Some(0));
        let (mut after, mut total) = (None, 0);
        loop {
            context.check()?;
            let (asked, from) = (job.clone(), after.clone());
            let page = app.db.read(move |conn| {
                rows::published_files(conn, asked.publication, asked.version, asked.start, from, PAGE)
            });
            let page = page.await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key());
            for file in &page {
                put(&app, &root, file, &method).await?;
            }
            total += page.len() as i64;
            progress.set_total(total);
            progress.add(page.len() as i64);
        }
        progress.finish();
        note(&app, &context, job).await
    })
}

async fn note(app: &Shared, context: &TaskContext, job: FilesystemJob) -> Result<Json> {
    let id = Id::new();
    let export = rows::NewExport {
        id,
        domain: app.domain,
        exporter: job.exporter,
        task: context.id(),
        params: job.params,
        output_file_info: None,
        toc_info: None,
        versions: job.version.into_iter().collect(),
        publication: job.publication,
    };
    let fence = context.clone();
    let noted = app.db.write(move |conn| {
        fence.fence(conn)?;
        rows::insert_export(conn, &export)
    });
    noted.await?;
    context.created(crate::id::prn("core", "filesystemexport", id), format!("{}{id}/", job.path));
    Ok(Json::Null)
}

/// Puts one file to its path: under another name first, so that nobody sees half of it.
async fn put(app: &Shared, root: &Path, file: &PublishedFile, method: &str) -> Result<()> {
    let sha256 = file.sha256.clone().ok_or_else(|| {
        let path = &file.path;
        Error::Conflict(format!("Cannot export artifacts that haven't been downloaded: only an upstream has `{path}`"))
    })?;
    let path: RelativePath = file
        .path
        .parse()
        .map_err(|problem| Error::Conflict(format!("`{}` cannot be exported: {problem}", file.path)))?;
    let (target, hidden) = places(root, &path).await?;
    let done = match (method, app.storage.local_path(&sha256)) {
        ("hardlink", Some(source)) => link(source, hidden.clone(), std::fs::hard_link).await,
        ("symlink", Some(source)) => link(source, hidden.clone(), std::os::unix::fs::symlink).await,
        _ => {
            let mut out = tokio::fs::File::create_new(&hidden).await.map_err(|error| unwritable(&hidden, &error))?;
            let mut stream = app.storage.stream(&sha256, None).await?;
            while let Some(block) = stream.try_next().await? {
                out.write_all(&block).await.map_err(|error| unwritable(&hidden, &error))?;
            }
            out.flush().await.map_err(|error| unwritable(&hidden, &error))
        }
    };
    let renamed = match done {
        Ok(()) => tokio::fs::rename(&hidden, &target).await.map_err(|error| unwritable(&target, &error)),
        Err(error) => Err(error),
    };
    if renamed.is_err() {
        // It may not be there.
        let _ = tokio::fs::remove_file(&hidden).await;
    }
    renamed
}

async fn link(from: PathBuf, to: PathBuf, how: fn(PathBuf, PathBuf) -> std::io::Result<()>) -> Result<()> {
    let at = to.clone();
    let from = std::path::absolute(&from).unwrap_or(from);
    spawn_blocking(move || how(from, to)).await.map_err(Error::internal)?.map_err(|error| unwritable(&at, &error))
}

/// Where the file goes, and under which name it is made; the folders are made, and none of them is a link that leads
/// out of the root.
async fn places(root: &Path, path: &RelativePath) -> Result<(PathBuf, PathBuf)> {
    let (root, path) = (root.to_owned(), path.as_str().to_owned());
    let made = move || {
        let target = root.join(&path);
        let folder = target.parent().unwrap_or(&root).to_owned();
        std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let real = folder.canonicalize().map_err(|error| unwritable(&folder, &error))?;
        if !real.starts_with(&root) {
            return Err(Error::Conflict(format!("`{}` leads out of the export", folder.display())));
        }
        let hidden = folder.join(format!(".{}.part", Id::new()));
        Ok((target, hidden))
    };
    spawn_blocking(made).await.map_err(Error::internal)?
}
