//! Alternate content sources: where a synchronization looks for files before it asks their own upstream.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;

use super::Stores;
use crate::db::alternates::{self, Alternate, Failed};
use crate::download::{Downloader, Tried, Wanted, redacted};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::storage::Staged;

/// Makes a downloader with the settings of a remote.
pub type Downloaders = Arc<dyn Fn(Id) -> BoxFuture<'static, Result<Downloader>> + Send + Sync>;

/// The sources as one synchronization uses them.
pub struct Alternates {
    downloaders: Downloaders,
    /// What failed is left alone for so long.
    cooldown: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By remote; none of one whose settings cannot work.
    downloaders: HashMap<Id, Option<Downloader>>,
    /// Listings whose server does not answer: this run asks it no more.
    down: HashSet<Id>,
}

impl Alternates {
    pub fn new(downloaders: Downloaders, cooldown: Duration) -> Self {
        Self { downloaders, cooldown, state: Mutex::default() }
    }

    /// Where files with these digests may be had, by digest.
    pub(super) async fn find(&self, stores: &Stores, digests: Vec<String>) -> Result<HashMap<String, Vec<Alternate>>> {
        if digests.is_empty() {
            return Ok(HashMap::new());
        }
        let cooldown = TimeDelta::from_std(self.cooldown).map_err(Error::internal)?;
        let since = now().checked_sub_signed(cooldown).unwrap_or_default();
        let domain = stores.domain;
        stores.db.read(move |conn| alternates::find(conn, domain, &digests, since)).await
    }

    /// The file from the first of these places that has it; none when no one has. It is what is wanted.
    ///
    /// # Errors
    /// Those of this side alone.
    pub(super) async fn fetch(&self, stores: &Stores, wanted: &Wanted, places: &[Alternate]) -> Result<Option<Staged>> {
        for place in places.iter().filter(|place| place.url != wanted.url) {
            if self.state().down.contains(&place.listing) {
                continue;
            }
            let Some(downloader) = self.downloader(place).await else { continue };
            let there = Wanted { url: place.url.clone(), ..wanted.clone() };
            match downloader.try_fetch(&there, &stores.storage, stores.digests).await? {
                Tried::Fetched(staged) => return Ok(Some(*staged)),
                Tried::Absent(reason) => self.failed(stores, place, Failed::File, &reason).await?,
                Tried::Unreachable(reason) => self.failed(stores, place, Failed::Listing, &reason).await?,
            }
        }
        Ok(None)
    }

    async fn downloader(&self, place: &Alternate) -> Option<Downloader> {
        let remote = place.remote.id;
        if let Some(made) = self.state().downloaders.get(&remote) {
            return made.clone();
        }
        let made = (self.downloaders)(remote).await;
        if let Err(error) = &made {
            tracing::warn!(%error, %remote, "an alternate content source cannot be asked");
        }
        // Of two that were made at once, one is used: they count what goes on.
        self.state().downloaders.entry(remote).or_insert(made.ok()).clone()
    }

    async fn failed(&self, stores: &Stores, place: &Alternate, failed: Failed, reason: &str) -> Result<()> {
        let (listing, digest) = (place.listing, place.digest.clone());
        if failed == Failed::Listing && !self.state().down.insert(listing) {
            // Others that were under way have said so.
            return Ok(());
        }
        tracing::warn!(reason, url = redacted(&place.url), "an alternate content source does not have a file");
        stores.db.write(move |conn| alternates::mark_failed(conn, listing, &digest, failed)).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
