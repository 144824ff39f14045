//! Versions: PEP 440 where a text is one, and what to do with the texts that never were.
//!
//! Old files carry versions such as `2004d` that PEP 440 does not know. They are kept, sort before
//! every valid version, and are the same only as the same text.

use std::cmp::Ordering;
use std::str::FromStr;

use pep440_rs::Version;

/// No real version comes near; the parser is not asked about longer ones.
const MAX_LENGTH: usize = 200;

/// The version that the text is, if PEP 440 knows it.
pub fn parse(text: &str) -> Option<Version> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_LENGTH {
        return None;
    }
    Version::from_str(text).ok()
}

/// Whether PEP 440 knows the text.
pub fn is_valid(text: &str) -> bool {
    parse(text).is_some()
}

/// Whether a text can stand for a version at all, valid or of old: short, and of characters that
/// fit a file name and an address.
pub fn is_plausible(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-+!~".contains(&b);
    !text.is_empty() && text.len() <= MAX_LENGTH && text.bytes().all(allowed)
}

/// Whether two texts say the same version: `1.0` and `1.0.0` do.
pub fn same(left: &str, right: &str) -> bool {
    left == right
        || match (parse(left), parse(right)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        }
}

/// What is equal exactly for texts that say the same version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VersionIdentity {
    Version(Version),
    /// Of a text that PEP 440 does not know.
    Text(String),
}

impl VersionIdentity {
    pub fn of(text: &str) -> Self {
        parse(text).map_or_else(|| Self::Text(text.to_owned()), Self::Version)
    }
}

/// Whether the version part of a file's name says the version that its metadata says.
///
/// File names escape what they cannot hold (PEP 427, PEP 625): `1.0+local` may be `1.0_local`.
pub fn agrees_with_filename(in_filename: &str, in_metadata: &str) -> bool {
    same(in_filename, in_metadata) || escape(in_filename) == escape(in_metadata)
}

fn escape(version: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let mut out = String::with_capacity(version.len());
    for c in version.chars() {
        if keep(c) {
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

/// The order of releases: unknown texts first (by text), then as PEP 440 orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionKey {
    parsed: Option<Version>,
    text: String,
}

impl VersionKey {
    /// The key of a version's text.
    pub fn new(text: &str) -> Self {
        Self { parsed: parse(text), text: text.to_owned() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The version, if PEP 440 knows it.
    pub fn version(&self) -> Option<&Version> {
        self.parsed.as_ref()
    }
}

impl PartialOrd for VersionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VersionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parsed.cmp(&other.parsed).then_with(|| self.text.cmp(&other.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_the_same_version() {
        for (left, right, expected) in [
            ("1.0", "1.0.0", true),
            ("1.0-1", "1.0.post1", true),
            ("1!2.0+local", "1!2.0+LOCAL", true),
            ("1.0", "1.0.1", false),
            ("2004d", "2004d", true),
            ("2004d", "2004e", false),
            ("1.0a1", "1.0-alpha.1", true),
        ] {
            assert_eq!(same(left, right), expected, "{left} {right}");
            let identities = std::collections::HashSet::from([left, right].map(VersionIdentity::of));
            assert_eq!(identities.len() == 1, expected, "{left} {right}");
        }
    }

    #[test]
    fn filenames_may_escape_a_version() {
        for (filename, metadata, expected) in [
            ("1.0_local.1", "1.0+local.1", true),
            ("1_2.0_local", "1!2.0+local", true),
            ("1.0", "1.0.0", true),
            ("1.0", "1.1", false),
            ("0.1_dev_r77", "0.1-dev-r77", true),
        ] {
            let agrees = agrees_with_filename(filename, metadata);
            assert_eq!(agrees, expected, "{filename} {metadata}");
        }
    }

    #[test]
    fn versions_sort_as_pep_440_says() {
        let mut texts = vec!["1.0", "1!0.1", "1.0.post1", "1.0rc1", "2004d", "1.0.dev1", "1.0a1", "1.0b1"];
        texts.sort_by_key(|text| VersionKey::new(text));
        assert_eq!(texts, ["2004d", "1.0.dev1", "1.0a1", "1.0b1", "1.0rc1", "1.0", "1.0.post1", "1!0.1"]);
    }

    #[test]
    fn hostile_versions_are_no_versions() {
        let long = "1.".repeat(5_000_000);
        for text in ["", " ", "1..0", "1.0 ; rm", &long, "99999999999999999999999999"] {
            assert!(!is_valid(text));
        }
        for (text, expected) in [
            ("2004d", true),
            ("1!2.0+local", true),
            ("1.0 beta", false),
            ("../1", false),
            ("", false),
            (long.as_str(), false),
        ] {
            assert_eq!(is_plausible(text), expected);
        }
    }
}
