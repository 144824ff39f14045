//! Making the files of a commit units of a repository.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use pith_core::error::{Error, Result};
use pith_core::id::{RelativePath, Sha256};
use pith_core::plugin::{Staged, SyncJob, UpstreamFile, Wanted, redacted};
use serde_json::{Value as Json, json};

use super::error::GitError;
use super::lfs::{self, Pointer};
use super::object::ObjectId;
use super::refs::{Meaning, Refs};
use super::remote::git_ref;
use super::unpack::{Object, Objects};
use super::upstream::{Upstream, blocking, told};
use super::walk::{self, Found, Walk};
use super::wire::Extent;
use crate::{content, publish};

/// Files kept and declared together.
const TOGETHER: usize = 256;
/// Read of a file at once.
const BLOCK: u64 = 256 << 10;

pub(crate) async fn sync(job: &SyncJob) -> Result<()> {
    if job.only_lists() {
        return Err(Error::Conflict("a repository of Git is no alternate content source".to_owned()));
    }
    let wanted = git_ref(&job.remote.details);
    let cloning = job.progress("Cloning Git Repository", "sync.git.cloning", None);
    let (upstream, refs) = Upstream::reach(job, wanted).await.map_err(|error| not_cloned(job, error))?;
    let Some((objects, commit)) = Choice { job, upstream: &upstream, wanted }.fetch(&refs).await? else {
        return Ok(());
    };
    cloning.add(1);
    cloning.finish();
    declare(job, &upstream, objects, commit).await.map_err(|error| not_cloned(job, error))?;
    if job.options.mirror {
        job.publish(publish::details(&job.repository.details));
    }
    Ok(())
}

/// As clients know it.
fn not_cloned(job: &SyncJob, error: Error) -> Error {
    match error {
        Error::Upstream(text) => {
            Error::upstream(format!("Failed to clone git repository '{}': {text}", redacted(&job.remote.url)))
        }
        other => other,
    }
}

/// What is asked for, of whom.
struct Choice<'a> {
    job: &'a SyncJob,
    upstream: &'a Upstream<'a>,
    wanted: &'a str,
}

impl Choice<'_> {
    /// The commit and all that belongs to it; none when it is the one that is here.
    async fn fetch(&self, refs: &Refs) -> Result<Option<(Arc<Objects>, ObjectId)>> {
        let resolving = self.job.progress("Resolving Git ref", "sync.git.resolving_ref", None);
        let resolved = match refs.meaning() {
            Meaning::Ref(pointer) if self.is_here(pointer.commit()) => None,
            Meaning::Ref(pointer) => {
                let objects = self.objects(&[pointer.id], Extent::Newest).await?;
                let commit = walk::commit(&objects, pointer.id).map_err(|error| self.unresolved(error))?;
                Some((objects, commit))
            }
            Meaning::Commit(id) if self.is_here(id) => None,
            Meaning::Commit(id) => Some((self.commit(refs, id).await?, id)),
            Meaning::Beginning(digits) => self.beginning(refs, &digits).await?,
            Meaning::Nothing => return Err(self.unresolved(GitError::wrong("it has no such branch or tag"))),
            Meaning::Ambiguous => return Err(self.unresolved(ambiguous())),
        };
        resolving.add(1);
        resolving.finish();
        Ok(resolved.map(|(objects, commit)| (Arc::new(objects), commit)))
    }

    async fn objects(&self, wants: &[ObjectId], extent: Extent) -> Result<Objects> {
        let fetched = self.upstream.fetch(wants, extent).await.and_then(|fetched| fetched.map_err(told));
        fetched.map_err(|error| not_cloned(self.job, error))
    }

    /// A commit that no ref names.
    async fn commit(&self, refs: &Refs, id: ObjectId) -> Result<Objects> {
        let objects = match self.upstream.has_any_commit() {
            true => match self.upstream.fetch(&[id], Extent::Newest).await {
                Ok(Err(error @ (GitError::Refused(_) | GitError::Wrong(_)))) => return Err(self.unresolved(error)),
                fetched => {
                    fetched.and_then(|fetched| fetched.map_err(told)).map_err(|error| not_cloned(self.job, error))?
                }
            },
            false => self.objects(&self.tips(refs)?, Extent::All).await?,
        };
        walk::commit(&objects, id).map_err(|error| self.unresolved(error))?;
        Ok(objects)
    }

    /// The one commit whose name begins so.
    async fn beginning(&self, refs: &Refs, digits: &str) -> Result<Option<(Objects, ObjectId)>> {
        if let Some(last) = self.last_commit().filter(|last| last.to_string().starts_with(digits))
            && self.is_here(last)
        {
            return Ok(None);
        }
        let found = self.upstream.commits_that_begin(digits, &self.tips(refs)?).await;
        let (commits, objects) = found.map_err(|error| not_cloned(self.job, error))?;
        let id = match commits[..] {
            [id] => id,
            [] => return Err(self.unresolved(GitError::wrong("it has no such branch, tag or commit"))),
            _ => return Err(self.unresolved(ambiguous())),
        };
        if self.is_here(id) {
            return Ok(None);
        }
        Ok(Some((
            match objects {
                Some(objects) => objects,
                None => self.commit(refs, id).await?,
            },
            id,
        )))
    }

    /// Where all branches and tags lead to.
    fn tips(&self, refs: &Refs) -> Result<Vec<ObjectId>> {
        let mut tips = refs.tips().to_vec();
        tips.sort();
        tips.dedup();
        match tips.is_empty() {
            true => Err(self.unresolved(GitError::wrong("it has neither branches nor tags"))),
            false => Ok(tips),
        }
    }

    /// Whether the last synchronization made this commit the newest version. If not, this one is remembered.
    fn is_here(&self, commit: ObjectId) -> bool {
        let seen = json!({
            "url": self.job.remote.url,
            "mirror": self.job.options.mirror,
            "remote_pk": self.job.remote.id,
            "download_policy": self.job.remote.policy,
            "git_ref": self.wanted,
            "commit": commit.to_string(),
        });
        self.job.is_unchanged(seen)
    }

    fn last_commit(&self) -> Option<ObjectId> {
        self.job.last_seen()?.get("commit").and_then(Json::as_str)?.parse().ok()
    }

    fn unresolved(&self, error: GitError) -> Error {
        match told(error) {
            Error::Upstream(text) => Error::upstream(format!("Could not resolve git ref '{}': {text}", self.wanted)),
            other => other,
        }
    }
}

fn ambiguous() -> GitError {
    GitError::wrong("several commits begin so")
}

/// Declares all files of a commit.
async fn declare(job: &SyncJob, upstream: &Upstream<'_>, objects: Arc<Objects>, commit: ObjectId) -> Result<()> {
    let parsing = job.progress("Parsing Git tree", "sync.git.parsing_tree", None);
    let start = objects.clone();
    let mut walk = blocking(move || Walk::of(start, commit)).await?;
    let mut count = 0;
    loop {
        let step = move || {
            let found: Vec<_> =
                std::iter::from_fn(|| walk.next().transpose()).take(TOGETHER).collect::<Result<_, _>>()?;
            Ok((walk, found))
        };
        let (rest, found) = blocking(step).await?;
        walk = rest;
        if found.is_empty() {
            break;
        }
        count += found.len() as i64;
        parsing.add(found.len() as i64);
        take(job, upstream, &objects, found).await?;
    }
    parsing.set_total(count);
    parsing.finish();
    Ok(())
}

async fn take(job: &SyncJob, upstream: &Upstream<'_>, objects: &Objects, found: Vec<Found>) -> Result<()> {
    let (mut files, mut pointers, mut units) = (vec![], vec![], vec![]);
    for found in found {
        match found {
            Found::File { path, blob, sha256 } => {
                files.push((sha256.clone(), blob));
                units.push((path, sha256));
            }
            Found::Pointer { path, pointer } => {
                units.push((path, pointer.sha256.clone()));
                pointers.push(pointer);
            }
            Found::Unusable { path, problem } => job.refused(&path, &problem),
        }
    }
    keep_files(job, objects, files).await?;
    keep_large_files(job, upstream, pointers).await?;
    for (path, sha256) in units {
        want(job, path, sha256).await?;
    }
    Ok(())
}

async fn want(job: &SyncJob, path: RelativePath, sha256: Sha256) -> Result<()> {
    let unit = content::unit(path, sha256);
    let files = vec![UpstreamFile::nowhere()];
    job.want(crate::PULP_TYPE, Wanted { unit, files, group: None, pinned: vec![] }).await
}

/// Keeps those of the files that are not here yet.
async fn keep_files(job: &SyncJob, objects: &Objects, files: Vec<(Sha256, Object)>) -> Result<()> {
    let digests: Vec<_> = files.iter().map(|(sha256, _)| sha256.clone()).collect();
    let mut lacking = job.lacking(&digests).await?;
    let mut staged = vec![];
    for (sha256, blob) in files {
        if lacking.remove(&sha256) {
            staged.push(stage(job, objects, &blob).await?);
        }
    }
    job.keep_all(staged).await
}

async fn stage(job: &SyncJob, objects: &Objects, blob: &Object) -> Result<Staged> {
    let (mut writer, mut reader) = (job.stage()?, objects.reader(blob));
    while reader.left() > 0 {
        let read = move || {
            let mut block = Vec::with_capacity(reader.left().min(BLOCK) as usize);
            reader.by_ref().take(BLOCK).read_to_end(&mut block)?;
            Ok((reader, block))
        };
        let (rest, block) = blocking(read).await?;
        if block.is_empty() {
            return Err(Error::internal("a temporary file was cut short"));
        }
        reader = rest;
        writer.write(block.into()).await?;
    }
    writer.finish().await
}

/// Keeps those of the large files that are not here yet.
async fn keep_large_files(job: &SyncJob, upstream: &Upstream<'_>, pointers: Vec<Pointer>) -> Result<()> {
    let digests: Vec<_> = pointers.iter().map(|pointer| pointer.sha256.clone()).collect();
    let lacking = job.lacking(&digests).await?;
    let mut seen = HashSet::new();
    let is_lacking = |pointer: &Pointer| lacking.contains(&pointer.sha256) && seen.insert(pointer.sha256.clone());
    let pointers: Vec<_> = pointers.into_iter().filter(is_lacking).collect();
    for pointers in pointers.chunks(lfs::TOGETHER) {
        let places = upstream.places(pointers).await?;
        let fetch = |(pointer, place): (&Pointer, lfs::Place)| {
            let file = UpstreamFile {
                url: place.url,
                size: Some(pointer.size),
                digests: vec![("sha256", pointer.sha256.to_string())],
            };
            async move { job.fetch_with(&file, &place.headers).await }
        };
        let fetches: Vec<_> = pointers.iter().zip(places).map(fetch).collect();
        let fetched: Vec<Staged> = stream::iter(fetches).buffer_unordered(job.concurrency()).try_collect().await?;
        job.keep_all(fetched).await?;
    }
    Ok(())
}
