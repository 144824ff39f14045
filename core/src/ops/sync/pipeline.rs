//! From declared units to a draft of a version, in batches: what is here is reused, files are fetched when
//! the remote's policy says so, and each batch is written in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout_at};

use super::yields::Yields;
use super::{Alternates, Stores, SyncRequest};
use crate::db::Conn;
use crate::db::content::DetailTable;
use crate::db::remotes::{self, RemoteFile};
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::content::{self, StoredUnit};
use crate::ops::versions::VersionDraft;
use crate::plugin::{ContentType, Declared, Failures, Plugin, Progress, Task, UpstreamFile};

/// Units written together.
const BATCH: usize = 1000;
/// Batches under way: the files of one are fetched while those of the other are kept.
const BATCHES: usize = 2;
/// How long an incomplete batch waits for more.
const PATIENCE: Duration = Duration::from_millis(200);
/// Downloads at once unless the remote says otherwise.
const CONCURRENCY: i64 = 10;

pub(super) struct Pipeline<'a> {
    pub(super) stores: &'a Stores,
    pub(super) task: &'a Arc<dyn Task>,
    pub(super) downloader: &'a Downloader,
    pub(super) concurrency: usize,
    pub(super) alternates: &'a Alternates,
    pub(super) failures: Arc<Failures>,
    pub(super) yields: Yields,
    immediate: bool,
    remote: Id,
    draft: &'a VersionDraft,
    types: HashMap<&'static str, Arc<dyn ContentType>>,
    /// What a mirror keeps.
    wanted: Option<Mutex<Vec<Id>>>,
    reports: OnceLock<Reports>,
}

pub(super) struct Reports {
    pub downloads: Arc<dyn Progress>,
    pub associating: Arc<dyn Progress>,
}

/// What is left to do when all units are in the draft.
pub(super) struct Finished {
    pub associating: Arc<dyn Progress>,
    /// The units upstream has, for a mirror.
    pub wanted: Option<Vec<Id>>,
}

impl<'a> Pipeline<'a> {
    pub fn new(
        stores: &'a Stores,
        task: &'a Arc<dyn Task>,
        plugin: &dyn Plugin,
        request: &'a SyncRequest,
        (draft, failures): (&'a VersionDraft, Arc<Failures>),
    ) -> Self {
        let types = plugin.content_types().into_iter().map(|content_type| (content_type.pulp_type(), content_type));
        let concurrency = request.remote.download_concurrency.unwrap_or(CONCURRENCY);
        Self {
            stores,
            task,
            downloader: &request.downloader,
            concurrency: usize::try_from(concurrency.clamp(1, BATCH as i64)).unwrap_or(1),
            alternates: &request.alternates,
            failures,
            yields: Yields::default(),
            immediate: request.remote.policy == "immediate",
            remote: request.remote.id,
            draft,
            types: types.collect(),
            wanted: request.options.mirror.then(Mutex::default),
            reports: OnceLock::new(),
        }
    }

    /// Takes all declared units into the draft.
    pub async fn run(&self, receiver: Receiver<Declared>) -> Result<()> {
        let batches = stream::unfold(receiver, |mut receiver| async {
            let batch = gather(&mut receiver).await;
            (!batch.is_empty()).then_some((batch, receiver))
        });
        batches.map(|batch| self.take(batch).boxed()).buffered(BATCHES).try_collect::<()>().boxed().await
    }

    pub fn finish(self) -> Finished {
        let associating = self.reports().associating.clone();
        self.reports().downloads.finish();
        let wanted = self.wanted.map(|ids| ids.into_inner().unwrap_or_else(PoisonError::into_inner));
        Finished { associating, wanted }
    }

    pub(super) fn reports(&self) -> &Reports {
        self.reports.get_or_init(|| Reports {
            downloads: self.task.progress("Downloading Artifacts", "sync.downloading.artifacts", None),
            associating: self.task.progress("Associating Content", "associating.content", None),
        })
    }

    pub(super) fn table(&self, content_type: &str) -> Result<DetailTable> {
        self.types.get(content_type).map(|known| known.table()).ok_or_else(|| unknown(content_type))
    }

    async fn take(&self, mut batch: Vec<Declared>) -> Result<()> {
        self.task.check()?;
        self.reports();
        if self.immediate {
            self.download(&mut batch).boxed().await?;
        }
        let ids = self.write(batch).await?;
        if let Some(wanted) = &self.wanted {
            wanted.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        }
        Ok(())
    }

    async fn write(&self, batch: Vec<Declared>) -> Result<Vec<Id>> {
        let mut by_type: BTreeMap<&'static str, (Vec<_>, Vec<_>)> = BTreeMap::new();
        for (name, wanted) in batch {
            let (units, rest) = by_type.entry(name).or_default();
            units.push(wanted.unit);
            rest.push((wanted.files, wanted.pinned));
        }
        let typed = by_type.into_iter().map(|(name, (units, rest))| {
            let content_type = self.types.get(name).cloned().ok_or_else(|| unknown(name))?;
            let (files, pinned): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
            Ok((content_type, units, files, pinned))
        });
        let typed = typed.collect::<Result<Vec<_>>>()?;
        let (domain, remote, draft) = (self.stores.domain, self.remote, self.draft.clone());
        let write = move |conn: &mut Conn| {
            let mut ids = Vec::new();
            for (content_type, units, files, pinned) in &typed {
                let stored = content::store(conn, domain, content_type.as_ref(), units, &json!({}))?;
                pin(conn, &stored, pinned)?;
                remotes::note_files(conn, remote, &remote_files(&stored, files))?;
                ids.extend(stored.iter().map(|unit| unit.id));
            }
            draft.add(conn, &ids)?;
            Ok(ids)
        };
        self.stores.db.write(write).await
    }
}

/// What units that are new serve below folders.
fn pin(conn: &mut Conn, stored: &[StoredUnit], pinned: &[Vec<(String, Id)>]) -> Result<()> {
    let mut done = HashSet::new();
    for (unit, pinned) in stored.iter().zip(pinned) {
        // A unit that was declared twice is new twice.
        if unit.created && !pinned.is_empty() && done.insert(unit.id) {
            crate::db::pinned::pin(conn, unit.id, pinned)?;
        }
    }
    Ok(())
}

fn unknown(content_type: &str) -> Error {
    Error::internal(format!("`{content_type}` is not a content type of this format"))
}

fn remote_files(stored: &[StoredUnit], files: &[Vec<UpstreamFile>]) -> Vec<RemoteFile> {
    let pairs = stored.iter().zip(files).flat_map(|(unit, files)| unit.files.iter().zip(files));
    let pairs = pairs.filter(|(_, upstream)| !upstream.url.is_empty());
    let mut noted: Vec<_> = pairs
        .map(|(stored, upstream)| RemoteFile {
            content_artifact: stored.id,
            url: upstream.url.clone(),
            size: upstream.size,
            digests: upstream.digests.clone(),
        })
        .collect();
    // A unit that was declared twice has one source per remote.
    noted.sort_by_key(|file| file.content_artifact);
    noted.dedup_by_key(|file| file.content_artifact);
    noted
}

/// The next units, as many as make a batch or as come within a moment; none at the end.
async fn gather(receiver: &mut Receiver<Declared>) -> Vec<Declared> {
    let mut batch = Vec::new();
    receiver.recv_many(&mut batch, BATCH).await;
    let until = Instant::now() + PATIENCE;
    while !batch.is_empty() && batch.len() < BATCH {
        let room = BATCH - batch.len();
        match timeout_at(until, receiver.recv_many(&mut batch, room)).await {
            Ok(count) if count > 0 => {}
            Ok(_) | Err(_) => break,
        }
    }
    batch
}
