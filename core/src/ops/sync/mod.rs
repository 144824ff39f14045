//! Synchronization: a format declares what an upstream has ([`crate::plugin::SyncJob`]), core brings it here
//! ([`pipeline`]) and makes a version of it.

mod download;
mod pipeline;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::Stores;
use super::publish::{self, PublishRequest};
use super::versions::{self, Finished, NewVersion, Overwrite, RepositoryKind, VersionDraft};
use crate::db::publications::{self, VersionRow};
use crate::db::remotes::RemoteRow;
use crate::db::sync::{self as rows, Target};
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{
    Decisions, LAST_SYNC, MOST_RECENT_VERSION, Plugin, SyncJob, SyncOptions, SyncRemote, SyncRepository, Task,
};
use pipeline::Pipeline;

/// Declared units that wait for the pipeline.
const WAITING: usize = 1000;
/// Units compared or removed at once.
const PAGE: usize = 5000;

/// What to read and what from. The task has the repository to itself and shares the remote.
pub struct SyncRequest {
    pub repository: Id,
    pub remote: RemoteRow,
    /// With the settings of the remote.
    pub downloader: Downloader,
    pub options: SyncOptions,
    /// The repository's type is served by publications.
    pub publishes: bool,
}

/// What came into being; nothing when nothing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Synchronized {
    pub version: Option<NewVersion>,
    pub publication: Option<Id>,
}

/// Makes a repository hold what a remote has. The new version appears complete or not at all; files that
/// were verified before a failure stay and are not fetched again by the next run.
///
/// # Errors
/// `Upstream` when metadata or a file cannot be had or is wrong; `Conflict` when the wanted units cannot be
/// one version.
pub async fn synchronize(
    stores: &Stores,
    task: &Arc<dyn Task>,
    plugin: &Arc<dyn Plugin>,
    request: SyncRequest,
) -> Result<Synchronized> {
    let repository = request.repository;
    let begin =
        move |conn: &mut crate::db::Conn| Ok((rows::target(conn, repository)?, versions::begin(conn, repository)?));
    let (target, draft) = stores.db.write(begin).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let job = job(stores, task, &request, &target, sender);
    let pipeline = Pipeline::new(stores, task, plugin.as_ref(), &request, &draft);
    let declare = async {
        plugin.sync(&job).await?;
        // Ends the declarations, so that the pipeline ends.
        Ok::<_, Error>(job.into_decisions())
    };
    let (decisions, ()) = tokio::try_join!(declare, pipeline.run(receiver))?;
    if decisions.skipped {
        stores.db.write(move |conn| draft.discard(conn)).await?;
        return Ok(Synchronized::default());
    }
    let reports = pipeline.finish();
    if let Some(wanted) = reports.wanted {
        remove_others(stores, &target, repository, &draft, wanted).await?;
    }
    let kind = Kind::of(plugin, request.publishes);
    let finished = finish(stores, task, repository, draft, kind, &target, &decisions).await?;
    let version = finished.version;
    for rejected in &finished.rejected {
        rejected.report(task.as_ref());
    }
    let (added, removed) = match version {
        Some(version) => stores.db.read(move |conn| rows::changes(conn, version.id)).await.unwrap_or_default(),
        None => (0, 0),
    };
    reports.associating.add(added);
    reports.associating.finish();
    if request.options.mirror {
        let unassociating = task.progress("Un-Associating Content", "unassociating.content", None);
        unassociating.add(removed);
        unassociating.finish();
    }
    let publication = publish(stores, task, plugin.as_ref(), version, &target, &decisions).await?;
    Ok(Synchronized { version, publication })
}

fn job(
    stores: &Stores,
    task: &Arc<dyn Task>,
    request: &SyncRequest,
    target: &Target,
    sender: mpsc::Sender<crate::plugin::Declared>,
) -> SyncJob {
    let remote = SyncRemote {
        id: request.remote.id,
        url: request.remote.url.clone(),
        policy: request.remote.policy.clone(),
        details: request.remote.details.clone(),
    };
    let repository = SyncRepository {
        id: request.repository,
        latest_version: target.latest_number,
        details: target.details.clone(),
        lacks_files: target.lacks_files,
    };
    let reading = (request.downloader.clone(), stores.storage.clone());
    SyncJob::new((remote, repository, request.options), task.clone(), reading, sender)
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

/// Takes the units out that upstream has not. `wanted` are the ids of those it has.
async fn remove_others(
    stores: &Stores,
    target: &Target,
    repository: Id,
    draft: &VersionDraft,
    mut wanted: Vec<Id>,
) -> Result<()> {
    wanted.sort_unstable();
    let version = VersionRow {
        id: target.latest_version,
        number: target.latest_number,
        repository,
        pulp_type: target.pulp_type.clone(),
        details: Json::Null,
    };
    let mut after = None;
    loop {
        let before = version.clone();
        let units = stores.db.read(move |conn| publications::units_after(conn, &before, after, PAGE as i64)).await?;
        let Some(last) = units.last().copied() else { return Ok(()) };
        after = Some(last);
        let others: Vec<Id> = units.into_iter().filter(|id| wanted.binary_search(id).is_err()).collect();
        if !others.is_empty() {
            let draft = draft.clone();
            stores.db.write(move |conn| draft.remove(conn, &others)).await?;
        }
    }
}

async fn finish(
    stores: &Stores,
    task: &Arc<dyn Task>,
    repository: Id,
    draft: VersionDraft,
    kind: Kind,
    target: &Target,
    decisions: &Decisions,
) -> Result<Finished> {
    task.check()?;
    let (task, latest, remembered) = (task.clone(), target.latest_number, decisions.remembered.clone());
    let finish = move |conn: &mut crate::db::Conn| {
        task.fence(conn)?;
        let Kind { plugin, content_types, publishes } = &kind;
        let kind = RepositoryKind { plugin: plugin.as_ref(), content_types, publishes: *publishes };
        let finished = draft.finish(conn, &kind, Overwrite::Allowed)?;
        let version = finished.version;
        if let Some(mut seen) = remembered {
            if let Some(seen) = seen.as_object_mut() {
                let number = version.map_or(latest, |version| version.number);
                seen.insert(MOST_RECENT_VERSION.to_owned(), json!(number));
            }
            rows::set_detail(conn, repository, LAST_SYNC, seen)?;
        }
        Ok(finished)
    };
    stores.db.write(finish).await
}

async fn publish(
    stores: &Stores,
    task: &Arc<dyn Task>,
    plugin: &dyn Plugin,
    version: Option<NewVersion>,
    target: &Target,
    decisions: &Decisions,
) -> Result<Option<Id>> {
    let Some(version) = version else { return Ok(None) };
    let details = decisions.publication.clone().or_else(|| plugin.autopublication(&target.details));
    let Some(details) = details else { return Ok(None) };
    let (repository_version, pulp_type) = (version.id, target.pulp_type.clone());
    let request = PublishRequest { repository_version, pulp_type, details, checkpoint: false };
    publish::publish(stores, task, plugin, request).await.map(Some)
}
