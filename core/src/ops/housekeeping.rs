//! What has to be done from time to time whether anybody asks or not. Each function does one thing, in
//! short writes, and says how many it removed; a time of zero means that they are kept.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;

use super::Stores;
use super::domains::place;
use crate::app::App;
use crate::db::tasks::{self, Purged, State};
use crate::db::{Db, artifact_bytes, domains, orphans, uploads};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::storage::Storage;

/// Rows per slice.
const SLICE: i64 = 200;
/// Chunks may arrive so long after their upload was deleted.
pub const LATE: Duration = Duration::from_secs(3600);

/// Removes uploads of a domain that nobody has written to for so long (`upload_protection_time`).
pub async fn expire_uploads(stores: &Stores, kept: Duration) -> Result<u64> {
    let Some(before) = time_before(kept) else { return Ok(0) };
    let (mut count, domain) = (0, stores.domain);
    loop {
        let ids = stores.db.write(move |conn| uploads::delete_untouched(conn, domain, before, SLICE)).await?;
        if ids.is_empty() {
            return Ok(count);
        }
        for upload in ids {
            stores.storage.drop_upload(upload).await?;
            count += 1;
        }
    }
}

/// Removes what is still in the store of uploads of a domain that were deleted so long ago.
pub async fn remove_uploads(stores: &Stores, ago: Duration) -> Result<u64> {
    let (mut count, before, domain) = (0, deleted_before(ago), stores.domain);
    loop {
        let ids = stores.db.read(move |conn| uploads::removals(conn, domain, before, SLICE)).await?;
        if ids.is_empty() {
            return Ok(count);
        }
        for upload in &ids {
            stores.storage.drop_upload(*upload).await?;
            count += 1;
        }
        stores.db.write(move |conn| uploads::strike_removals(conn, &ids)).await?;
    }
}

/// Removes files that are so old (`tmpfile_protection_time`) from the staging folders of this host: that of the
/// process, and those of all stores in folders, each once, whichever domains share it and whether they were asked for
/// since the process began or not.
pub async fn sweep_staging(app: &App, kept: Duration) -> Result<u64> {
    if kept.is_zero() {
        return Ok(0);
    }
    let mut folders = BTreeSet::from([app.config.data_dir.join("tmp")]);
    for domain in app.db.read(domains::all).await? {
        match place::of_any(&app.config, &app.secrets, &domain).and_then(|place| Storage::staging_of(&place)) {
            Ok(folder) => drop(folders.insert(folder)),
            Err(error) => tracing::debug!(%error, "the staging folder of a domain is passed over"),
        }
    }
    let mut count = 0;
    for folder in folders {
        count += Storage::sweep_staging(folder, kept).await?;
    }
    Ok(count)
}

/// Removes tasks that ended so long ago (`task_protection_time`).
pub async fn expire_tasks(db: &Db, kept: Duration) -> Result<u64> {
    let Some(finished_before) = time_before(kept) else { return Ok(0) };
    let states = State::ALL.into_iter().filter(|state| state.is_final()).collect();
    let purged = Purged { finished_before, states, created_by: None, domain: None };
    let mut count = 0;
    loop {
        let purged = purged.clone();
        let slice = db.write(move |conn| tasks::purge(conn, &purged, SLICE)).await?;
        if slice.tasks == 0 {
            return Ok(count);
        }
        count += slice.tasks;
    }
}

/// Forgets the former publications of distributions whose grace period is over.
pub async fn expire_publications(db: &Db) -> Result<u64> {
    db.write(|conn| orphans::expire_publications(conn, now())).await
}

/// Forgets what processes announced that ended before they could store it.
pub async fn expire_announcements(db: &Db) -> Result<u64> {
    db.write(|conn| artifact_bytes::expire_announcements(conn, now())).await
}

/// The domains that have work for [`expire_uploads`], [`remove_uploads`] or [`super::remove_bytes`].
pub async fn untidy_domains(db: &Db, kept: Duration) -> Result<Vec<Id>> {
    let untouched = time_before(kept).unwrap_or_default();
    db.read(move |conn| domains::untidy(conn, untouched, deleted_before(LATE))).await
}

fn deleted_before(ago: Duration) -> Instant {
    now() - TimeDelta::from_std(ago).unwrap_or_default()
}

fn time_before(kept: Duration) -> Option<Instant> {
    if kept.is_zero() {
        return None;
    }
    TimeDelta::from_std(kept).ok().and_then(|kept| now().checked_sub_signed(kept))
}
