//! What a format sees of a synchronization: it reads the upstream's metadata and says which units it wants.
//! Files, versions, reuse of what is there, concurrency and progress of downloads are core's.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value as Json;
use tokio::sync::mpsc::Sender;

use super::{Progress, Task, Unit, UpstreamFile};
use crate::download::{self, Downloader};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::storage::{DigestSet, Staged, StagedReader, Storage};

/// The largest metadata that is held in memory as a whole.
const LARGEST_IN_MEMORY: u64 = 64 << 20;
/// Read of a staged file at once.
const BLOCK: usize = 256 << 10;

/// A unit of content to be had.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub unit: Unit,
    /// Where the files are, in the order of [`Unit::files`].
    pub files: Vec<UpstreamFile>,
}

/// A unit and its type.
pub(crate) type Declared = (&'static str, Wanted);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncOptions {
    /// What upstream has not is removed from the repository.
    pub mirror: bool,
    /// Nothing is done when nothing changed since the last synchronization.
    pub optimize: bool,
}

/// The remote to read from.
#[derive(Clone, Debug)]
pub struct SyncRemote {
    pub id: Id,
    pub url: String,
    /// `immediate`, `on_demand` or `streamed`.
    pub policy: String,
    pub details: Json,
}

/// The repository to read into.
#[derive(Clone, Debug)]
pub struct SyncRepository {
    pub id: Id,
    /// The number of its newest version.
    pub latest_version: i64,
    pub details: Json,
    /// The newest version holds units whose files are with an upstream only.
    pub lacks_files: bool,
}

/// What the format decided beside the wanted units.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decisions {
    /// Kept with the repository when the synchronization succeeds.
    pub remembered: Option<Json>,
    /// The details of a publication of the new version.
    pub publication: Option<Json>,
    pub skipped: bool,
}

/// One run of a synchronization. Dropping it ends the declarations.
pub struct SyncJob {
    pub remote: SyncRemote,
    pub repository: SyncRepository,
    pub options: SyncOptions,
    task: Arc<dyn Task>,
    downloader: Downloader,
    storage: Storage,
    wanted: Sender<Declared>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    decisions: Decisions,
    metadata: Option<Arc<dyn Progress>>,
}

/// The detail of a repository under which its last synchronization is remembered.
pub(crate) const LAST_SYNC: &str = "last_sync_details";
/// The number that core adds to what a format remembers.
pub(crate) const MOST_RECENT_VERSION: &str = "most_recent_version";

impl SyncJob {
    pub(crate) fn new(
        (remote, repository, options): (SyncRemote, SyncRepository, SyncOptions),
        task: Arc<dyn Task>,
        (downloader, storage): (Downloader, Storage),
        wanted: Sender<Declared>,
    ) -> Self {
        Self { remote, repository, options, task, downloader, storage, wanted, state: Mutex::default() }
    }

    /// The address of a file that upstream names relative to the remote's.
    pub fn resolve(&self, relative: &str) -> String {
        self.downloader.resolve(relative)
    }

    /// Metadata that is small enough to be held in memory.
    pub async fn metadata(&self, url: &str) -> Result<Bytes> {
        let fetched = self.downloader.fetch_bytes(url, LARGEST_IN_MEMORY).await?;
        self.count_metadata();
        Ok(fetched.bytes)
    }

    /// Metadata of at most `largest` bytes, to be read in pieces.
    pub async fn metadata_file(&self, url: &str, largest: u64) -> Result<MetadataFile> {
        let wanted = download::Wanted { url: url.to_owned(), size: None, digests: vec![], largest };
        let staged = self.downloader.fetch(&wanted, &self.storage, DigestSet::sha256()).await?;
        self.count_metadata();
        MetadataFile::new(staged)
    }

    fn count_metadata(&self) {
        let mut state = self.state();
        let progress = state
            .metadata
            .get_or_insert_with(|| self.task.progress("Downloading Metadata", "sync.downloading.metadata", None));
        progress.add(1);
    }

    /// Starts a progress report of the format's own, such as `sync.parsing.metadata`.
    pub fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn Progress> {
        self.task.progress(message, code, total)
    }

    /// Asks for a unit of this type. Waits while core has enough to do.
    ///
    /// # Errors
    /// `Canceled` once the task is asked to stop.
    pub async fn want(&self, content_type: &'static str, wanted: Wanted) -> Result<()> {
        // The receiver goes away only when the synchronization fails, which then tells why.
        self.wanted.send((content_type, wanted)).await.map_err(|_| Error::Canceled)
    }

    /// Whether upstream and all settings are as `seen` says and the last synchronization left them, so that
    /// there is nothing to do. If not, `seen` is remembered once the synchronization has succeeded.
    ///
    /// Not so when the repository changed since or when files are missing that this one would bring.
    pub fn is_unchanged(&self, seen: Json) -> bool {
        let mut last = self.repository.details.get(LAST_SYNC).cloned().unwrap_or_default();
        let version = last.as_object_mut().and_then(|last| last.remove(MOST_RECENT_VERSION));
        let complete = self.remote.policy != "immediate" || !self.repository.lacks_files;
        let same = last == seen && version.as_ref().and_then(Json::as_i64) == Some(self.repository.latest_version);
        let mut state = self.state();
        if self.options.optimize && complete && same {
            let progress = self.task.progress("Nothing Changed Since Last Sync", "sync.was_skipped", None);
            progress.finish();
            state.decisions.skipped = true;
            return true;
        }
        state.decisions.remembered = Some(seen);
        false
    }

    /// Asks for a publication with these details of the version that this synchronization makes, if it
    /// makes one.
    pub fn publish(&self, details: Json) {
        self.state().decisions.publication = Some(details);
    }

    pub(crate) fn into_decisions(self) -> Decisions {
        let state = std::mem::take(&mut *self.state());
        if let Some(progress) = state.metadata {
            progress.finish();
        }
        state.decisions
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file of metadata on this host, gone when dropped.
pub struct MetadataFile {
    pub size: u64,
    /// In lower-case hexadecimal.
    pub sha256: String,
    reader: Option<StagedReader>,
    _staged: Staged,
}

impl MetadataFile {
    fn new(staged: Staged) -> Result<Self> {
        let reader = Some(staged.reader()?);
        Ok(Self { size: staged.size, sha256: staged.digests.sha256.to_string(), reader, _staged: staged })
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        use std::io::Read;
        let Some(mut reader) = self.reader.take() else { return Ok(None) };
        let read = move || {
            let mut block = Vec::with_capacity(BLOCK);
            reader.by_ref().take(BLOCK as u64).read_to_end(&mut block).map(|_| (block, reader))
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
        let (block, reader) = read.map_err(|cause| Error::storage("cannot read staged metadata", cause))?;
        if block.is_empty() {
            return Ok(None);
        }
        self.reader = Some(reader);
        Ok(Some(block.into()))
    }
}
