//! The order of RPM versions, and the names packages go by.
//!
//! `epoch:version-release`, compared field by field: epochs as numbers, versions and releases by
//! segments (rpm's `rpmvercmp`, with `~` for what comes before a release and `^` for what comes
//! after it).

mod nevra;
mod sort_key;

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

pub use nevra::{Nevra, NevraError};

/// An epoch, a version and a release.
///
/// Equality is that of the texts; [`Evr::compare`] is rpm's order, in which different texts
/// (`1.0`, `1_0`, `01.0`) may be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Evr {
    pub epoch: u32,
    pub version: String,
    /// Empty where a dependency names none.
    pub release: String,
}

impl Evr {
    /// Of parts, which are not checked: any text has its place in the order.
    pub fn new(epoch: u32, version: impl Into<String>, release: impl Into<String>) -> Self {
        Self { epoch, version: version.into(), release: release.into() }
    }

    /// Reads `[epoch:]version[-release]`; the release is what follows the last dash.
    ///
    /// What stands before a colon and is no number below 2^32 counts as part of the version.
    pub fn parse(text: &str) -> Self {
        let (epoch, version, release) = split(text);
        match epoch.map(str::parse) {
            Some(Ok(epoch)) => Self::new(epoch, version, release),
            Some(Err(_)) => {
                let (version, release) = split_release(text);
                Self::new(0, version, release)
            }
            None => Self::new(0, version, release),
        }
    }

    /// rpm's order of complete versions.
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.epoch.cmp(&other.epoch))
            .then_with(|| rpmvercmp(&self.version, &other.version))
            .then_with(|| rpmvercmp(&self.release, &other.release))
    }

    /// The order that dependencies use: where either side names no release, releases do not count.
    pub fn compare_dependency(&self, other: &Self) -> Ordering {
        let order = self.epoch.cmp(&other.epoch).then_with(|| rpmvercmp(&self.version, &other.version));
        if self.release.is_empty() || other.release.is_empty() {
            return order;
        }
        order.then_with(|| rpmvercmp(&self.release, &other.release))
    }
}

/// `version-release`, with `epoch:` before it unless it is 0.
impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(&self.version)?;
        if !self.release.is_empty() {
            write!(f, "-{}", self.release)?;
        }
        Ok(())
    }
}

/// The epoch, version and release of a text, the epoch only if its characters are digits.
pub(crate) fn split(text: &str) -> (Option<&str>, &str, &str) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (Some(epoch), rest),
        _ => (None, text),
    };
    let (version, release) = split_release(rest);
    (epoch.filter(|epoch| !epoch.is_empty()), version, release)
}

fn split_release(text: &str) -> (&str, &str) {
    text.rsplit_once('-').unwrap_or((text, ""))
}

/// The order of two versions, or of two releases, segment by segment.
///
/// Digits are compared as numbers of any length, letters as ASCII; digits are newer than letters;
/// a `~` is older than the end of the text, a `^` newer than the end but older than anything else;
/// all other characters only separate. Takes time linear in the texts.
pub fn rpmvercmp(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    if left == right {
        return Ordering::Equal;
    }
    loop {
        left = skip_separators(left);
        right = skip_separators(right);
        match marks(left, right) {
            Marks::Both => {
                left = &left[1..];
                right = &right[1..];
                continue;
            }
            Marks::Decided(order) => return order,
            Marks::Neither => {}
        }
        let (Some(&first), Some(_)) = (left.first(), right.first()) else {
            return left.len().min(1).cmp(&right.len().min(1));
        };
        let numeric = first.is_ascii_digit();
        let (left_segment, left_rest) = segment(left, numeric);
        let (right_segment, right_rest) = segment(right, numeric);
        if right_segment.is_empty() {
            return if numeric { Ordering::Greater } else { Ordering::Less };
        }
        let order = if numeric { numbers(left_segment, right_segment) } else { left_segment.cmp(right_segment) };
        if order.is_ne() {
            return order;
        }
        left = left_rest;
        right = right_rest;
    }
}

/// What `~` and `^` at the front of the texts say.
enum Marks {
    Neither,
    Both,
    Decided(Ordering),
}

fn marks(left: &[u8], right: &[u8]) -> Marks {
    match (left.first(), right.first()) {
        (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => Marks::Both,
        (Some(b'~'), _) => Marks::Decided(Ordering::Less),
        (_, Some(b'~')) => Marks::Decided(Ordering::Greater),
        (Some(b'^'), None) => Marks::Decided(Ordering::Greater),
        (None, Some(b'^')) => Marks::Decided(Ordering::Less),
        (Some(b'^'), _) => Marks::Decided(Ordering::Less),
        (_, Some(b'^')) => Marks::Decided(Ordering::Greater),
        _ => Marks::Neither,
    }
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'~' | b'^');
    &text[text.iter().position(is_part).unwrap_or(text.len())..]
}

fn segment(text: &[u8], numeric: bool) -> (&[u8], &[u8]) {
    let belongs = |b: &u8| if numeric { b.is_ascii_digit() } else { b.is_ascii_alphabetic() };
    text.split_at(text.iter().position(|b| !belongs(b)).unwrap_or(text.len()))
}

fn numbers(left: &[u8], right: &[u8]) -> Ordering {
    let strip = |digits: &[u8]| digits.iter().take_while(|&&b| b == b'0').count();
    let (left, right) = (&left[strip(left)..], &right[strip(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}
