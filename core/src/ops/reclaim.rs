//! Frees the space of content that can be fetched from upstream again: its files become what they are
//! under the policy `on_demand`. Whoever remembers which artifact a path leads to must forget it after.

use super::Stores;
use super::orphans::delete_artifacts;
use super::remove_bytes::remove_bytes;
use super::upkeep::{Part, Report, so_far};
use crate::db::artifact_bytes as rows;
use crate::error::Result;
use crate::id::{Id, now};

pub static RECLAIMED: Part = Part { message: "Reclaim disk space", code: "reclaim-space.artifact" };

/// Units per slice.
const SLICE: i64 = 500;

/// Whose space to reclaim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reclaim {
    pub repositories: Vec<Id>,
    /// Versions whose content keeps its bytes.
    pub kept_versions: Vec<Id>,
}

/// Drops the bytes of units that are in no other repositories than these; how many artifacts went.
pub async fn reclaim(stores: &Stores, wanted: &Reclaim, report: Report<'_>) -> Result<u64> {
    let mut count = 0;
    report(&RECLAIMED, so_far(0))?;
    for &repository in &wanted.repositories {
        let mut after = None;
        loop {
            let units = stores.db.read(move |conn| rows::units_of_repository(conn, repository, after, SLICE)).await?;
            let Some(last) = units.last() else { break };
            after = Some(*last);
            let wanted = wanted.clone();
            let release = move |conn: &mut _| rows::release(conn, &units, &wanted.repositories, &wanted.kept_versions);
            let artifacts = stores.db.write(release).await?;
            count += delete_artifacts(stores, artifacts, now()).await?;
            report(&RECLAIMED, so_far(count))?;
        }
    }
    remove_bytes(stores).await?;
    Ok(count)
}
