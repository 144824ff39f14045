//! Removes content that is in no repository and artifacts that nothing uses. Works in slices, each a short
//! write, so that other work goes on; what is used again meanwhile stays.

mod dry_run;
#[cfg(test)]
mod tests;

pub use dry_run::{Found, Kept, MOST_EXPLAINED, dry_run};

use super::Stores;
use super::release_pinned::release_pinned;
use super::remove_bytes::remove_bytes;
use super::upkeep::{Part, Report, so_far};
use crate::db::{artifact_bytes, orphans as rows};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};

pub static CONTENT: Part = Part { message: "Clean up orphan Content", code: "clean-up.content" };
pub static ARTIFACTS: Part = Part { message: "Clean up orphan Artifacts", code: "clean-up.artifacts" };

/// Rows per slice.
const SLICE: i64 = 500;

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// These units, and the artifacts they alone use.
    Units(Vec<Id>),
}

/// How much went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    pub content: u64,
    pub artifacts: u64,
}

/// Removes orphans that were last of interest no later than `before`, their bytes included.
pub async fn clean_up(stores: &Stores, scope: &Scope, before: Instant, report: Report<'_>) -> Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    report(&CONTENT, so_far(0))?;
    report(&ARTIFACTS, so_far(0))?;
    match scope {
        Scope::All => {
            clean_content(stores, before, report, &mut cleaned).await?;
            // Units that are gone pin nothing, and so what they served may be an orphan by now.
            if release_pinned(stores).await? > 0 {
                clean_content(stores, before, report, &mut cleaned).await?;
            }
            clean_artifacts(stores, before, report, &mut cleaned).await?;
        }
        Scope::Units(units) => clean_units(stores, units, before, report, &mut cleaned).await?,
    }
    remove_bytes(stores).await?;
    Ok(cleaned)
}

async fn clean_content(stores: &Stores, before: Instant, report: Report<'_>, cleaned: &mut Cleaned) -> Result<()> {
    let (mut after, domain) = (None, stores.domain);
    loop {
        let slice = stores.db.read(move |conn| rows::content(conn, domain, after, before, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(()) };
        after = Some(*last);
        cleaned.content += delete_content(stores, slice, before).await?;
        report(&CONTENT, so_far(cleaned.content))?;
    }
}

async fn clean_artifacts(stores: &Stores, before: Instant, report: Report<'_>, cleaned: &mut Cleaned) -> Result<()> {
    let (mut after, domain) = (None, stores.domain);
    loop {
        let slice = stores.db.read(move |conn| artifact_bytes::unused(conn, domain, after, before, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(()) };
        after = Some(*last);
        cleaned.artifacts += delete_artifacts(stores, slice, before).await?;
        report(&ARTIFACTS, so_far(cleaned.artifacts))?;
    }
}

async fn clean_units(
    stores: &Stores,
    units: &[Id],
    before: Instant,
    report: Report<'_>,
    cleaned: &mut Cleaned,
) -> Result<()> {
    for slice in units.chunks(SLICE as usize) {
        let of = slice.to_vec();
        let artifacts = stores.db.read(move |conn| artifact_bytes::of_units(conn, &of)).await?;
        cleaned.content += delete_content(stores, slice.to_vec(), before).await?;
        report(&CONTENT, so_far(cleaned.content))?;
        let artifacts = artifacts.into_iter().map(|artifact| artifact.id).collect();
        cleaned.artifacts += delete_artifacts(stores, artifacts, before).await?;
        report(&ARTIFACTS, so_far(cleaned.artifacts))?;
    }
    Ok(())
}

async fn delete_content(stores: &Stores, ids: Vec<Id>, before: Instant) -> Result<u64> {
    let all = ids.clone();
    match stores.db.write(move |conn| rows::delete_content(conn, &all, before)).await {
        Err(Error::Referenced) => {}
        result => return result,
    }
    // One of them has just been put into a repository; the others go one by one.
    let mut count = 0;
    for id in ids {
        match stores.db.write(move |conn| rows::delete_content(conn, &[id], before)).await {
            Err(Error::Referenced) => {}
            result => count += result?,
        }
    }
    Ok(count)
}

pub(super) async fn delete_artifacts(stores: &Stores, ids: Vec<Id>, before: Instant) -> Result<u64> {
    let all = ids.clone();
    match stores.db.write(move |conn| artifact_bytes::delete_unused(conn, &all, before)).await {
        Err(Error::Referenced) => {}
        result => return result,
    }
    let mut count = 0;
    for id in ids {
        match stores.db.write(move |conn| artifact_bytes::delete_unused(conn, &[id], before)).await {
            Err(Error::Referenced) => {}
            result => count += result?,
        }
    }
    Ok(count)
}
