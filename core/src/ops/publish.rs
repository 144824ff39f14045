//! Publications: a format fills one, core makes it visible in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Stores;
use crate::db::publications::{self, NewPublication, VersionRow};
use crate::db::{Conn, artifacts, sync, units};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::plugin::{Files, Plugin, PublicationWriter, Task, VersionReader, VersionUnits};

/// What to publish and how.
#[derive(Clone, Debug)]
pub struct PublishRequest {
    pub repository_version: Id,
    /// Of the publication.
    pub pulp_type: String,
    pub details: Json,
    pub checkpoint: bool,
}

/// Publishes a version: the publication appears complete or not at all, and with it what `then` does.
///
/// # Errors
/// `NotFound` when the version is gone; `Conflict` when the format cannot publish it, for instance because
/// a unit lies where metadata must.
pub async fn publish<T: Send + 'static>(
    stores: &Stores,
    task: &Arc<dyn Task>,
    plugin: &dyn Plugin,
    request: PublishRequest,
    then: impl FnOnce(&mut Conn, Id) -> Result<T> + Send + 'static,
) -> Result<T> {
    let id = request.repository_version;
    let found = stores.db.read(move |conn| Ok(publications::version(conn, id)?.zip(units::version(conn, id)?)));
    let (version, read) = found.await?.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
    let Stores { db, storage, domain, digests, signing } = stores.clone();
    let units = VersionUnits::new(db.clone(), read, plugin.content_types());
    let files = Files::new(db.clone(), storage.clone(), version.clone());
    let mut reader = VersionReader::new(units, version.details.clone(), files);
    let signing = signing.under(task.correlation_id());
    let details = request.details.clone();
    let mut writer = PublicationWriter::new(details, (db, storage, domain), version.repository, digests, signing);
    plugin.publish(&mut reader, &mut writer).await?;
    task.check()?;
    // Held until the rows are there.
    let (_announced, kept) = writer.keep().await?;
    let task = task.clone();
    let complete = move |conn: &mut Conn| {
        task.fence(conn)?;
        let known = artifacts::insert_all(conn, domain, &kept)?;
        let publication = complete(conn, domain, known, &version, request, writer)?;
        then(conn, publication)
    };
    stores.db.write(complete).await
}

/// Publishes a new version by itself where its repository asks for that; see [`Plugin::autopublication`].
pub async fn autopublish<T: Send + 'static>(
    stores: &Stores,
    task: &Arc<dyn Task>,
    plugin: &dyn Plugin,
    repository_version: Id,
    then: impl FnOnce(&mut Conn, Id) -> Result<T> + Send + 'static,
) -> Result<Option<T>> {
    let version = stores.db.read(move |conn| publications::version(conn, repository_version)).await?;
    // A version that retention took away at once needs no publication.
    let Some(version) = version else { return Ok(None) };
    let Some(details) = plugin.autopublication(&version.details) else { return Ok(None) };
    let request = PublishRequest { repository_version, pulp_type: version.pulp_type, details, checkpoint: false };
    publish(stores, task, plugin, request, then).await.map(Some)
}

fn complete(
    conn: &mut Conn,
    domain: Id,
    mut known: HashMap<Sha256, Id>,
    version: &VersionRow,
    request: PublishRequest,
    writer: PublicationWriter,
) -> Result<Id> {
    // What was kept before.
    let others = writer.metadata.iter().map(|(_, sha256)| sha256).filter(|sha256| !known.contains_key(*sha256));
    let others: Vec<_> = others.cloned().collect();
    known.extend(artifacts::by_sha256(conn, domain, &others)?.into_iter().map(|(sha256, known)| (sha256, known.id)));
    let metadata = writer.metadata.iter().map(|(path, sha256)| {
        let id = known.get(sha256).copied();
        let id = id.ok_or_else(|| Error::Conflict("published metadata was cleaned up meanwhile".into()))?;
        Ok((path.as_str().to_owned(), id))
    });
    let metadata = metadata.collect::<Result<Vec<_>>>()?;
    let artifacts = distinct(writer.artifacts.into_iter().map(|(path, file)| (path.into_string(), file)))?;
    refuse_clash(conn, version, writer.pass_through, &metadata, &artifacts)?;
    let publication = NewPublication {
        id: Id::new(),
        domain,
        pulp_type: request.pulp_type,
        repository_version: version.id,
        pass_through: writer.pass_through,
        placement: writer.placement,
        placed: writer.placed,
        checkpoint: request.checkpoint,
        details: writer.details,
    };
    publications::insert(conn, &publication, metadata, artifacts)?;
    publications::remember(conn, version.repository, publication.id, writer.memory)?;
    sync::expect_no_publication(conn, version.repository, version.id, &version.details)?;
    Ok(publication.id)
}

/// Each path once.
///
/// # Errors
/// `Conflict` when two files were given one path.
fn distinct(artifacts: impl Iterator<Item = (String, Id)>) -> Result<Vec<(String, Id)>> {
    let mut artifacts: Vec<_> = artifacts.collect();
    artifacts.sort_unstable();
    artifacts.dedup();
    match artifacts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Error::Conflict(format!("the publication has two files at `{}`", pair[0].0))),
        None => Ok(artifacts),
    }
}

/// One path leads to one file.
fn refuse_clash(
    conn: &mut Conn,
    version: &VersionRow,
    pass_through: bool,
    metadata: &[(String, Id)],
    artifacts: &[(String, Id)],
) -> Result<()> {
    let own: std::collections::HashSet<&str> = metadata.iter().map(|(path, _)| path.as_str()).collect();
    let mut clash = artifacts.iter().map(|(path, _)| path).find(|path| own.contains(path.as_str())).cloned();
    if clash.is_none() && pass_through && !own.is_empty() {
        let paths = metadata.iter().map(|(path, _)| path.clone()).collect();
        clash = publications::taken_path(conn, version, paths)?;
    }
    match clash {
        Some(path) => Err(Error::Conflict(format!("the published `{path}` would hide a unit of that path"))),
        None => Ok(()),
    }
}
