//! What a format sees of a publication: the files of the version to read, and where to put what it makes of
//! them. Nothing of it is visible before core completes it.

use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::Value as Json;

use crate::db::publications::{self, Memory};
use crate::db::{Announced, Db, units};
use crate::error::{Error, Result};
use crate::id::{Id, RelativePath, Sha256};
use crate::signing::{Signature, Signing};
use crate::storage::{Algorithm, ByteStream, DigestSet, Digests, Staged, StagingWriter, Storage};

use super::MetadataFile;
use super::units::VersionUnits;
use super::version_files::Files;
pub use crate::db::placement::Placement;
pub use crate::db::publications::VersionFile;

/// What a repository version holds.
pub struct VersionReader {
    /// Its units.
    pub units: VersionUnits,
    /// The details of its repository.
    pub repository: Json,
    files: Files,
}

impl VersionReader {
    pub(crate) fn new(units: VersionUnits, repository: Json, files: Files) -> Self {
        Self { units, repository, files }
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
    repository: Id,
    digests: DigestSet,
    signing: Signing,
    /// Metadata that is not in the store yet.
    staged: Vec<Staged>,
    /// Where paths begin: empty, or a folder with its slash.
    folder: String,
    /// The version whose files are placed, where that is not the publication's.
    version: Option<Id>,
    pub(crate) pass_through: bool,
    pub(crate) placement: Option<Placement>,
    pub(crate) placed: Vec<(Placement, Id)>,
    pub(crate) metadata: Vec<(RelativePath, Sha256)>,
    pub(crate) artifacts: Vec<(RelativePath, Id)>,
    pub(crate) memory: Vec<(String, String)>,
}

/// What a format remembered of the last publication of the same repository.
pub struct Previous {
    pub value: String,
    /// The number of the version that it is of, as [`VersionUnits::changed_since`] takes it.
    pub version: i64,
    publication: Id,
    folder: String,
    db: Db,
    storage: Storage,
}

impl Previous {
    /// The metadata at a path of that publication, block by block; none when it is gone.
    pub async fn metadata(&self, path: &str) -> Result<Option<ByteStream>> {
        let Some(sha256) = self.artifact(path).await? else { return Ok(None) };
        // Lost bytes are found by a repair; here they only cost time.
        Ok(self.storage.stream(&sha256, None).await.ok())
    }

    /// The digest of the metadata at a path of that publication; none when there is none.
    pub async fn artifact(&self, path: &str) -> Result<Option<Sha256>> {
        let (publication, path) = (self.publication, format!("{}{path}", self.folder));
        self.db.read(move |conn| publications::metadata_at(conn, publication, &path)).await
    }
}

impl PublicationWriter {
    pub(crate) fn new(
        details: Json,
        (db, storage, domain): (Db, Storage, Id),
        repository: Id,
        digests: DigestSet,
        signing: Signing,
    ) -> Self {
        Self {
            details,
            db,
            storage,
            domain,
            repository,
            digests,
            signing,
            staged: Vec::new(),
            folder: String::new(),
            version: None,
            placed: vec![],
            pass_through: false,
            placement: None,
            metadata: Vec::new(),
            artifacts: Vec::new(),
            memory: Vec::new(),
        }
    }

    /// From now on paths are meant below this folder, names of what is remembered belong to it, and the version whose
    /// files are placed is this one ([`VersionUnits::pinned`]). [`PublicationWriter::leave`] ends that.
    pub fn enter(&mut self, folder: &str, version: Id) {
        self.folder = format!("{folder}/");
        self.version = Some(version);
    }

    /// Back at the root.
    pub fn leave(&mut self) {
        self.folder.clear();
        self.version = None;
    }

    fn below(&self, path: &RelativePath) -> Result<RelativePath> {
        let path = format!("{}{path}", self.folder);
        path.parse().map_err(|problem| Error::Conflict(format!("nothing can be published at `{path}`: {problem}")))
    }

    /// Serves the files of the version that have no folder of their own where this rule puts them. What is added by
    /// [`PublicationWriter::add_artifact`] goes first.
    pub fn place(&mut self, placement: Placement) {
        match self.version {
            None => self.placement = Some(placement),
            Some(version) => self.placed.push((placement.below(&self.folder), version)),
        }
    }

    /// What the last publication of the repository remembered under `key`, unless that is gone.
    pub async fn previous(&self, key: &str) -> Result<Option<Previous>> {
        let (repository, key) = (self.repository, format!("{}{key}", self.folder));
        let found = self.db.read(move |conn| publications::remembered(conn, repository, &key)).await?;
        let Some(Memory { publication, version, value }) = found else { return Ok(None) };
        let (db, storage, folder) = (self.db.clone(), self.storage.clone(), self.folder.clone());
        let (value, version) = match self.version {
            None => (value, version),
            Some(own) => match self.remembered_below(own, &value).await? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        Ok(Some(Previous { value, version, publication, folder, db, storage }))
    }

    /// What was remembered of another version of the repository that `own` is of, and that version's number.
    async fn remembered_below(&self, own: Id, value: &str) -> Result<Option<(String, i64)>> {
        let Some((id, value)) = value.split_once(' ') else { return Ok(None) };
        let Ok(id) = id.parse::<Id>() else { return Ok(None) };
        let found = self.db.read(move |conn| Ok((units::version(conn, own)?, units::version(conn, id)?))).await?;
        let (Some(own), Some(last)) = found else { return Ok(None) };
        Ok((own.repository == last.repository).then(|| (value.to_owned(), last.number)))
    }

    /// Remembers something for the next publication of the repository, which may find it gone.
    pub fn remember(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let value = match self.version {
            None => value.into(),
            Some(version) => format!("{version} {}", value.into()),
        };
        self.memory.push((format!("{}{}", self.folder, key.into()), value));
    }

    /// Adds metadata that is kept already.
    ///
    /// # Errors
    /// `Conflict` when the path is taken by other metadata.
    pub fn add_kept(&mut self, path: RelativePath, sha256: Sha256) -> Result<()> {
        let path = self.below(&path)?;
        self.check_free(&path)?;
        self.metadata.push((path, sha256));
        Ok(())
    }

    fn check_free(&self, path: &RelativePath) -> Result<()> {
        match self.metadata.iter().any(|(taken, _)| taken == path) {
            true => Err(Error::Conflict(format!("the publication has two files at `{path}`"))),
            false => Ok(()),
        }
    }

    /// A copy of what is kept, to be read in pieces.
    pub async fn kept(&self, sha256: &Sha256) -> Result<MetadataFile> {
        let mut writer = self.storage.stage(DigestSet::sha256())?;
        let mut bytes = self.storage.stream(sha256, None).await?;
        while let Some(block) = bytes.try_next().await? {
            writer.write(block).await?;
        }
        MetadataFile::new(writer.finish().await?)
    }

    /// Serves every file of the version at its own path too.
    pub fn pass_through(&mut self) {
        self.pass_through = true;
    }

    /// Begins a file of metadata that may be large; [`PublicationWriter::add_staged`] adds it.
    pub fn stage(&self) -> Result<StagingWriter> {
        self.storage.stage(self.digests)
    }

    /// The same of a file of which nobody asks for other digests than its SHA-256 and this one: of large files they
    /// take most of the time.
    pub fn stage_hashing(&self, algorithm: Algorithm) -> Result<StagingWriter> {
        self.storage.stage(DigestSet::sha256().with(algorithm))
    }

    /// Adds a small file of metadata.
    ///
    /// # Errors
    /// `Conflict` when the path is taken by other metadata.
    pub async fn add_metadata(&mut self, path: RelativePath, bytes: impl Into<Bytes>) -> Result<()> {
        let staged = self.storage.stage_bytes(bytes.into(), self.digests).await?;
        self.add_staged(path, staged)
    }

    /// Adds a file of metadata.
    ///
    /// # Errors
    /// `Conflict` when the path is taken by other metadata.
    pub fn add_staged(&mut self, path: RelativePath, staged: Staged) -> Result<()> {
        let path = self.below(&path)?;
        self.check_free(&path)?;
        self.metadata.push((path, staged.digests.sha256.clone()));
        self.staged.push(staged);
        Ok(())
    }

    /// Brings the metadata into the store, all of it at the same time. Returns what its rows say; who makes them holds
    /// the announcement until they are there.
    pub(crate) async fn keep(&mut self) -> Result<(Announced, Vec<(u64, Digests)>)> {
        let staged = std::mem::take(&mut self.staged);
        let facts: Vec<_> = staged.iter().map(|staged| (staged.size, staged.digests.clone())).collect();
        let digests: Vec<Sha256> = facts.iter().map(|(_, digests)| digests.sha256.clone()).collect();
        let announced = self.db.announce(self.domain, &digests).await?;
        self.storage.keep_all(staged).await?;
        Ok((announced, facts))
    }

    /// Signs bytes, those of a file of metadata for instance, with a signing service.
    ///
    /// # Errors
    /// `Conflict` naming the service when it is gone, signs other things, or fails.
    pub async fn sign(&self, service: Id, bytes: &Bytes) -> Result<Signature> {
        self.signing.sign(service, bytes).await
    }

    /// Serves a file of the version, by its [`VersionFile::id`], at a path of the publication's own.
    ///
    /// See [`VersionUnits::files`] for the files of a few units.
    ///
    /// # Errors
    /// `Conflict` when nothing can lie at the path.
    pub fn add_artifact(&mut self, path: RelativePath, file: Id) -> Result<()> {
        self.artifacts.push((self.below(&path)?, file));
        Ok(())
    }
}
