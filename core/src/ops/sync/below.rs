//! Synchronizing what lies below a repository: in the same task, from the same remote, into a repository that users do
//! not see. See [`crate::plugin::SyncJob::below`] and `db/pinned.rs`.

use async_trait::async_trait;

use super::{Found, Gathered, Run, finish};
use crate::db::sync::{self as rows, Target};
use crate::db::{Conn, pinned};
use crate::error::{Error, Result};
use crate::id::{Id, prn};
use crate::ops::versions::{self, VersionDraft};
use crate::plugin::{Below, BelowSync, Declare};

#[async_trait]
impl BelowSync for Run {
    async fn synchronize(&self, folder: &str, declare: Declare) -> Result<Below> {
        let (repository, target, draft) = self.begin_below(folder).await?;
        let Gathered { decisions, reports, columns } =
            self.gather((repository, &target, &draft), None, declare).await?;
        let reports = reports.ok_or_else(|| Error::internal("what lies below is never skipped"))?;
        let failed_groups = self.failures.groups();
        let mut found = Found {
            repository,
            remote: self.request.remote.id,
            target: &target,
            columns,
            failed_groups,
            decisions: &decisions,
            by_groups: None,
        };
        if let Some(wanted) = reports.wanted {
            found.remove_others(&self.stores, &draft, wanted).await?;
        }
        let finished = finish(&self.stores, &self.task, draft, self.kind(), &mut found).await?;
        for rejected in &finished.rejected {
            rejected.report(self.task.as_ref());
        }
        self.report_changes(finished.version, reports.associating.as_ref()).await;
        let version = finished.version.map_or(target.latest_version, |version| version.id);
        Ok(Below { version, publication: decisions.publication })
    }
}

impl Run {
    /// The hidden repository behind a folder and a draft of its next version. A version that another repository filled,
    /// because a unit was copied from there, is where a new hidden repository starts from.
    async fn begin_below(&self, folder: &str) -> Result<(Id, Target, VersionDraft)> {
        let (owner, folder, task) = (self.request.repository, folder.to_owned(), self.task.clone());
        let (app, model) = self.request.model;
        let (immediate, mirror) = (self.request.remote.policy == "immediate", self.request.options.mirror);
        let begin = move |conn: &mut Conn| {
            task.fence(conn)?;
            let before = pinned::of_newest(conn, owner)?.into_iter().find(|pinned| pinned.folder == folder);
            let own = before.as_ref().filter(|pinned| pinned.owner == Some(owner)).map(|pinned| pinned.repository);
            let repository = match own {
                Some(repository) if pinned::hold(conn, repository)? => repository,
                _ => {
                    let repository = pinned::create(conn, owner, &folder)?;
                    versions::create_empty(conn, repository)?;
                    repository
                }
            };
            // Whatever tidies up leaves alone what a task holds.
            task.reserve(conn, &prn(app, model, repository))?;
            let target = rows::target(conn, repository, immediate)?;
            let mut draft = versions::begin(conn, repository)?;
            // What a mirror starts from makes no difference.
            if let Some(before) = before.filter(|before| !mirror && before.version != target.latest_version) {
                draft.set_base(conn, before.version)?;
            }
            Ok((repository, target, draft))
        };
        self.stores.db.write(begin).await
    }
}
