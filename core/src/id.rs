//! Identifiers that are valid once you hold one: object ids, digests, paths. Made by parsing only.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A point in time, UTC, to the microsecond (what both databases keep).
pub type Instant = DateTime<Utc>;

/// The present moment, cut to microseconds so that it survives a round trip through the database.
pub fn now() -> Instant {
    Utc::now().trunc_subsecs(6)
}

/// The wire form of Django REST framework: `2026-11-21T13:57:35.239134Z`.
pub fn format_instant(instant: Instant) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// An object's `pulp_id`: a UUID of version 7, so ids sort by creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub Uuid);

impl Id {
    /// No object has it, and it sorts before all that objects have.
    pub const LEAST: Self = Self(Uuid::nil());
    /// No object has it, and it sorts behind all that objects have.
    pub const GREATEST: Self = Self(Uuid::max());

    #[expect(clippy::new_without_default, reason = "each call gives another value")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// No object has it, and it sorts before all that were made at this moment or later, and behind all made before.
    pub fn at(instant: Instant) -> Self {
        let milliseconds = u64::try_from(instant.timestamp_millis()).unwrap_or_default();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for Id {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A SHA-256 as 64 lower-case hexadecimal digits: the address of an artifact in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sha256(String);

impl Sha256 {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        Self(hex::encode(sha2::Sha256::digest(bytes)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not what it should be; the text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("a SHA-256 has 64 hexadecimal digits")]
    Sha256,
    #[error("the path is empty")]
    EmptyPath,
    #[error("the path is absolute")]
    AbsolutePath,
    #[error("the path contains an empty, `.` or `..` segment")]
    PathSegment,
    #[error("the path contains a control character")]
    PathCharacter,
    #[error("the path is longer than 1024 bytes")]
    LongPath,
}

impl FromStr for Sha256 {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ParseError::Sha256)
        }
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A content unit's path inside a repository version or publication: relative, `/`-separated,
/// no empty, `.` or `..` segment, no control character, at most 1024 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RelativePath(String);

impl<'de> Deserialize<'de> for RelativePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The longest relative path or base path, in bytes.
const LONGEST_PATH: usize = 1024;

impl RelativePath {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    /// The directories above the path, nearest to the root first: `a/b/c` gives `a`, `a/b`.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

impl FromStr for RelativePath {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::EmptyPath);
        }
        if text.len() > LONGEST_PATH {
            return Err(ParseError::LongPath);
        }
        if text.starts_with('/') {
            return Err(ParseError::AbsolutePath);
        }
        if text.chars().any(char::is_control) {
            return Err(ParseError::PathCharacter);
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(ParseError::PathSegment);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name under which tasks reserve an object and clients may refer to it:
/// `prn:file.filerepository:<uuid>`.
pub fn prn(app: &str, model: &str, id: impl fmt::Display) -> String {
    format!("prn:{app}.{}:{id}", model.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_stays_below_its_root() {
        for good in ["a", "a/b.txt", "ü/…", "a/..b", "with space"] {
            assert!(good.parse::<RelativePath>().is_ok(), "{good}");
        }
        for bad in ["", "/a", "a//b", "../a", "a/../b", "a/.", "a/", "a\0b", "a\nb", &"x".repeat(4096)] {
            assert!(bad.parse::<RelativePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn parents_are_listed_from_the_root() {
        let path: RelativePath = "a/b/c".parse().unwrap();
        assert_eq!(path.parents().collect::<Vec<_>>(), ["a", "a/b"]);
    }

    #[test]
    fn an_instant_has_six_decimals_on_the_wire() {
        let instant: Instant = "2026-11-21T13:57:35.200000Z".parse().unwrap();
        assert_eq!(format_instant(instant), "2026-11-21T13:57:35.200000Z");
    }
}
