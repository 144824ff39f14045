//! Pages, each rendered once for all who ask, whenever they do. Small ones are in memory, large ones in files of
//! this host that nobody else sees; both within bounds.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::Instant;
use crate::plugin::{Finished, PageWriter, Render, Rendered};
use crate::storage::{Staged, Storage};

/// Pages rendered at the same time; each may read a whole version.
const RENDERED_TOGETHER: usize = 4;
/// What an entry takes beside its text.
const OVERHEAD: usize = 1 << 10;

/// Equal keys have equal pages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of what is served.
    pub scope: u128,
    pub name: String,
    pub media_type: &'static str,
    /// What links begin with.
    pub origin: Arc<str>,
}

/// A page as it is sent.
pub enum Stored {
    Page { plain: Version, gzip: Option<Version>, media_type: &'static str, modified: SystemTime },
    Absent(String),
}

/// One of the encodings of a page.
pub struct Version {
    pub body: Body,
    pub size: u64,
    /// With its quotes.
    pub etag: String,
}

#[derive(Clone)]
pub enum Body {
    Memory(Bytes),
    /// A file without a name.
    File(Arc<File>),
}

/// Whether a page was there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Hit,
    Miss,
}

type Rendering = Shared<BoxFuture<'static, Result<Arc<Stored>, Arc<Error>>>>;

#[derive(Clone)]
pub struct Pages(Arc<Inner>);

struct Inner {
    storage: Storage,
    small: Cache<Key, Arc<Stored>>,
    large: Cache<Key, Arc<Stored>>,
    rendering: Mutex<HashMap<Key, Rendering>>,
    turns: Semaphore,
}

impl Pages {
    pub fn new(config: &Config, storage: Storage) -> Self {
        let of_memory = |key: &Key, page: &Arc<Stored>| weight(page.size(true) + key.name.len() as u64);
        // In KiB, so that a file of any size can be weighed.
        let of_disk = |_: &Key, page: &Arc<Stored>| weight(page.size(false).div_ceil(1 << 10));
        Self(Arc::new(Inner {
            storage,
            small: Cache::builder().max_capacity(config.body_cache_bytes / 8 * 3).weigher(of_memory).build(),
            large: Cache::builder().max_capacity(config.page_cache_bytes.div_ceil(1 << 10)).weigher(of_disk).build(),
            rendering: Mutex::default(),
            turns: Semaphore::new(RENDERED_TOGETHER),
        }))
    }

    /// The page of this key, which is rendered if it is not there. `changed` is when what is served did.
    pub async fn get(&self, key: Key, changed: Option<Instant>, render: Render) -> Result<(Arc<Stored>, Mark)> {
        let known = self.0.small.get(&key).or_else(|| self.0.large.get(&key));
        if let Some(page) = known {
            return Ok((page, Mark::Hit));
        }
        let rendering = self.0.join(&key, changed, render);
        match rendering.await {
            Ok(page) => Ok((page, Mark::Miss)),
            Err(error) => Err(again(&error)),
        }
    }
}

/// An error for each of those who waited.
fn again(error: &Error) -> Error {
    match error {
        Error::NotFound(model) => Error::NotFound(model.clone()),
        Error::Upstream(text) => Error::Upstream(text.clone()),
        Error::Storage { public, cause } => Error::Storage { public: public.clone(), cause: cause.clone() },
        other => Error::internal(other),
    }
}

impl Inner {
    /// Joins the rendering of a page, which starts when there is none. It goes on when nobody waits any more.
    fn join(self: &Arc<Self>, key: &Key, changed: Option<Instant>, render: Render) -> Rendering {
        let mut running = self.running();
        if let Some(rendering) = running.get(key) {
            return rendering.clone();
        }
        let work = tokio::spawn(render_and_keep(self.clone(), key.clone(), changed, render));
        let rendering = async move {
            match work.await {
                Ok(result) => result.map_err(Arc::new),
                Err(cause) => Err(Arc::new(Error::internal(cause))),
            }
        };
        let rendering = rendering.boxed().shared();
        running.insert(key.clone(), rendering.clone());
        rendering
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Key, Rendering>> {
        self.rendering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a rendering off the list, however it ends.
struct Done(Arc<Inner>, Key);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.running().remove(&self.1);
    }
}

async fn render_and_keep(inner: Arc<Inner>, key: Key, changed: Option<Instant>, render: Render) -> Result<Arc<Stored>> {
    let done = Done(inner.clone(), key.clone());
    let _turn = inner.turns.acquire().await.map_err(Error::internal)?;
    let page = match render(PageWriter::new(inner.storage.clone())).await? {
        Rendered::Absent(text) => Stored::Absent(text),
        Rendered::Page(writer) => stored(writer.finish().await?, key.media_type, changed).await?,
    };
    let page = Arc::new(page);
    let cache = if page.is_on_disk() { &inner.large } else { &inner.small };
    cache.insert(key, page.clone());
    drop(done);
    Ok(page)
}

async fn stored(finished: Finished, media_type: &'static str, changed: Option<Instant>) -> Result<Stored> {
    let seconds = changed.and_then(|changed| u64::try_from(changed.timestamp()).ok()).unwrap_or(0);
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let (plain, gzip) = match finished {
        Finished::Memory { plain, gzip } => {
            let digest = hex::encode(&Sha256::digest(&plain)[..16]);
            (in_memory(plain, &digest), gzip.map(|gzip| in_memory(gzip, &format!("{digest}-gzip"))))
        }
        Finished::Files { plain, gzip } => {
            let digest = plain.digests.sha256.as_str()[..32].to_owned();
            let compressed = in_file(gzip, format!("{digest}-gzip")).await?;
            (in_file(plain, digest).await?, Some(compressed))
        }
    };
    Ok(Stored::Page { plain, gzip, media_type, modified })
}

fn in_memory(bytes: Bytes, tag: &str) -> Version {
    Version { size: bytes.len() as u64, body: Body::Memory(bytes), etag: format!("\"{tag}\"") }
}

/// Opens the file and lets go of its name: it is gone with the last who reads it.
async fn in_file(mut staged: Staged, tag: String) -> Result<Version> {
    let (path, size) = (staged.on_disk().await?, staged.size);
    let file = spawn_blocking(move || File::open(path)).await.map_err(Error::internal)?;
    let file = file.map_err(|cause| Error::storage("cannot read a page that was just written", cause))?;
    Ok(Version { body: Body::File(Arc::new(file)), size, etag: format!("\"{tag}\"") })
}

impl Stored {
    fn versions(&self) -> impl Iterator<Item = &Version> {
        let both = match self {
            Self::Page { plain, gzip, .. } => [Some(plain), gzip.as_ref()],
            Self::Absent(_) => [None, None],
        };
        both.into_iter().flatten()
    }

    fn is_on_disk(&self) -> bool {
        self.versions().any(|version| matches!(version.body, Body::File(_)))
    }

    /// The bytes that it takes in memory, or else on the disk.
    fn size(&self, in_memory: bool) -> u64 {
        let counted = self.versions().filter(|version| matches!(version.body, Body::Memory(_)) == in_memory);
        counted.map(|version| version.size).sum::<u64>() + OVERHEAD as u64
    }
}

fn weight(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
