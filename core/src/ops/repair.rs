//! Compares artifacts with their bytes and fetches what is lost or spoilt from where it came from.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};

use super::Stores;
use super::upkeep::{Count, Part, Report};
use crate::db::artifact_bytes::{self as rows, StoredArtifact};
use crate::download::{Downloader, Wanted};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::storage::{Algorithm, DigestSet, Storage, Verdict};

pub static MISSING: Part = Part { message: "Identify missing units", code: "repair.missing" };
pub static CORRUPTED: Part = Part { message: "Identify corrupted units", code: "repair.corrupted" };
pub static REPAIRED: Part = Part { message: "Repair corrupted units", code: "repair.repaired" };

/// Artifacts per slice.
const SLICE: i64 = 200;
/// So many files are read at the same time.
const TOGETHER: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Version(Id),
}

/// How bytes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Whether they are there.
    Presence,
    /// Whether they have their digest.
    Digests,
}

/// Makes the downloader of a remote.
pub type Downloaders<'a> = &'a (dyn Fn(Id) -> BoxFuture<'a, Result<Downloader>> + Send + Sync);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    pub missing: u64,
    pub corrupted: u64,
    pub repaired: u64,
}

/// Looks at all artifacts of the scope and repairs what can be fetched again.
pub async fn repair(
    stores: &Stores,
    scope: Scope,
    look: Look,
    downloaders: Downloaders<'_>,
    report: Report<'_>,
) -> Result<Repaired> {
    let mut sums = Repaired::default();
    let mut known = HashMap::new();
    let (mut after, domain) = (None, stores.domain);
    tell(report, sums)?;
    loop {
        let (slice, last) = stores.db.read(move |conn| slice(conn, domain, scope, after)).await?;
        if last.is_none() {
            return Ok(sums);
        }
        after = last;
        for (artifact, verdict) in look_at(&stores.storage, slice, look).await? {
            match verdict {
                Verdict::Intact => continue,
                Verdict::Missing => sums.missing += 1,
                Verdict::Corrupt => sums.corrupted += 1,
            }
            if fetch_again(stores, &artifact, downloaders, &mut known).await? {
                sums.repaired += 1;
            }
        }
        tell(report, sums)?;
    }
}

fn tell(report: Report<'_>, sums: Repaired) -> Result<()> {
    let count = |done| Count { done, total: None };
    report(&MISSING, count(sums.missing))?;
    report(&CORRUPTED, count(sums.corrupted))?;
    report(&REPAIRED, count(sums.repaired))
}

/// Some artifacts of the scope, and where the next slice starts; that is none at the end.
fn slice(
    conn: &mut crate::db::Conn,
    domain: Id,
    scope: Scope,
    after: Option<Id>,
) -> Result<(Vec<StoredArtifact>, Option<Id>)> {
    match scope {
        Scope::All => {
            let artifacts = rows::page(conn, domain, after, SLICE)?;
            let last = artifacts.last().map(|artifact| artifact.id);
            Ok((artifacts, last))
        }
        Scope::Version(version) => {
            let units = rows::units_of_version(conn, version, after, SLICE)?;
            Ok((rows::of_units(conn, &units)?, units.last().copied()))
        }
    }
}

async fn look_at(
    storage: &Storage,
    artifacts: Vec<StoredArtifact>,
    look: Look,
) -> Result<Vec<(StoredArtifact, Verdict)>> {
    let looking = artifacts.into_iter().map(|artifact| {
        let storage = storage.clone();
        async move { verdict(&storage, &artifact, look).await.map(|verdict| (artifact, verdict)) }
    });
    futures_util::stream::iter(looking).buffer_unordered(TOGETHER).try_collect().await
}

async fn verdict(storage: &Storage, artifact: &StoredArtifact, look: Look) -> Result<Verdict> {
    match (storage.size(&artifact.sha256).await?, look) {
        (None, _) => Ok(Verdict::Missing),
        (Some(_), Look::Presence) => Ok(Verdict::Intact),
        (Some(size), Look::Digests) if size != artifact.size => Ok(Verdict::Corrupt),
        (Some(_), Look::Digests) => storage.verify(&artifact.sha256).await,
    }
}

/// Tries the artifact's sources one after the other; whether its bytes are right again.
async fn fetch_again(
    stores: &Stores,
    artifact: &StoredArtifact,
    downloaders: Downloaders<'_>,
    known: &mut HashMap<Id, Downloader>,
) -> Result<bool> {
    let id = artifact.id;
    for source in stores.db.read(move |conn| rows::sources(conn, id)).await? {
        let wanted = Wanted {
            url: source.url,
            size: Some(artifact.size),
            digests: vec![(Algorithm::Sha256, artifact.sha256.to_string())],
            largest: artifact.size,
        };
        let fetched = match downloader(source.remote, downloaders, known).await {
            Ok(downloader) => downloader.fetch(&wanted, &stores.storage, DigestSet::sha256()).await,
            Err(error) => Err(error),
        };
        match fetched {
            Ok(staged) => {
                let _announced = stores.db.announce(stores.domain, std::slice::from_ref(&artifact.sha256)).await?;
                stores.storage.keep(staged).await?;
                return Ok(true);
            }
            Err(error @ (Error::Storage { .. } | Error::Canceled)) => return Err(error),
            Err(error) => tracing::info!(sha256 = %artifact.sha256, %error, "a source of a damaged artifact failed"),
        }
    }
    Ok(false)
}

async fn downloader(
    remote: Id,
    downloaders: Downloaders<'_>,
    known: &mut HashMap<Id, Downloader>,
) -> Result<Downloader> {
    if let Some(downloader) = known.get(&remote) {
        return Ok(downloader.clone());
    }
    let downloader = downloaders(remote).await?;
    known.insert(remote, downloader.clone());
    Ok(downloader)
}
