//! The installable tree beside a repository.

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::{RelativePath, Sha256};
use pith_core::plugin::{FoundPage, PageRequest, SyncJob, UnitFile, UpstreamFile, UpstreamPage, Wanted, redacted};

use super::address::{below, located};
use super::seen::{Page, TreeSeen};
use crate::checksum::ChecksumType;
use crate::content::tree;
use crate::treeinfo::Treeinfo;

/// The names that a tree is described under; the first that is there counts.
const NAMES: [&str; 2] = [".treeinfo", "treeinfo"];
/// Real ones have some KiB.
const LARGEST: u64 = 1 << 20;

/// The description of a tree.
pub(super) struct Tree {
    pub seen: TreeSeen,
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

/// Whether the tree of the repository at `root` is as it was. One request: where there was none, only the usual name
/// is looked at.
pub(super) async fn is_unchanged(job: &SyncJob, root: &str, before: Option<&TreeSeen>) -> Result<bool> {
    let name = before.map_or(NAMES[0], |before| before.name.as_str());
    Ok(match (ask(job, &below(root, name)?, before.map(|before| &before.page)).await?, before) {
        (UpstreamPage::NotModified, _) | (UpstreamPage::Absent, None) => true,
        (UpstreamPage::Found(found), Some(before)) => found.body.sha256 == before.checksum,
        (UpstreamPage::Absent, Some(_)) | (UpstreamPage::Found(_), None) => false,
    })
}

/// The tree of the repository at `root`, if it has one.
///
/// # Errors
/// `Upstream` when it is described in a way that cannot be read, or has files outside of it.
pub(super) async fn read(job: &SyncJob, root: &str) -> Result<Option<Tree>> {
    for name in NAMES {
        let url = below(root, name)?;
        if let UpstreamPage::Found(FoundPage { head, body }) = ask(job, &url, None).await? {
            let seen = TreeSeen { name: name.to_owned(), checksum: body.sha256.clone(), page: Page::of(&url, &head) };
            let bytes = body.into_bytes().await?;
            let treeinfo = Treeinfo::parse(&bytes)
                .map_err(|problem| Error::upstream(format!("`{name}`: {problem}, url='{}'", redacted(&url))))?;
            return Ok(Some(Tree { seen, bytes, treeinfo }));
        }
    }
    Ok(None)
}

impl Tree {
    /// Declares the tree with its images. Its description is here, and comes first: of the images, one that cannot be
    /// had does not hide the others.
    pub async fn declare(self, job: &SyncJob, root: &str, group: std::sync::Arc<str>) -> Result<()> {
        let Self { seen, bytes, treeinfo } = self;
        let sha256 = job.keep_bytes(bytes).await?;
        let described = seen.name.parse::<RelativePath>().map_err(Error::internal)?;
        let digests = vec![("sha256", sha256.to_string())];
        let mut files = vec![UnitFile { relative_path: described, sha256: Some(sha256) }];
        let mut upstream = vec![UpstreamFile { url: seen.page.url.clone(), size: None, digests }];
        for path in treeinfo.files() {
            let wrong = |problem: &dyn std::fmt::Display| Error::upstream(format!("`{}`: {problem}", seen.name));
            let checksum = treeinfo.checksum(path);
            let known = checksum.filter(|checksum| checksum.kind() == ChecksumType::Sha256);
            let sha256 = known.map(|known| known.value().parse::<Sha256>()).transpose().map_err(Error::internal)?;
            let digests = checksum.map(|checksum| (checksum.kind().as_str(), checksum.value().to_owned()));
            let relative_path = path.parse().map_err(|problem| wrong(&format!("the path `{path}`: {problem}")))?;
            files.push(UnitFile { relative_path, sha256 });
            let digests = digests.into_iter().collect();
            upstream.push(UpstreamFile { url: located(root, "", path)?, size: None, digests });
        }
        let unit = tree::unit(&treeinfo, files, &seen.checksum);
        job.want(tree::DISTRIBUTION_TREE, Wanted { unit, files: upstream, group: Some(group) }).await
    }
}
