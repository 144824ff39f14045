//! The bytes of stored files: of small ones in memory, of others as an open file, of which the kernel sends
//! what it has in memory. Either is made in one hop to a blocking thread and remembered. A general
//! object-store stream hands over 8 KiB at a time, which costs ten times as much.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::spawn_blocking;

use super::{Inner, ServedDomain};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::storage::ByteStream;

/// Read at once: three copies of a block this size stay in the processor's cache. So much is also what the kernel reads
/// of a file at once.
const BLOCK: u64 = 128 << 10;
/// The bytes of smaller files are remembered: a detour to what the kernel has in memory would cost more than the copy.
const SHORTEST_SENT: u64 = 16 << 10;

/// An artifact of a domain. A digest names the same bytes wherever they lie; but what a domain has lost, or never had,
/// it does not have from another's store.
pub type Address = (Id, Sha256);

/// The bytes of an answer.
pub enum Content {
    Memory(Bytes),
    /// A range of a file.
    File(Arc<File>, Range<u64>),
    Stream(ByteStream),
}

/// The bytes `range` of an artifact of a domain, which lies inside its `size`; none when the store has lost them.
pub async fn read(
    inner: &Arc<Inner>,
    domain: &ServedDomain,
    sha256: &Sha256,
    size: u64,
    range: Range<u64>,
) -> Result<Option<Content>> {
    let address = (domain.id, sha256.clone());
    match remembered(inner, &address, size, range.clone()) {
        Some(content) => Ok(Some(content)),
        None => Box::pin(open(inner, domain, address, size, range)).await,
    }
}

/// The same of what is at hand.
pub fn remembered(inner: &Inner, address: &Address, size: u64, range: Range<u64>) -> Option<Content> {
    match size < SHORTEST_SENT {
        true => inner.bodies.get(address).map(|bytes| Content::Memory(part(&bytes, &range))),
        false => inner.files.get(address).map(|file| Content::File(file, range)),
    }
}

async fn open(
    inner: &Arc<Inner>,
    domain: &ServedDomain,
    address: Address,
    size: u64,
    range: Range<u64>,
) -> Result<Option<Content>> {
    let (storage, sha256) = (&domain.storage, &address.1);
    let Some(path) = storage.local_path(sha256) else {
        return storage.stream(sha256, Some(range)).await.map(|stream| Some(Content::Stream(stream)));
    };
    if size < SHORTEST_SENT {
        let read = move || read_range(&File::open(&path)?, &(0..size));
        let Some(bytes) = blocking(read).await? else { return Ok(None) };
        inner.bodies.insert(address, bytes.clone());
        return Ok(Some(Content::Memory(part(&bytes, &range))));
    }
    let Some(file) = blocking(move || File::open(&path).map(Arc::new)).await? else { return Ok(None) };
    inner.files.keep(address, file.clone());
    Ok(Some(Content::File(file, range)))
}

/// A range of bytes in memory.
pub fn part(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(range.start)..at(range.end))
}

/// Work with a file in one hop; none when there is no such file.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<Option<T>> {
    match spawn_blocking(work).await.map_err(Error::internal)? {
        Ok(done) => Ok(Some(done)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::storage("cannot read an artifact", cause)),
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

/// Whether the kernel has both ends of a range in memory, and so most likely all that it read between them; of a range
/// that it reads at once, the last.
pub fn is_cached(file: &File, range: &Range<u64>) -> bool {
    let has =
        |at| preadv2(file, &mut [IoSliceMut::new(&mut [0])], at, ReadWriteFlags::NOWAIT).is_ok_and(|count| count == 1);
    !range.is_empty() && has(range.end - 1) && (range.end - range.start <= BLOCK || has(range.start))
}

/// What the kernel has in memory of the beginning of a range; none when it has nothing, or cannot tell.
fn read_cached(file: &File, range: &Range<u64>) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).ok()?];
    let count = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], range.start, ReadWriteFlags::NOWAIT).ok()?;
    bytes.truncate(count);
    (count > 0).then(|| bytes.into())
}
