//! What a format sees of a synchronization: it reads the upstream's metadata and says which units it wants.
//! Files, versions, reuse of what is there, concurrency and progress of downloads are core's.

mod below;
mod files;
mod seen;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc::Sender;

use super::failures::Failures;
use super::remembered::Remembered;
use super::upstream_page::{MetadataFile, UpstreamPage};
use super::{Progress, Task, Unit, UnitRow, UpstreamFile};
use crate::db::sync_state::{self, GroupColumn};
use crate::db::{Conn, Db, parts};
use crate::download::{self, Downloader, PageRequest};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::storage::{DigestSet, Storage};
pub(crate) use below::BelowSync;
pub use below::{Below, Declare};
pub use files::FetchedFile;

/// The largest metadata that is held in memory as a whole.
const LARGEST_IN_MEMORY: u64 = 64 << 20;

/// A unit of content to be had.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub unit: Unit,
    /// Where the files are, in the order of [`Unit::files`].
    pub files: Vec<UpstreamFile>,
    /// The group it belongs to, for a format that does without a unit whose (first) file cannot be had: the failure
    /// is reported, the others are kept and the next run tries again (into an empty repository a synchronization of which
    /// nothing can be had fails all the same). What becomes of the synchronization is another
    /// question, see [`SyncJob::whole_or_not_at_all`]. None: a failure ends the synchronization there and then.
    pub group: Option<Arc<str>>,
    /// Versions that the unit serves below folders of these names ([`SyncJob::below`]); kept with a unit that is new.
    pub pinned: Vec<(String, Id)>,
}

/// A unit and its type.
pub(crate) type Declared = (&'static str, Wanted);

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncOptions {
    /// What upstream has not is removed from the repository.
    pub mirror: bool,
    /// Nothing is done when nothing changed since the last synchronization.
    pub optimize: bool,
    /// All of it, as given, for options of the format's own.
    pub given: Map<String, Json>,
}

impl SyncOptions {
    /// Of the fields `mirror` (off unless given) and `optimize` (on unless given).
    pub fn of(given: &Map<String, Json>) -> Self {
        let flag = |name: &str, default: bool| given.get(name).and_then(Json::as_bool).unwrap_or(default);
        Self { mirror: flag("mirror", false), optimize: flag("optimize", true), given: given.clone() }
    }
}

/// The remote to read from.
#[derive(Clone, Debug)]
pub struct SyncRemote {
    pub id: Id,
    /// `file.file`
    pub pulp_type: String,
    pub url: String,
    /// `immediate`, `on_demand` or `streamed`.
    pub policy: String,
    pub details: Json,
}

/// The repository to read into.
#[derive(Clone, Debug)]
pub struct SyncRepository {
    pub id: Id,
    /// The number of its newest version.
    pub latest_version: i64,
    pub details: Json,
    /// The newest version holds units whose files are with an upstream only.
    pub lacks_files: bool,
    /// The run that made the newest version was to publish it, and did not come to it.
    pub lacks_publication: bool,
}

/// What the format decided beside the wanted units.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decisions {
    /// Kept with the repository when the synchronization succeeds.
    pub remembered: Option<Json>,
    /// The details of a publication of the new version.
    pub publication: Option<Json>,
    /// The publication is made even when there is no new version.
    pub publishes_newest: bool,
    pub skipped: bool,
    /// Anything that cannot be had fails the whole.
    pub whole: bool,
    /// Of a format that reads by groups.
    pub by_groups: Option<ByGroups>,
}

/// What a format that reads by groups found and wants to be remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByGroups {
    pub fingerprint: String,
    /// Nothing was remembered that still holds: all groups were looked at.
    pub anew: bool,
    /// Groups that were looked at.
    pub looked_at: Vec<String>,
    /// What to remember, and what to forget.
    pub changes: HashMap<String, Option<String>>,
    /// Keys that are forgotten when anything failed.
    pub of_the_whole: Vec<String>,
    /// Units that stay without being declared.
    pub kept: Vec<Id>,
}

/// One run of a synchronization. Dropping it ends the declarations.
pub struct SyncJob {
    pub remote: SyncRemote,
    pub repository: SyncRepository,
    pub options: SyncOptions,
    task: Arc<dyn Task>,
    parts: SyncParts,
    wanted: Sender<Declared>,
    below: Option<Arc<dyn BelowSync>>,
    state: Mutex<State>,
}

/// What a job reads with.
pub(crate) struct SyncParts {
    pub db: Db,
    pub downloader: Downloader,
    pub storage: Storage,
    pub failures: Arc<Failures>,
    /// Requests at once.
    pub concurrency: usize,
    /// How the format groups its units, by type.
    pub columns: Vec<(&'static str, GroupColumn)>,
    pub domain: Id,
    /// The digests that artifacts get.
    pub digests: DigestSet,
    /// Whether anything is wanted but the list of what there is: files that a format fetches and keeps by itself are
    /// not kept otherwise.
    pub keeps: bool,
}

#[derive(Default)]
struct State {
    decisions: Decisions,
    metadata: Option<Arc<dyn Progress>>,
}

/// The detail of a repository under which its last synchronization is remembered.
pub(crate) const LAST_SYNC: &str = "last_sync_details";
/// The number that core adds to what a format remembers.
pub(crate) const MOST_RECENT_VERSION: &str = "most_recent_version";

impl SyncJob {
    pub(crate) fn new(
        (remote, repository, options): (SyncRemote, SyncRepository, SyncOptions),
        task: Arc<dyn Task>,
        parts: SyncParts,
        wanted: Sender<Declared>,
        below: Option<Arc<dyn BelowSync>>,
    ) -> Self {
        Self { remote, repository, options, task, parts, wanted, below, state: Mutex::default() }
    }

    /// The address of a file that upstream names relative to the remote's.
    pub fn resolve(&self, relative: &str) -> String {
        self.parts.downloader.resolve(relative)
    }

    /// Metadata that is small enough to be held in memory.
    pub async fn metadata(&self, url: &str) -> Result<Bytes> {
        let fetched = self.parts.downloader.fetch_bytes(url, LARGEST_IN_MEMORY).await?;
        self.count_metadata();
        Ok(fetched.bytes)
    }

    /// Metadata of at most `largest` bytes, to be read in pieces.
    pub async fn metadata_file(&self, url: &str, largest: u64) -> Result<MetadataFile> {
        let wanted = download::Wanted { url: url.to_owned(), size: None, digests: vec![], largest };
        let staged = self.parts.downloader.fetch(&wanted, &self.parts.storage, DigestSet::sha256()).await?;
        self.count_metadata();
        MetadataFile::new(staged)
    }

    /// A page of metadata, if it is not what it was. May be asked for from many places at once: never more than
    /// [`SyncJob::concurrency`] requests are under way.
    ///
    /// # Errors
    /// `Upstream` when the answer is none of [`UpstreamPage`].
    pub async fn page(&self, request: &PageRequest) -> Result<UpstreamPage> {
        self.task.check()?;
        UpstreamPage::read(self.parts.downloader.page(request, &self.parts.storage).await?)
    }

    /// How many requests the remote allows at once.
    pub fn concurrency(&self) -> usize {
        self.parts.concurrency
    }

    fn count_metadata(&self) {
        let mut state = self.state();
        let progress = state
            .metadata
            .get_or_insert_with(|| self.task.progress("Downloading Metadata", "sync.downloading.metadata", None));
        progress.add(1);
    }

    /// Starts a progress report of the format's own, such as `sync.parsing.metadata`.
    pub fn progress(&self, message: &str, code: &str, total: Option<i64>) -> Arc<dyn Progress> {
        self.task.progress(message, code, total)
    }

    /// Asks for a unit of this type. Waits while core has enough to do.
    ///
    /// # Errors
    /// `Canceled` once the task is asked to stop.
    pub async fn want(&self, content_type: &'static str, wanted: Wanted) -> Result<()> {
        // The receiver goes away only when the synchronization fails, which then tells why.
        self.wanted.send((content_type, wanted)).await.map_err(|_| Error::Canceled)
    }

    /// Asks for a publication with these details of the version that this synchronization makes, if it
    /// makes one.
    pub fn publish(&self, details: Json) {
        self.state().decisions.publication = Some(details);
    }

    /// As [`SyncJob::publish`], but of the newest version if this synchronization makes none.
    pub fn publish_newest(&self, details: Json) {
        let mut state = self.state();
        state.decisions.publication = Some(details);
        state.decisions.publishes_newest = true;
    }

    /// There shall be no version that lacks anything: what belongs to a group and cannot be had does not end the
    /// synchronization before all else is here and kept, but then fails it, with a list of what failed.
    pub fn whole_or_not_at_all(&self) {
        self.state().decisions.whole = true;
    }

    /// What the last synchronization with this remote remembered, for a format that reads by groups of units
    /// ([`super::Plugin::groups`]); empty when it was made under other `settings` (or with another address or
    /// policy, or not as a mirror), when there was none, and when everything is to be looked at. Groups that
    /// somebody changed since then are among it, with nothing as what is remembered of them.
    ///
    /// From then on the job is one by groups: a mirror removes what is not declared only from groups that are
    /// [`SyncJob::looked_at`] (if nothing was remembered: from all but those that failed), and
    /// [`SyncJob::remember`] works.
    pub async fn remembered(&self, settings: &Json) -> Result<Remembered> {
        let fingerprint =
            serde_json::json!([self.remote.url, self.remote.policy, self.options.mirror, settings]).to_string();
        let (repository, remote, optimize) = (self.repository.clone(), self.remote.id, self.options.optimize);
        let columns: Vec<_> = self.parts.columns.iter().map(|(_, column)| *column).collect();
        let expected = fingerprint.clone();
        let found = self.parts.db.read(move |conn| match optimize {
            true => recall(conn, &repository, remote, &columns, &expected),
            false => Ok(None),
        });
        let found = found.await?;
        let anew = found.is_none();
        self.state().decisions.by_groups = Some(ByGroups { fingerprint, anew, ..ByGroups::default() });
        Ok(found.unwrap_or_default())
    }

    /// Keeps `value` for the next run if this one succeeds and, where `key` is a group, all its files can be had.
    pub fn remember(&self, key: &str, value: String) {
        self.change(key, Some(value));
    }

    /// Nothing shall be remembered under `key`.
    pub fn forget(&self, key: &str) {
        self.change(key, None);
    }

    /// As [`SyncJob::remember`], of something that is true of all groups together: forgotten when any failed.
    pub fn remember_of_the_whole(&self, key: &str, value: String) {
        self.change(key, Some(value));
        if let Some(by_groups) = &mut self.state().decisions.by_groups {
            by_groups.of_the_whole.push(key.to_owned());
        }
    }

    fn change(&self, key: &str, value: Option<String>) {
        if let Some(by_groups) = &mut self.state().decisions.by_groups {
            by_groups.changes.insert(key.to_owned(), value);
        }
    }

    /// All units that the group has upstream are declared: a mirror removes others. So with nothing declared the
    /// group is gone.
    pub fn looked_at(&self, group: &str) {
        // When all are looked at, it goes without saying.
        if let Some(by_groups) = self.state().decisions.by_groups.as_mut().filter(|by_groups| !by_groups.anew) {
            by_groups.looked_at.push(group.to_owned());
        }
    }

    /// The units of a type and a group that the newest version has, with some columns of their table.
    pub async fn members(
        &self,
        content_type: &str,
        columns: &'static [&'static str],
        group: &str,
    ) -> Result<Vec<UnitRow>> {
        let by_type = |(name, column): &(&'static str, GroupColumn)| (*name == content_type).then_some(*column);
        let column = self.parts.columns.iter().find_map(by_type);
        let column = column.ok_or_else(|| Error::internal(format!("`{content_type}` is not read by groups")))?;
        let (repository, latest, group) = (self.repository.id, self.repository.latest_version, group.to_owned());
        let rows =
            self.parts.db.read(move |conn| sync_state::rows(conn, (repository, latest), &column, columns, &group));
        rows.await?.into_iter().map(UnitRow::new).collect()
    }

    /// Units of the newest version that upstream still has, as if they were declared.
    pub fn keep(&self, units: &[Id]) {
        if let Some(by_groups) = &mut self.state().decisions.by_groups {
            by_groups.kept.extend_from_slice(units);
        }
    }

    /// The repository's objects of this model, as their fields.
    pub async fn parts(&self, model: &'static str) -> Result<Vec<Json>> {
        let repository = self.repository.id;
        let found = self.parts.db.read(move |conn| parts::of_repository(conn, repository, model)).await?;
        Ok(found.into_iter().map(|part| part.fields).collect())
    }

    /// Reports that `file` (a page, say) of a group cannot be had. The group keeps the units it has, and the
    /// next run looks at it again.
    ///
    /// # Errors
    /// The failure, when it is not the upstream's or when nothing can be had any more.
    pub fn failed(&self, group: &str, file: &str, error: Error) -> Result<()> {
        self.parts.failures.note(group, file, error)
    }

    /// Tells that reading succeeded, so that single failures are not taken for an upstream that is down.
    pub fn succeeded(&self) {
        self.parts.failures.page_succeeded();
    }

    /// Reports that a file is left out for good.
    pub fn refused(&self, file: &str, reason: &str) {
        self.parts.failures.refuse(file, reason);
    }

    /// Reports that nothing changed upstream.
    pub fn unchanged(&self) {
        self.task.progress("Nothing Changed Since Last Sync", "sync.was_skipped", None).finish();
    }

    pub(crate) fn into_decisions(self) -> Decisions {
        let state = std::mem::take(&mut *self.state());
        if let Some(progress) = state.metadata {
            progress.finish();
        }
        state.decisions
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is remembered, if it still holds.
fn recall(
    conn: &mut Conn,
    repository: &SyncRepository,
    remote: Id,
    columns: &[GroupColumn],
    fingerprint: &str,
) -> Result<Option<Remembered>> {
    let Some(source) = sync_state::source(conn, repository.id, remote)? else { return Ok(None) };
    // What came and went since a version that is gone cannot be told.
    if source.fingerprint != fingerprint || !sync_state::has_version(conn, repository.id, source.version)? {
        return Ok(None);
    }
    let mut touched = sync_state::touched(conn, repository.id, (source.version, repository.latest_version), columns)?;
    if repository.lacks_files {
        touched.extend(sync_state::lacking_files(conn, repository.id, columns)?);
    }
    let mut merging = Remembered::merging(touched);
    sync_state::load(conn, source.id, |key, value| merging.push(key, value))?;
    Ok(Some(merging.finish()))
}
