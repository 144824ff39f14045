//! The task that writes the files of a publication, or of a version, into a folder: at the paths at which they are
//! served.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use super::target::{folder, unwritable};
use crate::app::Shared;
use crate::db::published::{self, PublishedFile, Source};
use crate::db::{exchange as rows, lazy};
use crate::download::{Wanted, allowed_path};
use crate::error::{Error, Result};
use crate::id::{Id, RelativePath, Sha256, now};
use crate::ops::upkeep_tasks;
use crate::storage::DigestSet;
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
        if method != "write" && !app.storage.is_local() {
            return Err(Error::Conflict(format!("`{method}` needs a store in a folder of this host")));
        }
        let root = folder(&exporter.path, &app.config.allowed_export_paths).await?;
        let hidden = root.join(format!(".{}.part", job.exporter));
        {
            let (app, context, job, folders) = (&app, &context, &job, BTreeSet::new());
            let mut export = Export { app, context, job, root, hidden, method, folders };
            export.write().await?;
            export.sync_folders().await?;
        }
        note(&app, &context, job).await
    })
}

struct Export<'a> {
    app: &'a Shared,
    context: &'a TaskContext,
    job: &'a FilesystemJob,
    root: PathBuf,
    /// What a file is called until it is whole. An exporter has one export at a time.
    hidden: PathBuf,
    method: String,
    /// In which something was put.
    folders: BTreeSet<PathBuf>,
}

impl Export<'_> {
    async fn write(&mut self) -> Result<()> {
        let (publication, version, start) = (self.job.publication, self.job.version, self.job.start);
        let sources = self.app.db.read(move |conn| match publication {
            Some(publication) => published::of_publication(conn, publication),
            None => Ok(version.map(|version| Source::Version(version, None)).into_iter().collect()),
        });
        let progress = self.context.progress("Exporting Artifacts", "export.artifacts", Some(0));
        let mut total = 0;
        for source in sources.await? {
            let mut after = None;
            loop {
                self.context.check()?;
                let (of, from) = (source.clone(), after.clone());
                let page = self.app.db.read(move |conn| of.page(conn, start, from, PAGE));
                let (files, end) = page.await?;
                if end.is_none() {
                    break;
                }
                after = end;
                total += files.len() as i64;
                progress.set_total(total);
                for file in &files {
                    self.context.check()?;
                    self.put(file).await?;
                    progress.add(1);
                }
            }
        }
        progress.finish();
        Ok(())
    }

    /// Puts one file to its path: under another name first, so that nobody sees half of it.
    async fn put(&mut self, file: &PublishedFile) -> Result<()> {
        let path = &file.path;
        let path: RelativePath =
            path.parse().map_err(|problem| Error::Conflict(format!("`{path}` cannot be exported: {problem}")))?;
        let target = place(&self.root, &path).await?;
        remove(&self.hidden).await?;
        match &file.sha256 {
            Some(sha256) => self.put_stored(sha256).await?,
            None => self.put_local(file).await?,
        }
        tokio::fs::rename(&self.hidden, &target).await.map_err(|error| unwritable(&target, &error))?;
        // Of two names of one file, renaming one to the other leaves both.
        remove(&self.hidden).await?;
        if let Some(folder) = target.parent()
            && !self.folders.contains(folder)
        {
            self.folders.insert(folder.to_owned());
        }
        Ok(())
    }

    async fn put_stored(&self, sha256: &Sha256) -> Result<()> {
        match (self.method.as_str(), self.app.storage.local_path(sha256)) {
            ("hardlink", Some(source)) => link(source, self.hidden.clone(), std::fs::hard_link).await,
            ("symlink", Some(source)) => link(source, self.hidden.clone(), std::os::unix::fs::symlink).await,
            _ => self.copy(sha256).await,
        }
    }

    /// A file that is not stored and whose remote reads a folder of this host. It is copied, whatever the method: what
    /// lies in such a folder may change.
    async fn put_local(&self, file: &PublishedFile) -> Result<()> {
        let missing = || {
            let problem = format!("only an upstream has `{}`", file.path);
            Error::Conflict(format!("Cannot export artifacts that haven't been downloaded: {problem}"))
        };
        let id = file.content_artifact.ok_or_else(missing)?;
        let sources = self.app.db.read(move |conn| lazy::sources(conn, id, now())).await?;
        let is_local = |url: &str| url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
        let source = sources.into_iter().find(|source| is_local(&source.url)).ok_or_else(missing)?;
        let downloader = upkeep_tasks::downloader(self.app, source.remote.id).await?;
        let known = |(name, digest): (String, String)| Some((name.parse().ok()?, digest));
        let digests = source.digests.into_iter().filter_map(known).collect();
        let largest = source.size.unwrap_or(u64::MAX);
        let wanted = Wanted { url: source.url, size: source.size, digests, largest };
        let staged = downloader.fetch(&wanted, &self.app.storage, DigestSet::sha256()).await?;
        let hidden = self.hidden.clone();
        let copy = move || {
            let mut reader = staged.reader()?;
            let copied = std::fs::File::create_new(&hidden)
                .and_then(|mut out| std::io::copy(&mut reader, &mut out).and_then(|_| out.sync_all()));
            copied.map_err(|error| unwritable(&hidden, &error))
        };
        spawn_blocking(copy).await.map_err(Error::internal)?
    }

    async fn copy(&self, sha256: &Sha256) -> Result<()> {
        let failed = |error: std::io::Error| unwritable(&self.hidden, &error);
        let mut out = tokio::fs::File::create_new(&self.hidden).await.map_err(failed)?;
        let mut stream = self.app.storage.stream(sha256, None).await?;
        while let Some(block) = stream.try_next().await? {
            out.write_all(&block).await.map_err(failed)?;
        }
        out.sync_all().await.map_err(failed)
    }

    /// What was put is there after a failure of the power, before the export is noted.
    async fn sync_folders(&self) -> Result<()> {
        let mut folders = self.folders.clone();
        // The folders in between may be new as well.
        for folder in &self.folders {
            folders.extend(folder.ancestors().take_while(|above| above.starts_with(&self.root)).map(Path::to_owned));
        }
        let sync = move || {
            let synced = |folder: &PathBuf| {
                let done = std::fs::File::open(folder).and_then(|open| open.sync_all());
                done.map_err(|error| unwritable(folder, &error))
            };
            folders.iter().try_for_each(synced)
        };
        spawn_blocking(sync).await.map_err(Error::internal)?
    }
}

impl Drop for Export<'_> {
    fn drop(&mut self) {
        // It is there only when the export stopped midway.
        let _ = std::fs::remove_file(&self.hidden);
    }
}

/// Removes what an export that was killed left.
async fn remove(hidden: &Path) -> Result<()> {
    match tokio::fs::remove_file(hidden).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(hidden, &error)),
        _ => Ok(()),
    }
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
    let (fence, path) = (context.clone(), format!("{}{id}/", job.path));
    let noted = app.db.write(move |conn| {
        fence.fence(conn)?;
        rows::insert_export(conn, &export)?;
        fence.created(conn, [(crate::id::prn("core", "filesystemexport", id), path)])
    });
    noted.await?;
    Ok(Json::Null)
}

async fn link(from: PathBuf, to: PathBuf, how: fn(PathBuf, PathBuf) -> std::io::Result<()>) -> Result<()> {
    let at = to.clone();
    let from = std::path::absolute(&from).unwrap_or(from);
    spawn_blocking(move || how(from, to)).await.map_err(Error::internal)?.map_err(|error| unwritable(&at, &error))
}

/// Where the file goes. Its folders are made, none of them through a link that leads out of the root.
async fn place(root: &Path, path: &RelativePath) -> Result<PathBuf> {
    let (root, path) = (root.to_owned(), path.as_str().to_owned());
    let made = move || {
        let target = root.join(&path);
        let folder = target.parent().unwrap_or(&root).to_owned();
        let leads_out = || Error::Conflict(format!("`{}` leads out of the export", folder.display()));
        let is_inside = |folder: &Path| allowed_path(folder, std::slice::from_ref(&root)).is_some();
        // Before, so that nothing is made elsewhere; and behind, of what is there then.
        if !is_inside(&folder) {
            return Err(leads_out());
        }
        std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        if is_inside(&folder) { Ok(target) } else { Err(leads_out()) }
    };
    spawn_blocking(made).await.map_err(Error::internal)?
}
