//! One state of an upstream: its index, and all metadata that belongs to it, fetched before anything is declared.
//!
//! Each file is checked against the index, and in the end the index is asked for again: so what is declared is what the
//! upstream had at one moment, never a mixture of two.

use std::sync::Arc;

use pith_core::error::{Error, Result};
use pith_core::plugin::{Progress, SyncJob, redacted};

use super::index::{self, Answer, Index};
use super::metadata::{self, Chosen, Files, Role, role};
use super::mirrored::{self, Beside};
use super::options::{Choice, SyncPolicy};
use super::seen::{BelowSeen, Seen};
use super::tree::{self, Tree};
use crate::repomd::Record;

/// Mirrors that are tried, at most.
const MIRRORS: usize = 20;

/// A state.
pub(super) struct Snapshot {
    pub repository: Repository,
    pub tree: Option<Tree>,
    /// The repositories of the tree's variants and addons, in the order of [`Tree::sources`]; none where the upstream
    /// has none.
    pub below: Vec<Option<Repository>>,
}

/// A state of one repository.
pub(super) struct Repository {
    pub index: Box<Index>,
    pub files: Files,
    pub beside: Beside,
}

/// What came of reading.
enum Outcome {
    /// As the last run saw it.
    Unchanged,
    /// It became another state while it was read.
    Changed,
    Read(Box<Snapshot>),
}

/// Reads an upstream.
pub(super) struct Reader<'a> {
    pub job: &'a SyncJob,
    pub choice: Choice,
    /// What the last run saw, if that counts.
    pub last: Option<&'a Seen>,
    /// Metadata files that were fetched.
    pub progress: Arc<dyn Progress>,
}

impl Reader<'_> {
    /// The state of the upstream; none if it is as the last run saw it. When it changes meanwhile it is read once more.
    ///
    /// # Errors
    /// `Upstream` when any of it cannot be had or is not what the index says, and when it keeps changing.
    pub async fn read(&self) -> Result<Option<Box<Snapshot>>> {
        for _ in 0..2 {
            match self.attempt().await? {
                Outcome::Unchanged => return Ok(None),
                Outcome::Read(snapshot) => return Ok(Some(snapshot)),
                Outcome::Changed => {}
            }
        }
        Err(Error::upstream("the upstream changed while it was read, and again when it was read once more"))
    }

    async fn attempt(&self) -> Result<Outcome> {
        let (job, known) = (self.job, self.last.map(|last| &last.repomd));
        let root = &job.remote.url;
        match index::ask(job, root, known).await? {
            Answer::Absent => self.mirrors().await,
            answer => self.one(root, answer, |_| Ok(())).await,
        }
    }

    /// The first mirror of which everything can be had.
    async fn mirrors(&self) -> Result<Outcome> {
        let mirrors = index::mirrors(self.job).await?;
        let mut failure = None;
        for root in mirrors.roots.iter().take(MIRRORS) {
            let known = self.last.map(|last| &last.repomd);
            let read = match index::ask(self.job, root, known).await {
                Ok(answer) => self.one(root, answer, |index| mirrors.check(index)).await,
                Err(error) => Err(error),
            };
            match read {
                Err(error @ Error::Upstream(_)) => {
                    tracing::info!(%error, "a mirror of a repository cannot be used");
                    failure = Some(error);
                }
                other => return other,
            }
        }
        let reason = failure.map(|error| error.public_text()).unwrap_or_default();
        Err(index::unusable(format!("none of the mirrors can be used; the last one: {reason}")))
    }

    /// The repository at `root`, whose index is accepted by `check`.
    async fn one(&self, root: &str, answer: Answer, check: impl Fn(&Index) -> Result<()>) -> Result<Outcome> {
        let index = match answer {
            Answer::Found(index) => Some(index),
            Answer::NotModified => None,
            Answer::Absent => return Err(index::absent(root)),
        };
        if let Some(last) = self.last
            && index.as_ref().is_none_or(|index| index.checksum == last.repomd_checksum)
            && (self.choice.skips_trees || tree::is_unchanged(self.job, root, last.treeinfo.as_ref()).await?)
        {
            return Ok(Outcome::Unchanged);
        }
        let index = match index {
            Some(index) => index,
            None => index::read(self.job, root).await?,
        };
        check(&index)?;
        let taken = self.take(index.clone()).await;
        if matches!(taken, Ok(_) | Err(Error::Upstream(_))) {
            let mut seen = vec![&index];
            if let Ok(snapshot) = &taken {
                seen.extend(snapshot.below.iter().flatten().map(|below| &below.index));
            }
            for index in seen {
                if !self.is_current(index).await? {
                    return Ok(Outcome::Changed);
                }
            }
        }
        taken.map(Box::new).map(Outcome::Read)
    }

    async fn is_current(&self, index: &Index) -> Result<bool> {
        match index::ask(self.job, &index.root, None).await? {
            Answer::Found(now) => Ok(now.bytes == index.bytes),
            Answer::Absent | Answer::NotModified => Ok(false),
        }
    }

    async fn take(&self, index: Box<Index>) -> Result<Snapshot> {
        let root = index.root.clone();
        let repository = self.repository(index).await?;
        let mut tree = match self.choice.skips_trees {
            true => None,
            false => tree::read(self.job, &root).await?,
        };
        let mut below = vec![];
        if let Some(tree) = &mut tree {
            for source in &tree.sources.sources {
                let read = self.below(&source.url).await;
                below.push(read.map_err(|error| super::below::named(&source.folders[0], error))?);
            }
            let seen = tree.sources.sources.iter().zip(&below).map(|(source, read)| {
                let index = read.as_ref().map(|read| &read.index);
                let checksum = index.map(|index| index.checksum.clone());
                BelowSeen {
                    url: source.url.clone(),
                    checksum,
                    page: index.map(|index| index.page.clone()).unwrap_or_default(),
                }
            });
            tree.seen.below = Some(seen.collect());
        }
        Ok(Snapshot { repository, tree, below })
    }

    /// The repository of a variant or an addon; many trees name some that are not there.
    async fn below(&self, root: &str) -> Result<Option<Repository>> {
        match index::ask(self.job, root, None).await? {
            Answer::Found(index) => self.repository(index).await.map(Some),
            Answer::Absent | Answer::NotModified => {
                tracing::info!(url = %redacted(root), "a variant or addon of a tree has no repository");
                Ok(None)
            }
        }
    }

    async fn repository(&self, index: Box<Index>) -> Result<Repository> {
        let (job, root) = (self.job, index.root.as_str());
        self.progress.add(1);
        let is_complete = self.choice.policy == SyncPolicy::MirrorComplete;
        let records: Vec<Record> = {
            let chosen = Chosen::of(&index.repomd)?;
            if is_complete {
                mirrored::check(&index.repomd)?;
                index.repomd.records.clone()
            } else {
                let extras = index.repomd.records.iter().filter(|record| role(&record.data_type) == Role::Extra);
                chosen.records().chain(extras).cloned().collect()
            }
        };
        let files = metadata::fetch(job, root, records, &self.progress).await?;
        let beside = match is_complete {
            true => mirrored::beside(job, root).await?,
            false => vec![],
        };
        Ok(Repository { index, files, beside })
    }
}
