//! From a file to the unit it is: a format inspects it, and what the unit is made of is kept.

use std::path::PathBuf;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::app::App;
use crate::db::{Announced, Conn, artifacts};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::params;
use crate::plugin::{ContentType, Inspected, Inspection, Unit};
use crate::storage::{DigestSet, Digests, Staged};

/// A unit whose files are in the store, and the units that belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUnit {
    pub unit: Unit,
    /// Sizes and digests of its files.
    pub artifacts: Vec<(u64, Digests)>,
    /// By type.
    pub companions: Vec<(String, Unit)>,
}

/// Inspects a staged file and keeps it, if the unit has it. The bytes stay while the announcement is held.
///
/// # Errors
/// `Invalid` when the format refuses the file; nothing is kept then.
pub async fn staged(
    app: &App,
    content_type: &dyn ContentType,
    mut staged: Staged,
    file_name: Option<String>,
    given: &Map<String, Json>,
) -> Result<(NewUnit, Announced)> {
    let path = if content_type.reads_file() { Some(staged.on_disk().await?) } else { None };
    let (size, digests) = (staged.size, staged.digests.clone());
    let inspected = content_type.inspect(&Inspection { path, file_name, size, digests }, given).await?;
    let file = (staged.size, staged.digests.clone());
    keep(app, inspected, file, Some(staged)).await
}

/// The same of an artifact.
pub async fn artifact(
    app: &App,
    content_type: &dyn ContentType,
    id: Id,
    given: &Map<String, Json>,
) -> Result<(NewUnit, Announced)> {
    let (size, digests) = app.db.read(move |conn| artifact_facts(conn, id)).await?;
    let _announced = app.db.announce(app.domain, std::slice::from_ref(&digests.sha256)).await?;
    // Between the look at the row and the announcement the artifact may have gone.
    app.db.read(move |conn| artifact_facts(conn, id)).await?;
    let (path, _copy) = match content_type.reads_file() {
        true => on_this_host(app, &digests.sha256).await.map(|(path, copy)| (Some(path), copy))?,
        false => (app.storage.local_path(&digests.sha256), None),
    };
    let inspection = Inspection { path, file_name: None, size, digests: digests.clone() };
    let inspected = content_type.inspect(&inspection, given).await?;
    keep(app, inspected, (size, digests), None).await
}

/// The unit that a client describes without any file.
///
/// # Errors
/// `Invalid` when the format refuses what the client said.
pub async fn composed(
    app: &App,
    content_type: &dyn ContentType,
    given: &Map<String, Json>,
) -> Result<(NewUnit, Announced)> {
    let unit = content_type.compose(given).await?;
    Ok((NewUnit { unit, artifacts: vec![], companions: vec![] }, app.db.announce(app.domain, &[]).await?))
}

/// Keeps what an inspection came to: the file itself, if the unit has it, and what was read out of it.
pub async fn keep(
    app: &App,
    inspected: Inspected,
    file: (u64, Digests),
    staged: Option<Staged>,
) -> Result<(NewUnit, Announced)> {
    let Inspected { unit, derived, companions } = inspected;
    let mut artifacts = vec![];
    let mut arrivals = vec![];
    if unit.files.iter().any(|one| one.sha256.as_ref() == Some(&file.1.sha256)) {
        artifacts.push(file);
        arrivals.extend(staged);
    }
    for bytes in derived {
        let staged = app.storage.stage_bytes(bytes, app.digests()?).await?;
        artifacts.push((staged.size, staged.digests.clone()));
        arrivals.push(staged);
    }
    let digests: Vec<Sha256> = artifacts.iter().map(|(_, digests)| digests.sha256.clone()).collect();
    let announced = app.db.announce(app.domain, &digests).await?;
    app.storage.keep_all(arrivals).await?;
    let companions = companions.into_iter().map(|(name, unit)| (name.to_owned(), unit)).collect();
    Ok((NewUnit { unit, artifacts, companions }, announced))
}

/// Announces the files of units that were kept by requests whose tasks had to wait: nothing held their bytes
/// meanwhile. Returns how many of the units, from the first on, still have theirs.
///
/// # Errors
/// `Conflict` when a file of the first has gone.
pub async fn waited(app: &App, units: &[&NewUnit]) -> Result<(usize, Announced)> {
    let files = units.iter().flat_map(|new| &new.artifacts);
    let digests: Vec<Sha256> = files.map(|(_, digests)| digests.sha256.clone()).collect();
    let announced = app.db.announce(app.domain, &digests).await?;
    for (at, new) in units.iter().enumerate() {
        match missing(app, new).await? {
            None => {}
            Some(_) if at > 0 => return Ok((at, announced)),
            Some(sha256) => {
                return Err(Error::Conflict(format!("the file {sha256} was cleaned up while the task waited")));
            }
        }
    }
    Ok((units.len(), announced))
}

/// A file of a unit that is not in the store.
async fn missing<'a>(app: &App, new: &'a NewUnit) -> Result<Option<&'a Sha256>> {
    for (size, digests) in &new.artifacts {
        if app.storage.size(&digests.sha256).await? != Some(*size) {
            return Ok(Some(&digests.sha256));
        }
    }
    Ok(None)
}

/// An artifact's size and digests.
fn artifact_facts(conn: &mut Conn, id: Id) -> Result<(u64, Digests)> {
    let row = conn
        .query_one("SELECT size, md5, sha1, sha224, sha256, sha384, sha512 FROM artifact WHERE id = $1", params![id])?;
    artifacts::facts(&row)
}

/// Where the bytes of an artifact can be read on this host, while what comes with it is held.
pub(super) async fn readable(app: &App, artifact: Id) -> Result<(PathBuf, Option<Staged>)> {
    let (_, digests) = app.db.read(move |conn| artifact_facts(conn, artifact)).await?;
    on_this_host(app, &digests.sha256).await
}

async fn on_this_host(app: &App, sha256: &Sha256) -> Result<(PathBuf, Option<Staged>)> {
    if let Some(path) = app.storage.local_path(sha256) {
        return Ok((path, None));
    }
    let mut copy = local_copy(app, sha256).await?;
    Ok((copy.on_disk().await?, Some(copy)))
}

/// A copy of an artifact on this host, for a type that reads files of a store that is elsewhere.
async fn local_copy(app: &App, sha256: &Sha256) -> Result<Staged> {
    let mut writer = app.storage.stage(DigestSet::sha256())?;
    let mut bytes = app.storage.stream(sha256, None).await?;
    while let Some(block) = bytes.try_next().await? {
        writer.write(block).await?;
    }
    writer.finish().await
}
