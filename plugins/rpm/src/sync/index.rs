//! `repomd.xml` of an upstream, and where else it is to be had when the address of a remote is none of a repository.

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::plugin::{FoundPage, PageRequest, SyncJob, UpstreamPage, redacted};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::address::below;
use super::seen::Page;
use crate::checksum::{Checksum, ChecksumType};
use crate::mirrorlist::{self, Metalink, MetalinkFile};
use crate::repomd::{self, Repomd};

/// Below a repository.
pub(super) const REPOMD: &str = "repodata/repomd.xml";
/// The largest `repomd.xml`, and the largest list of mirrors. Real ones have some KiB.
const LARGEST: u64 = 2 << 20;

/// The index of a repository, read.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The address of the repository.
    pub root: String,
    pub page: Page,
    pub bytes: Bytes,
    /// SHA-256 of the bytes.
    pub checksum: String,
    pub repomd: Repomd,
}

/// What came of asking for it.
pub(super) enum Answer {
    NotModified,
    Absent,
    Found(Box<Index>),
}

/// Asks for the index of the repository at `root`; if it was asked for at the same place before, on the condition that
/// it changed.
///
/// # Errors
/// `Upstream` when it cannot be had, and when it is none.
pub(super) async fn ask(job: &SyncJob, root: &str, known: Option<&Page>) -> Result<Answer> {
    let url = below(root, REPOMD)?;
    let known = known.filter(|known| known.url == url);
    let request = PageRequest {
        etag: known.and_then(|known| known.etag.clone()),
        last_modified: known.and_then(|known| known.last_modified.clone()),
        ..request(&url)
    };
    let FoundPage { head, body } = match job.page(&request).await? {
        UpstreamPage::NotModified => return Ok(Answer::NotModified),
        UpstreamPage::Absent => return Ok(Answer::Absent),
        UpstreamPage::Found(found) => found,
    };
    let (page, checksum) = (Page::of(&url, &head), body.sha256.clone());
    let bytes = body.into_bytes().await?;
    let repomd = repomd::read(&bytes[..])
        .map_err(|problem| Error::upstream(format!("`{REPOMD}`: {problem}, url='{}'", redacted(&url))))?;
    Ok(Answer::Found(Box::new(Index { root: root.to_owned(), page, bytes, checksum, repomd })))
}

/// As [`ask`], without a condition.
///
/// # Errors
/// `Upstream` when there is none, too.
pub(super) async fn read(job: &SyncJob, root: &str) -> Result<Box<Index>> {
    match ask(job, root, None).await? {
        Answer::Found(index) => Ok(index),
        Answer::NotModified | Answer::Absent => Err(absent(root)),
    }
}

fn request(url: &str) -> PageRequest {
    PageRequest { url: url.to_owned(), largest: LARGEST, forbidden_is_absent: true, ..PageRequest::default() }
}

/// The text of an upstream of which no repository can be had, with the number that clients of Pulp look for.
pub(super) fn unusable(reason: impl std::fmt::Display) -> Error {
    Error::upstream(format!("[RPM0004] {reason}"))
}

pub(super) fn absent(root: &str) -> Error {
    Error::upstream(format!("404, there is no `{REPOMD}`, url='{}'", redacted(root)))
}

/// Repositories that are one and the same.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    /// Their addresses, the best first.
    pub roots: Vec<String>,
    /// The states of `repomd.xml` that they may have; none where it is not said.
    states: Vec<MetalinkFile>,
}

/// The mirrors that stand in a list at the address of the remote.
///
/// # Errors
/// `Upstream` when there is neither a list of mirrors nor a metalink.
pub(super) async fn mirrors(job: &SyncJob) -> Result<Mirrors> {
    let url = &job.remote.url;
    let found = match job.page(&request(url)).await {
        Ok(UpstreamPage::Found(found)) => found,
        // A folder that can be listed, but is no repository, is none either.
        Ok(UpstreamPage::Absent | UpstreamPage::NotModified) | Err(Error::Upstream(_)) => {
            return Err(unusable(absent(url).public_text()));
        }
        Err(error) => return Err(error),
    };
    let bytes = found.body.into_bytes().await?;
    parse(&bytes).map_err(|problem| {
        let shown = redacted(url);
        unusable(format!(
            "there is no `{REPOMD}`, and at the address itself no list of mirrors: {problem}, url='{shown}'"
        ))
    })
}

fn parse(bytes: &[u8]) -> std::result::Result<Mirrors, String> {
    let start = bytes.trim_ascii_start();
    if !start.starts_with(b"<") {
        let roots = mirrorlist::parse(bytes).map_err(|problem| problem.to_string())?;
        return Ok(Mirrors { roots, states: vec![] });
    }
    let metalink = Metalink::parse(start, "repomd.xml").map_err(|problem| problem.to_string())?;
    let roots: Vec<String> =
        metalink.mirrors.iter().filter_map(|mirror| mirror.repository()).map(str::to_owned).collect();
    let states = std::iter::once(metalink.file).chain(metalink.alternates).collect();
    match roots.is_empty() {
        true => Err("the metalink names no repository".to_owned()),
        false => Ok(Mirrors { roots, states }),
    }
}

impl Mirrors {
    /// # Errors
    /// `Upstream` when the index is in none of the states that the metalink vouches for.
    pub fn check(&self, index: &Index) -> Result<()> {
        let is_state = |state: &MetalinkFile| {
            let size = state.size.is_none_or(|size| size == index.bytes.len() as u64);
            size && state.checksum().is_none_or(|checksum| is_of(checksum, &index.bytes))
        };
        match self.states.is_empty() || self.states.iter().any(is_state) {
            true => Ok(()),
            false => {
                let url = redacted(&index.page.url);
                Err(Error::upstream(format!("`{REPOMD}` is not what the metalink says it is, url='{url}'")))
            }
        }
    }
}

/// Whether it is the checksum of these bytes; those that are too weak to tell are not looked at.
fn is_of(checksum: &Checksum, bytes: &[u8]) -> bool {
    let found = match checksum.kind() {
        ChecksumType::Sha256 => hex::encode(Sha256::digest(bytes)),
        ChecksumType::Sha384 => hex::encode(Sha384::digest(bytes)),
        ChecksumType::Sha512 => hex::encode(Sha512::digest(bytes)),
        ChecksumType::Md5 | ChecksumType::Sha1 | ChecksumType::Sha224 => return true,
    };
    found == checksum.value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrorlist::Mirror;

    fn index(bytes: &'static [u8]) -> Index {
        let (root, checksum) = (String::new(), String::new());
        Index { root, page: Page::default(), bytes: bytes.into(), checksum, repomd: Repomd::default() }
    }

    #[test]
    fn lists_and_metalinks_are_told_apart() {
        let mirrors = parse(b"# list\nhttp://a/x/\nhttp://b\n").expect("a list");
        assert_eq!(mirrors.roots, ["http://a/x", "http://b"]);
        mirrors.check(&index(b"anything")).expect("a list vouches for nothing");

        let sha256 = Checksum::new(ChecksumType::Sha256, &hex::encode(Sha256::digest(b"right"))).expect("a checksum");
        let mirror = |url: &str| Mirror { url: url.to_owned(), ..Mirror::default() };
        let metalink = Metalink {
            name: "repomd.xml".to_owned(),
            file: MetalinkFile { checksums: vec![sha256], ..MetalinkFile::default() },
            alternates: vec![],
            mirrors: vec![mirror("http://a/x/repodata/repomd.xml"), mirror("http://b/other.xml")],
        };
        let mirrors = parse(metalink.render().as_bytes()).expect("a metalink");
        assert_eq!(mirrors.roots, ["http://a/x"]);
        mirrors.check(&index(b"right")).expect("the state it says");
        mirrors.check(&index(b"wrong")).expect_err("another state");
    }

    #[test]
    fn pages_are_no_lists() {
        for page in ["<html><body>http://a/</body></html>", "", "nothing here"] {
            parse(page.as_bytes()).expect_err(page);
        }
    }
}
