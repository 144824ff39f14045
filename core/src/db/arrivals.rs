//! Which bytes are on their way into the store, so that nobody removes what has just been put there.
//!
//! Bytes go in before their row (a row must never point at nothing) and are removed after their row. So one
//! who stores bytes could find them gone: stored, removed by one who deleted the earlier row of the same
//! digest, and only then a row made. Therefore:
//!
//! 1. Who stores bytes announces their digests first and holds the announcement until the row is made.
//! 2. Who deletes the row of an artifact puts its digest down in `artifact_removal`, in one transaction.
//! 3. Who removes bytes does so alone: while no announcement of that digest is held and no row has it,
//!    and nobody can announce it until the bytes are gone.
//!
//! Within a process, 3 is a lock per first byte of the digest: announcers share it, the remover has it
//! alone. Between the processes that share a PostgreSQL database, announcements are rows as well; they are
//! written under a shared advisory lock that the remover holds alone, and expire in case a process dies.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{Db, Lock, artifact_bytes};
use crate::error::Result;
use crate::id::{Id, Sha256, now};

/// Longer than it takes to store a file and make its row.
const LIFETIME: TimeDelta = TimeDelta::hours(6);

/// The announcements of this process.
pub(super) struct Arrivals(Vec<Arc<RwLock<()>>>);

/// Holds bytes in the store until it is dropped, which is to be when their row has been committed.
/// Announce all digests of one piece of work at once: a second announcement beside a held one may wait for
/// a remover that waits for the first.
#[must_use]
pub struct Announced {
    _shards: Vec<OwnedRwLockReadGuard<()>>,
    /// What to withdraw where the database is shared.
    written: Option<(Db, Id, Vec<Sha256>)>,
}

/// Keeps this process from announcing, while it is held.
#[must_use]
pub(crate) struct Excluded {
    _shards: Vec<OwnedRwLockWriteGuard<()>>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self((0..=u8::MAX).map(|_| Arc::default()).collect())
    }
}

impl Arrivals {
    /// Always in the same order, so that no two wait for each other.
    fn shards(&self, digests: &[Sha256]) -> impl Iterator<Item = Arc<RwLock<()>>> {
        let first_bytes: BTreeSet<usize> =
            digests.iter().filter_map(|sha256| usize::from_str_radix(&sha256.as_str()[..2], 16).ok()).collect();
        first_bytes.into_iter().filter_map(|at| self.0.get(at).cloned())
    }
}

impl Db {
    /// To be called before [`crate::storage::Storage::keep`] and held until the artifact's row is committed.
    pub async fn announce(&self, digests: &[Sha256]) -> Result<Announced> {
        let mut announced = Announced { _shards: Vec::new(), written: None };
        for shard in self.arrivals.shards(digests) {
            announced._shards.push(shard.read_owned().await);
        }
        if !self.is_embedded() {
            let (id, digests) = (Id::new(), digests.to_vec());
            announced.written = Some((self.clone(), id, digests.clone()));
            let write = self.write(move |conn| {
                conn.lock_shared(&Lock::Arrivals)?;
                artifact_bytes::announce(conn, id, &digests, now() + LIFETIME)
            });
            write.await?;
        }
        Ok(announced)
    }

    /// Waits until nobody in this process has these announced, and keeps it so while it is held.
    pub(crate) async fn exclude_arrivals(&self, digests: &[Sha256]) -> Excluded {
        let mut shards = Vec::new();
        for shard in self.arrivals.shards(digests) {
            shards.push(shard.write_owned().await);
        }
        Excluded { _shards: shards }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let Some((db, id, digests)) = self.written.take() else { return };
        // Without a runtime the announcement expires.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = db.write(move |conn| artifact_bytes::withdraw(conn, id, &digests)).await {
                    tracing::warn!(%error, "an announcement could not be withdrawn and has to expire");
                }
            });
        }
    }
}
