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
//! Each domain has a store of its own, and a store may be slow: all of this is done by domain, so that who removes
//! from one store holds up nobody who puts something into another.
//!
//! Within a process, 3 is a lock per domain and first byte of the digest: announcers share it, the remover has it
//! alone. Between the processes that share a PostgreSQL database, announcements are rows as well; they are
//! written under a shared advisory lock of the domain that the remover holds alone, and expire in case a process dies.
//! They also share the one lock of all domains under which processes of an earlier version remove bytes. An
//! announcement of such a process names no domain and counts for all.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chrono::TimeDelta;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::{Db, Lock, artifact_bytes};
use crate::error::Result;
use crate::id::{Id, Sha256, now};

/// Longer than it takes to store a file and make its row.
pub(crate) const LIFETIME: TimeDelta = TimeDelta::hours(6);

/// The locks of this process that somebody holds or waits for.
#[derive(Default)]
pub(super) struct Arrivals(Mutex<Shards>);

#[derive(Default)]
struct Shards {
    known: HashMap<(Id, u8), Weak<RwLock<()>>>,
    /// With so many, those that nobody has any more are dropped.
    crowded: usize,
}

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

impl Arrivals {
    /// Always in the same order, so that no two wait for each other.
    fn shards(&self, domain: Id, digests: &[Sha256]) -> Vec<Arc<RwLock<()>>> {
        let first_bytes: BTreeSet<u8> =
            digests.iter().filter_map(|sha256| u8::from_str_radix(&sha256.as_str()[..2], 16).ok()).collect();
        let mut shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first_bytes.into_iter().map(|first| shards.shard(domain, first)).collect()
    }
}

impl Shards {
    fn shard(&mut self, domain: Id, first: u8) -> Arc<RwLock<()>> {
        if self.known.len() >= self.crowded {
            self.known.retain(|_, shard| shard.strong_count() > 0);
            self.crowded = 2 * self.known.len() + 512;
        }
        let known = self.known.entry((domain, first)).or_default();
        known.upgrade().unwrap_or_else(|| {
            let shard = Arc::default();
            *known = Arc::downgrade(&shard);
            shard
        })
    }
}

impl Db {
    /// To be called before [`crate::storage::Storage::keep`] of the domain's store, and held until the artifact's row
    /// is committed.
    pub async fn announce(&self, domain: Id, digests: &[Sha256]) -> Result<Announced> {
        let mut announced = Announced { _shards: Vec::new(), written: None };
        for shard in self.arrivals.shards(domain, digests) {
            announced._shards.push(shard.read_owned().await);
        }
        if !self.is_embedded() {
            let (id, digests) = (Id::new(), digests.to_vec());
            announced.written = Some((self.clone(), id, digests.clone()));
            let write = self.write(move |conn| {
                conn.lock_shared(&Lock::Arrivals)?;
                conn.lock_shared(&Lock::ArrivalsOf(domain))?;
                artifact_bytes::announce(conn, id, domain, &digests, now() + LIFETIME)
            });
            write.await?;
        }
        Ok(announced)
    }

    /// Waits until nobody in this process has these announced, and keeps it so while it is held.
    pub(crate) async fn exclude_arrivals(&self, domain: Id, digests: &[Sha256]) -> Excluded {
        let mut shards = Vec::new();
        for shard in self.arrivals.shards(domain, digests) {
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
