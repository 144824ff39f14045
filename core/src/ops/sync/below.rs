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
        let Gathered { decisions, reports, columns, failure } =
            self.gather((repository, &target, &draft), None, declare).await?;
        if let Some(error) = failure {
            return Err(error);
        }
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
            // What lies below is served by the publication of what lies above.
            is_published: false,
        };
        if let Some(wanted) = reports.wanted {
            found.remove_others(&self.stores, &draft, wanted).await?;
        }
        let finished = finish(&self.stores, &self.task, draft, self.kind(), &mut found, None).await?;
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
    /// because a unit was copied from there or is the same here, is where it starts from.
    async fn begin_below(&self, folder: &str) -> Result<(Id, Target, VersionDraft)> {
        let (owner, folder, task) = (self.request.repository, folder.to_owned(), self.task.clone());
        let (app, model) = self.request.model;
        let (immediate, mirror) = (self.request.remote.policy == "immediate", self.request.options.mirror);
        let begin = move |conn: &mut Conn| {
            task.fence(conn)?;
            let before = pinned::of_newest(conn, owner)?.into_iter().find(|pinned| pinned.folder == folder);
            let repository = match pinned::owned(conn, owner, &folder)? {
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
            match before {
                // What a mirror starts from makes no difference.
                _ if mirror => {}
                Some(before) if before.version == target.latest_version => {}
                Some(before) => draft.set_base(conn, before.version)?,
                // What it held once, or what a run brought that failed in the end, is not served there.
                None => draft.remove_all(conn)?,
            }
            Ok((repository, target, draft))
        };
        self.stores.db.write(begin).await
    }
}
