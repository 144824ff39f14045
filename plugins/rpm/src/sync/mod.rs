//! Reading a repository: which state of it ([`snapshot`], [`index`]), what its metadata says ([`packages`], [`others`],
//! [`tree`]), and what of it is remembered ([`seen`]). An upstream that did not change is asked for its index, and for
//! its treeinfo, each on the condition that it changed.
//!
//! All metadata is fetched and checked before the first unit is declared, to files; documents are then read step by
//! step. A package whose file cannot be had is left out of what is only added to a repository, and listed in the
//! result of the task; a mirror is whole or fails, with the same list, as does the first run of which nothing can be had.
//! Either way what could be had stays, and the next run fetches only what is missing.

mod address;
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
use pith_core::plugin::{SyncJob, Wanted};

use crate::content::metadata_file::REPO_METADATA_FILE;
use crate::repomd::Repomd;
use metadata::{Chosen, Document, Files, Role, role};
pub(crate) use options::options;
use options::{Choice, SyncPolicy, retained};
use packages::Reading;
use seen::{Seen, Settings};
use snapshot::{Reader, Snapshot};

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
    let index = &snapshot.index;
    let (checksum, revision) = (index.checksum.clone(), index.repomd.revision.clone());
    let mut seen = Seen::new(job, settings, checksum, revision, index.page.clone());
    seen.treeinfo = snapshot.tree.as_ref().map(|tree| tree.seen.clone());
    seen
}

async fn declare(job: &SyncJob, snapshot: Snapshot, choice: Choice, changelog_limit: usize, seen: &Seen) -> Result<()> {
    let Snapshot { index, files, tree, beside } = snapshot;
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
    let reading =
        Reading { documents, root: root.to_owned(), modular, choice, retained, changelog_limit, group: group.clone() };
    packages::declare(job, reading).await?;
    if let Some(record) = chosen.comps {
        others::comps(job, Document::of(&files, record)?).await?;
    }
    if let Some(record) = chosen.updateinfo {
        others::advisories(job, Document::of(&files, record)?).await?;
    }
    if let Some(tree) = tree {
        tree.declare(job, root, group).await?;
    }
    let extras = extras(root, &index.repomd, &files)?;
    if choice.policy == SyncPolicy::MirrorComplete {
        let details = mirrored::keep(job, (&index.repomd, index.bytes.clone()), files, beside).await?;
        // The upstream may have other metadata of the same content.
        match seen.was_published(job) {
            true => job.publish(details),
            false => job.publish_newest(details),
        }
    } else {
        for (data_type, file) in files {
            if role(&data_type) == Role::Extra {
                job.keep_file(file).await?;
            }
        }
    }
    for wanted in extras {
        job.want(REPO_METADATA_FILE, wanted).await?;
    }
    Ok(())
}

/// The files that are carried along, each once: two types may share one.
fn extras(root: &str, repomd: &Repomd, files: &Files) -> Result<Vec<Wanted>> {
    let mut taken = HashSet::new();
    let extra = repomd.records.iter().filter(|record| role(&record.data_type) == Role::Extra);
    let records = extra.filter(|record| taken.insert(record.location_href.as_str()));
    let fetched = records.filter_map(|record| Some((record, files.get(&record.data_type)?)));
    fetched.map(|(record, file)| others::extra(root, record, &file.inspection)).collect()
}
