//! What a format sees of work on the newest version of a repository.

use std::sync::Arc;

use futures_util::TryStreamExt;
use serde_json::{Map, Value as Json};

use super::units::VersionUnits;
use super::{ContentType, Inspected, Inspection, Progress, Task};
use crate::db::content::{self, StoredFile};
use crate::db::{Conn, Db, artifacts, units};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::storage::{DigestSet, Digests, Staged, Storage};

/// One run of such work.
pub struct RepositoryJob {
    /// The units of the version.
    pub units: VersionUnits,
    task: Arc<dyn Task>,
    db: Db,
    storage: Storage,
    domain: Id,
    digests: DigestSet,
}

impl RepositoryJob {
    pub(crate) fn new(
        units: VersionUnits,
        task: Arc<dyn Task>,
        (db, storage, domain, digests): (Db, Storage, Id, DigestSet),
    ) -> Self {
        Self { units, task, db, storage, domain, digests }
    }

    /// Starts a progress report.
    pub fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn Progress> {
        self.task.progress(message, code, total)
    }

    /// Inspects the file of a unit again and keeps what comes of it as the unit. Whether that is something else than
    /// before; none while only an upstream has the file.
    ///
    /// # Errors
    /// As [`ContentType::inspect`]; the unit stays as it was.
    pub async fn inspect_again(
        &self,
        content_type: &dyn ContentType,
        unit: Id,
        relative_path: &str,
        given: &Map<String, Json>,
    ) -> Result<Option<bool>> {
        self.task.check()?;
        let path = relative_path.to_owned();
        let Some((size, digests)) = self.db.read(move |conn| content::artifact_of(conn, unit, &path)).await? else {
            return Ok(None);
        };
        let mut copy = None;
        let path = match self.storage.local_path(&digests.sha256) {
            Some(path) => path,
            None => copy.insert(self.copy(&digests).await?).on_disk().await?,
        };
        let inspection = Inspection { path: Some(path), file_name: Some(relative_path.to_owned()), size, digests };
        let inspected = content_type.inspect(&inspection, given).await?;
        self.update(content_type, unit, inspected).await.map(Some)
    }

    async fn copy(&self, digests: &Digests) -> Result<Staged> {
        let mut writer = self.storage.stage(DigestSet::sha256())?;
        let mut bytes = self.storage.stream(&digests.sha256, None).await?;
        while let Some(block) = bytes.try_next().await? {
            writer.write(block).await?;
        }
        writer.finish().await
    }

    async fn update(&self, content_type: &dyn ContentType, unit: Id, inspected: Inspected) -> Result<bool> {
        let mut staged = vec![];
        for bytes in inspected.derived {
            staged.push(self.storage.stage_bytes(bytes, self.digests).await?);
        }
        let derived: Vec<_> = staged.iter().map(|one| (one.size, one.digests.clone())).collect();
        let digests: Vec<_> = derived.iter().map(|(_, digests)| digests.sha256.clone()).collect();
        let _announced = self.db.announce(self.domain, &digests).await?;
        self.storage.keep_all(staged).await?;
        let (task, domain, table, wanted) = (self.task.clone(), self.domain, content_type.table(), inspected.unit);
        let update = move |conn: &mut Conn| {
            task.fence(conn)?;
            for (size, digests) in &derived {
                artifacts::insert(conn, domain, *size, digests)?;
            }
            let known: Vec<_> = wanted.files.iter().filter_map(|file| file.sha256.clone()).collect();
            let known = artifacts::by_sha256(conn, domain, &known)?;
            let files = wanted.files.iter().map(|file| StoredFile {
                id: Id::new(),
                content: unit,
                relative_path: file.relative_path.as_str().to_owned(),
                artifact: file.sha256.as_ref().and_then(|sha256| known.get(sha256)).map(|known| known.id),
            });
            let added = content::insert_files(conn, &files.collect::<Vec<_>>())?;
            let changed = content::update(conn, &table, unit, &wanted.columns)? || added > 0;
            if changed {
                units::revise(conn)?;
            }
            Ok(changed)
        };
        self.db.write(update).await
    }

    /// # Errors
    /// `Canceled` once the task is asked to stop.
    pub fn check(&self) -> Result<()> {
        self.task.check()
    }
}

impl std::fmt::Debug for RepositoryJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RepositoryJob").field("version", &self.units.version()).finish_non_exhaustive()
    }
}

/// What no format has been told to do.
pub(super) fn unknown(work: &str) -> Error {
    Error::internal(format!("the format knows no work called `{work}`"))
}
