//! The installable tree beside a repository.

use std::sync::Arc;

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::{Id, RelativePath};
use pith_core::plugin::{FoundPage, PageRequest, SyncJob, UnitFile, UpstreamFile, UpstreamPage, Wanted, redacted};
use sha2::{Digest, Sha256};

use super::address::{below, located};
use super::below::{Sources, are_unchanged};
use super::seen::{Page, TreeSeen};
use crate::checksum::ChecksumType;
use crate::content::tree;
use crate::treeinfo::{Treeinfo, rewritten};

/// The names that a tree is described under; the first that is there counts.
const NAMES: [&str; 2] = [".treeinfo", "treeinfo"];
/// Real ones have some KiB.
const LARGEST: u64 = 1 << 20;

/// The description of a tree.
pub(super) struct Tree {
    pub seen: TreeSeen,
    pub sources: Sources,
    bytes: Bytes,
    treeinfo: Treeinfo,
}

async fn ask(job: &SyncJob, url: &str, known: Option<&Page>) -> Result<UpstreamPage> {
    let known = known.filter(|known| known.url == url);
    let request = PageRequest {
        url: url.to_owned(),
        etag: known.and_then(|known| known.etag.clone()),
        last_modified: known.and_then(|known| known.last_modified.clone()),
        largest: LARGEST,
        forbidden_is_absent: true,
        ..PageRequest::default()
    };
    job.page(&request).await
}

/// Whether the tree of the repository at `root` is as it was. One request, and one for each repository below: where
/// there was none, only the usual name is looked at.
pub(super) async fn is_unchanged(job: &SyncJob, root: &str, before: Option<&TreeSeen>) -> Result<bool> {
    let name = before.map_or(NAMES[0], |before| before.name.as_str());
    let is_same = match (ask(job, &below(root, name)?, before.map(|before| &before.page)).await?, before) {
        (UpstreamPage::NotModified, _) | (UpstreamPage::Absent, None) => true,
        (UpstreamPage::Found(found), Some(before)) => found.body.sha256 == before.checksum,
        (UpstreamPage::Absent, Some(_)) | (UpstreamPage::Found(_), None) => false,
    };
    match before.filter(|_| is_same) {
        None => Ok(is_same),
        Some(before) => match &before.below {
            Some(seen) => are_unchanged(job, seen).await,
            None => Ok(false),
        },
    }
}

/// The tree of the repository at `root`, if it has one.
///
/// # Errors
/// `Upstream` when it is described in a way that cannot be read, or has files outside of it.
pub(super) async fn read(job: &SyncJob, root: &str) -> Result<Option<Tree>> {
    for name in NAMES {
        let url = below(root, name)?;
        if let UpstreamPage::Found(FoundPage { head, body }) = ask(job, &url, None).await? {
            let (name, checksum, page) = (name.to_owned(), body.sha256.clone(), Page::of(&url, &head));
            let bytes = body.into_bytes().await?;
            let treeinfo = Treeinfo::parse(&bytes)
                .map_err(|problem| Error::upstream(format!("`{name}`: {problem}, url='{}'", redacted(&url))))?;
            let sources = Sources::of(&treeinfo, root)?;
            return Ok(Some(Tree { seen: TreeSeen { name, checksum, page, below: None }, sources, bytes, treeinfo }));
        }
    }
    Ok(None)
}

impl Tree {
    /// Declares the tree with its images and what it serves below folders. Its description is here, and comes first:
    /// of the images, one that cannot be had does not hide the others.
    pub async fn declare(self, job: &SyncJob, root: &str, group: Arc<str>, pinned: Vec<(String, Id)>) -> Result<()> {
        let Self { seen, sources, bytes, treeinfo } = self;
        let bytes = published(bytes, &sources);
        let is_theirs = hex::encode(Sha256::digest(&bytes)) == seen.checksum;
        let sha256 = job.keep_bytes(bytes).await?;
        let described = seen.name.parse::<RelativePath>().map_err(Error::internal)?;
        let digests = vec![("sha256", sha256.to_string())];
        let mut upstream = vec![match is_theirs {
            true => UpstreamFile { url: seen.page.url.clone(), size: None, digests },
            false => UpstreamFile::nowhere(),
        }];
        let mut files = vec![UnitFile { relative_path: described, sha256: Some(sha256) }];
        for path in treeinfo.files() {
            let wrong = |problem: &dyn std::fmt::Display| Error::upstream(format!("`{}`: {problem}", seen.name));
            let checksum = treeinfo.checksum(path);
            let known = checksum.filter(|checksum| checksum.kind() == ChecksumType::Sha256);
            let sha256 = known
                .map(|known| known.value().parse::<pith_core::id::Sha256>())
                .transpose()
                .map_err(Error::internal)?;
            let digests = checksum.map(|checksum| (checksum.kind().as_str(), checksum.value().to_owned()));
            let relative_path = path.parse().map_err(|problem| wrong(&format!("the path `{path}`: {problem}")))?;
            files.push(UnitFile { relative_path, sha256 });
            let digests = digests.into_iter().collect();
            upstream.push(UpstreamFile { url: located(root, "", path)?, size: None, digests });
        }
        let digest = digest(job, &seen.checksum, &pinned).await?;
        let unit = tree::unit(&treeinfo, &sources.moved, files, &digest);
        let wanted = Wanted { unit, files: upstream, group: Some(group), pinned };
        job.want(tree::DISTRIBUTION_TREE, wanted).await
    }
}

/// The description, with variants and addons where they are published.
fn published(bytes: Bytes, sources: &Sources) -> Bytes {
    match std::str::from_utf8(&bytes) {
        Ok(text) if !sources.moved.is_empty() => rewritten(text, &sources.moved).into(),
        _ => bytes,
    }
}

/// Stands for a tree and all that it serves: another state of a variant makes it another tree.
async fn digest(job: &SyncJob, treeinfo: &str, pinned: &[(String, Id)]) -> Result<String> {
    if pinned.is_empty() {
        return Ok(treeinfo.to_owned());
    }
    let mut sorted = pinned.to_vec();
    sorted.sort_unstable();
    let mut sum = Sha256::new();
    sum.update(treeinfo);
    for (folder, version) in sorted {
        sum.update(format!("\n{folder}/{}", job.digest_of_units(version).await?));
    }
    Ok(hex::encode(sum.finalize()))
}
