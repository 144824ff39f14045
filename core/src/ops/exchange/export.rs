//! The task that exports versions of an exporter's repositories.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::dumps::{Dump, VersionDump, repository_row};
use super::target::{self, Target};
use crate::app::{App, PULP_VERSION, Shared};
use crate::db::exchange as rows;
use crate::db::{artifact_bytes, units, versions};
use crate::error::{Error, Result};
use crate::exchange::{ARTIFACTS, EntryName, Facts, REPOSITORIES, Toc, VERSIONS, archive_key, number, text};
use crate::id::{Id, Sha256, now};
use crate::ops::publish_task::format;
use crate::plugin::VersionUnits;
use crate::tasks::TaskContext;

/// Units whose artifacts are looked up together.
const PAGE: i64 = 1000;

/// What the task is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExportJob {
    pub exporter: Id,
    /// Below the API root, for the export that is made.
    pub path: String,
    /// What is exported, in the order of the repositories.
    pub versions: Vec<Id>,
    /// What the reader has already, of the same repositories; empty for a full export.
    pub start_versions: Vec<Id>,
    pub chunk_size: Option<u64>,
    pub meta: Map<String, Json>,
    /// What the client asked for.
    pub params: Json,
    pub dry_run: bool,
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: ExportJob = serde_json::from_value(args).map_err(Error::internal)?;
        Run { app: &app, context: &context, job: &job }.export().await
    })
}

struct Run<'a> {
    app: &'a Shared,
    context: &'a TaskContext,
    job: &'a ExportJob,
}

/// A version that is exported.
struct Exported {
    version: units::Version,
    start: Option<versions::Version>,
    facts: rows::RepositoryFacts,
}

impl Exported {
    /// Where its dumps lie.
    fn folder(&self) -> String {
        format!("repository-{}_{}", self.facts.name, self.version.number)
    }

    /// # Errors
    /// When no importer would take a folder of this name.
    fn check_folder(&self) -> Result<()> {
        let (folder, dump) = (self.folder(), REPOSITORIES.to_owned());
        let read = EntryName::parse(&format!("{folder}/{dump}.json"));
        if read.is_ok_and(|read| read == EntryName::OfRepository { folder, dump }) {
            return Ok(());
        }
        let name = &self.facts.name;
        Err(Error::Conflict(format!("the repository `{name}` cannot be exported: its name cannot be that of a folder")))
    }
}

impl Run<'_> {
    async fn export(&self) -> Result<Json> {
        let exported = self.versions().await?;
        exported.iter().try_for_each(Exported::check_folder)?;
        if self.job.dry_run {
            return self.report(&exported).await;
        }
        let (id, job) = (Id::new(), self.job);
        let exporter = self.app.db.read({
            let id = job.exporter;
            move |conn| rows::exporter(conn, id)
        });
        let folder = target::folder(&exporter.await?.path, &self.app.config.allowed_export_paths).await?;
        let name = format!("export-{id}-{}", now().format("%Y%m%d_%H%M"));
        let hidden = format!(".{}-", job.exporter);
        let mut target = Target::create(&folder, &format!("{name}.tar"), &hidden, job.chunk_size).await?;
        target.whole(VERSIONS.to_owned(), self.components(&exported).into_bytes()).await?;
        self.artifacts(&exported, &mut target).await?;
        self.repositories(&exported, &mut target).await?;
        for one in &exported {
            self.dumps(one, &mut target).await?;
        }
        let (meta, chunk_size) = (job.meta.clone(), job.chunk_size);
        let toc = move |files: &[(String, String)]| Toc { meta, chunk_size, files: files.to_vec() }.render();
        let toc_name = format!("{name}-toc.json");
        let (files, text) = target.finish(toc_name.clone(), toc).await?;
        let at = |name: &str| folder.join(name).display().to_string();
        let toc_digest = Sha256::of(text.as_bytes()).to_string();
        let mut info: Map<String, Json> = files.iter().map(|(name, sum)| (at(name), json!(sum))).collect();
        info.insert(at(&toc_name), json!(toc_digest));
        let export = rows::NewExport {
            id,
            domain: self.app.domain,
            exporter: job.exporter,
            task: self.context.id(),
            params: job.params.clone(),
            output_file_info: Some(Json::Object(info)),
            toc_info: Some(json!({"file": at(&toc_name), "meta": job.meta, "sha256": toc_digest})),
            versions: exported.iter().map(|one| one.version.id).collect(),
            publication: None,
        };
        let (fence, path) = (self.context.clone(), format!("{}{id}/", job.path));
        let noted = self.app.db.write(move |conn| {
            fence.fence(conn)?;
            rows::insert_export(conn, &export)?;
            fence.created(conn, [(crate::id::prn("core", "pulpexport", id), path)])
        });
        noted.await?;
        Ok(Json::Null)
    }

    async fn versions(&self) -> Result<Vec<Exported>> {
        let job = self.job.clone();
        let found = self.app.db.read(move |conn| {
            let mut starts = Vec::new();
            for version in &job.start_versions {
                starts.push(versions::version(conn, *version)?);
            }
            let mut exported = Vec::new();
            for version in &job.versions {
                let gone = || Error::not_found("RepositoryVersion");
                let version = units::version(conn, *version)?.ok_or_else(gone)?;
                let start = starts.iter().find(|start| start.repository == version.repository).copied();
                exported.push(Exported { version, start, facts: rows::repository_facts(conn, version.repository)? });
            }
            Ok(exported)
        });
        found.await
    }

    /// With what the export is made: core and the formats of the repositories.
    fn components(&self, exported: &[Exported]) -> String {
        let mut all = vec![json!({"component": "core", "version": PULP_VERSION})];
        for plugin in &self.app.registry.plugins {
            let is_used = |one: &Exported| one.facts.pulp_type.split('.').next() == Some(plugin.name());
            if exported.iter().any(is_used) {
                all.push(json!({"component": plugin.name(), "version": plugin.version()}));
            }
        }
        Json::Array(all).to_string()
    }

    /// Calls `take` with every artifact once that the reader does not have by the versions it starts from.
    async fn each_artifact<F>(
        &self,
        exported: &[Exported],
        mut take: impl FnMut(rows::ExportedArtifact) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let mut known: HashSet<Id> = HashSet::new();
        for one in exported {
            let mut after = None;
            loop {
                self.context.check()?;
                let (version, start) = (one.version.id, one.start);
                let page = self.app.db.read(move |conn| {
                    let units = artifact_bytes::units_of_version(conn, version, after, PAGE)?;
                    let mut artifacts = rows::artifacts(conn, &units)?;
                    if let Some(start) = start {
                        let ids: Vec<Id> = artifacts.iter().map(|artifact| artifact.id).collect();
                        let had: HashSet<Id> = rows::present_artifacts(conn, start, &ids)?.into_iter().collect();
                        artifacts.retain(|artifact| !had.contains(&artifact.id));
                    }
                    Ok((units.last().copied(), artifacts))
                });
                let (last, artifacts) = page.await?;
                for artifact in artifacts {
                    if known.insert(artifact.id) {
                        take(artifact).await?;
                    }
                }
                match last {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn artifacts(&self, exported: &[Exported], target: &mut Target) -> Result<()> {
        let progress = self.context.progress("Exporting Artifacts", "export.artifacts", Some(0));
        let state = tokio::sync::Mutex::new((target, Dump::new(self.app, ARTIFACTS)?, 0i64));
        let domain = self.app.domain.to_string();
        let (state, progress_of, domain) = (&state, &progress, &domain);
        self.each_artifact(exported, |artifact| async move {
            let mut state = state.lock().await;
            let name = archive_key(&artifact.sha256);
            state.0.artifact(&self.app.storage, name.clone(), &artifact.sha256, artifact.size).await?;
            state.1.add(&artifact_row(&artifact, name, domain)).await?;
            state.2 += 1;
            progress_of.set_total(state.2);
            progress_of.add(1);
            Ok(())
        })
        .await?;
        progress.finish();
        let mut guard = state.lock().await;
        let dump = std::mem::replace(&mut guard.1, Dump::new(self.app, ARTIFACTS)?);
        if guard.2 > 0 {
            let (name, staged) = dump.finish().await?;
            guard.0.staged(name, staged).await?;
        }
        Ok(())
    }

    async fn repositories(&self, exported: &[Exported], target: &mut Target) -> Result<()> {
        let mut dump = Dump::new(self.app, REPOSITORIES)?;
        for one in exported {
            dump.add(&repository_row(self.app, &one.facts)).await?;
        }
        let (name, staged) = dump.finish().await?;
        target.staged(name, staged).await
    }

    async fn dumps(&self, one: &Exported, target: &mut Target) -> Result<()> {
        let (name, number) = (&one.facts.name, one.version.number);
        let kind = one.facts.pulp_type.split('.').next().unwrap_or_default();
        let message = format!("Exporting content for {kind} repository-version {name}/{number}");
        let plugin = format(self.app, &one.facts.pulp_type)?;
        let exchange = plugin.exchange().ok_or_else(|| not_moved(&one.facts.pulp_type))?;
        let units = VersionUnits::new(self.app.db.clone(), one.version, plugin.content_types());
        let mut total = 0;
        for content in &exchange.units {
            total += units.count(content.pulp_type()).await?;
        }
        let progress = self.context.progress(&message, "export.repo.version.content", Some(total));
        let (app, context, repository) = (self.app, self.context, &one.facts);
        let dump = VersionDump { app, context, exchange: &exchange, units: &units, progress: &progress, repository };
        for (file, staged) in dump.write().await? {
            target.staged(format!("{}/{file}", one.folder()), staged).await?;
        }
        progress.finish();
        Ok(())
    }

    /// What an export would write.
    async fn report(&self, exported: &[Exported]) -> Result<Json> {
        let sums = std::sync::Mutex::new((0u64, 0u64));
        self.each_artifact(exported, |artifact| {
            if let Ok(mut sums) = sums.lock() {
                sums.0 += 1;
                sums.1 += artifact.size;
            }
            std::future::ready(Ok(()))
        })
        .await?;
        let (artifacts, bytes) = sums.into_inner().unwrap_or_default();
        Ok(json!({"repository_versions": exported.len(), "artifacts": artifacts, "bytes": bytes}))
    }
}

/// That a format takes no part.
pub fn not_moved(pulp_type: &str) -> Error {
    Error::Conflict(format!("repositories of the type `{pulp_type}` cannot be exported or imported"))
}

fn artifact_row(artifact: &rows::ExportedArtifact, file: String, domain: &str) -> Facts {
    let [md5, sha1, sha224, sha384, sha512] = &artifact.digests;
    [
        ("file", text(Some(&file))),
        ("size", number(i64::try_from(artifact.size).ok())),
        ("md5", text(md5.as_deref())),
        ("sha1", text(sha1.as_deref())),
        ("sha224", text(sha224.as_deref())),
        ("sha256", text(Some(artifact.sha256.as_str()))),
        ("sha384", text(sha384.as_deref())),
        ("sha512", text(sha512.as_deref())),
        ("pulp_domain", text(Some(domain))),
    ]
    .into_iter()
    .collect()
}

/// The bytes of `5KB`, which may be a fraction.
///
/// # Errors
/// In Pulp's words.
pub fn chunk_size(text: &str) -> Result<u64, String> {
    const LARGEST: f64 = (1u64 << 40) as f64;
    let wrong = || format!("chunk_size '{text}' is not valid (valid units are B/KB/MB/GB/TB)");
    let upper = text.trim().to_ascii_uppercase();
    let units = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];
    let (count, shift) =
        units.iter().find_map(|(unit, shift)| Some((upper.strip_suffix(unit)?, shift))).ok_or_else(wrong)?;
    let count: f64 = count.trim().parse().map_err(|_| wrong())?;
    let bytes = (count * (1u64 << shift) as f64).floor();
    if !bytes.is_finite() {
        return Err(wrong());
    }
    if bytes <= 0.0 {
        return Err(format!("Chunk size {bytes} is not greater than zero!"));
    }
    if bytes > LARGEST {
        return Err(format!("Chunk size in bytes {bytes} is greater than max-chunk-size {LARGEST}!"));
    }
    Ok(bytes as u64)
}

/// The newest versions of repositories.
pub fn newest(conn: &mut crate::db::Conn, repositories: &[(Id, String)]) -> Result<Vec<Id>> {
    repositories.iter().map(|(id, _)| crate::db::repositories::newest_version(conn, *id)).collect()
}

/// The repositories, with how tasks reserve them.
pub fn prns(app: &App, repositories: &[(Id, String)]) -> Vec<String> {
    let prn = |(id, pulp_type): &(Id, String)| {
        app.registry.typed(crate::resource::Kind::Repository, pulp_type).map(|resource| resource.prn(id))
    };
    repositories.iter().filter_map(prn).collect()
}

#[cfg(test)]
mod tests {
    use super::chunk_size;

    #[test]
    fn sizes_of_chunks_have_units() {
        for (text, bytes) in [("10B", 10), ("5KB", 5120), ("1.5kb", 1536), ("5 MB", 5 << 20), ("1TB", 1 << 40)] {
            assert_eq!(chunk_size(text), Ok(bytes), "{text}");
        }
        for (text, problem) in [
            ("0B", "Chunk size 0 is not greater than zero!"),
            ("-5B", "Chunk size -5 is not greater than zero!"),
            ("abc", "chunk_size 'abc' is not valid"),
            ("5", "not valid"),
            ("1PB", "not valid"),
            ("2TB", "Chunk size in bytes 2199023255552 is greater than max-chunk-size 1099511627776!"),
            ("infB", "not valid"),
            ("nanB", "not valid"),
        ] {
            let error = chunk_size(text).expect_err(text);
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
