//! The full name of a package: `name-epoch:version-release.arch`.

use std::cmp::Ordering;
use std::fmt;

use super::Evr;
use crate::text::excerpt;

/// File systems end here, and a package's file is named after it.
const MAX_LENGTH: usize = 255;

/// A package's name, version and architecture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nevra {
    pub name: String,
    pub evr: Evr,
    pub arch: String,
}

/// Why a text is no full name of a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NevraError {
    #[error("`{0}` is not `name-[epoch:]version-release.arch`")]
    Shape(String),
    #[error("the {field} `{value}` of a package holds characters that none has")]
    Character { field: &'static str, value: String },
    #[error("a package has an empty {0}")]
    Empty(&'static str),
    #[error("the {0} of a package has more than {MAX_LENGTH} characters")]
    TooLong(&'static str),
}

impl Nevra {
    /// Of parts, each of which must be what can stand in a file name.
    pub fn new(name: &str, evr: Evr, arch: &str) -> Result<Self, NevraError> {
        for (field, value) in [("name", name), ("version", &evr.version), ("release", &evr.release), ("arch", arch)] {
            check(field, value)?;
        }
        Ok(Self { name: name.to_owned(), evr, arch: arch.to_owned() })
    }

    /// Reads `name-[epoch:]version-release.arch`, as modules list their packages; `.rpm` at its
    /// end is not read.
    pub fn parse(text: &str) -> Result<Self, NevraError> {
        let shape = || NevraError::Shape(excerpt(text));
        if text.len() > 4 * MAX_LENGTH {
            return Err(shape());
        }
        let (rest, arch) = text.rsplit_once('.').ok_or_else(shape)?;
        let (rest, release) = rest.rsplit_once('-').ok_or_else(shape)?;
        let (name, version) = rest.rsplit_once('-').ok_or_else(shape)?;
        let (epoch, version) = match version.split_once(':') {
            Some((epoch, version)) => (epoch.parse().map_err(|_| shape())?, version),
            None => (0, version),
        };
        Self::new(name, Evr::new(epoch, version, release), arch)
    }

    /// The canonical name of the package's file: `name-version-release.arch.rpm`, without the
    /// epoch, as rpmbuild names it.
    pub fn filename(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.evr.version, self.evr.release, self.arch)
    }

    /// Names as bytes, then rpm's order of versions, then architectures: the order of published
    /// metadata.
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.name.cmp(&other.name)).then_with(|| self.evr.compare(&other.evr)).then_with(|| self.arch.cmp(&other.arch))
    }
}

/// `name-epoch:version-release.arch`, the epoch always there, as modules write it.
impl fmt::Display for Nevra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evr { epoch, version, release } = &self.evr;
        write!(f, "{}-{epoch}:{version}-{release}.{}", self.name, self.arch)
    }
}

fn check(field: &'static str, value: &str) -> Result<(), NevraError> {
    if value.is_empty() {
        return Err(NevraError::Empty(field));
    }
    if value.len() > MAX_LENGTH {
        return Err(NevraError::TooLong(field));
    }
    let is_bad = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if value.chars().any(is_bad) || value == ".." || value == "." {
        return Err(NevraError::Character { field, value: excerpt(value) });
    }
    Ok(())
}
