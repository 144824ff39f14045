//! One upstream request for any number of clients: the first to ask for a lazy file starts its flight,
//! whoever comes while it lasts joins it. What flies is hashed into a staged file that all of them read;
//! the last block is only shown when the digests are right, so nobody gets a complete wrong file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::header;
use bytes::Bytes;
use futures_util::StreamExt;
use moka::sync::Cache;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::{Inner, Pulled, ServedDomain};
use crate::db::alternates::{self, Failed};
use crate::db::delivery::{self, StoredFile};
use crate::db::lazy::{self, Origin, Remote, Source};
use crate::download::{Downloader, Refusal, Streamed};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::storage::{Staged, StagingWriter};
use crate::trace;

/// A file of up to this size is verified before any of it is sent.
pub const SMALL: u64 = 1 << 20;
/// For so long nobody asks again for what an upstream could not give.
const REFUSED_FOR: Duration = Duration::from_secs(2);
/// For so long a file that has arrived is known to those who looked for it before it did.
const LANDED_FOR: Duration = Duration::from_secs(10);
const REMEMBERED: u64 = 10_000;

/// What is fetched.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// The file of a content artifact.
    Content(Id),
    /// A path of a distribution with a remote.
    Pulled(Id, String),
}

/// A flight to be started.
#[derive(Clone)]
pub struct Order {
    /// Where the file is kept.
    pub domain: Arc<ServedDomain>,
    pub key: Key,
    pub sources: Vec<Source>,
    /// The repository and type a pulled file is for.
    pub pulled: Option<PulledFor>,
}

#[derive(Clone)]
pub struct PulledFor {
    pub pulp_type: String,
    pub distribution: Id,
    pub repository: Option<Id>,
    pub path: String,
    pub told: serde_json::Value,
}

/// How far a flight is.
#[derive(Clone, Default)]
pub struct Progress {
    /// The size of the whole, where it is known.
    pub size: Option<u64>,
    /// The growing file, once it is no small one, and how much of it may be read.
    pub file: Option<Arc<File>>,
    pub readable: u64,
    pub end: Option<End>,
}

#[derive(Clone)]
pub enum End {
    /// The file is an artifact now.
    Kept(StoredFile),
    /// The file is right and is not kept.
    Passed(StoredFile, Passed),
    Failed(Failure),
}

/// The bytes of a file that goes with those who read it.
#[derive(Clone)]
pub enum Passed {
    Memory(Bytes),
    File(Arc<File>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The upstream sent something else than it should.
    Mismatch,
    /// The upstream does not have it.
    Absent,
    /// The upstream gives us nothing: it does not accept who asks.
    Denied,
    /// The upstream does not answer as it should.
    Unreachable,
    /// Nobody waited for it any more.
    Abandoned,
    /// The fault is on this side.
    Internal,
}

pub struct Flights {
    running: Mutex<HashMap<Key, watch::Receiver<Progress>>>,
    landed: Cache<Key, StoredFile>,
    refused: Cache<(Id, String), Failure>,
    downloaders: Cache<(Id, Instant), Downloader>,
}

impl Flights {
    pub fn new() -> Self {
        let remembered = || Cache::builder().max_capacity(REMEMBERED);
        Self {
            running: Mutex::default(),
            landed: remembered().time_to_live(LANDED_FOR).build(),
            refused: Cache::builder().max_capacity(REMEMBERED).time_to_live(REFUSED_FOR).build(),
            downloaders: Cache::new(1_000),
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Progress>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Joins the flight of a file, which starts when there is none.
pub fn join(inner: &Arc<Inner>, order: Order) -> watch::Receiver<Progress> {
    let mut running = inner.flights.running();
    if let Some(progress) = running.get(&order.key) {
        return progress.clone();
    }
    let landed = inner.flights.landed.get(&order.key).map(End::Kept);
    let has_landed = landed.is_some();
    let (sender, receiver) = watch::channel(Progress { end: landed, ..Progress::default() });
    if !has_landed {
        running.insert(order.key.clone(), receiver.clone());
        tokio::spawn(trace::inherit(fly(inner.clone(), order, sender)));
    }
    receiver
}

/// What `landed` said is not so any more.
pub fn forget(inner: &Inner, key: &Key) {
    inner.flights.landed.invalidate(key);
}

/// Takes a flight off the list, however it ends.
struct Landing {
    inner: Arc<Inner>,
    key: Key,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.flights.running().remove(&self.key);
    }
}

async fn fly(inner: Arc<Inner>, order: Order, progress: watch::Sender<Progress>) {
    let landing = Landing { inner: inner.clone(), key: order.key.clone() };
    let mut end = End::Failed(Failure::Absent);
    for source in &order.sources {
        end = match inner.flights.refused.get(&(source.remote.id, source.url.clone())) {
            Some(failure) => End::Failed(failure),
            None => attempt(&inner, &order, source, &progress).await,
        };
        // Once bytes were shown, another source cannot take over.
        if !may_go_on(&end) || progress.borrow().file.is_some() {
            break;
        }
    }
    if let End::Kept(stored) = &end {
        inner.flights.landed.insert(order.key.clone(), stored.clone());
    }
    progress.send_modify(|progress| progress.end = Some(end));
    drop(landing);
}

async fn attempt(inner: &Arc<Inner>, order: &Order, source: &Source, progress: &watch::Sender<Progress>) -> End {
    let failure = match fetch(inner, order, source, progress).await {
        Ok(staged) => match finish(inner, order, source, staged, progress).await {
            Ok(end) => return end,
            Err(error) => {
                tracing::error!(%error, url = source.url, "a fetched file could not be stored");
                Failure::Internal
            }
        },
        Err(failure) => failure,
    };
    remember(inner, source, failure).await;
    End::Failed(failure)
}

/// Whether another source is worth a try.
fn may_go_on(end: &End) -> bool {
    matches!(end, End::Failed(failure) if *failure != Failure::Abandoned)
}

/// Sees to it that a source which failed is left alone for a while.
async fn remember(inner: &Inner, source: &Source, failure: Failure) {
    let marked = match (failure, &source.origin) {
        (Failure::Internal | Failure::Abandoned, _) => return,
        (_, Origin::Alternate { listing, digest }) => {
            let (listing, digest) = (*listing, digest.clone());
            let failed = match failure {
                Failure::Unreachable | Failure::Denied => Failed::Listing,
                _ => Failed::File,
            };
            inner.db.write(move |conn| alternates::mark_failed(conn, listing, &digest, failed)).await
        }
        (Failure::Mismatch, Origin::Remote(id)) => {
            let id = *id;
            inner.db.write(move |conn| lazy::mark_failed(conn, id)).await
        }
        _ => {
            inner.flights.refused.insert((source.remote.id, source.url.clone()), failure);
            return;
        }
    };
    if let Err(error) = marked {
        tracing::error!(%error, "a failed source could not be marked");
    }
}

/// Fetches, hashes and compares.
async fn fetch(
    inner: &Inner,
    order: &Order,
    source: &Source,
    progress: &watch::Sender<Progress>,
) -> Result<Staged, Failure> {
    let downloader = downloader(inner, &source.remote).await.map_err(|error| internal(&error, source))?;
    let answer = downloader.stream(&source.url, None).await.map_err(|error| unreachable(&error, source))?;
    if answer.status != 200 {
        return Err(match Refusal::of(answer.status) {
            Refusal::Absent => Failure::Absent,
            Refusal::Denied => Failure::Denied,
            Refusal::Unreachable => Failure::Unreachable,
        });
    }
    let announced =
        answer.headers.get(header::CONTENT_LENGTH.as_str()).and_then(|value| value.to_str().ok()?.parse().ok());
    let size = source.size.or(announced);
    if size != announced.or(size) {
        return Err(Failure::Mismatch);
    }
    progress.send_modify(|progress| progress.size = size);
    let wanted = source.digests.iter().filter_map(|(name, _)| name.parse().ok());
    let digests = wanted.fold(inner.settings.digests, |set, algorithm| set.with(algorithm));
    let mut writer = order.domain.storage.stage(digests).map_err(|error| internal(&error, source))?;
    receive(answer, &mut writer, source, size, progress).await?;
    let staged = writer.finish().await.map_err(|error| internal(&error, source))?;
    match is_right(&staged, source) {
        true => Ok(staged),
        false => Err(Failure::Mismatch),
    }
}

async fn receive(
    mut answer: Streamed,
    writer: &mut StagingWriter,
    source: &Source,
    size: Option<u64>,
    progress: &watch::Sender<Progress>,
) -> Result<(), Failure> {
    while let Some(bytes) = answer.body.next().await {
        let bytes = bytes.map_err(|error| unreachable(&error, source))?;
        if size.is_some_and(|size| writer.size() + bytes.len() as u64 > size) {
            return Err(Failure::Mismatch);
        }
        writer.write(bytes).await.map_err(|error| internal(&error, source))?;
        // One receiver is the list's own.
        if !source.remote.keeps() && progress.receiver_count() <= 1 {
            return Err(Failure::Abandoned);
        }
        if writer.size().max(size.unwrap_or(0)) > SMALL
            && let Some((file, readable)) = writer.readable().filter(|(_, end)| *end > progress.borrow().readable)
        {
            progress.send_modify(|progress| {
                progress.file = Some(file);
                progress.readable = readable;
            });
        }
    }
    Ok(())
}

fn is_right(staged: &Staged, source: &Source) -> bool {
    let right = |(name, expected): &(String, String)| {
        let found = name.parse().ok().and_then(|algorithm| staged.digests.get(algorithm));
        // A digest nobody can compute says nothing.
        found.is_none_or(|found| found.eq_ignore_ascii_case(expected))
    };
    source.size.is_none_or(|size| size == staged.size) && source.digests.iter().all(right)
}

/// Puts a right file where it belongs.
async fn finish(
    inner: &Arc<Inner>,
    order: &Order,
    source: &Source,
    staged: Staged,
    progress: &watch::Sender<Progress>,
) -> Result<End> {
    if !source.remote.keeps() {
        let stored = StoredFile { sha256: staged.digests.sha256.clone(), size: staged.size, created: now() };
        let growing = progress.borrow().file.clone();
        let passed = match growing {
            Some(file) => Passed::File(file),
            None => Passed::Memory(into_memory(staged).await?),
        };
        return Ok(End::Passed(stored, passed));
    }
    match (&order.key, &order.pulled) {
        (Key::Content(content_artifact), _) => keep(inner, &order.domain, *content_artifact, staged).await,
        (Key::Pulled(remote, _), Some(pulled)) => keep_pulled(inner, order, *remote, pulled, (source, staged)).await,
        (Key::Pulled(..), None) => Err(Error::internal("a pulled file belongs to no distribution")),
    }
    .map(End::Kept)
}

/// A file that was never shown while it grew is a small one.
async fn into_memory(staged: Staged) -> Result<Bytes> {
    if let Some(bytes) = staged.in_memory() {
        return Ok(bytes.clone());
    }
    let read = move || {
        let mut bytes = Vec::new();
        staged.reader()?.read_to_end(&mut bytes).map_err(Error::internal)?;
        Ok(bytes.into())
    };
    spawn_blocking(read).await.map_err(Error::internal)?
}

/// The bytes first, then the rows that point at them.
async fn keep(inner: &Inner, domain: &ServedDomain, content_artifact: Id, staged: Staged) -> Result<StoredFile> {
    let (size, digests) = (staged.size, staged.digests.clone());
    let _announced = inner.db.announce(domain.id, std::slice::from_ref(&digests.sha256)).await?;
    domain.storage.keep(staged).await?;
    inner
        .db
        .write(move |conn| {
            lazy::attach(conn, content_artifact, size, &digests)?;
            delivery::stored(conn, content_artifact)?.ok_or_else(|| Error::internal("the content is gone"))
        })
        .await
}

async fn keep_pulled(
    inner: &Inner,
    order: &Order,
    remote: Id,
    pulled: &PulledFor,
    (source, staged): (&Source, Staged),
) -> Result<StoredFile> {
    let PulledFor { pulp_type, distribution, repository, path, told } = pulled.clone();
    let url = source.url.clone();
    let domain = order.domain.id;
    inner
        .formats
        .keep_pulled(Pulled { domain, pulp_type, distribution, repository, remote, path, url, told, staged })
        .await
}

async fn downloader(inner: &Inner, remote: &Remote) -> Result<Downloader> {
    let key = (remote.id, remote.updated);
    if let Some(downloader) = inner.flights.downloaders.get(&key) {
        return Ok(downloader);
    }
    let downloader = inner.formats.downloader(remote.id).await?;
    inner.flights.downloaders.insert(key, downloader.clone());
    Ok(downloader)
}

fn unreachable(error: &Error, source: &Source) -> Failure {
    tracing::warn!(%error, remote = %source.remote.id, "a lazy file could not be fetched");
    Failure::Unreachable
}

fn internal(error: &Error, source: &Source) -> Failure {
    tracing::error!(%error, remote = %source.remote.id, "a lazy file could not be stored");
    Failure::Internal
}
