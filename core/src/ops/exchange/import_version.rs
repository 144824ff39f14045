//! The task that makes the version of one repository of an export. It reads the export again: nothing is kept between
//! the two tasks but artifacts, so that either may run on any host that has the files.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::LABELS;
use super::contents::Fingerprint;
use super::export::not_moved;
use super::index::Index;
use super::source::{Members, Piece, Source};
use crate::app::Shared;
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::exchange::{CONTENT_ARTIFACTS, EntryName, Facts, MAPPING, RowReader, unusable};
use crate::id::Id;
use crate::ops::publish_task::{self, format};
use crate::ops::versions::{self, Overwrite, VersionDraft};
use crate::ops::{change_version, content, create_content};
use crate::plugin::{Exchange, ExchangedContent, ImportedUnit, Unit, UnitFile};
use crate::storage::{DigestSet, Staged};
use crate::tasks::TaskContext;

/// Units written together, as long as their rows are no larger than this.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 16 << 20;

/// What the task is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VersionJob {
    pub source: Source,
    /// The folder of the export.
    pub folder: String,
    /// What was in it when the import began.
    pub fingerprint: String,
    /// What the repository is called there.
    pub source_name: String,
    pub repository: Id,
    /// What it is called here.
    pub name: String,
}

/// Units of one type, with the labels that new ones get.
struct Batch {
    pulp_type: &'static str,
    dump: &'static str,
    units: Vec<Unit>,
    labels: Vec<Option<Json>>,
}

pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: VersionJob = serde_json::from_value(args).map_err(Error::internal)?;
        let repository = job.repository;
        let pulp_type = app.db.read(move |conn| Ok(repositories::settings(conn, repository)?.pulp_type)).await?;
        let exchange = format(&app, &pulp_type)?.exchange().ok_or_else(|| not_moved(&pulp_type))?;
        let message = format!("Importing content for {}", job.name);
        let progress = context.progress(&message, "import.repo.version.content", Some(0));
        let dumps = extract(&app, &job, &exchange).await?;
        let begin = move |conn: &mut Conn| {
            let draft = versions::begin(conn, repository)?;
            draft.remove_all(conn)?;
            Ok(draft)
        };
        let draft = app.db.write(begin).await?;
        let (sender, mut batches) = mpsc::channel(2);
        let (source_name, of) = (job.source_name.clone(), context.clone());
        let reading = spawn_blocking(move || read(exchange, dumps, &source_name, &of, &sender));
        let mut total = 0;
        while let Some(batch) = batches.recv().await {
            context.check()?;
            let count = batch.units.len() as i64;
            write(&app, &draft, batch).await?;
            total += count;
            progress.set_total(total);
            progress.add(count);
        }
        reading.await.map_err(Error::internal)??;
        progress.finish();
        finish(&app, &context, draft, repository).await
    })
}

async fn finish(app: &Shared, context: &TaskContext, draft: VersionDraft, repository: Id) -> Result<Json> {
    let (shared, fence) = (app.clone(), context.clone());
    let done = app.db.write(move |conn| {
        fence.fence(conn)?;
        let finished = change_version::with_kind(&shared, conn, repository, |conn, kind| {
            draft.finish(conn, kind, Overwrite::Allowed)
        })?;
        let described = finished.version.map(|version| change_version::describe(&shared, conn, version.id));
        let (created, shown) = described.transpose()?.unzip();
        fence.created(conn, created)?;
        Ok((finished, shown))
    });
    let (finished, shown) = done.await?;
    context.rejected(&finished.rejected);
    let Some(shown) = shown else { return Ok(Json::Null) };
    app.served_content_changed();
    if let Some(version) = finished.version {
        publish_task::after_new_version(app, context, version.id).await?;
    }
    Ok(shown)
}

/// The dumps of the folder as staged files, by their names.
///
/// # Errors
/// `Conflict` naming a dump that the format does not know; or that the folder is not what it was when the import began.
async fn extract(app: &Shared, job: &VersionJob, exchange: &Exchange) -> Result<HashMap<String, Staged>> {
    let files = job.source.files(&app.config.allowed_import_paths).await?;
    let files: Vec<PathBuf> = files.into_iter().map(|(path, _)| path).collect();
    let wanted = job.folder.clone();
    let mut members = Members::read(
        files,
        move |entry| matches!(&entry.name, EntryName::OfRepository { folder, .. } if *folder == wanted),
    );
    let (mut dumps, mut writer, mut fingerprint) = (HashMap::new(), None, Fingerprint::default());
    while let Some(piece) = members.next().await? {
        match piece {
            Piece::Begin(entry) => {
                let EntryName::OfRepository { dump, .. } = entry.name else { continue };
                if !knows(exchange, &dump) {
                    let problem = "holds rows of a type that is not known here";
                    return Err(unusable(entry.path, problem));
                }
                writer = Some((dump, entry.path, app.storage.stage(DigestSet::sha256())?));
            }
            Piece::Data(bytes) => {
                if let Some((.., writer)) = &mut writer {
                    writer.write(bytes).await?;
                }
            }
            Piece::End => {
                if let Some((dump, path, writer)) = writer.take() {
                    let staged = writer.finish().await?;
                    fingerprint.add(&path, &staged.digests.sha256);
                    dumps.insert(dump, staged);
                }
            }
        }
    }
    // What is absent would be taken for nothing, and an empty version be made of it.
    if fingerprint.finish() != job.fingerprint || !dumps.contains_key(exchange.repository.name) {
        let problem = format!("`{}` is not what it was when the import began", job.folder);
        return Err(unusable(job.source.name(), problem));
    }
    Ok(dumps)
}

fn knows(exchange: &Exchange, dump: &str) -> bool {
    let of_units = |content: &Arc<dyn ExchangedContent>| {
        content.dump() == dump || content.parts().iter().any(|part| part.name == dump)
    };
    [CONTENT_ARTIFACTS, MAPPING, exchange.repository.name].contains(&dump)
        || exchange.expected.contains(&dump)
        || exchange.units.iter().any(of_units)
}

fn content_of(facts: &Facts) -> String {
    facts.text("content")
}

/// Reads units of all dumps and hands them on in batches. Blocks.
fn read(
    exchange: Exchange,
    mut dumps: HashMap<String, Staged>,
    source_name: &str,
    context: &TaskContext,
    to: &mpsc::Sender<Batch>,
) -> Result<()> {
    let index = |name: &str, owner: fn(&Facts) -> String, dumps: &mut HashMap<String, Staged>| {
        dumps.remove(name).map(|file| Index::build(name, file, owner, context)).transpose()
    };
    let own = dumps.remove(MAPPING).map(|file| own_units(&file, source_name)).transpose()?;
    let mut files = index(CONTENT_ARTIFACTS, content_of, &mut dumps)?;
    for content in &exchange.units {
        let Some(dump) = dumps.remove(content.dump()) else { continue };
        let mut parts = Vec::new();
        for part in content.parts() {
            parts.push((part.key, index(part.name, part.owner, &mut dumps)?));
        }
        let mut reader = RowReader::new(content.dump(), dump.reader()?);
        let new = || Batch { pulp_type: content.pulp_type(), dump: content.dump(), units: vec![], labels: vec![] };
        let (mut batch, mut bytes) = (new(), 0);
        while let Some(row) = reader.next_row()? {
            context.check()?;
            let id = row.facts.text("upstream_id");
            if own.as_ref().is_some_and(|own| id.parse::<Id>().map_or(true, |id| !own.contains(&id))) {
                continue;
            }
            let wrong = |problem: String| unusable(content.dump(), format!("the unit `{id}`: {problem}"));
            let labels = row.facts.json(LABELS).map_err(wrong)?;
            batch.labels.push(Some(labels).filter(Json::is_object));
            let files = match &mut files {
                Some(files) => files.rows(&id)?.iter().map(file).collect::<Result<Vec<_>, _>>().map_err(wrong)?,
                None => vec![],
            };
            let mut rows = Vec::with_capacity(parts.len());
            for (key, part) in &mut parts {
                let of = key(&row.facts);
                rows.push(part.as_mut().map(|part| part.rows(&of)).transpose()?.unwrap_or_default());
            }
            let unit = ImportedUnit { facts: row.facts, files, parts: rows };
            batch.units.push(content.import(&unit).map_err(wrong)?);
            bytes += row.size;
            if batch.units.len() >= BATCH || bytes > BATCH_BYTES {
                bytes = 0;
                to.blocking_send(std::mem::replace(&mut batch, new())).map_err(|_| Error::Canceled)?;
            }
        }
        if !batch.units.is_empty() {
            to.blocking_send(batch).map_err(|_| Error::Canceled)?;
        }
    }
    Ok(())
}

fn file(row: &Facts) -> Result<UnitFile, String> {
    Ok(UnitFile {
        relative_path: row.text("relative_path").parse().map_err(|problem| format!("`relative_path`: {problem}"))?,
        sha256: Some(row.text("artifact").parse().map_err(|problem| format!("`artifact`: {problem}"))?),
    })
}

/// The units of the repository itself, where an export has those of its parts too.
///
/// # Errors
/// When the export does not name the repository.
fn own_units(file: &Staged, source_name: &str) -> Result<HashSet<Id>> {
    let wrong = |problem: &dyn Display| unusable(format!("{MAPPING}.json"), problem);
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(file.reader()?));
    let found = OwnUnits(source_name).deserialize(&mut json).map_err(|problem| wrong(&problem))?;
    json.end().map_err(|problem| wrong(&problem))?;
    found.ok_or_else(|| wrong(&format!("does not name the repository `{source_name}`")))
}

/// Reads the units of the repository that is called so, and nothing else into memory.
struct OwnUnits<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for OwnUnits<'_> {
    type Value = Option<HashSet<Id>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OwnUnits<'_> {
    type Value = Option<HashSet<Id>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("units by the names of repositories")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

async fn write(app: &Shared, draft: &VersionDraft, batch: Batch) -> Result<()> {
    let (shared, draft) = (app.clone(), draft.clone());
    let write = move |conn: &mut Conn| {
        let content_type = create_content::content_type(&shared, batch.pulp_type)?;
        let stored = content::store(conn, shared.domain, content_type.as_ref(), &batch.units, &json!({}))?;
        for (unit, labels) in stored.iter().zip(&batch.labels) {
            if let Some(file) = unit.files.iter().find(|file| file.artifact.is_none()) {
                let problem = format!("the artifact at `{}` is neither in the export nor here", file.relative_path);
                return Err(unusable(batch.dump, problem));
            }
            if let (true, Some(Json::Object(labels))) = (unit.created, labels) {
                repositories::set_labels(conn, "content", unit.id, labels.clone())?;
            }
        }
        let ids: Vec<Id> = stored.iter().map(|unit| unit.id).collect();
        draft.add(conn, &ids)
    };
    app.db.write(write).await
}
