//! One chunk of an unfinished upload on its way in.

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::digest::{self, DigestSet, Lanes};
use super::staging::{Body, Staged, StagingWriter};
use super::{failed, hashing};
use crate::error::{Error, Result};
use crate::id::Sha256;

/// A chunk that is being received. Errors leave nothing behind, nor does dropping it.
pub struct ChunkWriter(StagingWriter);

impl ChunkWriter {
    pub(super) fn new(writer: StagingWriter) -> Self {
        Self(writer)
    }

    /// As [`StagingWriter::write`]; more bytes than were announced are refused with `TooLarge`.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.write(bytes).await
    }

    pub async fn finish(self) -> Result<Chunk> {
        let (size, body, lanes) = self.0.end().await?;
        Ok(Chunk { size, sha256: sha256_of(lanes)?, body })
    }
}

/// A chunk that was received, to be given to [`super::Storage::put_chunk`].
pub struct Chunk {
    pub size: u64,
    sha256: Option<Sha256>,
    pub(super) body: Body,
}

impl Chunk {
    /// Computed now, unless it was asked for when the chunk began.
    pub async fn sha256(&mut self) -> Result<Sha256> {
        if let Some(sha256) = &self.sha256 {
            return Ok(sha256.clone());
        }
        let Body::Placed(place) = &self.body else { return Err(Error::internal("a chunk without its digest")) };
        let (file, start) = (place.file.try_clone(), place.offset);
        let end = start + self.size;
        let hash = move || hashing::hash_range(&file?, digest::lanes(DigestSet::sha256()), start, end);
        let lanes = spawn_blocking(hash).await.map_err(Error::internal)?;
        let lanes = lanes.map_err(|cause| failed("cannot read the chunk", cause))?;
        let sha256 = sha256_of(lanes)?.ok_or_else(|| Error::internal("a chunk without its digest"))?;
        self.sha256 = Some(sha256.clone());
        Ok(sha256)
    }
}

/// What was staged as a whole becomes a chunk.
impl From<Staged> for Chunk {
    fn from(staged: Staged) -> Self {
        Self { size: staged.size, sha256: Some(staged.digests.sha256), body: staged.body }
    }
}

fn sha256_of(lanes: Lanes) -> Result<Option<Sha256>> {
    let [.., sha256, _, _] = digest::finish_each(lanes);
    sha256.map(|text| text.parse().map_err(Error::internal)).transpose()
}
