//! What pages of an index say, in one shape for all formats.

mod api;
mod collect;
mod fields;
mod html;
mod json;
mod stream;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

use chrono::{DateTime, Utc};
use url::Url;

use crate::filename::PackageType;
use crate::metadata::Metadata;
use crate::name::ProjectName;

pub use api::parse_project_api;
pub use html::{parse_index_html, parse_project_html};
pub use json::{parse_index_json, parse_project_json};

/// More files than any project has (the largest have some 20,000).
pub const MAX_FILES: usize = 200_000;

/// More projects than any index has.
pub const MAX_PROJECTS: u64 = 10_000_000;

/// One project of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexProject {
    pub name: ProjectName,
    /// Changes whenever the project does, on indexes that tell it.
    pub last_serial: Option<u64>,
}

/// What an index says besides its projects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexSummary {
    pub last_serial: Option<u64>,
    /// How many projects were given to the visitor.
    pub projects: u64,
    /// How many entries had no valid name.
    pub refused: u64,
    /// The first few of these, as an error message may hold them.
    pub refused_examples: Vec<String>,
}

/// The page of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectPage {
    /// The name as the page spells it, or as it was asked for.
    pub name: ProjectName,
    pub last_serial: Option<u64>,
    /// Core metadata of the newest release; only the older JSON API has it.
    pub info: Option<Metadata>,
    /// The files, in the order of the page; no file name twice.
    pub files: Vec<ProjectFile>,
    /// The entries that cannot be used.
    pub refused: Vec<RefusedFile>,
    /// PEP 792: `active`, `archived`, `quarantined`, `deprecated`.
    pub status: Option<String>,
    /// PEP 708: where else this project is to be found.
    pub alternate_locations: Vec<String>,
    /// PEP 708: which project elsewhere this one follows.
    pub tracks: Vec<String>,
}

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFile {
    /// Of characters that are safe in a path; otherwise as the index says.
    pub filename: String,
    pub version: String,
    pub package_type: PackageType,
    pub python_version: String,
    /// Absolute, http or https, without fragment.
    pub url: Url,
    pub hashes: Hashes,
    pub requires_python: Option<String>,
    pub core_metadata: CoreMetadata,
    /// The reason if the file is yanked, which may be empty.
    pub yanked: Option<String>,
    pub size: Option<u64>,
    pub upload_time: Option<DateTime<Utc>>,
    pub provenance: Option<Url>,
}

/// Digests by algorithm, in lower-case hexadecimal; only well-formed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes(BTreeMap<String, String>);

impl Hashes {
    /// The digest by that algorithm, as `hashlib` names it.
    pub fn get(&self, algorithm: &str) -> Option<&str> {
        self.0.get(algorithm).map(String::as_str)
    }

    /// The digest that everything relies on.
    pub fn sha256(&self) -> Option<&str> {
        self.get("sha256")
    }

    /// Takes a digest if it is well-formed; others count as not told.
    fn insert(&mut self, algorithm: &str, digest: &str) {
        let length = match algorithm {
            "md5" => 32,
            "sha1" => 40,
            "sha224" => 56,
            "sha256" | "blake2b_256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return,
        };
        if digest.len() == length && digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            let digest = digest.to_ascii_lowercase();
            self.0.insert(algorithm.to_owned(), digest);
        }
    }
}

/// Whether an index serves a file's core metadata next to it, at its address and `.metadata`
/// (PEP 658).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CoreMetadata {
    #[default]
    NotServed,
    Served {
        sha256: Option<String>,
    },
}

/// An entry that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{filename}`: {reason}")]
pub struct RefusedFile {
    /// As an error message may hold it.
    pub filename: String,
    pub reason: String,
}

/// Why a page is none.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The connection failed, or the caller's limit was reached.
    #[error("cannot read the page: {0}")]
    Io(#[source] io::Error),
    #[error("the page is not as specified: {0}")]
    Format(String),
    #[error("the page is of version `{0}` of the API, which is not known")]
    ApiVersion(String),
    #[error("the page is of the project `{found}`, not of `{expected}`")]
    OtherProject { found: String, expected: String },
    #[error("the page has more than {MAX_FILES} files")]
    TooManyFiles,
    #[error("the index has more than {MAX_PROJECTS} projects")]
    TooManyProjects,
}

/// As much of a hostile text as a message may quote. Quotation marks stay: messages are often shown as JSON, which
/// escapes them once more.
fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(120) {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// PEP 629: within version 1 everything can be read.
fn check_api_version(version: &str) -> Result<(), PageError> {
    if version == "1" || version.starts_with("1.") {
        return Ok(());
    }
    Err(PageError::ApiVersion(excerpt(version)))
}
