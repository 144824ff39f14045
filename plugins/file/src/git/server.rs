//! Asking a server of Git, with all settings of the remote.

use std::io::BufReader;

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::plugin::{FoundPage, MetadataFile, PageHead, PageRequest, Posted, SyncJob, UpstreamPage, redacted};
use url::Url;

use super::error::GitError;
use super::object::ObjectId;
use super::refs::Refs;
use super::unpack::{Objects, unpack};
use super::upstream::{scratch, told};
use super::wire::{self, Extent, Version};

/// The largest list of refs.
const LARGEST_LIST: u64 = 256 << 20;
/// The largest pack.
const LARGEST_PACK: u64 = 32 << 30;
/// Where the server says what it can do.
const INFO: &str = "/info/refs";
const SERVICE: &str = "git-upload-pack";
const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
/// Asks for the second version of the protocol.
const PROTOCOL: (&str, &str) = ("Git-Protocol", "version=2");

/// The server of a repository.
pub(super) struct Server<'a> {
    pub job: &'a SyncJob,
    /// The address of the repository, after redirects.
    base: Url,
    pub abilities: wire::Server,
}

impl<'a> Server<'a> {
    /// Asks what the server can do, and for its refs.
    pub async fn reach(job: &'a SyncJob, git_ref: &str) -> Result<(Self, Refs)> {
        let asked = Url::parse(&job.remote.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let asked = asked.ok_or_else(|| Error::upstream("its address is none of http://, https:// and file://"))?;
        let (found, head, body) = Self::ask_info(job, &asked).await?;
        // What is not told to another server that was redirected to is told where the repository is.
        let (base, head, body) = match found == asked {
            true => (found, head, body),
            false => Self::ask_info(job, &found).await?,
        };
        if head.content_type.as_deref() != Some(ADVERTISEMENT) {
            return Err(Error::upstream("there is no repository of Git, or its server knows no smart protocol"));
        }
        let mut refs = Refs::looking_for(git_ref);
        let (abilities, refs) = body
            .parse(move |from| wire::read_server(from, &mut refs).map(|server| (server, refs)))
            .await?
            .map_err(told)?;
        let server = Self { job, base, abilities };
        match abilities.version {
            Version::First => Ok((server, refs)),
            Version::Second => server.list(refs).await,
        }
    }

    /// What the server says, and where redirects ended.
    async fn ask_info(job: &SyncJob, repository: &Url) -> Result<(Url, PageHead, MetadataFile)> {
        let mut url = below(repository, INFO);
        url.query_pairs_mut().append_pair("service", SERVICE);
        let request = PageRequest {
            url: url.into(),
            headers: vec![(PROTOCOL.0.to_owned(), PROTOCOL.1.to_owned())],
            largest: LARGEST_LIST,
            ..PageRequest::default()
        };
        let (head, body) = ask(job, &request).await?;
        Ok((base(repository, &head.url), head, body))
    }

    async fn list(self, mut refs: Refs) -> Result<(Self, Refs)> {
        let body = self.post(wire::ask_refs(&self.abilities, &refs), LARGEST_LIST).await?;
        let refs = body.parse(move |from| wire::read_refs(from, &mut refs).map(|()| refs)).await?.map_err(told)?;
        Ok((self, refs))
    }

    /// The objects that these lead to; the inner error is what the server or its pack is refused for.
    pub async fn fetch(&self, wants: &[ObjectId], extent: Extent) -> Result<Result<Objects, GitError>> {
        let (scratch, _stopping) = scratch(self.job)?;
        let body = self.post(wire::ask_pack(&self.abilities, wants, extent), LARGEST_PACK).await?;
        let version = self.abilities.version;
        body.parse(move |from| unpack(BufReader::new(wire::pack_of(from, version)?), scratch)).await
    }

    async fn post(&self, question: Vec<u8>, largest: u64) -> Result<MetadataFile> {
        let headers = match self.abilities.version {
            Version::First => vec![],
            Version::Second => vec![(PROTOCOL.0.to_owned(), PROTOCOL.1.to_owned())],
        };
        let request = PageRequest {
            url: below(&self.base, &format!("/{SERVICE}")).into(),
            accept: Some("application/x-git-upload-pack-result"),
            body: Some(Posted { content_type: "application/x-git-upload-pack-request", bytes: Bytes::from(question) }),
            headers,
            largest,
            ..PageRequest::default()
        };
        Ok(ask(self.job, &request).await?.1)
    }

    /// The address below which large files are asked for.
    pub fn large_files(&self, path: &str) -> Url {
        let suffix = if self.base.path().trim_end_matches('/').ends_with(".git") { "" } else { ".git" };
        below(&self.base, &format!("{suffix}/{path}"))
    }
}

/// Text behind the path of an address; its query stays.
fn below(base: &Url, text: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{text}", base.path().trim_end_matches('/')));
    url.set_fragment(None);
    url
}

/// Where the repository is when the question for it was redirected: a server that moves it redirects all of it.
fn base(asked: &Url, answered: &str) -> Url {
    let Ok(mut found) = Url::parse(answered) else { return asked.clone() };
    let Some(path) = found.path().strip_suffix(INFO).map(str::to_owned) else { return asked.clone() };
    if found.origin() == asked.origin() && path == asked.path().trim_end_matches('/') {
        return asked.clone();
    }
    found.set_path(&path);
    found.set_query(asked.query());
    found
}

/// The answer to a question that must have one.
pub(super) async fn ask(job: &SyncJob, request: &PageRequest) -> Result<(PageHead, MetadataFile)> {
    match job.page(request).await? {
        UpstreamPage::Found(FoundPage { head, body }) => Ok((head, body)),
        UpstreamPage::Absent | UpstreamPage::NotModified => {
            Err(Error::upstream(format!("404, message='Not Found', url='{}'", redacted(&request.url))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_lies_below_the_repository() {
        let check = |base: &str, expected: &str| assert_eq!(below(&Url::parse(base).unwrap(), INFO).as_str(), expected);
        check("http://h/a.git", "http://h/a.git/info/refs");
        check("http://h/a.git/", "http://h/a.git/info/refs");
        check("http://h/a?token=1#f", "http://h/a/info/refs?token=1");
        check("http://h", "http://h/info/refs");
    }

    #[test]
    fn a_repository_that_moved_is_asked_where_it_is() {
        let check = |found: &str, expected: &str| {
            assert_eq!(base(&Url::parse("http://h/a?t=1").unwrap(), found).as_str(), expected);
        };
        check("http://h/a/info/refs?t=1&service=git-upload-pack", "http://h/a?t=1");
        check("https://g/b.git/info/refs?service=git-upload-pack", "https://g/b.git?t=1");
        check("https://g/login", "http://h/a?t=1");
    }
}
