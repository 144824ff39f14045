//! What a store with a second one beside it finds where, and copying from the second to the first.

use futures_util::TryStreamExt;

use super::stats::Deed;
use super::{Kind, Storage, StorageConfig};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::storage::{DigestSet, Staged};

/// A second store that cannot be had any more is done without: what was copied by then is there all the same.
pub(super) async fn attach(config: &StorageConfig) -> Option<Storage> {
    match Storage::attach_beside(config, None).await {
        Ok(second) => Some(second),
        Err(error) => {
            tracing::warn!(%error, "the store that files move from or to cannot be used");
            None
        }
    }
}

impl Storage {
    /// Where the artifact is to be read: from the second store what that alone has.
    pub(super) async fn holder(&self, sha256: &Sha256) -> Result<&Self> {
        match &self.0.second {
            Some(second) if self.own_size(sha256).await?.is_none() && second.own_size(sha256).await?.is_some() => {
                Ok(second)
            }
            _ => Ok(self),
        }
    }

    /// The size of an artifact in the first store, `None` if it is not there.
    pub(super) async fn own_size(&self, sha256: &Sha256) -> Result<Option<u64>> {
        let result = match &self.0.kind {
            Kind::Local(local) => local.size(sha256).await,
            Kind::Bucket(bucket) => bucket.size(sha256).await,
        };
        self.0.stats.noted(Deed::Look, 1, result)
    }

    /// Where an upload is received: where it was begun.
    pub(super) async fn receiver(&self, upload: Id) -> Result<&Self> {
        match &self.0.second {
            Some(second) if !self.has_upload(upload).await? && second.has_upload(upload).await? => Ok(second),
            _ => Ok(self),
        }
    }

    async fn has_upload(&self, upload: Id) -> Result<bool> {
        match &self.0.kind {
            Kind::Local(local) => local.has_upload(upload).await,
            Kind::Bucket(bucket) => bucket.has_upload(upload).await,
        }
    }

    /// Copies an artifact that this store has into the first of `to`, unless it is there. Whether it was copied.
    ///
    /// # Errors
    /// `Storage` when this store lacks it, or has other bytes than its name says.
    pub async fn copy_to(&self, to: &Self, sha256: &Sha256, size: u64) -> Result<bool> {
        if to.own_size(sha256).await? == Some(size) {
            return Ok(false);
        }
        let mut writer = to.stage(DigestSet::sha256())?;
        let mut bytes = self.stream(sha256, None).await?;
        while let Some(block) = bytes.try_next().await? {
            writer.write(block).await?;
        }
        let staged: Staged = writer.finish().await?;
        if staged.digests.sha256 != *sha256 {
            return Err(Error::storage(format!("cannot copy `{sha256}`"), "its bytes are not what its name says"));
        }
        to.keep(staged).await.map(|()| true)
    }
}
