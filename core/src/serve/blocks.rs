//! The bytes of stored files: one hop to a blocking thread for what is small; of the rest, blocks without a
//! hop while the kernel has them in memory; no reading at all for what was just read. A general object-store
//! stream hands over 8 KiB at a time, which costs ten times as much.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{once, try_unfold};
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::spawn_blocking;

use super::Inner;
use crate::error::{Error, Result};
use crate::id::Sha256;
use crate::storage::ByteStream;

/// Read at once. A connection gives up its buffer after a larger block and has to make it anew, and three
/// copies of a block this size stay in the processor's cache.
const BLOCK: u64 = 128 << 10;
/// Larger files are not remembered.
const LARGEST_REMEMBERED: u64 = 128 << 10;

/// The bytes of an answer.
pub enum Content {
    Memory(Bytes),
    Stream(ByteStream),
}

/// The bytes `range` of an artifact, which lies inside its `size`; none when the store has lost them.
pub async fn read(inner: &Arc<Inner>, sha256: &Sha256, size: u64, range: Range<u64>) -> Result<Option<Content>> {
    if let Some(bytes) = inner.bodies.get(sha256) {
        return Ok(Some(Content::Memory(part(&bytes, &range))));
    }
    let Some(path) = inner.storage.local_path(sha256) else {
        return inner.storage.stream(sha256, Some(range)).await.map(|stream| Some(Content::Stream(stream)));
    };
    if size <= LARGEST_REMEMBERED {
        let Some((_, bytes)) = open(path, 0..size).await? else { return Ok(None) };
        inner.bodies.insert(sha256.clone(), bytes.clone());
        return Ok(Some(Content::Memory(part(&bytes, &range))));
    }
    let first = range.start..range.end.min(range.start + BLOCK);
    let Some((file, bytes)) = open(path, first.clone()).await? else { return Ok(None) };
    if first.end == range.end {
        return Ok(Some(Content::Memory(bytes)));
    }
    let rest = stream(Arc::new(file), first.end..range.end);
    Ok(Some(Content::Stream(once(async { Ok(bytes) }).chain(rest).boxed())))
}

/// A range of bytes in memory.
pub fn part(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

/// Opens and reads in one hop; none when there is no such file.
async fn open(path: PathBuf, range: Range<u64>) -> Result<Option<(File, Bytes)>> {
    let read = spawn_blocking(move || {
        let file = File::open(&path)?;
        let bytes = read_range(&file, &range)?;
        Ok((file, bytes))
    });
    match read.await.map_err(Error::internal)? {
        Ok(opened) => Ok(Some(opened)),
        Err(cause) => absent(cause),
    }
}

fn absent<T>(cause: io::Error) -> Result<Option<T>> {
    match cause.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(Error::storage("cannot read an artifact", cause)),
    }
}

/// The bytes `range` of a file, which all must be there.
fn read_range(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(length);
    At { file, position: range.start }.take(length as u64).read_to_end(&mut bytes)?;
    match bytes.len() == length {
        true => Ok(bytes.into()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads a file from a position of its own, so that readers can share it.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// The range as a stream of large blocks.
pub fn stream(file: Arc<File>, range: Range<u64>) -> ByteStream {
    try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let bytes = block(file.clone(), range.clone()).await?;
        let rest = range.start + bytes.len() as u64..range.end;
        Ok(Some((bytes, (file, rest))))
    })
    .boxed()
}

/// The first block of a range that is in the file, or less of it. It takes a blocking thread only to wait for
/// the disk.
pub async fn block(file: Arc<File>, range: Range<u64>) -> Result<Bytes> {
    let first = range.start..range.end.min(range.start + BLOCK);
    if let Some(bytes) = read_cached(&file, &first) {
        return Ok(bytes);
    }
    spawn_blocking(move || read_range(&file, &first))
        .await
        .map_err(Error::internal)?
        .map_err(|cause| Error::storage("cannot read an artifact", cause))
}

/// What the kernel has in memory of the beginning of a range; none when it has nothing, or cannot tell.
fn read_cached(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).ok()?];
    let count = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], range.start, ReadWriteFlags::NOWAIT).ok()?;
    bytes.truncate(count);
    (count > 0).then(|| bytes.into())
}
