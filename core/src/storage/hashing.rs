//! Hashing of unfinished uploads ahead of time: while a client sends the next chunk, those before are
//! hashed from the page cache. Only a shortcut, known to this process alone: without it the assembled
//! file is hashed from its start.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, spawn_blocking};

use super::digest::{self, DigestSet, Lanes};
use super::staging::BLOCK;
use crate::error::Result;
use crate::id::Id;

/// Blocks that one lane may be ahead of the other.
const AHEAD: usize = 8;
/// So many uploads are followed at once; another one is hashed when it is assembled.
const FOLLOWED: usize = 256;

struct Progress {
    file: Arc<File>,
    /// The bytes before are hashed when `work` ends.
    end: u64,
    work: JoinHandle<io::Result<Lanes>>,
}

/// How far the uploads are hashed.
#[derive(Clone)]
pub(super) struct Hashing {
    digests: DigestSet,
    uploads: Arc<Mutex<HashMap<Id, Progress>>>,
}

impl Hashing {
    pub fn new(digests: DigestSet) -> Self {
        Self { digests, uploads: Arc::default() }
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Progress>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A chunk lies in the file: goes on with it if it is the next one, starts over if it is one hashed before.
    pub fn chunk_put(&self, upload: Id, path: &Path, offset: u64, size: u64) {
        let mut uploads = self.uploads();
        if uploads.get(&upload).is_some_and(|progress| offset < progress.end) {
            uploads.remove(&upload);
            return;
        }
        let before = match uploads.remove(&upload) {
            Some(progress) if progress.end == offset => progress,
            Some(progress) => {
                uploads.insert(upload, progress);
                return;
            }
            None if offset == 0 && uploads.len() < FOLLOWED => {
                // Opened anew, since a duplicate would share the chunk's lock.
                let Ok(file) = File::open(path) else { return };
                let digests = self.digests;
                Progress { file: Arc::new(file), end: 0, work: tokio::spawn(async move { Ok(digest::lanes(digests)) }) }
            }
            None => return,
        };
        let (file, end) = (before.file, offset + size);
        let hashed = file.clone();
        let work = tokio::spawn(async move {
            let lanes = before.work.await.map_err(io::Error::other)??;
            spawn_blocking(move || hash_chunk(&hashed, lanes, offset, end)).await.map_err(io::Error::other)?
        });
        uploads.insert(upload, Progress { file, end, work });
    }

    pub fn forget(&self, upload: Id) {
        self.uploads().remove(&upload);
    }

    /// The hashers for the file and how many bytes of it they have seen; waits for the work under way.
    pub async fn take(&self, upload: Id, digests: DigestSet) -> Option<(Lanes, u64)> {
        let progress = self.uploads().remove(&upload).filter(|_| digests == self.digests)?;
        let lanes = progress.work.await.ok()?.ok()?;
        Some((lanes, progress.end))
    }

    /// For a writer that changes bytes from `offset` on.
    pub fn touched(&self, upload: Id, offset: u64) -> Touched {
        Touched { hashing: self.clone(), upload, offset, put: false }
    }
}

/// When dropped without a put, bytes that were hashed may have changed: such hashes are given up.
pub(super) struct Touched {
    hashing: Hashing,
    upload: Id,
    offset: u64,
    put: bool,
}

impl Touched {
    /// The bytes written are the chunk's, about which [`Hashing::chunk_put`] was told.
    pub fn put(mut self) {
        self.put = true;
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        if self.put {
            return;
        }
        let mut uploads = self.hashing.uploads();
        if uploads.get(&self.upload).is_some_and(|progress| self.offset < progress.end) {
            uploads.remove(&self.upload);
        }
    }
}

/// Lets the pages of the chunk go afterwards: the next chunk gets them, instead of a large upload pushing
/// out of memory what others read.
fn hash_chunk(file: &File, lanes: Lanes, start: u64, end: u64) -> io::Result<Lanes> {
    let lanes = hash_range(file, lanes, start, end)?;
    // Only advice; where it is not taken nothing is lost.
    let _ = rustix::fs::fadvise(file, start, NonZeroU64::new(end - start), rustix::fs::Advice::DontNeed);
    Ok(lanes)
}

/// Continues both lanes over a range of the file, which is read once for both.
pub(super) fn hash_range(file: &File, lanes: Lanes, start: u64, end: u64) -> io::Result<Lanes> {
    let [mut first, mut second] = lanes;
    if first.is_empty() || end - start <= BLOCK as u64 {
        read_blocks(file, start, end, |block| {
            first.update(&block);
            second.update(&block);
            true
        })?;
        return Ok([first, second]);
    }
    std::thread::scope(|scope| {
        let (ahead, blocks) = std::sync::mpsc::sync_channel::<Arc<Vec<u8>>>(AHEAD);
        let other = scope.spawn(|| {
            for block in blocks {
                second.update(&block);
            }
        });
        let read = read_blocks(file, start, end, |block| {
            let block = Arc::new(block);
            // Refused by a lane that panicked.
            let taken = ahead.send(block.clone()).is_ok();
            first.update(&block);
            taken
        });
        drop(ahead);
        other.join().map_err(|_| io::Error::other("a hashing thread panicked"))?;
        read
    })?;
    Ok([first, second])
}

/// Gives the blocks of a range to `each`, until it has had enough.
fn read_blocks(file: &File, start: u64, end: u64, mut each: impl FnMut(Vec<u8>) -> bool) -> io::Result<()> {
    let mut position = start;
    while position < end {
        let mut block = vec![0; BLOCK.min(usize::try_from(end - position).unwrap_or(BLOCK))];
        file.read_exact_at(&mut block, position)?;
        position += block.len() as u64;
        if !each(block) {
            break;
        }
    }
    Ok(())
}

/// The digests of a whole file, continuing from what was hashed before.
pub(super) fn digests_of(file: &File, lanes: Lanes, start: u64, end: u64) -> Result<digest::Digests> {
    let lanes = hash_range(file, lanes, start, end).map_err(|cause| super::failed("cannot read the upload", cause))?;
    digest::finish(lanes)
}
