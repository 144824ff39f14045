//! Removes bytes that were put down for removal; why this is safe stands in `db/arrivals.rs`.

use futures_util::{StreamExt, TryStreamExt};
use tokio::runtime::Handle;

use super::Stores;
use crate::db::{Conn, Lock, artifact_bytes};
use crate::error::{Error, Result};
use crate::id::{Sha256, now};
use crate::storage::Storage;

/// Files per slice: announcements of the same domain wait that long at most.
const SLICE: i64 = 64;
/// So many files are removed at the same time.
const TOGETHER: usize = 16;

/// Removes what is put down for removal and neither has a row again nor is on its way in. What is on its
/// way in stays put down for the next time. Returns how many files went.
pub async fn remove_bytes(stores: &Stores) -> Result<u64> {
    let (mut after, mut count, domain) = (String::new(), 0, stores.domain);
    loop {
        let from = after.clone();
        let slice = stores.db.read(move |conn| artifact_bytes::removals(conn, domain, &from, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(count) };
        after = last.to_string();
        count += remove_slice(stores, slice).await?;
    }
}

async fn remove_slice(stores: &Stores, slice: Vec<Sha256>) -> Result<u64> {
    let _alone = stores.db.exclude_arrivals(stores.domain, &slice).await;
    if !stores.db.is_embedded() {
        let (stores, runtime) = (stores.clone(), Handle::current());
        return stores.db.clone().write(move |conn| remove_alone(conn, &stores, &runtime, &slice)).await;
    }
    let (wanted, domain) = (slice.clone(), stores.domain);
    let removed = stores.db.read(move |conn| artifact_bytes::removable(conn, domain, &wanted, now())).await?;
    delete_all(&stores.storage, &removed).await?;
    let count = removed.len() as u64;
    stores.db.write(move |conn| artifact_bytes::strike_removals(conn, domain, &removed, &slice)).await?;
    Ok(count)
}

/// With the lock that keeps other processes from announcing until the transaction ends.
fn remove_alone(conn: &mut Conn, stores: &Stores, runtime: &Handle, slice: &[Sha256]) -> Result<u64> {
    conn.lock(&Lock::ArrivalsOf(stores.domain))?;
    let removed = artifact_bytes::removable(conn, stores.domain, slice, now())?;
    runtime.block_on(delete_all(&stores.storage, &removed))?;
    artifact_bytes::strike_removals(conn, stores.domain, &removed, slice)?;
    u64::try_from(removed.len()).map_err(Error::internal)
}

async fn delete_all(storage: &Storage, digests: &[Sha256]) -> Result<()> {
    let deleting = digests.iter().cloned().map(|sha256| {
        let storage = storage.clone();
        async move { storage.delete(&sha256).await }
    });
    futures_util::stream::iter(deleting).buffer_unordered(TOGETHER).try_collect().await
}
