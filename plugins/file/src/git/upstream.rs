//! Where a repository is: with a server, or in a folder of this host.

use std::sync::Arc;

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::plugin::{PageRequest, Posted, SyncJob};
use tokio::task::spawn_blocking;
use url::Url;

use super::error::GitError;
use super::lfs::{self, Pointer};
use super::local::Local;
use super::object::ObjectId;
use super::refs::Refs;
use super::scratch::{Scratch, Stop};
use super::server::{Server, ask};
use super::unpack::Objects;
use super::wire::Extent;

/// What the objects of a commit may take together.
const LARGEST_UNPACKED: u64 = 64 << 30;
/// The largest answer about LFS objects.
const LARGEST_ANSWER: u64 = 16 << 20;

/// The repository that is read.
pub(super) enum Upstream<'a> {
    Server(Server<'a>),
    Local(&'a SyncJob, Arc<Local>),
}

impl<'a> Upstream<'a> {
    /// Finds it, and its refs.
    pub async fn reach(job: &'a SyncJob, git_ref: &str) -> Result<(Self, Refs)> {
        if !job.remote.url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:")) {
            let (server, refs) = Server::reach(job, git_ref).await?;
            return Ok((Self::Server(server), refs));
        }
        let (folder, wanted) = (job.local_folder(&job.remote.url).await?, git_ref.to_owned());
        let open = move || {
            let local = Local::open(&folder)?;
            local.refs(&wanted).map(|refs| (local, refs))
        };
        let (local, refs) = blocking(open).await?;
        Ok((Self::Local(job, Arc::new(local)), refs))
    }

    /// Whether a commit can be had that no ref leads to, without all others.
    pub fn has_any_commit(&self) -> bool {
        match self {
            Self::Server(server) => server.abilities.any_commit,
            Self::Local(..) => true,
        }
    }

    /// The objects that these lead to; the inner error is what the upstream is refused for.
    pub async fn fetch(&self, wants: &[ObjectId], extent: Extent) -> Result<Result<Objects, GitError>> {
        match self {
            Self::Server(server) => server.fetch(wants, extent).await,
            Self::Local(job, local) => {
                let ((scratch, _stopping), local, wants) = (scratch(job)?, local.clone(), wants.to_vec());
                let collect = move || local.collect(&wants, scratch);
                spawn_blocking(collect).await.map_err(Error::internal)
            }
        }
    }

    /// The commits whose names begin so, and all that belongs to them where that came along.
    pub async fn commits_that_begin(
        &self,
        digits: &str,
        tips: &[ObjectId],
    ) -> Result<(Vec<ObjectId>, Option<Objects>)> {
        match self {
            Self::Server(server) => {
                let only_commits = server.abilities.filter && server.abilities.any_commit;
                let extent = if only_commits { Extent::Commits } else { Extent::All };
                let objects = server.fetch(tips, extent).await?.map_err(told)?;
                Ok((objects.commits_that_begin(digits), (!only_commits).then_some(objects)))
            }
            Self::Local(job, local) => {
                let ((scratch, _stopping), local, digits) = (scratch(job)?, local.clone(), digits.to_owned());
                Ok((blocking(move || local.commits_that_begin(&digits, scratch)).await?, None))
            }
        }
    }

    /// Where large files are.
    pub async fn places(&self, pointers: &[Pointer]) -> Result<Vec<lfs::Place>> {
        match self {
            Self::Server(server) => {
                let request = PageRequest {
                    url: server.large_files(lfs::BATCH).into(),
                    accept: Some(lfs::MEDIA_TYPE),
                    body: Some(Posted { content_type: lfs::MEDIA_TYPE, bytes: Bytes::from(lfs::question(pointers)) }),
                    largest: LARGEST_ANSWER,
                    ..PageRequest::default()
                };
                let answer = ask(server.job, &request).await?.1.into_bytes().await?;
                lfs::places(&answer, pointers).map_err(Error::upstream)
            }
            Self::Local(_, local) => pointers.iter().map(|pointer| place(local, pointer)).collect(),
        }
    }
}

fn place(local: &Local, pointer: &Pointer) -> Result<lfs::Place> {
    let url = Url::from_file_path(local.large_file(pointer.sha256.as_str()));
    let url = url.map_err(|()| Error::upstream("a large file has no address"))?;
    Ok(lfs::Place { url: url.into(), headers: vec![] })
}

/// Whoever unpacks stops when nobody waits any more.
pub(super) struct Stopping(Stop);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A file to unpack objects into, as long as the second is held.
pub(super) fn scratch(job: &SyncJob) -> Result<(Scratch, Stopping)> {
    let stop = Stop::default();
    Ok((Scratch::new(job.scratch()?, LARGEST_UNPACKED, stop.clone()), Stopping(stop)))
}

/// Runs what reads and writes files on a thread on which it may take its time.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T> {
    spawn_blocking(work).await.map_err(Error::internal)?.map_err(told)
}

/// As core tells it.
pub(super) fn told(error: GitError) -> Error {
    match error {
        GitError::Wrong(_) | GitError::Refused(_) => Error::upstream(error.to_string()),
        GitError::Disk(cause) => Error::storage("objects of Git cannot be unpacked into a temporary file", cause),
        GitError::Canceled => Error::Canceled,
    }
}
