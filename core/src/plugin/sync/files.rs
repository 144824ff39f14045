//! Files that a format has fetched and kept by itself, beside those of the units it wants.

use bytes::Bytes;

use super::SyncJob;
use crate::db::artifacts;
use crate::error::Result;
use crate::id::Sha256;
use crate::plugin::{Inspection, UpstreamFile};
use crate::storage::Staged;

/// A file that was fetched and is not kept yet.
pub struct FetchedFile {
    pub inspection: Inspection,
    staged: Staged,
}

impl SyncJob {
    /// Fetches a file before there is a unit of it: of some only the file tells what they are. The file is fetched
    /// whatever the policy; its path can be read as long as the answer lives.
    ///
    /// # Errors
    /// `Upstream` when it cannot be had or is not what it shall be.
    pub async fn fetch(&self, file: &UpstreamFile) -> Result<FetchedFile> {
        self.fetch_at_most(file, u64::MAX).await
    }

    /// As [`SyncJob::fetch`], but never more than so many bytes, whatever size the upstream announces.
    pub async fn fetch_at_most(&self, file: &UpstreamFile, largest: u64) -> Result<FetchedFile> {
        self.task.check()?;
        let mut wanted = file.wanted()?;
        wanted.largest = wanted.largest.min(largest);
        let mut staged = self.parts.downloader.fetch(&wanted, &self.parts.storage, self.parts.digests).await?;
        let path = Some(staged.on_disk().await?);
        let inspection = Inspection { path, file_name: None, size: staged.size, digests: staged.digests.clone() };
        Ok(FetchedFile { inspection, staged })
    }

    /// Whether the upstream says of the file a digest that the server's settings trust, if it says any.
    ///
    /// # Errors
    /// `Upstream` if not.
    pub fn check_trust(&self, file: &UpstreamFile) -> Result<()> {
        file.check_trust(self.parts.digests)
    }

    /// Keeps a fetched file, for units that are declared afterwards or a publication. Its path is gone then.
    pub async fn keep_file(&self, file: FetchedFile) -> Result<()> {
        self.keep_staged(file.staged).await
    }

    /// Keeps bytes, as [`SyncJob::keep_file`] does.
    pub async fn keep_bytes(&self, bytes: Bytes) -> Result<Sha256> {
        let staged = self.parts.storage.stage_bytes(bytes, self.parts.digests).await?;
        let sha256 = staged.digests.sha256.clone();
        self.keep_staged(staged).await?;
        Ok(sha256)
    }

    async fn keep_staged(&self, staged: Staged) -> Result<()> {
        if !self.parts.keeps {
            return Ok(());
        }
        let (domain, size, digests) = (self.parts.domain, staged.size, staged.digests.clone());
        let _announced = self.parts.db.announce(domain, std::slice::from_ref(&digests.sha256)).await?;
        self.parts.storage.keep(staged).await?;
        self.parts.db.write(move |conn| artifacts::insert(conn, domain, size, &digests)).await?;
        Ok(())
    }
}
