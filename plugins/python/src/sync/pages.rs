//! The pages that an index describes a project by, whichever of them it has.

use std::io::Read;

use pith_core::error::{Error, Result};
use pith_core::plugin::{FoundPage, PageHead, PageRequest, redacted};
use url::Url;

use crate::name::ProjectName;
use crate::simple::{PageError, ProjectPage, parse_project_api, parse_project_html, parse_project_json};

/// JSON where there is any.
pub(super) const ACCEPT_SIMPLE: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
const ACCEPT_API: &str = "application/json";
/// The largest page of a project: the longest real ones have some 20,000 files.
const LARGEST_PAGE: u64 = 128 << 20;

/// Which pages of an index tell most about a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// The page of the simple API, as JSON or HTML.
    Simple,
    /// That of the older JSON API, which has core metadata of the newest release.
    Api,
}

impl Document {
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Api => "api",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Simple, Self::Api].into_iter().find(|document| document.name() == name)
    }

    pub fn request(self, url: String) -> PageRequest {
        let accept = match self {
            Self::Simple => ACCEPT_SIMPLE,
            Self::Api => ACCEPT_API,
        };
        PageRequest { url, accept: Some(accept), largest: LARGEST_PAGE, ..PageRequest::default() }
    }

    /// Reads the page of a project.
    pub fn read(self, head: &PageHead, reader: &mut dyn Read, project: &ProjectName) -> Result<ProjectPage> {
        let base = Url::parse(&head.url).map_err(Error::internal)?;
        let page = match self {
            Self::Api => parse_project_api(reader, &base, project),
            Self::Simple if is_json(head) => parse_project_json(reader, &base, project),
            Self::Simple => parse_project_html(reader, &base, project),
        };
        let mut page = page.map_err(|problem| unreadable(&head.url, problem))?;
        page.last_serial = page.last_serial.or_else(|| last_serial(head));
        Ok(page)
    }

    /// The same on a thread that may take its time.
    pub async fn read_found(self, found: FoundPage, project: &ProjectName) -> Result<ProjectPage> {
        let (FoundPage { head, body }, project) = (found, project.clone());
        body.parse(move |reader| self.read(&head, reader, &project)).await?
    }
}

pub(super) fn is_json(head: &PageHead) -> bool {
    let media_type = head.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    media_type.ends_with("+json") || media_type.ends_with("/json")
}

/// The serial that indexes put into a header.
fn last_serial(head: &PageHead) -> Option<u64> {
    head.header("x-pypi-last-serial")?.trim().parse().ok()
}

pub(super) fn unreadable(url: &str, problem: PageError) -> Error {
    match problem {
        PageError::Io(cause) => Error::storage("cannot read a staged page", cause),
        other => Error::upstream(format!("{}: {other}", redacted(url))),
    }
}
