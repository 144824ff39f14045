//! Passing an upstream's answer on while it arrives, for content that is not stored (yet).

use std::fmt;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use reqwest::header::HeaderMap;

use super::Downloader;
use super::failure::Failure;
use super::upstream::Question;
use crate::error::Result;

/// The bytes `first` to `last`, both included; to the end without `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    pub first: u64,
    pub last: Option<u64>,
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) => write!(f, "bytes={}-{last}", self.first),
            None => write!(f, "bytes={}-", self.first),
        }
    }
}

/// An upstream's answer. Its body ends with an error when the connection breaks before its end.
pub struct Streamed {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: BoxStream<'static, Result<Bytes>>,
}

impl Downloader {
    /// Retries until headers arrive, never afterwards. Answers like 404 and 416 are given as they are;
    /// 429 and 5xx that stay are errors. The limit on concurrency covers the time until the headers, so
    /// that slow readers cannot block others. Nothing is checked: sizes and digests are the reader's.
    pub async fn stream(&self, url: &str, range: Option<ByteRange>) -> Result<Streamed> {
        let question = Question { range, ..Question::whole(url) };
        let mut retries = self.upstream.schedule.start();
        let answer = loop {
            let permit = self.upstream.slot().await?;
            let attempt = self.upstream.ask(question).await;
            drop(permit);
            match attempt {
                Ok(answer) => break answer,
                Err(failure) => retries.wait(failure).await.map_err(Failure::into_error)?,
            }
        };
        let (status, headers) = (answer.status.as_u16(), answer.headers.clone());
        let body = stream::unfold(Some(answer), |answer| async move {
            let mut answer = answer?;
            match answer.next().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(answer))),
                Ok(None) => None,
                Err(failure) => Some((Err(failure.into_error()), None)),
            }
        });
        Ok(Streamed { status, headers, body: body.boxed() })
    }
}
