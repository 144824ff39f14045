//! The upstreams that are read while clients wait: one reader per remote, as long as it is not changed.

use std::sync::Arc;

use moka::sync::Cache;

use super::remote;
use crate::app::App;
use crate::db::{lazy, remotes};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::plugin::{SyncRemote, UpstreamPages, UpstreamReader};

/// Remotes whose connections are kept.
const READERS: u64 = 1_000;

/// See the module.
pub struct Upstreams {
    readers: Cache<(Id, Instant), UpstreamReader>,
    pages: Arc<UpstreamPages>,
}

impl Default for Upstreams {
    fn default() -> Self {
        Self { readers: Cache::new(READERS), pages: Arc::default() }
    }
}

/// The reader of a remote for a distribution with this repository; none when there is no such remote.
///
/// # Errors
/// `Invalid` naming the field of the remote that cannot work.
pub async fn reader(app: &App, id: Id, repository: Option<Id>) -> Result<Option<UpstreamReader>> {
    Ok(of_remote(app, id).await?.map(|reader| reader.with_repository(repository)))
}

async fn of_remote(app: &App, id: Id) -> Result<Option<UpstreamReader>> {
    let Some(current) = app.db.read(move |conn| lazy::remote(conn, id)).await? else { return Ok(None) };
    let key = (id, current.updated);
    if let Some(reader) = app.upstreams.readers.get(&key) {
        return Ok(Some(reader));
    }
    let Some(row) = app.db.read(move |conn| remotes::by_id(conn, id)).await? else { return Ok(None) };
    let downloader = remote::downloader(app, &row)?;
    let row = remote::reached(app, row)?;
    let seen = SyncRemote { id, pulp_type: row.pulp_type, url: row.url, policy: row.policy, details: row.details };
    let pages = app.upstreams.pages.clone();
    let reader = UpstreamReader::new((seen, current.updated), downloader, (app.db.clone(), app.storage.clone()), pages);
    app.upstreams.readers.insert(key, reader.clone());
    Ok(Some(reader))
}
