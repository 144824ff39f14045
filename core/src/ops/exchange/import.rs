//! The task that begins an import: looks through all of the export before anything of it is kept, keeps its artifacts,
//! and has the version of each repository made by a task of its own.

use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::Digest;
use tokio::task::spawn_blocking;

use super::export::not_moved;
use super::import_version::VersionJob;
use super::source::{self, Members, Piece, Source};
use super::{IMPORT_VERSION, LABELS};
use crate::app::{App, PULP_VERSION, Shared};
use crate::db::exchange as rows;
use crate::db::{Announced, Conn, artifacts, tasks as task_rows};
use crate::error::{Error, Result};
use crate::exchange::{EntryName, Facts, REPOSITORIES, RowReader, unusable};
use crate::id::{Id, Sha256, now};
use crate::ops::configured;
use crate::ops::publish_task::format;
use crate::resource::{Access, Errors, Kind, Mode};
use crate::storage::{Digests, Staged};
use crate::tasks::{NewTask, TaskContext};

/// The most that is read of the members that are held in memory.
const SMALL: u64 = 16 << 20;
/// Artifacts kept together.
const BATCH: usize = 100;

/// What the task is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportJob {
    pub importer: Id,
    pub source: Source,
    pub create_repositories: bool,
    /// What the client asked for.
    pub params: Json,
    pub group: Id,
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: ImportJob = serde_json::from_value(args).map_err(Error::internal)?;
        let done = Run { app: &app, context: &context, job: &job }.import().await;
        let group = job.group;
        app.db.write(move |conn| task_rows::close_group(conn, group, now())).await?;
        done
    })
}

struct Run<'a> {
    app: &'a Shared,
    context: &'a TaskContext,
    job: &'a ImportJob,
}

/// What there is in an export.
#[derive(Default)]
struct Contents {
    versions: Option<Vec<u8>>,
    repositories: Vec<Facts>,
    /// What repositories say of themselves, by their folders.
    settings: HashMap<String, Facts>,
    folders: Vec<String>,
}

/// A repository of the export and the one that it goes into.
struct Destination {
    folder: String,
    source_name: String,
    repository: Id,
    name: String,
    prn: String,
}

impl Run<'_> {
    async fn import(&self) -> Result<Json> {
        let files = self.job.source.files(&self.app.config.allowed_import_paths).await?;
        if let Source::Toc(_) = self.job.source {
            source::validate(self.context, &files).await?;
        }
        let files: Vec<PathBuf> = files.into_iter().map(|(path, _)| path).collect();
        let contents = self.look_through(files.clone()).await?;
        check_versions(self.app, contents.versions.as_deref())?;
        self.check_repositories(&contents).await?;
        self.keep_artifacts(files).await?;
        let (id, destinations, skipped) = self.destinations(contents).await?;
        let prn = crate::id::prn("core", "pulpimport", id);
        self.context.created(prn, format!("importers/core/pulp/{}/imports/{id}/", self.job.importer));
        for destination in destinations {
            self.start(destination).await?;
        }
        Ok(if skipped.is_empty() { Json::Null } else { json!({"skipped_repositories": skipped}) })
    }

    /// Reads all members once: names, digests, versions and what repositories say of themselves.
    async fn look_through(&self, files: Vec<PathBuf>) -> Result<Contents> {
        let (context, plugins) = (self.context.clone(), self.app.registry.plugins.clone());
        let settings: Vec<&'static str> =
            plugins.iter().filter_map(|plugin| plugin.exchange().map(|exchange| exchange.repository.name)).collect();
        let read = move || {
            let mut contents = Contents::default();
            source::open(files)?.read(|entry, bytes| -> Result<()> {
                context.check()?;
                match &entry.name {
                    EntryName::Versions => contents.versions = Some(source::small(entry, bytes, SMALL)?),
                    EntryName::Artifact(expected) => verify(&context, &entry.path, expected, bytes)?,
                    EntryName::Dump(name) if name == REPOSITORIES => {
                        contents.repositories = all_rows(&entry.path, source::small(entry, bytes, SMALL)?)?;
                    }
                    EntryName::Dump(_) => {}
                    EntryName::OfRepository { folder, dump } => {
                        if !contents.folders.contains(folder) {
                            contents.folders.push(folder.clone());
                        }
                        if settings.contains(&dump.as_str()) {
                            let rows = all_rows(&entry.path, source::small(entry, bytes, SMALL)?)?;
                            contents.settings.extend(rows.into_iter().next().map(|row| (folder.clone(), row)));
                        }
                    }
                }
                Ok(())
            })?;
            Ok(contents)
        };
        spawn_blocking(read).await.map_err(Error::internal)?
    }

    /// # Errors
    /// When the export lacks the rows of what it has folders of, or has repositories of an unknown type.
    async fn check_repositories(&self, contents: &Contents) -> Result<()> {
        let missing = || unusable(format!("{REPOSITORIES}.json"), "tells of no repository");
        if contents.repositories.is_empty() {
            return Err(missing());
        }
        for row in &contents.repositories {
            let (name, pulp_type) = (row.text("name"), row.text("pulp_type"));
            folder_of(contents, &name)?;
            let plugin = self.app.registry.plugin(&pulp_type).ok_or_else(|| not_moved(&pulp_type))?;
            plugin.exchange().ok_or_else(|| not_moved(&pulp_type))?;
            self.app.registry.typed(Kind::Repository, &pulp_type).ok_or_else(|| not_moved(&pulp_type))?;
        }
        Ok(())
    }

    async fn keep_artifacts(&self, files: Vec<PathBuf>) -> Result<()> {
        let progress = self.context.progress("Importing Artifacts", "import.artifacts", None);
        let mut members = Members::read(files, |entry| matches!(entry.name, EntryName::Artifact(_)));
        let (mut batch, mut writer) = (Vec::new(), None);
        while let Some(piece) = members.next().await? {
            match piece {
                Piece::Begin(entry) => writer = Some((entry, self.app.storage.stage(self.app.digests()?)?)),
                Piece::Data(bytes) => {
                    if let Some((_, writer)) = &mut writer {
                        writer.write(bytes).await?;
                    }
                }
                Piece::End => {
                    let Some((entry, writer)) = writer.take() else { continue };
                    let staged = writer.finish().await?;
                    if entry.name != EntryName::Artifact(staged.digests.sha256.clone()) {
                        return Err(unusable(entry.path, "changed while it was read"));
                    }
                    batch.push(staged);
                    if batch.len() >= BATCH {
                        progress.add(self.keep(std::mem::take(&mut batch)).await?);
                    }
                }
            }
        }
        progress.add(self.keep(batch).await?);
        progress.finish();
        Ok(())
    }

    async fn keep(&self, staged: Vec<Staged>) -> Result<i64> {
        self.context.check()?;
        let facts: Vec<(u64, Digests)> = staged.iter().map(|one| (one.size, one.digests.clone())).collect();
        let digests: Vec<Sha256> = facts.iter().map(|(_, digests)| digests.sha256.clone()).collect();
        let _announced: Announced = self.app.db.announce(&digests).await?;
        self.app.storage.keep_all(staged).await?;
        let (domain, count) = (self.app.domain, facts.len() as i64);
        self.app.db.write(move |conn| artifacts::insert_all(conn, domain, &facts)).await?;
        Ok(count)
    }

    /// Finds or makes the repositories, and notes the import. What has no destination is passed over.
    async fn destinations(&self, contents: Contents) -> Result<(Id, Vec<Destination>, Vec<String>)> {
        let (app, job, context) = (self.app.clone(), self.job.clone(), self.context.clone());
        let found = self.app.db.write(move |conn| {
            context.fence(conn)?;
            let mapping: HashMap<String, Id> = rows::mapping(conn, job.importer)?.into_iter().collect();
            let (mut destinations, mut skipped) = (Vec::new(), Vec::new());
            for row in &contents.repositories {
                let folder = folder_of(&contents, &row.text("name"))?;
                match destination(&app, conn, row, &folder, &contents, &mapping, job.create_repositories)? {
                    Some(destination) => destinations.push(destination),
                    None => skipped.push(row.text("name")),
                }
            }
            let id = rows::insert_import(conn, app.domain, job.importer, context.id(), &job.params)?;
            Ok((id, destinations, skipped))
        });
        found.await
    }

    async fn start(&self, to: Destination) -> Result<()> {
        let job = VersionJob {
            source: self.job.source.clone(),
            folder: to.folder,
            source_name: to.source_name,
            repository: to.repository,
            name: to.name,
        };
        let task = NewTask {
            name: "pulpcore.app.tasks.importer.import_repository_version".to_owned(),
            kind: IMPORT_VERSION,
            kind_if_blocked: None,
            args: json!(job),
            exclusive: vec![to.prn],
            shared: vec![],
            cid: String::new(),
            created_by: None,
            group: Some(self.job.group),
            parent: None,
            measures_memory: false,
        };
        self.context.dispatch_child(task).await.map(drop)
    }
}

fn verify(context: &TaskContext, path: &str, expected: &Sha256, bytes: &mut dyn std::io::Read) -> Result<()> {
    let (mut hasher, mut block) = (sha2::Sha256::new(), vec![0; 256 << 10]);
    loop {
        context.check()?;
        match bytes.read(&mut block).map_err(|error| unusable(path, error))? {
            0 => break,
            count => hasher.update(&block[..count]),
        }
    }
    let found = hex::encode(hasher.finalize());
    if found == expected.as_str() {
        return Ok(());
    }
    Err(unusable(path, format!("has the digest {found}, which its name does not say")))
}

fn all_rows(path: &str, bytes: Vec<u8>) -> Result<Vec<Facts>> {
    let mut reader = RowReader::new(path, bytes.as_slice());
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row.facts);
    }
    Ok(rows)
}

/// The folder of a repository: `repository-<name>_<number>`.
fn folder_of(contents: &Contents, name: &str) -> Result<String> {
    let start = format!("repository-{name}_");
    let is_its = |folder: &&String| {
        let number = folder.strip_prefix(&start);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let missing = || unusable(format!("{start}…"), "is missing: the export tells of the repository");
    contents.folders.iter().find(is_its).cloned().ok_or_else(missing)
}

/// Versions are compared to their second number, as the reference does.
fn check_versions(app: &App, bytes: Option<&[u8]>) -> Result<()> {
    const FILE: &str = crate::exchange::VERSIONS;
    let bytes = bytes.ok_or_else(|| unusable(FILE, "is missing"))?;
    for row in all_rows(FILE, bytes.to_vec())? {
        let (component, version) = (row.text("component"), row.text("version"));
        let own = match component.as_str() {
            "core" => Some(PULP_VERSION),
            name => app.registry.plugins.iter().find(|plugin| plugin.name() == name).map(|plugin| plugin.version()),
        };
        let own = own.ok_or_else(|| unusable(FILE, format!("there is no component `{component}` here")))?;
        let major_minor = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
        if major_minor(&version) != major_minor(own) {
            let problem = format!("the export was made by `{component}` {version}, here is {own}");
            return Err(unusable(FILE, problem));
        }
    }
    Ok(())
}

fn destination(
    app: &App,
    conn: &mut Conn,
    row: &Facts,
    folder: &str,
    contents: &Contents,
    mapping: &HashMap<String, Id>,
    create: bool,
) -> Result<Option<Destination>> {
    let (source_name, pulp_type) = (row.text("name"), row.text("pulp_type"));
    let resource = app.registry.typed(Kind::Repository, &pulp_type).ok_or_else(|| not_moved(&pulp_type))?;
    let found = match mapping.get(&source_name) {
        Some(id) => Some((*id, crate::db::repositories::settings(conn, *id)?.pulp_type)),
        None => rows::repository_named(conn, app.domain, &source_name)?,
    };
    let id = match found {
        Some((id, of)) if of == pulp_type => id,
        Some((_, of)) => {
            let problem = format!("holds a repository of the type `{pulp_type}`, its destination is of `{of}`");
            return Err(unusable(folder, problem));
        }
        None if create => make(app, conn, row, contents.settings.get(folder), &pulp_type)?,
        None => return Ok(None),
    };
    let name = crate::db::repositories::name(conn, id)?;
    Ok(Some(Destination { folder: folder.to_owned(), source_name, repository: id, name, prn: resource.prn(id) }))
}

/// Makes a repository as an export describes it.
fn make(app: &App, conn: &mut Conn, row: &Facts, settings: Option<&Facts>, pulp_type: &str) -> Result<Id> {
    let resource = app.registry.typed(Kind::Repository, pulp_type).ok_or_else(|| not_moved(pulp_type))?;
    let exchange = format(app, pulp_type)?.exchange().ok_or_else(|| not_moved(pulp_type))?;
    let wrong = |problem: String| unusable(format!("{REPOSITORIES}.json"), problem);
    let mut given: Map<String, Json> = match settings {
        Some(settings) => exchange.repository.details(settings).map_err(wrong)?,
        None => Map::new(),
    };
    given.insert("name".into(), json!(row.text("name")));
    given.insert("description".into(), json!(row.optional("description")));
    for name in ["retain_repo_versions", "retain_checkpoints"] {
        given.insert(name.into(), json!(row.number(name).map_err(wrong)?));
    }
    given.insert(
        LABELS.into(),
        match row.json(LABELS).map_err(wrong)? {
            Json::Null => json!({}),
            labels => labels,
        },
    );
    let is_settable = |name: &String| resource.field(name).is_some_and(|field| field.access != Access::ReadOnly);
    given.retain(|name, _| is_settable(name));
    let (content, mut errors) = (app.content_base(None), Errors::default());
    let draft = Mode::Create.parse(&resource.fields, &given, &mut errors);
    let change = configured::check(app, &app.scope(&content), conn, resource, &draft, None, &mut errors)?;
    errors.into_result()?;
    configured::create(app, conn, resource, &change)
}
