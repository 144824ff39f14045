//! What a format sees of a publication: the files of the version to read, and where to put what it makes of
//! them. Nothing of it is visible before core completes it.

use bytes::Bytes;
use serde_json::Value as Json;

use crate::db::{Db, artifacts};
use crate::error::{Error, Result};
use crate::id::{Id, RelativePath, Sha256};
use crate::signing::{Signature, Signing};
use crate::storage::{DigestSet, Staged, StagingWriter, Storage};

use super::units::VersionUnits;
use super::version_files::Files;
pub use crate::db::publications::VersionFile;

/// What a repository version holds.
pub struct VersionReader {
    /// Its units.
    pub units: VersionUnits,
    files: Files,
}

impl VersionReader {
    pub(crate) fn new(units: VersionUnits, files: Files) -> Self {
        Self { units, files }
    }

    /// Some thousand files in the order of their paths (as bytes); none at the end. Costs the memory of a
    /// page, whatever the size of the version.
    pub async fn next_page(&mut self) -> Result<Option<Vec<VersionFile>>> {
        self.files.next_page().await
    }
}

/// Where a publication comes to be. Dropped without core completing it, it leaves nothing visible.
pub struct PublicationWriter {
    /// The publication's own fields: (for a file publication) `{"manifest": "PULP_MANIFEST"}`.
    pub details: Json,
    db: Db,
    storage: Storage,
    domain: Id,
    digests: DigestSet,
    signing: Signing,
    pub(crate) pass_through: bool,
    pub(crate) metadata: Vec<(RelativePath, Sha256)>,
    pub(crate) artifacts: Vec<(RelativePath, Id)>,
}

impl PublicationWriter {
    pub(crate) fn new(
        details: Json,
        db: Db,
        storage: Storage,
        domain: Id,
        digests: DigestSet,
        signing: Signing,
    ) -> Self {
        let (metadata, artifacts) = (Vec::new(), Vec::new());
        Self { details, db, storage, domain, digests, signing, pass_through: false, metadata, artifacts }
    }

    /// Serves every file of the version at its own path too.
    pub fn pass_through(&mut self) {
        self.pass_through = true;
    }

    /// Begins a file of metadata that may be large; [`PublicationWriter::add_staged`] adds it.
    pub fn stage(&self) -> Result<StagingWriter> {
        self.storage.stage(self.digests)
    }

    /// Adds a small file of metadata.
    ///
    /// # Errors
    /// `Conflict` when the path is taken by other metadata.
    pub async fn add_metadata(&mut self, path: RelativePath, bytes: impl Into<Bytes>) -> Result<()> {
        let staged = self.storage.stage_bytes(bytes.into(), self.digests).await?;
        self.add_staged(path, staged).await
    }

    /// Adds a file of metadata.
    ///
    /// # Errors
    /// `Conflict` when the path is taken by other metadata.
    pub async fn add_staged(&mut self, path: RelativePath, staged: Staged) -> Result<()> {
        if self.metadata.iter().any(|(taken, _)| *taken == path) {
            return Err(Error::Conflict(format!("the publication has two files at `{path}`")));
        }
        let (size, digests, domain) = (staged.size, staged.digests.clone(), self.domain);
        let _announced = self.db.announce(std::slice::from_ref(&digests.sha256)).await?;
        self.storage.keep(staged).await?;
        self.metadata.push((path, digests.sha256.clone()));
        self.db.write(move |conn| artifacts::insert(conn, domain, size, &digests)).await?;
        Ok(())
    }

    /// Signs bytes, those of a file of metadata for instance, with a signing service.
    ///
    /// # Errors
    /// `Conflict` naming the service when it is gone, signs other things, or fails.
    pub async fn sign(&self, service: Id, bytes: &Bytes) -> Result<Signature> {
        self.signing.sign(service, bytes).await
    }

    /// Serves a file of the version, by its [`VersionFile::id`], at a path of the publication's own.
    pub fn add_artifact(&mut self, path: RelativePath, file: Id) {
        self.artifacts.push((path, file));
    }
}
