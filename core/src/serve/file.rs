//! A stored file and the headers that go with it, made once per path.

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::conditional::Validators;
use super::content_type::content_type;
use super::locate::Mark;
use crate::db::delivery::StoredFile;
use crate::id::Sha256;

/// Clients may keep a file but must ask whether it is still the one.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
const ARTIFACT_SIZE: HeaderName = HeaderName::from_static("x-pulp-artifact-size");
const PULP_CACHE: HeaderName = HeaderName::from_static("x-pulp-cache");

/// A file at its path.
pub struct File {
    pub sha256: Sha256,
    pub size: u64,
    /// Its last segment.
    pub name: String,
    pub content_type: &'static str,
    /// Whole seconds, as headers have them.
    modified: SystemTime,
    etag: String,
    /// Those that every answer with the file's bytes has.
    headers: [(HeaderName, HeaderValue); 4],
}

impl File {
    pub fn new(stored: &StoredFile, path: &str) -> Self {
        let seconds = u64::try_from(stored.created.timestamp()).unwrap_or(0);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let etag = format!("\"{}\"", stored.sha256);
        let content_type = content_type(path);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::ETAG, ascii(&etag)),
            (header::LAST_MODIFIED, ascii(&httpdate::fmt_http_date(modified))),
            (ARTIFACT_SIZE, HeaderValue::from(stored.size)),
        ];
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        Self { sha256: stored.sha256.clone(), size: stored.size, name, content_type, modified, etag, headers }
    }

    pub fn validators(&self) -> Validators<'_> {
        Validators { etag: &self.etag, modified: self.modified, size: self.size }
    }

    /// What an answer with the file's bytes says about it, but for their length.
    pub fn headers(&self, mark: Mark) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let fixed =
            [(header::ACCEPT_RANGES, HeaderValue::from_static("bytes")), (header::CACHE_CONTROL, CACHE_CONTROL)];
        self.headers
            .iter()
            .cloned()
            .chain(fixed)
            .chain(mark.text().map(|text| (PULP_CACHE, HeaderValue::from_static(text))))
    }

    /// Begins an answer with the file's bytes or a range of them.
    pub fn response(&self, status: StatusCode, mark: Mark) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        for header in self.headers(mark) {
            response.insert_header(header);
        }
        response
    }

    /// Begins an answer that describes the file without holding it: 304, 302.
    pub fn description(&self, status: StatusCode, mark: Mark) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.headers[1..] {
            response.insert_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, CACHE_CONTROL));
        self::mark(&mut response, mark);
        response
    }
}

/// The headers of a file whose bytes are still on their way.
pub fn announce(size: Option<u64>, sha256: Option<&str>, path: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(sha256) = sha256 {
        headers.insert(header::ETAG, ascii(&format!("\"{sha256}\"")));
    }
    if let Some(size) = size {
        headers.insert(ARTIFACT_SIZE, HeaderValue::from(size));
    }
    headers
}

/// Says whether the answer was remembered.
pub fn mark(response: &mut HttpResponseBuilder, mark: Mark) {
    if let Some(text) = mark.text() {
        response.insert_header((PULP_CACHE, HeaderValue::from_static(text)));
    }
}

/// Of a text that has only characters a header may have; should it not, the header is empty.
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
