//! Whole files from upstream: small ones into memory, others into storage, checked while they arrive.

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};

use super::Downloader;
use super::body::Answer;
use super::failure::Failure;
use super::upstream::Question;
use crate::error::Result;

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

impl Downloader {
    /// Metadata of at most `largest` bytes. Compressed transfer is refused, since it was not asked for and
    /// would change what a digest is taken of.
    pub async fn fetch_bytes(&self, url: &str, largest: u64) -> Result<Fetched> {
        self.question_bytes(Question::whole(url), largest).await
    }

    /// As [`Self::fetch_bytes`], with an `Accept` header.
    pub async fn fetch_bytes_as(&self, url: &str, accept: &str, largest: u64) -> Result<Fetched> {
        self.question_bytes(Question { accept: Some(accept), ..Question::whole(url) }, largest).await
    }

    async fn question_bytes(&self, question: Question<'_>, largest: u64) -> Result<Fetched> {
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

async fn into_memory(mut answer: Answer, largest: u64) -> Result<Fetched, Failure> {
    refuse_encoding(&answer)?;
    refuse_above(&answer, answer.length().unwrap_or(0), largest)?;
    let mut bytes = BytesMut::with_capacity(answer.length().unwrap_or(0) as usize);
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

fn refuse_encoding(answer: &Answer) -> Result<(), Failure> {
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

fn refuse_above(answer: &Answer, size: u64, largest: u64) -> Result<(), Failure> {
    match size > largest {
        true => Err(Failure::refused(&answer.url, &format!("larger than the allowed {largest} bytes"))),
        false => Ok(()),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
