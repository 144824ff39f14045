//! Pages of an index, written as streams of blocks.
//!
//! The writers keep one block in memory; who calls them reads rows from wherever and sends each
//! block on. Everything that comes from a package is escaped.

mod api;
mod index;
mod markup;
mod project;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use chrono::{DateTime, Utc};

pub use api::{ProjectApi, render_project_api, select_version};
pub use index::IndexWriter;
pub use project::{ProjectHeader, ProjectWriter};

/// When a block is full, in bytes.
const BLOCK: usize = 64 << 10;

/// One project of an index.
#[derive(Clone, Copy, Debug)]
pub struct IndexEntry<'a> {
    /// The name as the project spells it.
    pub name: &'a str,
    pub last_serial: u64,
}

/// One file of a project.
#[derive(Clone, Copy, Debug)]
pub struct FileEntry<'a> {
    pub filename: &'a str,
    pub version: &'a str,
    /// Where the file is, already fit for an address, without fragment.
    pub url: &'a str,
    pub sha256: &'a str,
    /// Only the older JSON API tells it, empty if it is not known.
    pub md5: Option<&'a str>,
    pub package_type: &'a str,
    pub python_version: &'a str,
    /// Empty is none.
    pub requires_python: &'a str,
    /// The digest of the `.metadata` that is served next to the file.
    pub metadata_sha256: Option<&'a str>,
    /// The reason if the file is yanked, which may be empty.
    pub yanked: Option<&'a str>,
    pub size: u64,
    pub upload_time: Option<DateTime<Utc>>,
    /// The address of the provenance.
    pub provenance: Option<&'a str>,
}

/// Text that leaves in blocks.
#[derive(Default)]
struct Blocks {
    text: String,
}

impl Blocks {
    /// The block, once it is full.
    fn full(&mut self) -> Option<Bytes> {
        (self.text.len() >= BLOCK).then(|| self.rest())
    }

    fn rest(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.text))
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn html(&mut self, text: &str) {
        markup::escape_html(&mut self.text, text);
    }

    fn json(&mut self, text: &str) {
        markup::escape_json(&mut self.text, text);
    }

    /// A text or `null`.
    fn json_or_null(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.json(text),
            None => self.push("null"),
        }
    }
}
