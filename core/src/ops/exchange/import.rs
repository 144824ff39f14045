//! The task that begins an import: looks through all of the export before anything of it is kept, keeps its artifacts,
//! and has the version of each repository made by a task of its own.

use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::task::spawn_blocking;

use super::contents::{Contents, Folder};
use super::export::not_moved;
use super::import_version::VersionJob;
use super::source::{self, Members, Piece, Source};
use super::{IMPORT_VERSION, LABELS};
use crate::app::{App, Shared};
use crate::db::exchange as rows;
use crate::db::{Announced, Conn, artifacts};
use crate::error::{Error, Result};
use crate::exchange::{EntryName, Facts, REPOSITORIES, unusable};
use crate::id::{Id, Sha256};
use crate::ops::configured;
use crate::ops::publish_task::format;
use crate::resource::{Access, Errors, Kind, Mode};
use crate::storage::{Digests, Staged};
use crate::tasks::{NewTask, TaskContext};

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
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: ImportJob = serde_json::from_value(args).map_err(Error::internal)?;
        Run { app: &app, context: &context, job: &job }.import().await
    })
}

struct Run<'a> {
    app: &'a Shared,
    context: &'a TaskContext,
    job: &'a ImportJob,
}

/// A repository of the export and the one that it goes into.
struct Destination {
    folder: Folder,
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
        contents.check(self.app)?;
        self.keep_artifacts(files).await?;
        let (destinations, skipped) = self.destinations(contents).await?;
        for destination in destinations {
            self.start(destination).await?;
        }
        Ok(if skipped.is_empty() { Json::Null } else { json!({"skipped_repositories": skipped}) })
    }

    async fn look_through(&self, files: Vec<PathBuf>) -> Result<Contents> {
        let (app, context) = (self.app.clone(), self.context.clone());
        spawn_blocking(move || Contents::look_through(&app, &context, files)).await.map_err(Error::internal)?
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
        let _announced: Announced = self.app.db.announce(self.app.domain, &digests).await?;
        self.app.storage.keep_all(staged).await?;
        let (domain, count) = (self.app.domain, facts.len() as i64);
        self.app.db.write(move |conn| artifacts::insert_all(conn, domain, &facts)).await?;
        Ok(count)
    }

    /// Finds or makes the repositories, and notes the import. What has no destination is passed over.
    async fn destinations(&self, contents: Contents) -> Result<(Vec<Destination>, Vec<String>)> {
        let (app, job, context) = (self.app.clone(), self.job.clone(), self.context.clone());
        let found = self.app.db.write(move |conn| {
            context.fence(conn)?;
            let mapping: HashMap<String, Id> = rows::mapping(conn, job.importer)?.into_iter().collect();
            let (mut destinations, mut skipped) = (Vec::new(), Vec::new());
            for row in &contents.repositories {
                let folder = contents.folder(&row.text("name"))?;
                match destination(&app, conn, row, folder, &mapping, job.create_repositories)? {
                    Some(destination) => destinations.push(destination),
                    None => skipped.push(row.text("name")),
                }
            }
            let id = rows::insert_import(conn, app.domain, job.importer, context.id(), &job.params)?;
            let path = format!("importers/core/pulp/{}/imports/{id}/", job.importer);
            context.created(conn, [(crate::id::prn("core", "pulpimport", id), path)])?;
            Ok((destinations, skipped))
        });
        found.await
    }

    async fn start(&self, to: Destination) -> Result<()> {
        let job = VersionJob {
            source: self.job.source.clone(),
            folder: to.folder.name,
            fingerprint: to.folder.fingerprint.finish(),
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
            group: None,
            parent: None,
            measures_memory: false,
        };
        self.context.dispatch_child(task).await.map(drop)
    }
}

fn destination(
    app: &App,
    conn: &mut Conn,
    row: &Facts,
    folder: &Folder,
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
            return Err(unusable(&folder.name, problem));
        }
        None if create => make(app, conn, row, folder.settings(), &pulp_type)?,
        None => return Ok(None),
    };
    let name = crate::db::repositories::name(conn, id)?;
    Ok(Some(Destination { folder: folder.clone(), source_name, repository: id, name, prn: resource.prn(id) }))
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
