//! Files that a format has fetched and kept by itself, beside those of the units it wants.

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;

use super::{SyncJob, SyncParts};
use crate::db::artifacts;
use crate::error::Result;
use crate::id::Sha256;
use crate::plugin::{Inspection, UpstreamFile};
use crate::storage::{Staged, StagingWriter};

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

    /// As [`SyncJob::fetch`], with headers that are sent to the server of the file but not to another one to which it
    /// redirects.
    pub async fn fetch_with(&self, file: &UpstreamFile, headers: &[(String, String)]) -> Result<Staged> {
        self.task.check()?;
        let SyncParts { downloader, storage, digests, .. } = &self.parts;
        downloader.fetch_with(&file.wanted()?, headers, storage, *digests).await
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

    /// The path of the folder of this host that a file:// address names.
    ///
    /// # Errors
    /// `Upstream` when there is none, and unless it lies below the allowed import paths.
    pub async fn local_folder(&self, url: &str) -> Result<PathBuf> {
        self.parts.downloader.folder(url).await
    }

    /// A file of this host that has no name and is gone when it is closed, whoever ends.
    pub fn scratch(&self) -> Result<File> {
        self.parts.storage.scratch()
    }

    /// Begins a file that is to be kept.
    pub fn stage(&self) -> Result<StagingWriter> {
        self.parts.storage.stage(self.parts.digests)
    }

    /// Keeps files for units that are declared afterwards; many together cost far less than each of them alone.
    pub async fn keep_all(&self, files: Vec<Staged>) -> Result<()> {
        if !self.parts.keeps || files.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = files.iter().map(|staged| (staged.size, staged.digests.clone())).collect();
        let digests: Vec<_> = rows.iter().map(|(_, digests)| digests.sha256.clone()).collect();
        let _announced = self.parts.db.announce(self.parts.domain, &digests).await?;
        self.parts.storage.keep_all(files).await?;
        let domain = self.parts.domain;
        self.parts.db.write(move |conn| artifacts::insert_all(conn, domain, &rows)).await?;
        Ok(())
    }

    /// Those of the digests that no kept file has.
    pub async fn lacking(&self, digests: &[Sha256]) -> Result<HashSet<Sha256>> {
        let (domain, wanted) = (self.parts.domain, digests.to_vec());
        let known = self.parts.db.read(move |conn| artifacts::by_sha256(conn, domain, &wanted)).await?;
        Ok(digests.iter().filter(|sha256| !known.contains_key(*sha256)).cloned().collect())
    }

    async fn keep_staged(&self, staged: Staged) -> Result<()> {
        self.keep_all(vec![staged]).await
    }
}
