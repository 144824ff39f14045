//! The name of a project, as PEP 508 allows it and as PEP 503 compares it.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Longer names exist nowhere; the limit keeps hostile ones out of keys and pages.
const MAX_LENGTH: usize = 200;

/// A valid project name in the spelling it was given; compared by its normalized form.
#[derive(Clone, Debug)]
pub struct ProjectName {
    given: String,
    normalized: String,
}

/// Why a text is no project name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a project name is empty")]
    Empty,
    #[error("a project name is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error(
        "`{0}` is not a project name: only ASCII letters, digits, `.`, `_` and `-`, \
         beginning and ending with a letter or digit"
    )]
    Invalid(String),
}

impl ProjectName {
    /// Takes a name by the rule of PEP 508.
    pub fn parse(given: &str) -> Result<Self, NameError> {
        if given.is_empty() {
            return Err(NameError::Empty);
        }
        if given.len() > MAX_LENGTH {
            return Err(NameError::TooLong);
        }
        let bytes = given.as_bytes();
        let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let ends = [bytes[0], bytes[bytes.len() - 1]];
        if !bytes.iter().all(inner) || !ends.iter().all(u8::is_ascii_alphanumeric) {
            return Err(NameError::Invalid(given.escape_debug().to_string()));
        }
        Ok(Self { given: given.to_owned(), normalized: normalize(given) })
    }

    /// The spelling that was parsed.
    pub fn as_given(&self) -> &str {
        &self.given
    }

    /// The form of PEP 503: lower case, runs of `-`, `_` and `.` as one `-`.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }
}

/// The form of PEP 503 of any text; says nothing about whether it is a valid name.
pub fn normalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !in_run {
                out.push('-');
            }
            in_run = true;
        } else {
            out.push(c.to_ascii_lowercase());
            in_run = false;
        }
    }
    out
}

impl PartialEq for ProjectName {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}

impl Eq for ProjectName {}

impl Hash for ProjectName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normalized.hash(state);
    }
}

impl PartialOrd for ProjectName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ProjectName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.normalized.cmp(&other.normalized)
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl std::str::FromStr for ProjectName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_spelling_and_compare_normalized() {
        for (given, normalized) in [
            ("A.B_c", "a-b-c"),
            ("shelf-reader", "shelf-reader"),
            ("Foo.-_.Bar", "foo-bar"),
            ("x", "x"),
            ("7zip", "7zip"),
            ("a__b..c--d", "a-b-c-d"),
        ] {
            let name = ProjectName::parse(given).unwrap();
            assert_eq!(name.normalized(), normalized);
            assert_eq!(name.as_given(), given);
            assert_eq!(name, ProjectName::parse(normalized).unwrap());
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(201);
        for text in ["", "-a", "a-", ".a", "a_", "a b", "a/b", "ä", "a\0", "a\n", "../x", "_", &long] {
            assert!(ProjectName::parse(text).is_err(), "{text:?}");
        }
    }
}
