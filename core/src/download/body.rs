//! The bytes of an answer, whether a server or a file gives them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::task::spawn_blocking;
use url::Url;

use super::failure::Failure;
use super::stream::ByteRange;
use crate::error::Error;

const FILE_CHUNK: u64 = 512 * 1024;

pub(super) enum Body {
    Http(Box<Response>),
    File(Option<FileBody>),
}

/// What is left to read of a file.
pub(super) struct FileBody {
    file: File,
    left: u64,
}

/// An answer whose body has not been read yet.
pub(super) struct Answer {
    pub status: StatusCode,
    /// Where the redirects ended.
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Body,
}

impl Answer {
    pub fn length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// The next bytes; `None` at the proper end of the body.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match &mut self.body {
            Body::Http(response) => response.chunk().await.map_err(|error| Failure::transport(&self.url, error)),
            Body::File(file) => next_of_file(file, &self.url).await,
        }
    }
}

async fn next_of_file(file: &mut Option<FileBody>, url: &Url) -> Result<Option<Bytes>, Failure> {
    let Some(mut body) = file.take() else {
        return Ok(None);
    };
    let read = spawn_blocking(move || body.read().map(|bytes| (bytes, body)));
    let (bytes, body) = read.await.map_err(Error::internal)?.map_err(|error| unreadable(url, &error))?;
    *file = (body.left > 0).then_some(body);
    Ok(Some(bytes).filter(|bytes| !bytes.is_empty()))
}

impl FileBody {
    fn read(&mut self) -> io::Result<Bytes> {
        let mut bytes = Vec::with_capacity(self.left.min(FILE_CHUNK) as usize);
        let read = (&mut self.file).take(self.left.min(FILE_CHUNK)).read_to_end(&mut bytes)?;
        if read == 0 && self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(bytes.into())
    }
}

/// Answers as a server would that knows one range. Blocks.
pub(super) fn open_file(url: &Url, path: &Path, range: Option<ByteRange>) -> Result<Answer, Failure> {
    let mut file = File::open(path).map_err(|error| unreadable(url, &error))?;
    let size = file.metadata().map_err(|error| unreadable(url, &error))?.len();
    let (status, first, left) = match range {
        None => (StatusCode::OK, 0, size),
        Some(range) if range.first >= size => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
        Some(range) => {
            let last = range.last.unwrap_or(u64::MAX).min(size - 1);
            (StatusCode::PARTIAL_CONTENT, range.first, (last + 1).saturating_sub(range.first))
        }
    };
    file.seek(SeekFrom::Start(first)).map_err(|error| unreadable(url, &error))?;
    let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(left))]);
    if status == StatusCode::PARTIAL_CONTENT && left > 0 {
        let text = format!("bytes {first}-{}/{size}", first + left - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::from_str(&text).map_err(Error::internal)?);
    }
    let body = Body::File((left > 0).then_some(FileBody { file, left }));
    Ok(Answer { status, url: url.clone(), headers, body })
}

fn unreadable(url: &Url, error: &io::Error) -> Failure {
    Failure::refused(url, &format!("cannot be read: {error}"))
}
