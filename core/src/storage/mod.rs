//! The object store: where the bytes of artifacts and of unfinished uploads are. Two kinds, a local folder
//! and a bucket that speaks S3; nothing here knows the database, HTTP or the environment.
//!
//! Bytes go in by [`Storage::stage`], `write`, `finish`, [`Storage::keep`]; only after `keep` returned may
//! a row point at them. They go out by [`Storage::stream`], [`Storage::presigned`] or [`Storage::local_path`].
//!
//! While a domain's files move, a store has a *second* one beside it: what comes goes into the first, what the first
//! does not have is read from the second, and what goes is removed from both.

mod chunk;
mod digest;
mod hashing;
mod local;
mod object;
mod paths;
mod second;
mod staging;
mod stats;
#[cfg(test)]
mod tests;
mod uploads;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;

pub use chunk::{Chunk, ChunkWriter};
pub use digest::{Algorithm, DigestSet, Digests};
pub use staging::{Staged, StagedReader, StagingWriter};

use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use hashing::Hashing;
use local::Local;
use object::Bucket;
use stats::{Deed, Stats};

/// The bytes of an artifact as they come from the store.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Where the store is and how to reach it.
#[derive(Clone, Default)]
pub struct StorageConfig {
    /// `file:///folder`, a plain path, or `s3://bucket/prefix`.
    pub url: String,
    /// The address of an S3 server other than Amazon's.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    /// Goes with keys that were lent for a time.
    pub session_token: Option<String>,
    /// The bucket's name is part of the host's name, not of the path.
    pub virtual_hosts: bool,
    /// Whose artifacts these are; none for the default domain.
    pub domain: Option<Id>,
    /// Permits an endpoint without TLS.
    pub allow_http: bool,
    /// A folder of this host for files being written. A local store has its own, where a rename
    /// suffices to keep a file.
    pub staging: PathBuf,
    /// The digests artifacts get, which are prepared while an upload's chunks arrive.
    pub digests: DigestSet,
    /// How long addresses of a bucket are good that were made for readers; none: an hour.
    pub signed_for: Option<Duration>,
    /// The permissions of files and folders that are made in a folder; none: as the process's mask has it.
    pub file_mode: Option<u32>,
    pub folder_mode: Option<u32>,
    /// The store to read from what this one does not have.
    pub second: Option<Box<StorageConfig>>,
}

/// What [`Storage::verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Missing,
    Corrupt,
    Intact,
}

/// The space of a local store's file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub total: u64,
    pub used: u64,
    pub free: u64,
}

/// The store of this installation. Cheap to clone.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    kind: Kind,
    /// Where the rest is, while files move.
    second: Option<Storage>,
    staging: PathBuf,
    hashing: Hashing,
    stats: Stats,
    /// Names this process among those that write to the same uploads.
    process: Id,
}

enum Kind {
    Local(Local),
    Bucket(Bucket),
}

/// So many files of a bulk are kept at the same time.
const TOGETHER: usize = 16;

/// The key under which a store keeps an artifact of a domain, or of the default one.
pub fn artifact_key(domain: Option<Id>, sha256: &Sha256) -> String {
    paths::Keys::new("", domain).artifact(sha256)
}

impl Storage {
    /// Creates the folders of a local store; asks the bucket with one request whether it can be used.
    pub async fn open(config: &StorageConfig) -> Result<Self> {
        let storage = Self::attach(config).await?;
        if let Kind::Bucket(bucket) = &storage.0.kind {
            bucket.try_out().await?;
        }
        Ok(storage)
    }

    /// The same without a request to the bucket.
    pub async fn attach(config: &StorageConfig) -> Result<Self> {
        let second = match &config.second {
            Some(second) => second::attach(second).await,
            None => None,
        };
        Self::attach_beside(config, second).await
    }

    async fn attach_beside(config: &StorageConfig, second: Option<Self>) -> Result<Self> {
        let (kind, staging) = match config.url.strip_prefix("s3://") {
            Some(bucket) => (Kind::Bucket(Bucket::new(config, bucket)?), config.staging.clone()),
            None => {
                let local = Local::open(local_root(&config.url)?, config).await?;
                let staging = local.staging();
                (Kind::Local(local), staging)
            }
        };
        tokio::fs::create_dir_all(&staging)
            .await
            .map_err(|cause| failed(&format!("cannot create the folder `{}`", staging.display()), cause))?;
        let hashing = Hashing::new(config.digests);
        let stats = Stats::default();
        Ok(Self(Arc::new(Inner { kind, second, staging, hashing, stats, process: Id::new() })))
    }

    /// Begins a file in the staging folder of this host, to be hashed while it is written.
    pub fn stage(&self, digests: DigestSet) -> Result<StagingWriter> {
        Ok(StagingWriter::to_folder(&self.0.staging, digests))
    }

    /// A file of the staging folder that has no name and is gone when it is closed, whoever ends.
    pub fn scratch(&self) -> Result<std::fs::File> {
        let named = staging::TempFile::named_in(&self.0.staging);
        named.create().map_err(|cause| failed("cannot create a file in the staging folder", cause))
    }

    /// Stages bytes that are in memory already.
    pub async fn stage_bytes(&self, bytes: Bytes, digests: DigestSet) -> Result<Staged> {
        let mut writer = self.stage(digests)?;
        writer.write(bytes).await?;
        writer.finish().await
    }

    /// Puts the file at the place of its SHA-256. When this returns, the content and the name of the file
    /// survive a loss of power. Idempotent: what is there already is replaced by the same bytes, which
    /// mends a damaged artifact.
    pub async fn keep(&self, staged: Staged) -> Result<()> {
        let result = self.keep_one(staged).await;
        self.0.stats.noted(Deed::Keep, 1, result)
    }

    async fn keep_one(&self, staged: Staged) -> Result<()> {
        match &self.0.kind {
            Kind::Local(local) => local.keep(staged).await,
            Kind::Bucket(bucket) => bucket.keep(staged).await,
        }
    }

    /// Keeps many files, with far fewer synchronisations of the disk than files. When it fails, some may
    /// have been kept.
    pub async fn keep_all(&self, staged: Vec<Staged>) -> Result<()> {
        let count = staged.len() as u64;
        let result = match &self.0.kind {
            Kind::Local(local) if staged.len() > TOGETHER => local.keep_bulk(staged).await,
            _ => {
                futures_util::stream::iter(staged.into_iter().map(Ok))
                    .try_for_each_concurrent(TOGETHER, |staged| self.keep_one(staged))
                    .await
            }
        };
        self.0.stats.noted(Deed::Keep, count, result)
    }

    /// Whether artifacts are files of this host, all of them.
    pub fn is_local(&self) -> bool {
        matches!(self.0.kind, Kind::Local(_)) && self.0.second.as_ref().is_none_or(Self::is_local)
    }

    /// Where the artifact's file is, whether it exists or not; `None` if the store is not local.
    pub fn local_path(&self, sha256: &Sha256) -> Option<PathBuf> {
        if !self.is_local() {
            return None;
        }
        let Kind::Local(local) = &self.0.kind else { return None };
        let path = local.artifact(sha256);
        let elsewhere = self.0.second.as_ref().filter(|_| !path.exists()).and_then(|second| second.local_path(sha256));
        Some(elsewhere.filter(|path| path.exists()).unwrap_or(path))
    }

    /// The bytes of an artifact or of a range of them, which the caller knows to lie inside. A missing
    /// artifact is an error here, one cut short an error of the stream.
    pub async fn stream(&self, sha256: &Sha256, range: Option<Range<u64>>) -> Result<ByteStream> {
        let storage = self.holder(sha256).await?;
        let result = match &storage.0.kind {
            Kind::Local(local) => local.stream(sha256, range).await,
            Kind::Bucket(bucket) => bucket.stream(sha256, range).await,
        };
        self.0.stats.noted(Deed::Read, 1, result)
    }

    /// An address at which anyone may read the artifact for as long as the store is configured to let them, answered
    /// with this file name and content type; `None` for what is in a folder.
    pub async fn presigned(&self, sha256: &Sha256, file_name: &str, content_type: &str) -> Result<Option<String>> {
        let storage = self.holder(sha256).await?;
        let result = match &storage.0.kind {
            Kind::Local(_) => Ok(None),
            Kind::Bucket(bucket) => bucket.presigned(sha256, file_name, content_type).await.map(Some),
        };
        self.0.stats.noted(Deed::Sign, 1, result)
    }

    /// Removes an artifact's bytes, from a second store too. Idempotent.
    pub async fn delete(&self, sha256: &Sha256) -> Result<()> {
        if let Some(second) = &self.0.second {
            second.delete_own(sha256).await?;
        }
        self.delete_own(sha256).await
    }

    async fn delete_own(&self, sha256: &Sha256) -> Result<()> {
        let result = match &self.0.kind {
            Kind::Local(local) => local.delete(sha256).await,
            Kind::Bucket(bucket) => bucket.delete(sha256).await,
        };
        self.0.stats.noted(Deed::Delete, 1, result)
    }

    /// The size of a stored artifact, `None` if it is not there.
    pub async fn size(&self, sha256: &Sha256) -> Result<Option<u64>> {
        match (self.own_size(sha256).await?, &self.0.second) {
            (None, Some(second)) => second.own_size(sha256).await,
            (found, _) => Ok(found),
        }
    }

    /// All artifacts with their sizes, in no order; those of a second store are left out.
    pub fn list(&self) -> BoxStream<'static, Result<(Sha256, u64)>> {
        match &self.0.kind {
            Kind::Local(local) => local.list().boxed(),
            Kind::Bucket(bucket) => bucket.list().boxed(),
        }
    }

    /// Reads an artifact and compares its SHA-256 with its name.
    pub async fn verify(&self, sha256: &Sha256) -> Result<Verdict> {
        if self.size(sha256).await?.is_none() {
            return Ok(Verdict::Missing);
        }
        let mut stream = self.stream(sha256, None).await?;
        let mut hasher = digest::lanes(DigestSet::sha256());
        while let Some(bytes) = stream.try_next().await? {
            hasher = spawn_blocking(move || {
                hasher.iter_mut().for_each(|lane| lane.update(&bytes));
                hasher
            })
            .await
            .map_err(Error::internal)?;
        }
        let intact = digest::finish(hasher)?.sha256 == *sha256;
        Ok(if intact { Verdict::Intact } else { Verdict::Corrupt })
    }

    /// Removes all artifacts of a domain that is no more, and nothing where the store is the default domain's. Needs
    /// no store to be attached. Idempotent.
    pub async fn dissolve(config: &StorageConfig) -> Result<()> {
        match config.url.strip_prefix("s3://") {
            Some(bucket) => Bucket::new(config, bucket)?.dissolve().await,
            None => Local::dissolve(local_root(&config.url)?, config.domain).await,
        }
    }

    /// Where such a store writes files on this host before they are kept.
    pub fn staging_of(config: &StorageConfig) -> Result<PathBuf> {
        Ok(match config.url.starts_with("s3://") {
            true => config.staging.clone(),
            false => local_root(&config.url)?.join(paths::Keys::new("", None).staging()),
        })
    }

    /// Whether a store can be used there, without leaving anything but the folder.
    pub async fn try_out(config: &StorageConfig) -> Result<()> {
        match config.url.strip_prefix("s3://") {
            Some(bucket) => Bucket::new(config, bucket)?.try_out().await,
            None => Local::try_out(local_root(&config.url)?).await,
        }
    }

    /// Whether files can be put here: a local store writes one and removes it, a bucket is asked a short question.
    pub async fn probe(&self) -> Result<()> {
        match &self.0.kind {
            Kind::Local(local) => local.probe().await,
            Kind::Bucket(bucket) => bucket.probe().await,
        }
    }

    /// The space of the file system; `None` if the store is not local or does not tell.
    pub fn usage(&self) -> Option<Usage> {
        match &self.0.kind {
            Kind::Local(local) => local.usage(),
            Kind::Bucket(_) => None,
        }
    }

    /// Removes files of a staging folder that nobody has written to for so long; the count of them. A folder that is
    /// not there has none.
    pub async fn sweep_staging(folder: PathBuf, older_than: Duration) -> Result<u64> {
        let swept = spawn_blocking(move || staging::sweep(&folder, older_than)).await.map_err(Error::internal)?;
        swept.map_err(|cause| failed("cannot sweep the staging folder", cause))
    }
}

fn local_root(url: &str) -> Result<PathBuf> {
    match url.split_once("://") {
        None => Ok(PathBuf::from(url)),
        Some(("file", path)) if path.starts_with('/') => Ok(PathBuf::from(path)),
        Some(_) => Err(Error::Malformed(format!("`{url}` is neither a folder nor `s3://bucket/prefix`"))),
    }
}

/// A failure of the local disk; a full one is named to the client too.
fn failed(what: &str, cause: std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Error::storage(format!("{what}: no space left"), cause)
        }
        _ => Error::storage(what, cause),
    }
}

/// Continues as a stream of an artifact's bytes.
fn boxed(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> ByteStream {
    stream.boxed()
}
