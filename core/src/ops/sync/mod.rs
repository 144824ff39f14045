//! Synchronization: a format declares what an upstream has ([`crate::plugin::SyncJob`]), core brings it here
//! ([`pipeline`]) and makes a version of it.

mod alternates;
mod below;
mod download;
mod groups;
mod pipeline;
#[cfg(test)]
mod tests;
mod yields;

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;

use super::Stores;
use super::publish::{PublishRequest, publish};
use super::versions::{self, Finished, NewVersion, Overwrite, RepositoryKind, VersionDraft};
use crate::db::Conn;
use crate::db::remotes::RemoteRow;
use crate::db::sync::{self as rows, Target};
use crate::db::sync_state::GroupColumn;
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{
    BelowSync, ByGroups, Decisions, Declare, Failed, Failures, LAST_SYNC, MOST_RECENT_VERSION, Plugin, Progress,
    SyncJob, SyncOptions, SyncParts, SyncRemote, SyncRepository, Task,
};
pub use alternates::{Alternates, Downloaders};
use pipeline::Pipeline;

/// Declared units that wait for the pipeline.
const WAITING: usize = 1000;

/// What to read and what from. The task has the repository to itself and shares the remote.
pub struct SyncRequest {
    pub repository: Id,
    pub remote: RemoteRow,
    /// With the settings of the remote.
    pub downloader: Downloader,
    pub options: SyncOptions,
    /// Where else files may be had.
    pub alternates: Alternates,
    /// The repository's type is served by publications.
    pub publishes: bool,
    /// If no version comes of it, the newest one is published.
    pub publishes_newest: bool,
    /// The component and the model of the repository's type, as PRNs have them.
    pub model: (&'static str, &'static str),
}

type Within<T> = Box<dyn FnOnce(&mut Conn, Id) -> Result<T> + Send>;

/// What belongs into the transaction that makes the version, and into the one that makes the publication.
pub struct Then<T> {
    pub version: Within<()>,
    pub publication: Within<T>,
}

/// What came into being; nothing when nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synchronized<T> {
    pub version: Option<NewVersion>,
    /// What was done with the publication.
    pub publication: Option<T>,
    /// What could not be had, as far as the format does without; the first of it.
    pub failed: Vec<Failed>,
    /// How much could not be had.
    pub failures: u64,
}

impl<T> Default for Synchronized<T> {
    fn default() -> Self {
        Self { version: None, publication: None, failed: vec![], failures: 0 }
    }
}

/// Makes a repository hold what a remote has. The new version appears complete or not at all; files that
/// were verified before a failure stay and are not fetched again by the next run.
///
/// # Errors
/// `Upstream` when metadata or a file cannot be had or is wrong; `Conflict` when the wanted units cannot be
/// one version.
pub async fn synchronize<T: Send + 'static>(
    stores: &Stores,
    task: &Arc<dyn Task>,
    plugin: &Arc<dyn Plugin>,
    request: SyncRequest,
    then: Then<T>,
) -> Result<Synchronized<T>> {
    let (repository, remote) = (request.repository, request.remote.id);
    let immediate = request.remote.policy == "immediate";
    let begin =
        move |conn: &mut Conn| Ok((rows::target(conn, repository, immediate)?, versions::begin(conn, repository)?));
    let (target, draft) = stores.db.write(begin).await?;
    let run = Arc::new(Run {
        stores: stores.clone(),
        task: task.clone(),
        plugin: plugin.clone(),
        failures: Arc::new(Failures::new(task)),
        is_first: target.latest_number == 0,
        request,
    });
    let below: Arc<dyn BelowSync> = run.clone();
    let format = plugin.clone();
    let declare: Declare = Box::new(move |job| Box::pin(async move { format.sync(job).await }));
    let Gathered { mut decisions, reports, columns, failure } =
        run.gather((repository, &target, &draft), Some(below), declare).await?;
    if decisions.skipped {
        stores.db.write(move |conn| draft.discard(conn)).await?;
        return Ok(Synchronized::default());
    }
    if let Some(error) = failure {
        return Err(error);
    }
    let reports = reports.ok_or_else(|| Error::internal("a synchronization came to nothing"))?;
    let (failed, count, failed_groups) = run.failures.take();
    let by_groups = decisions.by_groups.take();
    decisions.publishes_newest |= run.request.publishes_newest || target.lacks_publication;
    let (decisions, is_published) = (&decisions, true);
    let mut found =
        Found { repository, remote, target: &target, columns, failed_groups, decisions, by_groups, is_published };
    if let Some(wanted) = reports.wanted {
        found.remove_others(stores, &draft, wanted).await?;
    }
    let finished = finish(stores, task, draft, run.kind(), &mut found, Some(then.version)).await?;
    let version = finished.version;
    for rejected in &finished.rejected {
        rejected.report(task.as_ref());
    }
    run.report_changes(version, reports.associating.as_ref()).await;
    let publication = match publication_of(plugin.as_ref(), version, &target, decisions) {
        Some(request) => Some(publish(stores, task, plugin.as_ref(), request, then.publication).await?),
        None => None,
    };
    Ok(Synchronized { version, publication, failed, failures: count })
}

/// One synchronization, and what lies below its repository ([`below`]).
struct Run {
    stores: Stores,
    task: Arc<dyn Task>,
    plugin: Arc<dyn Plugin>,
    failures: Arc<Failures>,
    /// The repository is empty up to now.
    is_first: bool,
    request: SyncRequest,
}

/// What came of reading an upstream: its units are in the draft.
struct Gathered {
    decisions: Decisions,
    /// None where nothing came of it.
    reports: Option<pipeline::Finished>,
    columns: Vec<(&'static str, GroupColumn)>,
    /// Why nothing can come of it.
    failure: Option<Error>,
}

impl Run {
    /// Takes all that is declared into a draft.
    async fn gather(
        &self,
        (repository, target, draft): (Id, &Target, &VersionDraft),
        below: Option<Arc<dyn BelowSync>>,
        declare: Declare,
    ) -> Result<Gathered> {
        let Self { stores, task, plugin, failures, request, .. } = self;
        let is_main = below.is_some();
        let (sender, receiver) = mpsc::channel(WAITING);
        let columns = groups::columns(plugin.as_ref());
        let pipeline = Pipeline::new(stores, task, plugin.as_ref(), request, (draft, failures.clone()));
        let parts = SyncParts {
            db: stores.db.clone(),
            downloader: request.downloader.clone(),
            storage: stores.storage.clone(),
            failures: failures.clone(),
            concurrency: pipeline.concurrency,
            columns: columns.clone(),
            domain: stores.domain,
            digests: stores.digests,
            keeps: true,
        };
        let job = job(task, request, (repository, target), parts, (sender, below));
        let declared = async {
            declare(&job).await?;
            // Ends the declarations, so that the pipeline ends.
            Ok::<_, Error>(job.into_decisions())
        };
        let (decisions, ()) = tokio::try_join!(declared, pipeline.run(receiver))?;
        let failure = self.whole_failure(&decisions, &pipeline);
        let came_to_nothing = failure.is_some() || (is_main && decisions.skipped);
        let reports = (!came_to_nothing).then(|| pipeline.finish());
        Ok(Gathered { decisions, reports, columns, failure })
    }

    /// Why nothing comes of a synchronization at all, single files having failed: the format said that it wants all or
    /// nothing, or the repository was empty and nothing of some kind could be had, nor any page, which is not an upstream
    /// that has nothing. Each repository below counts by itself: others may lie elsewhere.
    fn whole_failure(&self, decisions: &Decisions, pipeline: &Pipeline<'_>) -> Option<Error> {
        let lost = self.is_first && !self.failures.had_page() && pipeline.yields.lost_all_of_one();
        (decisions.whole || lost).then(|| self.failures.error()).flatten()
    }

    fn kind(&self) -> Kind {
        Kind::of(&self.plugin, self.request.publishes)
    }

    async fn report_changes(&self, version: Option<NewVersion>, associating: &dyn Progress) {
        let (added, removed) = match version {
            Some(version) => self.stores.db.read(move |conn| rows::changes(conn, version.id)).await.unwrap_or_default(),
            None => (0, 0),
        };
        associating.add(added);
        associating.finish();
        if self.request.options.mirror {
            let unassociating = self.task.progress("Un-Associating Content", "unassociating.content", None);
            unassociating.add(removed);
            unassociating.finish();
        }
    }
}

/// What there is to finish with when all units are in the draft.
struct Found<'a> {
    repository: Id,
    remote: Id,
    target: &'a Target,
    columns: Vec<(&'static str, GroupColumn)>,
    failed_groups: std::collections::HashSet<String>,
    decisions: &'a Decisions,
    by_groups: Option<ByGroups>,
    /// A publication may follow.
    is_published: bool,
}

fn job(
    task: &Arc<dyn Task>,
    request: &SyncRequest,
    (repository, target): (Id, &Target),
    parts: SyncParts,
    (sender, below): (mpsc::Sender<crate::plugin::Declared>, Option<Arc<dyn BelowSync>>),
) -> SyncJob {
    let remote = SyncRemote {
        id: request.remote.id,
        pulp_type: request.remote.pulp_type.clone(),
        url: request.remote.url.clone(),
        policy: request.remote.policy.clone(),
        details: request.remote.details.clone(),
    };
    let repository = SyncRepository {
        id: repository,
        latest_version: target.latest_number,
        details: target.details.clone(),
        lacks_files: target.lacks_files,
        lacks_publication: target.lacks_publication,
    };
    SyncJob::new((remote, repository, request.options.clone()), task.clone(), parts, sender, below)
}

/// An owned [`RepositoryKind`].
struct Kind {
    plugin: Arc<dyn Plugin>,
    content_types: Vec<&'static str>,
    publishes: bool,
}

impl Kind {
    fn of(plugin: &Arc<dyn Plugin>, publishes: bool) -> Self {
        let content_types = plugin.content_types().iter().map(|content_type| content_type.pulp_type()).collect();
        Self { plugin: plugin.clone(), content_types, publishes }
    }
}

async fn finish(
    stores: &Stores,
    task: &Arc<dyn Task>,
    draft: VersionDraft,
    kind: Kind,
    found: &mut Found<'_>,
    then: Option<Within<()>>,
) -> Result<Finished> {
    task.check()?;
    let (repository, task, latest) = (found.repository, task.clone(), found.target.latest_number);
    let mut remembered = found.decisions.remembered.clone();
    if !found.failed_groups.is_empty() {
        // What failed has to be tried again, though upstream may not change.
        remembered = remembered.map(|_| json!({}));
    }
    let groups = found.remembering();
    let published = found.is_published.then(|| (found.target.clone(), found.decisions.clone()));
    let finish = move |conn: &mut Conn| {
        task.fence(conn)?;
        let Kind { plugin, content_types, publishes } = &kind;
        let kind = RepositoryKind { plugin: plugin.as_ref(), content_types, publishes: *publishes };
        let finished = draft.finish(conn, &kind, Overwrite::Allowed)?;
        let version = finished.version;
        if let Some((version, then)) = version.zip(then) {
            then(conn, version.id)?;
        }
        let number = version.map_or(latest, |version| version.number);
        if let Some(mut seen) = remembered {
            if let Some(seen) = seen.as_object_mut() {
                seen.insert(MOST_RECENT_VERSION.to_owned(), json!(number));
            }
            rows::set_detail(conn, repository, LAST_SYNC, seen)?;
        }
        if let Some(groups) = groups {
            groups.write(conn, number)?;
        }
        if let Some((target, decisions)) = published {
            match publication_of(plugin.as_ref(), version, &target, &decisions) {
                Some(request) => rows::expect_publication(conn, repository, request.repository_version)?,
                None => rows::expect_no_publication(conn, repository, target.latest_version, &target.details)?,
            }
        }
        Ok(finished)
    };
    stores.db.write(finish).await
}

/// What is to be published of a synchronization.
fn publication_of(
    plugin: &dyn Plugin,
    version: Option<NewVersion>,
    target: &Target,
    decisions: &Decisions,
) -> Option<PublishRequest> {
    let newest = decisions.publishes_newest.then_some(target.latest_version);
    let repository_version = version.map(|version| version.id).or(newest)?;
    let details = decisions.publication.clone().or_else(|| plugin.autopublication(&target.details))?;
    Some(PublishRequest { repository_version, pulp_type: target.pulp_type.clone(), details, checkpoint: false })
}
