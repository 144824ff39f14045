//! Bytes on their way into the store: hashed while they are written to a file of this host's staging
//! folder. What is dropped without being kept leaves no file behind.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::task::{JoinHandle, spawn_blocking};

use super::digest::{self, DigestSet, Digests, Lane, Lanes};
use super::{failed, paths};
use crate::error::{Error, Result};
use crate::id::Id;

/// Of a long file, each part of this size goes to the disk when it is complete.
const WRITTEN_BACK: u64 = 32 << 20;
/// What is hashed and written at once: one hop to the blocking threads per block, two blocks in memory.
pub(super) const BLOCK: usize = 256 << 10;
/// A file no larger stays in memory until it is kept: one hop for all of it.
const IN_MEMORY: u64 = 64 << 10;
/// So little is hashed faster than a hop takes.
const HASH_AT_ONCE: usize = 16 << 10;

/// A file of the staging folder, removed with its last owner unless it was moved away.
#[derive(Debug)]
pub(super) struct TempFile {
    path: PathBuf,
    exists: AtomicBool,
}

impl TempFile {
    /// Only a name as yet.
    pub fn named_in(folder: &Path) -> Arc<Self> {
        Arc::new(Self { path: paths::staged_file(folder), exists: AtomicBool::new(false) })
    }

    pub fn create(&self) -> io::Result<File> {
        let file = File::options().read(true).write(true).create_new(true).open(&self.path)?;
        self.exists.store(true, Ordering::Release);
        Ok(file)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the file, which from then on is no longer ours.
    pub fn move_to(&self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.exists.store(false, Ordering::Release);
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.exists.load(Ordering::Acquire)
            && let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a staged file could not be removed");
        }
    }
}

/// A range of an upload's file, written in place. Holds what keeps others from taking the file away.
pub(super) struct Place {
    pub upload: Id,
    pub offset: u64,
    pub length: u64,
    /// Locked shared: an upload being assembled has it exclusively.
    pub file: File,
    /// Tells the progress of hashing when bytes were written that nobody put.
    pub touched: Option<super::hashing::Touched>,
}

/// Where blocks go.
enum Sink {
    Temp { temp: Arc<TempFile>, file: Option<Arc<File>> },
    Place(Place),
}

impl Sink {
    fn write(&mut self, position: u64, block: &[u8]) -> io::Result<()> {
        match self {
            Self::Temp { temp, file } => {
                let file = match file {
                    Some(file) => file,
                    None => file.insert(Arc::new(temp.create()?)),
                };
                file.write_all_at(block, position)?;
                let written = position + block.len() as u64;
                if written.is_multiple_of(WRITTEN_BACK) {
                    write_back(file, written - WRITTEN_BACK)?
                }
                Ok(())
            }
            Self::Place(place) => place.file.write_all_at(block, place.offset + position),
        }
    }
}

/// Brings the last part of a long file to the disk and lets its pages go: the next part gets them, instead
/// of one upload pushing out of memory what others read, and keeping the file has little left to wait for.
fn write_back(file: &File, start: u64) -> io::Result<()> {
    file.sync_data()?;
    // Only advice; where it is not taken nothing is lost.
    let _ = rustix::fs::fadvise(file, start, NonZeroU64::new(WRITTEN_BACK), rustix::fs::Advice::DontNeed);
    Ok(())
}

/// The block that is being hashed and written while the next one fills.
struct Flight {
    /// None while the lane has nothing to compute.
    first: Option<JoinHandle<Lane>>,
    second: JoinHandle<io::Result<(Sink, Lane)>>,
}

/// A new staged file. Errors leave nothing behind, nor does dropping it.
pub struct StagingWriter {
    size: u64,
    written: u64,
    limit: Option<u64>,
    buffer: BytesMut,
    idle: Option<(Sink, Lanes)>,
    flight: Option<Flight>,
    readable: Option<(Arc<File>, u64)>,
}

impl StagingWriter {
    pub(super) fn to_folder(folder: &Path, digests: DigestSet) -> Self {
        Self::new(Sink::Temp { temp: TempFile::named_in(folder), file: None }, None, digests)
    }

    pub(super) fn in_place(place: Place, digests: DigestSet) -> Self {
        let limit = Some(place.length);
        Self::new(Sink::Place(place), limit, digests)
    }

    fn new(sink: Sink, limit: Option<u64>, digests: DigestSet) -> Self {
        let idle = Some((sink, digest::lanes(digests)));
        Self { size: 0, written: 0, limit, buffer: BytesMut::new(), idle, flight: None, readable: None }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file as it grows and how much of it can be read by now; none while all is in memory. It stays
    /// readable after `finish`, to its end, also when it is kept or removed meanwhile.
    pub fn readable(&self) -> Option<(Arc<File>, u64)> {
        self.readable.clone()
    }

    /// Appends. Returns when the bytes are taken over, not when they are on the disk; an error of the
    /// disk may come with a later call. Not cancel-safe: drop the writer when a call was cut short.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        if let Some(limit) = self.limit.filter(|limit| self.size > *limit) {
            return Err(Error::TooLarge(limit));
        }
        while !bytes.is_empty() {
            if self.buffer.is_empty() && bytes.len() >= BLOCK {
                let block = bytes.split_to(BLOCK);
                self.send(block).await?;
                continue;
            }
            let part = bytes.split_to(bytes.len().min(BLOCK - self.buffer.len()));
            self.buffer.extend_from_slice(&part);
            if self.buffer.len() == BLOCK {
                let block = self.buffer.split().freeze();
                self.send(block).await?;
            }
        }
        Ok(())
    }

    /// Completes the digests. The file is not durable yet: that is `Storage::keep`.
    pub async fn finish(self) -> Result<Staged> {
        let (size, body, lanes) = self.end().await?;
        Ok(Staged { size, digests: digest::finish(lanes)?, body })
    }

    /// The size, the bytes, and hashers that have seen them all.
    pub(super) async fn end(mut self) -> Result<(u64, Body, Lanes)> {
        if let Some((Sink::Temp { temp, file: None }, lanes)) = &mut self.idle
            && self.size <= IN_MEMORY
        {
            let (bytes, temp) = (self.buffer.freeze(), temp.clone());
            let lanes = hashed_in_memory(bytes.clone(), std::mem::take(lanes)).await?;
            return Ok((self.size, Body::Memory { bytes, temp }, lanes));
        }
        if !self.buffer.is_empty() {
            let block = self.buffer.split().freeze();
            self.send(block).await?;
        }
        let (sink, lanes) = self.landed().await?;
        let body = match sink {
            Sink::Temp { temp, .. } => Body::File(temp),
            Sink::Place(place) => Body::Placed(place),
        };
        Ok((self.size, body, lanes))
    }

    /// Waits for the block before, then sends this one off.
    async fn send(&mut self, block: Bytes) -> Result<()> {
        let (mut sink, [mut first, mut second]) = self.landed().await?;
        let position = self.written;
        if let Sink::Temp { file: Some(file), .. } = &sink {
            self.readable = Some((file.clone(), position));
        }
        self.written += block.len() as u64;
        let (is_busy, shared) = (!first.is_empty(), block.clone());
        let hash = move || {
            first.update(&shared);
            first
        };
        self.flight = Some(Flight {
            first: is_busy.then(|| spawn_blocking(hash)),
            second: spawn_blocking(move || {
                sink.write(position, &block)?;
                second.update(&block);
                Ok((sink, second))
            }),
        });
        Ok(())
    }

    async fn landed(&mut self) -> Result<(Sink, Lanes)> {
        if let Some(Flight { first, second }) = self.flight.take() {
            let first = match first {
                Some(first) => first.await.map_err(Error::internal)?,
                None => Lane::default(),
            };
            let (sink, second) =
                second.await.map_err(Error::internal)?.map_err(|cause| failed("cannot store the upload", cause))?;
            return Ok((sink, [first, second]));
        }
        self.idle.take().ok_or_else(|| Error::internal("a staging writer was used after an error"))
    }
}

async fn hashed_in_memory(bytes: Bytes, mut lanes: Lanes) -> Result<Lanes> {
    let is_short = bytes.len() <= HASH_AT_ONCE;
    let hash = move || {
        lanes.iter_mut().for_each(|lane| lane.update(&bytes));
        lanes
    };
    if is_short { Ok(hash()) } else { spawn_blocking(hash).await.map_err(Error::internal) }
}

/// Where the bytes of a staged file are.
pub(super) enum Body {
    Memory {
        bytes: Bytes,
        temp: Arc<TempFile>,
    },
    File(Arc<TempFile>),
    /// A chunk at its place in the file of an upload.
    Placed(Place),
    /// The whole file of an upload, locked; dropping it leaves the upload as it was.
    Assembled {
        path: PathBuf,
        lock: File,
    },
}

/// Complete, hashed bytes that are not in the store yet. Dropped without being kept it leaves nothing.
pub struct Staged {
    pub size: u64,
    pub digests: Digests,
    pub(super) body: Body,
}

impl Body {
    pub fn reader(&self) -> Result<StagedReader> {
        let opened = match self {
            Self::Memory { bytes, .. } => Ok(Source::Memory(Cursor::new(bytes.clone()))),
            Self::File(temp) => File::open(temp.path()).map(Source::File),
            Self::Assembled { path, .. } => File::open(path).map(Source::File),
            Self::Placed(_) => Err(io::Error::other("a chunk of an upload has no file of its own")),
        };
        opened.map(StagedReader).map_err(|cause| failed("cannot read the staged file", cause))
    }

    pub fn in_memory(&self) -> Option<&Bytes> {
        match self {
            Self::Memory { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

impl Staged {
    /// Reads from the start. Blocking: for the blocking threads.
    pub fn reader(&self) -> Result<StagedReader> {
        self.body.reader()
    }

    /// The bytes, if they are few enough to have stayed in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        self.body.in_memory()
    }

    /// Whether it is the file of an upload, which is gone once this is kept.
    pub fn is_upload(&self) -> bool {
        matches!(self.body, Body::Assembled { .. })
    }

    /// The path of the file, for what can only read from one; it goes with `self`.
    pub async fn on_disk(&mut self) -> Result<PathBuf> {
        if let Body::Memory { bytes, temp } = &self.body {
            let (bytes, temp) = (bytes.clone(), temp.clone());
            let written = spawn_blocking(move || temp.create()?.write_all(&bytes).map(|()| temp)).await;
            let temp =
                written.map_err(Error::internal)?.map_err(|cause| failed("cannot write the staged file", cause))?;
            self.body = Body::File(temp);
        }
        match &self.body {
            Body::File(temp) => Ok(temp.path().to_owned()),
            Body::Assembled { path, .. } => Ok(path.clone()),
            Body::Memory { .. } | Body::Placed(_) => Err(Error::internal("a chunk of an upload has no file")),
        }
    }
}

/// The bytes of a [`Staged`], seekable.
pub struct StagedReader(Source);

enum Source {
    Memory(Cursor<Bytes>),
    File(File),
}

impl Read for StagedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.read(buffer),
            Source::File(file) => file.read(buffer),
        }
    }
}

impl Seek for StagedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.seek(to),
            Source::File(file) => file.seek(to),
        }
    }
}

/// Removes files that have not been written to for so long; the count of them.
pub(super) fn sweep(folder: &Path, older_than: std::time::Duration) -> io::Result<u64> {
    let mut removed = 0;
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // A file that vanishes meanwhile was moved or removed by its owner.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified()?.elapsed().unwrap_or_default();
        if metadata.is_file() && age >= older_than && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}
