//! Reading an upstream while a client waits: pages are read once for all who ask, kept for a moment, then
//! asked for again on the condition that they changed, and outlive the upstream for a while.

use std::any::Any;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use moka::sync::Cache;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::SyncRemote;
use super::upstream_page::{FoundPage, UpstreamPage};
use crate::db::{Db, parts};
use crate::download::{Downloader, PageHead, PageRequest};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};
use crate::storage::Storage;

/// A page is the upstream's for so long without asking again.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// That there is no page is believed for so long.
const ABSENT_FOR: Duration = Duration::from_secs(10);
/// After a failure nobody asks again for so long.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// What an upstream that fails had so long ago is better than nothing.
const STALE_FOR: Duration = Duration::from_secs(24 * 3600);
/// Bytes of pages that are kept.
const KEPT: u64 = 64 << 20;
/// What is made of a page takes about so many times its bytes.
const EXPANSION: u64 = 4;
/// Pages being read at the same time whose readers wait for each other.
const FLIGHTS: u64 = 10_000;

/// Reads the pages of one remote, for one distribution.
#[derive(Clone)]
pub struct UpstreamReader {
    pub remote: SyncRemote,
    updated: Instant,
    downloader: Downloader,
    storage: Storage,
    pages: Arc<UpstreamPages>,
    db: Db,
    /// The repository of the distribution that the client asks.
    repository: Option<Id>,
}

/// A remote as it was at a moment, and a page of it.
type Key = (Id, Instant, String);

/// The pages that a process knows of all upstreams.
pub struct UpstreamPages {
    kept: Cache<Key, Arc<Kept>>,
    flights: Cache<Key, Arc<Mutex<()>>>,
}

/// What was made of a page.
#[derive(Clone)]
struct Kept {
    /// None: there is no page.
    value: Option<Arc<dyn Any + Send + Sync>>,
    etag: Option<String>,
    last_modified: Option<String>,
    size: u64,
    read: Moment,
    good_until: Moment,
}

impl Default for UpstreamPages {
    fn default() -> Self {
        let weight = |key: &Key, kept: &Arc<Kept>| {
            u32::try_from(kept.size * EXPANSION + key.2.len() as u64 + 512).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(KEPT * EXPANSION / 2).weigher(weight).time_to_live(STALE_FOR).build();
        let flights = Cache::builder().max_capacity(FLIGHTS).time_to_idle(Duration::from_secs(300)).build();
        Self { kept, flights }
    }
}

impl UpstreamReader {
    /// `updated` is when the remote was changed last: what was read before does not count.
    pub(crate) fn new(
        (remote, updated): (SyncRemote, Instant),
        downloader: Downloader,
        (db, storage): (Db, Storage),
        pages: Arc<UpstreamPages>,
    ) -> Self {
        Self { remote, updated, downloader, storage, pages, db, repository: None }
    }

    /// The same for a distribution with this repository.
    pub(crate) fn with_repository(self, repository: Option<Id>) -> Self {
        Self { repository, ..self }
    }

    /// The objects of this model that the distribution's repository has, as their fields; none without a repository.
    pub async fn parts(&self, model: &'static str) -> Result<Vec<Json>> {
        let Some(repository) = self.repository else { return Ok(vec![]) };
        let found = self.db.read(move |conn| parts::of_repository(conn, repository, model)).await?;
        Ok(found.into_iter().map(|part| part.fields).collect())
    }

    /// When the remote was changed last.
    pub fn updated(&self) -> Instant {
        self.updated
    }

    /// What `parse` makes of a page, which is up to a minute old, or older while the upstream does not answer;
    /// none when the upstream has no such page. One page must always be read by the same function.
    ///
    /// # Errors
    /// `Upstream` when the page cannot be had or read and nothing older is at hand.
    pub async fn read<T: Send + Sync + 'static>(
        &self,
        request: PageRequest,
        parse: impl FnOnce(&PageHead, &mut dyn Read) -> Result<T> + Send + 'static,
    ) -> Result<Option<Arc<T>>> {
        let key = (self.remote.id, self.updated, request.url.clone());
        if let Some(kept) = self.pages.kept.get(&key).filter(|kept| kept.is_good()) {
            return value(&kept);
        }
        let flight = self.pages.flights.get_with(key.clone(), Arc::default);
        let _alone = flight.lock().await;
        let known = self.pages.kept.get(&key);
        if let Some(kept) = known.as_ref().filter(|kept| kept.is_good()) {
            return value(kept);
        }
        let kept = match (self.ask(request, known.as_deref(), parse).await, known) {
            (Ok(kept), _) => kept,
            (Err(error @ Error::Upstream(_)), Some(known)) if known.read.elapsed() < STALE_FOR => {
                tracing::warn!(%error, remote = %self.remote.id, "an upstream's page is answered from memory");
                Kept { good_until: Moment::now() + FAILED_FOR, ..Kept::clone(&known) }
            }
            (Err(error), _) => return Err(error),
        };
        let kept = Arc::new(kept);
        self.pages.kept.insert(key, kept.clone());
        value(&kept)
    }

    async fn ask<T: Send + Sync + 'static>(
        &self,
        mut request: PageRequest,
        known: Option<&Kept>,
        parse: impl FnOnce(&PageHead, &mut dyn Read) -> Result<T> + Send + 'static,
    ) -> Result<Kept> {
        let known = known.filter(|known| known.value.is_some());
        request.etag = known.and_then(|known| known.etag.clone());
        request.last_modified = known.and_then(|known| known.last_modified.clone());
        let answer = self.downloader.page(&request, &self.storage).await?;
        match (UpstreamPage::read(answer)?, known) {
            (UpstreamPage::Found(page), _) => made(page, parse).await,
            (UpstreamPage::NotModified, Some(known)) => {
                Ok(Kept { read: Moment::now(), good_until: Moment::now() + FRESH_FOR, ..known.clone() })
            }
            (UpstreamPage::NotModified | UpstreamPage::Absent, _) => Ok(absent()),
        }
    }
}

impl Kept {
    fn is_good(&self) -> bool {
        Moment::now() < self.good_until
    }
}

fn absent() -> Kept {
    let (read, good_until) = (Moment::now(), Moment::now() + ABSENT_FOR);
    Kept { value: None, etag: None, last_modified: None, size: 0, read, good_until }
}

async fn made<T: Send + Sync + 'static>(
    page: FoundPage,
    parse: impl FnOnce(&PageHead, &mut dyn Read) -> Result<T> + Send + 'static,
) -> Result<Kept> {
    let FoundPage { head, body } = page;
    let (size, etag, last_modified) = (body.size, head.etag.clone(), head.last_modified.clone());
    let parsed = body.parse(move |reader| parse(&head, reader)).await??;
    let (read, good_until) = (Moment::now(), Moment::now() + FRESH_FOR);
    Ok(Kept { value: Some(Arc::new(parsed)), etag, last_modified, size, read, good_until })
}

fn value<T: Send + Sync + 'static>(kept: &Kept) -> Result<Option<Arc<T>>> {
    let Some(value) = kept.value.clone() else { return Ok(None) };
    value.downcast().map(Some).map_err(|_| Error::internal("one page is read in two ways"))
}
