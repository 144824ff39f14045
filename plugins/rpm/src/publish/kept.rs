//! Runs of the last publication's document, read out of it in their order.

use bytes::Bytes;
use flate2::Crc;
use futures_util::TryStreamExt;
use pith_core::error::Result;
use pith_core::plugin::{ByteStream, StagingWriter};

use super::remembered::Part;

/// A document that is read once, from its beginning, block by block.
pub(super) struct KeptRuns {
    bytes: ByteStream,
    block: Bytes,
    /// Bytes between what was read and the next run.
    skip: u64,
    parts: Vec<Part>,
    /// The next run.
    at: usize,
}

impl KeptRuns {
    /// The first run begins at the byte `start`, the others follow.
    pub fn new(bytes: ByteStream, start: u64, parts: Vec<Part>) -> Self {
        Self { bytes, block: Bytes::new(), skip: start, parts, at: 0 }
    }

    /// The bytes of a run when it is unpacked.
    pub fn open_size(&self, run: usize) -> u64 {
        self.parts.get(run).map_or(0, |part| part.open_size)
    }

    /// Copies a run that comes after all that were asked for before. False when the document has other bytes there, or
    /// ends; some of them may have been copied.
    pub async fn copy(&mut self, run: usize, to: &mut StagingWriter) -> Result<bool> {
        let passed = self.parts.get(self.at..run).unwrap_or_default();
        self.skip = passed.iter().fold(self.skip, |skip, part| skip.saturating_add(part.size));
        let Some(part) = self.parts.get(run).copied() else { return Ok(false) };
        self.at = run + 1;
        while self.skip > 0 {
            let Some(passed) = self.next(self.skip).await? else { return Ok(false) };
            self.skip -= passed.len() as u64;
        }
        let (mut left, mut crc) = (part.size, Crc::new());
        while left > 0 {
            let Some(bytes) = self.next(left).await? else { return Ok(false) };
            left -= bytes.len() as u64;
            crc.update(&bytes);
            to.write(bytes).await?;
        }
        Ok(crc.sum() == part.crc)
    }

    /// The next bytes, at most so many; none where the document ends or cannot be read any further.
    async fn next(&mut self, most: u64) -> Result<Option<Bytes>> {
        while self.block.is_empty() {
            // What cannot be read is made anew, whatever the reason.
            match self.bytes.try_next().await {
                Ok(Some(block)) => self.block = block,
                Ok(None) | Err(_) => return Ok(None),
            }
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.block.len());
        Ok(Some(self.block.split_to(most)))
    }
}
