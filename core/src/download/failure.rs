//! Why an attempt failed, in words that name the address and keep secrets, and whether to try again.
//!
//! The codes in brackets are Pulp's; so is the shape `404, message='Not Found', url='…'`.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::address::redact;
use crate::error::Error;

/// What a status that is no success says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server does not have the file, or not for us: object stores answer 403 for what is not there.
    Absent,
    /// The server wants to know better who asks, whatever the file.
    Denied,
    /// The server does not answer as it should, whatever the file.
    Unreachable,
}

impl Refusal {
    pub fn of(status: u16) -> Self {
        match status {
            403 | 404 | 410 => Self::Absent,
            401 => Self::Denied,
            _ => Self::Unreachable,
        }
    }
}

pub(super) enum Failure {
    /// Trying again would not help.
    Final(Error),
    /// [`Refusal::Absent`]
    Missing(String),
    /// It is another one than it should be; a server that is being changed may have the right one later.
    Wrong(String),
    /// May pass; the server may have said when.
    Passing { text: String, after: Option<Duration> },
}

impl Failure {
    /// `what` is wrong at this address, for good.
    pub fn refused(url: &Url, what: &str) -> Self {
        Self::Final(Error::upstream(format!("{what}, url='{}'", redact(url))))
    }

    pub fn passing(url: &Url, what: &str) -> Self {
        Self::Passing { text: format!("{what}, url='{}'", redact(url)), after: None }
    }

    pub fn wrong(url: &Url, what: &str) -> Self {
        Self::Wrong(format!("{what}, url='{}'", redact(url)))
    }

    pub fn status(url: &Url, status: StatusCode, after: Option<Duration>) -> Self {
        let reason = status.canonical_reason().unwrap_or("Unknown");
        let text = format!("{}, message='{reason}', url='{}'", status.as_u16(), redact(url));
        match Refusal::of(status.as_u16()) {
            Refusal::Absent => Self::Missing(text),
            Refusal::Unreachable if may_pass(status) => Self::Passing { text, after },
            Refusal::Denied | Refusal::Unreachable => Self::Final(Error::Upstream(text)),
        }
    }

    pub fn transport(url: &Url, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let cause = innermost(&error);
        if cause.contains("proxy authorization required") {
            return Self::refused(url, "[PLP0010] Proxy authentication failed");
        }
        if is_tls(&error) {
            return Self::refused(url, &format!("[PLP0026] SSL error: {cause}"));
        }
        if error.is_builder() {
            return Self::refused(url, &format!("[PLP0009] request cannot be sent: {cause}"));
        }
        Self::passing(
            url,
            &match () {
                () if error.is_timeout() => "[PLP0005] request timed out".to_owned(),
                () if error.is_dns() => format!("[PLP0008] host name cannot be resolved: {cause}"),
                () if error.is_connect() => format!("[PLP0027] cannot connect: {cause}"),
                () => format!("[PLP0027] connection broke: {cause}"),
            },
        )
    }

    pub fn into_error(self) -> Error {
        match self {
            Self::Final(error) => error,
            Self::Missing(text) | Self::Wrong(text) | Self::Passing { text, .. } => Error::Upstream(text),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

pub(super) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

/// The outer texts of reqwest and hyper only say that sending failed.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    while let Some(cause) = cause(deepest) {
        deepest = cause;
    }
    deepest.to_string()
}

fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    error.is::<rustls::Error>() || cause(error).is_some_and(is_tls)
}

/// The source of an `io::Error` is the source of what it wraps, which would be skipped.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|wrapped| wrapped as &(dyn StdError + 'static)),
        None => error.source(),
    }
}
