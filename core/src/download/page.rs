//! Pages of metadata: asked for on the condition that they changed, taken into storage's staging area
//! (small ones stay in memory), read at leisure.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED};

use super::body::Answer;
use super::failure::Failure;
use super::fetch::{refuse_above, refuse_encoding, text};
use super::upstream::{Posted, Question};
use super::{Downloader, client};
use crate::error::Result;
use crate::storage::{DigestSet, Staged, Storage};

/// A page to be had, and what is known of it from an earlier reading.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    pub url: String,
    pub accept: Option<&'static str>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    /// More bytes than this are never taken.
    pub largest: u64,
    /// 403 means that there is no such page too: object stores say so of what they do not have, to whom may not list.
    pub forbidden_is_absent: bool,
    /// Sent with the request, which then is a POST.
    pub body: Option<Posted>,
    /// Sent besides what the remote says, to the server that is asked but not to another one to which it redirects.
    pub headers: Vec<(String, String)>,
}

/// What a server said.
#[expect(clippy::large_enum_variant, reason = "one at a time, soon taken apart")]
pub enum PageAnswer {
    /// 304: as it was when `etag` or `last_modified` were told.
    NotModified,
    /// 404 or 410, or 403 where the request says that this means it; a file that does not exist.
    Absent,
    Found(PageHead, Staged),
}

/// What came with a page.
#[derive(Clone, Debug, Default)]
pub struct PageHead {
    /// Where redirects ended; relative references of the page are resolved against it.
    pub url: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub content_type: Option<String>,
    headers: HeaderMap,
}

impl PageHead {
    /// The value of a header of the answer, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Downloader {
    /// One page, with the retries of the remote.
    ///
    /// # Errors
    /// `Upstream` for every other status than 200, 304 and those of [`PageAnswer::Absent`], for a page that is too
    /// large, and for connections that do not stand.
    pub async fn page(&self, request: &PageRequest, storage: &Storage) -> Result<PageAnswer> {
        let headers = client::headers(&request.headers)?;
        let question = Question {
            accept: request.accept,
            etag: request.etag.as_deref(),
            last_modified: request.last_modified.as_deref(),
            body: request.body.as_ref(),
            headers: &headers,
            ..Question::whole(&request.url)
        };
        let mut retries = self.upstream.schedule.start();
        loop {
            let permit = self.upstream.slot().await?;
            let attempt = match self.upstream.ask(question).await {
                Ok(answer) => judge(answer, request, storage).await,
                Err(Failure::Missing(_)) => Ok(PageAnswer::Absent),
                Err(failure) => Err(failure),
            };
            drop(permit);
            match attempt {
                Ok(answer) => return Ok(answer),
                Err(failure) => retries.wait(failure).await.map_err(Failure::into_error)?,
            }
        }
    }
}

async fn judge(answer: Answer, request: &PageRequest, storage: &Storage) -> Result<PageAnswer, Failure> {
    match answer.status {
        StatusCode::OK => take(answer, request, storage).await,
        // Who was told no condition cannot know whether it holds.
        StatusCode::NOT_MODIFIED if request.etag.is_some() || request.last_modified.is_some() => {
            Ok(PageAnswer::NotModified)
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(PageAnswer::Absent),
        StatusCode::FORBIDDEN if request.forbidden_is_absent => Ok(PageAnswer::Absent),
        status => Err(Failure::status(&answer.url, status, None)),
    }
}

async fn take(mut answer: Answer, request: &PageRequest, storage: &Storage) -> Result<PageAnswer, Failure> {
    refuse_encoding(&answer)?;
    refuse_above(&answer, answer.length().unwrap_or(0), request.largest)?;
    let mut writer = storage.stage(DigestSet::sha256())?;
    while let Some(chunk) = answer.next().await? {
        refuse_above(&answer, writer.size() + chunk.len() as u64, request.largest)?;
        writer.write(chunk).await?;
    }
    let head = PageHead {
        url: answer.url.into(),
        etag: text(&answer.headers, &ETAG),
        last_modified: text(&answer.headers, &LAST_MODIFIED),
        content_type: text(&answer.headers, &CONTENT_TYPE),
        headers: answer.headers,
    };
    Ok(PageAnswer::Found(head, writer.finish().await?))
}
