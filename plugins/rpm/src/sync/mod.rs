//! Reading a repository: which state of it ([`snapshot`], [`index`]), what its metadata says ([`packages`], [`others`],
//! [`tree`], [`below`]), and what of it is remembered ([`seen`]). An upstream that did not change is asked for its index, and for
//! its treeinfo, each on the condition that it changed.
//!
//! All metadata is fetched and checked before the first unit is declared, to files; documents are then read step by
//! step. A package whose file cannot be had is left out of what is only added to a repository, and listed in the
//! result of the task; a mirror is whole or fails, with the same list, as does the first run of which nothing can be had.
//! Either way what could be had stays, and the next run fetches only what is missing.

mod address;
mod below;
mod index;
mod metadata;
mod mirrored;
mod options;
mod others;
mod packages;
pub(crate) mod pull;
mod seen;
mod snapshot;
mod thread;
mod tree;

use std::collections::HashSet;
use std::sync::Arc;

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{Declare, SyncJob, Wanted};
use serde_json::{Map, Value as Json};

use crate::config_repo::{BELOW, MIRRORED};
use crate::content::metadata_file::REPO_METADATA_FILE;
use crate::repomd::Repomd;
use below::Source;
use metadata::{Chosen, Document, Files, Role, role};
pub(crate) use options::options;
use options::{Choice, SyncPolicy, retained};
use packages::Reading;
use seen::{Seen, Settings};
use snapshot::{Reader, Repository, Snapshot};

/// The group of what may fail without ending the run.
const FILES: &str = "files";

/// Makes the repository have what the remote has. So many changelog entries of each package are kept, the newest.
///
/// # Errors
/// `Upstream` naming the file and what is wrong with it; then nothing of the repository changes.
pub(crate) async fn sync(job: &SyncJob, changelog_limit: usize) -> Result<()> {
    let choice = Choice::of(&job.options.given);
    let settings = Settings::of(job, &choice, changelog_limit);
    let last = Seen::last(job, &settings);
    let progress = job.progress("Downloading Metadata Files", "sync.downloading.metadata", None);
    let reader = Reader { job, choice, last: last.as_ref(), progress: progress.clone() };
    let snapshot = reader.read().await?;
    progress.finish();
    let Some(snapshot) = snapshot else {
        let last = last.ok_or_else(|| Error::internal("nothing was seen before, and yet nothing changed"))?;
        job.is_unchanged(last.to_json()?);
        return Ok(());
    };
    let seen = seen(job, settings, &snapshot);
    if job.is_unchanged(seen.to_json()?) {
        return Ok(());
    }
    if choice.policy.mirrors() {
        job.whole_or_not_at_all();
    }
    declare(job, *snapshot, choice, changelog_limit, &seen).await
}

fn seen(job: &SyncJob, settings: Settings, snapshot: &Snapshot) -> Seen {
    let index = &snapshot.repository.index;
    let (checksum, revision) = (index.checksum.clone(), index.repomd.revision.clone());
    let mut seen = Seen::new(job, settings, checksum, revision, index.page.clone());
    seen.treeinfo = snapshot.tree.as_ref().map(|tree| tree.seen.clone());
    seen
}

async fn declare(job: &SyncJob, snapshot: Snapshot, choice: Choice, changelog_limit: usize, seen: &Seen) -> Result<()> {
    let Snapshot { repository, tree, below } = snapshot;
    let root = repository.index.root.clone();
    let mut details = declare_repository(job, repository, choice, changelog_limit).await?;
    if let Some(tree) = tree {
        let (pinned, mirrored) = declare_below(job, &tree.sources.sources, below, choice, changelog_limit).await?;
        if let Some(details) = &mut details {
            details[MIRRORED][BELOW] = Json::Object(mirrored);
        }
        tree.declare(job, &root, Arc::from(FILES), pinned).await?;
    }
    if let Some(details) = details {
        // The upstream may have other metadata of the same content.
        match seen.was_published(job) {
            true => job.publish(details),
            false => job.publish_newest(details),
        }
    }
    Ok(())
}

/// Synchronizes the repositories of variants and addons. Their versions by folders, and what is kept of each where the
/// upstream's metadata is published. Where all is only listed, what they have is listed too, and there is nothing else.
async fn declare_below(
    job: &SyncJob,
    sources: &[Source],
    states: Vec<Option<Repository>>,
    choice: Choice,
    changelog_limit: usize,
) -> Result<(Vec<(String, Id)>, Map<String, Json>)> {
    let (mut pinned, mut mirrored) = (vec![], Map::new());
    let before = job.pinned().await?;
    for (source, state) in sources.iter().zip(states) {
        let Some(state) = state else {
            // Where things are only added, what is gone stays.
            let stays = |(folder, _): &&(String, Id)| !choice.policy.mirrors() && source.folders.contains(folder);
            pinned.extend(before.iter().filter(stays).cloned());
            continue;
        };
        let folder = &source.folders[0];
        if job.only_lists() {
            let listed = declare_repository(job, state, choice, changelog_limit).await;
            listed.map_err(|error| below::named(folder, error))?;
            continue;
        }
        let declare: Declare = Box::new(move |job| {
            Box::pin(async move {
                if let Some(details) = declare_repository(job, state, choice, changelog_limit).await? {
                    job.publish(details);
                }
                Ok(())
            })
        });
        let made = job.below(folder, declare).await.map_err(|error| below::named(folder, error))?;
        for folder in &source.folders {
            pinned.push((folder.clone(), made.version));
            if let Some(details) = made.publication.as_ref().and_then(|details| details.get(MIRRORED)) {
                mirrored.insert(folder.clone(), details.clone());
            }
        }
    }
    Ok((pinned, mirrored))
}

/// Declares what one repository has. Where the upstream's metadata is published, the details of such a publication.
async fn declare_repository(
    job: &SyncJob,
    repository: Repository,
    choice: Choice,
    changelog_limit: usize,
) -> Result<Option<Json>> {
    let Repository { index, files, beside } = repository;
    let (root, group) = (index.root.as_str(), Arc::<str>::from(FILES));
    let chosen = Chosen::of(&index.repomd)?;
    // Packages are told whether a module has them.
    let modular = match chosen.modules {
        Some(record) => others::modules(job, Document::of(&files, record)?).await?,
        None => HashSet::new(),
    };
    let [primary, filelists, other] = chosen.packages;
    let documents = [Document::of(&files, primary)?, Document::of(&files, filelists)?, Document::of(&files, other)?];
    let retained = usize::try_from(retained(&job.repository.details)).unwrap_or(0);
    let reading = Reading { documents, root: root.to_owned(), modular, choice, retained, changelog_limit, group };
    packages::declare(job, reading).await?;
    if let Some(record) = chosen.comps {
        others::comps(job, Document::of(&files, record)?).await?;
    }
    if let Some(record) = chosen.updateinfo {
        others::advisories(job, Document::of(&files, record)?).await?;
    }
    let extras = extras(root, &index.repomd, &files)?;
    let details = match choice.policy == SyncPolicy::MirrorComplete {
        true => Some(mirrored::keep(job, (&index.repomd, index.bytes.clone()), files, beside).await?),
        false => {
            for (data_type, file) in files {
                if role(&data_type) == Role::Extra {
                    job.keep_file(file).await?;
                }
            }
            None
        }
    };
    for wanted in extras {
        job.want(REPO_METADATA_FILE, wanted).await?;
    }
    Ok(details)
}

/// The files that are carried along, each once: two types may share one.
fn extras(root: &str, repomd: &Repomd, files: &Files) -> Result<Vec<Wanted>> {
    let mut taken = HashSet::new();
    let extra = repomd.records.iter().filter(|record| role(&record.data_type) == Role::Extra);
    let records = extra.filter(|record| taken.insert(record.location_href.as_str()));
    let fetched = records.filter_map(|record| Some((record, files.get(&record.data_type)?)));
    fetched.map(|(record, file)| others::extra(root, record, &file.inspection)).collect()
}
