//! Repositories below the one that is synchronized, such as the variants of an installable tree. Users do not see
//! them; their versions are pinned by a unit of the main repository ([`Wanted::pinned`](super::Wanted::pinned)), which
//! serves them below folders.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::SyncJob;
use crate::db::{pinned, publications};
use crate::error::{Error, Result};
use crate::id::Id;

/// Units read at once.
const PAGE: i64 = 5_000;

/// Declares what a repository shall hold.
pub type Declare = Box<dyn for<'a> FnOnce(&'a SyncJob) -> BoxFuture<'a, Result<()>> + Send>;

/// A version of a repository below.
#[derive(Clone, Debug)]
pub struct Below {
    pub version: Id,
    /// The details of a publication of it, where [`SyncJob::publish`] said any.
    pub publication: Option<Json>,
}

/// Core's part of it.
#[async_trait]
pub(crate) trait BelowSync: Send + Sync {
    async fn synchronize(&self, folder: &str, declare: Declare) -> Result<Below>;
}

impl SyncJob {
    /// Synchronizes a repository below. It starts with what the newest version of this one serves under that folder,
    /// and has a new version only if anything changed. What could not be had counts as failed in this job. Of the
    /// job that `declare` gets only declaring, fetching, keeping and [`SyncJob::publish`] have an effect.
    ///
    /// The version is lost, unless a unit that this job wants pins it.
    ///
    /// # Errors
    /// As a synchronization.
    pub async fn below(&self, folder: &str, declare: Declare) -> Result<Below> {
        let below = self.below.as_ref().ok_or_else(|| Error::internal("there is nothing below what is below"))?;
        below.synchronize(folder, declare).await
    }

    /// Whether nothing is to be had but the list of what there is: nothing is kept, so there is no repository, and none
    /// below it. What lies there is declared in this job.
    pub fn only_lists(&self) -> bool {
        !self.parts.keeps
    }

    /// The versions that the newest version of the repository serves below folders.
    pub async fn pinned(&self) -> Result<Vec<(String, Id)>> {
        let repository = self.repository.id;
        let found = self.parts.db.read(move |conn| pinned::of_newest(conn, repository)).await?;
        Ok(found.into_iter().map(|pinned| (pinned.folder, pinned.version)).collect())
    }

    /// Stands for the units of a version: versions with the same ones have the same.
    pub async fn digest_of_units(&self, version: Id) -> Result<String> {
        let found = self.parts.db.read(move |conn| publications::version(conn, version)).await?;
        let version = found.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
        let (mut sum, mut after) = (Sha256::new(), None);
        loop {
            let row = version.clone();
            let page = self.parts.db.read(move |conn| publications::units_after(conn, &row, after, PAGE)).await?;
            let Some(last) = page.last() else { return Ok(hex::encode(sum.finalize())) };
            after = Some(*last);
            page.iter().for_each(|unit| sum.update(unit.0.as_bytes()));
        }
    }
}
