//! Unfinished uploads, which come in chunks.
//!
//! A bucket has an object per chunk. A local store has one file per upload with the chunks at their
//! offsets, so that assembling costs no copy. Writers lock that file shared, assembling locks it
//! exclusively, and who got a lock looks whether the name still leads to the locked file: so no late chunk
//! can change bytes that have become an artifact.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use tokio::task::spawn_blocking;

use super::chunk::{Chunk, ChunkWriter};
use super::digest::{self, DigestSet};
use super::local::{Local, absent_is_fine, blocking, sync_folder};
use super::staging::{BLOCK, Body, Place, Staged, StagingWriter};
use super::{Kind, Storage, hashing, paths};
use crate::error::{Error, Result};
use crate::id::Id;

impl Storage {
    /// Begins a chunk for a range of which nothing was received before; finish it and give it to
    /// [`Self::put_chunk`]. Locally it is written in place, at once: for a chunk that replaces another,
    /// which must stay if this one turns out wrong, use [`Self::stage_replacement`] instead. More than `length` bytes
    /// are refused with `TooLarge`.
    ///
    /// `digests` is [`DigestSet::sha256`] when [`Chunk::sha256`] will be asked for, else [`DigestSet::none`].
    pub async fn stage_chunk(&self, upload: Id, offset: u64, length: u64, digests: DigestSet) -> Result<ChunkWriter> {
        let receiver = self.receiver(upload).await?;
        let Kind::Local(local) = &receiver.0.kind else { return receiver.stage_replacement() };
        let file = receiver.upload_file(local, upload).await?;
        let touched = Some(receiver.0.hashing.touched(upload, offset));
        Ok(ChunkWriter::new(StagingWriter::in_place(Place { upload, offset, length, file, touched }, digests)))
    }

    /// Begins a chunk that must not touch the upload before it is put there.
    pub fn stage_replacement(&self) -> Result<ChunkWriter> {
        self.stage(DigestSet::sha256()).map(ChunkWriter::new)
    }

    /// Adds a chunk to an upload, durably; one at the same offset is replaced. That chunks do not overlap
    /// and lie inside the upload is the caller's check.
    pub async fn put_chunk(&self, upload: Id, offset: u64, chunk: Chunk) -> Result<()> {
        self.receiver(upload).await?.receive_chunk(upload, offset, chunk).await
    }

    async fn receive_chunk(&self, upload: Id, offset: u64, chunk: Chunk) -> Result<()> {
        let local = match &self.0.kind {
            Kind::Local(local) => local,
            Kind::Bucket(bucket) => return bucket.put_chunk(upload, offset, chunk).await,
        };
        let size = chunk.size;
        let place = match chunk.body {
            Body::Placed(place) if place.upload == upload && place.offset == offset => place,
            Body::Placed(_) => return Err(Error::internal("a chunk was put at another place than it was staged for")),
            body => {
                let file = self.upload_file(local, upload).await?;
                let touched = Some(self.0.hashing.touched(upload, offset));
                let place = Place { upload, offset, length: size, file, touched };
                blocking("cannot store the chunk", move || copy_to_place(&body, place)).await?
            }
        };
        let mut place = blocking("cannot store the chunk", move || place.file.sync_data().map(|()| place)).await?;
        self.0.hashing.chunk_put(upload, &local.upload_content(upload), offset, size);
        if let Some(touched) = place.touched.take() {
            touched.put();
        }
        Ok(())
    }

    /// The whole of an upload from its chunks `(offset, size)`, which must cover it without a gap. Locally
    /// it is the upload's own file: dropped, the upload is as before; once kept, the upload is gone.
    pub async fn assemble(&self, upload: Id, chunks: &[(u64, u64)], digests: DigestSet) -> Result<Staged> {
        let (chunks, size) = in_order(chunks)?;
        let receiver = self.receiver(upload).await?;
        match &receiver.0.kind {
            Kind::Local(local) => receiver.assemble_in_place(local, upload, size, digests).await,
            Kind::Bucket(bucket) => {
                let mut writer = self.stage(digests)?;
                for (offset, size) in chunks {
                    let mut chunk = bucket.chunk(upload, offset).await?;
                    while let Some(bytes) = chunk.try_next().await? {
                        writer.write(bytes).await?;
                    }
                    if writer.size() != offset + size {
                        return Err(Error::storage("cannot read the chunk", "it has another size than was received"));
                    }
                }
                writer.finish().await
            }
        }
    }

    /// Removes all that was received of an upload. Idempotent.
    pub async fn drop_upload(&self, upload: Id) -> Result<()> {
        if let Some(second) = &self.0.second {
            second.drop_own_upload(upload).await?;
        }
        self.drop_own_upload(upload).await
    }

    async fn drop_own_upload(&self, upload: Id) -> Result<()> {
        match &self.0.kind {
            Kind::Local(local) => {
                self.0.hashing.forget(upload);
                let folder = local.upload(upload);
                blocking("cannot delete the upload", move || absent_is_fine(fs::remove_dir_all(folder))).await
            }
            Kind::Bucket(bucket) => bucket.drop_upload(upload).await,
        }
    }

    /// The upload's file, created if need be and locked for a writer.
    async fn upload_file(&self, local: &Local, upload: Id) -> Result<File> {
        let (folder, content) = (local.upload(upload), local.upload_content(upload));
        let writer = local.upload_writer(upload, self.0.process);
        let opened = blocking("cannot store the chunk", move || open_shared(&folder, &content, &writer)).await?;
        opened.ok_or_else(|| Error::Conflict("the upload is being finished".into()))
    }

    async fn assemble_in_place(&self, local: &Local, upload: Id, size: u64, digests: DigestSet) -> Result<Staged> {
        let path = local.upload_content(upload);
        let (content, folder) = (path.clone(), local.upload(upload));
        let own = local.upload_writer(upload, self.0.process);
        let locked = blocking("cannot read the upload", move || {
            let Some(lock) = open_exclusive(&content, size)? else { return Ok(None) };
            Ok(Some((lock, written_by_us_alone(&folder, &own)?)))
        });
        let Some((lock, alone)) = locked.await? else {
            return Err(Error::Conflict("a chunk of the upload is being received".into()));
        };
        let hashed = self.0.hashing.take(upload, digests).await.filter(|(_, end)| alone && *end <= size);
        let (lanes, start) = hashed.unwrap_or_else(|| (digest::lanes(digests), 0));
        let hash = move || hashing::digests_of(&lock, lanes, start, size).map(|digests| (digests, lock));
        let (digests, lock) = spawn_blocking(hash).await.map_err(Error::internal)??;
        Ok(Staged { size, digests, body: Body::Assembled { path, lock } })
    }
}

/// The chunks by offset, and their sum.
fn in_order(chunks: &[(u64, u64)]) -> Result<(Vec<(u64, u64)>, u64)> {
    let mut chunks = chunks.to_vec();
    chunks.sort_unstable();
    let end =
        chunks.iter().try_fold(0_u64, |end, (offset, size)| if *offset == end { end.checked_add(*size) } else { None });
    match end {
        Some(end) => Ok((chunks, end)),
        None => Err(Error::non_field("the chunks of the upload leave a gap or overlap")),
    }
}

fn copy_to_place(body: &Body, place: Place) -> io::Result<Place> {
    let mut reader = body.reader().map_err(|error| io::Error::other(error.to_string()))?;
    let (mut buffer, mut position) = (vec![0; BLOCK], place.offset);
    loop {
        let read = io::Read::read(&mut reader, &mut buffer)?;
        if read == 0 {
            return Ok(place);
        }
        place.file.write_all_at(&buffer[..read], position)?;
        position += read as u64;
    }
}

/// `None` if the upload is being assembled or has just become an artifact.
fn open_shared(folder: &Path, content: &Path, writer: &Path) -> io::Result<Option<File>> {
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(content);
    let file = match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            let file = open()?;
            sync_folder(folder)?;
            file
        }
        other => other?,
    };
    // The mark precedes the first byte, so who assembles knows of every process that wrote.
    File::options().append(true).create(true).open(writer)?;
    Ok((taken(file.try_lock_shared())? && leads_to(content, &file)?).then_some(file))
}

/// `None` while somebody writes a chunk.
fn open_exclusive(content: &Path, size: u64) -> io::Result<Option<File>> {
    let file = File::options().read(true).write(true).open(content)?;
    if !taken(file.try_lock())? || !leads_to(content, &file)? {
        return Ok(None);
    }
    match file.metadata()?.len() {
        length if length < size => Err(io::ErrorKind::UnexpectedEof.into()),
        length => {
            if length > size {
                file.set_len(size)?;
            }
            Ok(Some(file))
        }
    }
}

fn taken(lock: Result<(), fs::TryLockError>) -> io::Result<bool> {
    match lock {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn written_by_us_alone(folder: &Path, own: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path != own && path.to_string_lossy().ends_with(paths::WRITER) {
            return Ok(false);
        }
    }
    Ok(true)
}
