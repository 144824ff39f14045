//! Whole files from upstream: small ones into memory, others into storage, checked while they arrive.

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use url::Url;

use super::body::Answer;
use super::failure::Failure;
use super::upstream::{Posted, Question};
use super::{Downloader, client};
use crate::error::{Error, Result};
use crate::storage::{Algorithm, DigestSet, Staged, Storage};

/// What a server announces is believed up to here when memory is set aside.
const FIRST_CAPACITY: u64 = 1 << 20;

/// A small file in memory.
#[derive(Debug)]
pub struct Fetched {
    pub bytes: Bytes,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub content_type: Option<String>,
    /// Where redirects ended; relative references of the document are resolved against it.
    pub final_url: String,
    pub headers: HeaderMap,
}

/// A file that content consists of, and what is known of it beforehand.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub url: String,
    pub size: Option<u64>,
    /// Hexadecimal, in either case.
    pub digests: Vec<(Algorithm, String)>,
    /// More bytes than this are never taken.
    pub largest: u64,
}

/// What came of an attempt at a file, with the reason where there is none.
pub enum Tried {
    Fetched(Box<Staged>),
    /// The server has none at this address, or another one.
    Absent(String),
    /// The server does not answer as it should.
    Unreachable(String),
}

impl Downloader {
    /// A file into storage's staging area, with the digests asked for and those expected. When its size or
    /// a digest is not the expected one, the download is retried and fails at last; nothing stays behind.
    pub async fn fetch(&self, wanted: &Wanted, storage: &Storage, digests: DigestSet) -> Result<Staged> {
        self.fetch_with(wanted, &[], storage, digests).await
    }

    /// As [`Self::fetch`], with headers for the server that is asked.
    pub async fn fetch_with(
        &self,
        wanted: &Wanted,
        headers: &[(String, String)],
        storage: &Storage,
        digests: DigestSet,
    ) -> Result<Staged> {
        let headers = client::headers(headers)?;
        let question = Question { headers: &headers, ..Question::whole(&wanted.url) };
        let mut retries = self.upstream.schedule.start();
        loop {
            match self.attempt(question, wanted, storage, digests).await {
                Ok(staged) => return Ok(staged),
                Err(failure) => retries.wait(failure).await.map_err(Failure::into_error)?,
            }
        }
    }

    /// As [`Self::fetch`], of a file that is to be had elsewhere, too: the upstream's failures are no errors, and it is
    /// tried again only where it did not answer.
    pub async fn try_fetch(&self, wanted: &Wanted, storage: &Storage, digests: DigestSet) -> Result<Tried> {
        let mut retries = self.upstream.schedule.start();
        loop {
            let question = Question::whole(&wanted.url);
            let failure = match self.attempt(question, wanted, storage, digests).await {
                Ok(staged) => return Ok(Tried::Fetched(Box::new(staged))),
                Err(failure @ Failure::Passing { .. }) => retries.wait(failure).await.err(),
                Err(failure) => Some(failure),
            };
            match failure {
                None => {}
                Some(Failure::Missing(text) | Failure::Wrong(text)) => return Ok(Tried::Absent(text)),
                Some(Failure::Passing { text, .. } | Failure::Final(Error::Upstream(text))) => {
                    return Ok(Tried::Unreachable(text));
                }
                Some(Failure::Final(error)) => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        question: Question<'_>,
        wanted: &Wanted,
        storage: &Storage,
        digests: DigestSet,
    ) -> Result<Staged, Failure> {
        let digests = wanted.digests.iter().fold(digests, |digests, (algorithm, _)| digests.with(*algorithm));
        let _permit = self.upstream.slot().await?;
        let answer = self.upstream.ask_whole(question).await?;
        into_storage(answer, wanted, storage, digests).await
    }

    /// Metadata of at most `largest` bytes. Compressed transfer is refused, since it was not asked for and
    /// would change what a digest is taken of.
    pub async fn fetch_bytes(&self, url: &str, largest: u64) -> Result<Fetched> {
        self.question_bytes(Question::whole(url), largest).await.map_err(Failure::into_error)
    }

    /// As [`Self::fetch_bytes`], with an `Accept` header.
    pub async fn fetch_bytes_as(&self, url: &str, accept: &str, largest: u64) -> Result<Fetched> {
        let question = Question { accept: Some(accept), ..Question::whole(url) };
        self.question_bytes(question, largest).await.map_err(Failure::into_error)
    }

    /// The answer, of at most `largest` bytes, to a question in JSON that may be asked more than once.
    pub async fn ask(&self, url: &str, json: &str, largest: u64) -> Result<Fetched> {
        let body = Posted { content_type: "application/json", bytes: Bytes::copy_from_slice(json.as_bytes()) };
        let question = Question { body: Some(&body), accept: Some("application/json"), ..Question::whole(url) };
        self.question_bytes(question, largest).await.map_err(Failure::into_error)
    }

    /// As [`Self::fetch_bytes`]; `None` when the server answers 403, 404 or 410.
    pub async fn fetch_bytes_if_present(&self, url: &str, largest: u64) -> Result<Option<Fetched>> {
        match self.question_bytes(Question::whole(url), largest).await {
            Ok(fetched) => Ok(Some(fetched)),
            Err(Failure::Missing(_)) => Ok(None),
            Err(failure) => Err(failure.into_error()),
        }
    }

    async fn question_bytes(&self, question: Question<'_>, largest: u64) -> Result<Fetched, Failure> {
        let mut retries = self.upstream.schedule.start();
        loop {
            let permit = self.upstream.slot().await?;
            let attempt = match self.upstream.ask_whole(question).await {
                Ok(answer) => into_memory(answer, largest).await,
                Err(failure) => Err(failure),
            };
            drop(permit);
            match attempt {
                Ok(fetched) => return Ok(fetched),
                Err(failure) => retries.wait(failure).await?,
            }
        }
    }
}

async fn into_storage(
    mut answer: Answer,
    wanted: &Wanted,
    storage: &Storage,
    digests: DigestSet,
) -> Result<Staged, Failure> {
    let announced = answer.length();
    refuse_above(&answer, announced.unwrap_or(0), wanted.largest)?;
    if let (Some(size), Some(announced)) = (wanted.size, announced) {
        check_size(&answer.url, size, announced)?;
    }
    let mut writer = storage.stage(digests)?;
    while let Some(chunk) = answer.next().await? {
        let size = writer.size() + chunk.len() as u64;
        refuse_above(&answer, size, wanted.largest)?;
        if let Some(expected) = wanted.size.filter(|expected| size > *expected) {
            return Err(wrong_size(&answer.url, expected, "more"));
        }
        writer.write(chunk).await?;
    }
    if let Some(size) = wanted.size {
        check_size(&answer.url, size, writer.size())?;
    }
    let staged = writer.finish().await?;
    check_digests(&answer.url, wanted, &staged)?;
    Ok(staged)
}

fn check_size(url: &Url, expected: u64, got: u64) -> Result<(), Failure> {
    match expected == got {
        true => Ok(()),
        false => Err(wrong_size(url, expected, &got.to_string())),
    }
}

fn wrong_size(url: &Url, expected: u64, got: &str) -> Failure {
    Failure::wrong(url, &format!("[PLP0004] wrong size: expected {expected} bytes, got {got}"))
}

fn check_digests(url: &Url, wanted: &Wanted, staged: &Staged) -> Result<(), Failure> {
    for (algorithm, expected) in &wanted.digests {
        let got = staged.digests.get(*algorithm).unwrap_or_default();
        if !got.eq_ignore_ascii_case(expected) {
            let name = algorithm.name();
            let text = format!("[PLP0003] wrong {name} digest: expected '{expected}', got '{got}'");
            return Err(Failure::wrong(url, &text));
        }
    }
    Ok(())
}

async fn into_memory(mut answer: Answer, largest: u64) -> Result<Fetched, Failure> {
    refuse_encoding(&answer)?;
    refuse_above(&answer, answer.length().unwrap_or(0), largest)?;
    let mut bytes = BytesMut::with_capacity(answer.length().unwrap_or(0).min(FIRST_CAPACITY) as usize);
    while let Some(chunk) = answer.next().await? {
        refuse_above(&answer, (bytes.len() + chunk.len()) as u64, largest)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(Fetched {
        bytes: bytes.freeze(),
        etag: text(&answer.headers, &ETAG),
        last_modified: text(&answer.headers, &LAST_MODIFIED),
        content_type: text(&answer.headers, &CONTENT_TYPE),
        final_url: answer.url.into(),
        headers: answer.headers,
    })
}

pub(super) fn refuse_encoding(answer: &Answer) -> Result<(), Failure> {
    let encoding = text(&answer.headers, &CONTENT_ENCODING).unwrap_or_default();
    // Apache announces files that are gzip by themselves this way.
    let is_the_file = encoding.ends_with("gzip") && answer.url.path().ends_with(".gz");
    match encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") || is_the_file {
        true => Ok(()),
        false => Err(Failure::refused(
            &answer.url,
            &format!("sent with content encoding `{}` though identity was asked for", encoding.escape_default()),
        )),
    }
}

pub(super) fn refuse_above(answer: &Answer, size: u64, largest: u64) -> Result<(), Failure> {
    match size > largest {
        true => Err(Failure::refused(&answer.url, &format!("larger than the allowed {largest} bytes"))),
        false => Ok(()),
    }
}

pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
