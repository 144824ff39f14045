//! `repomd.xml`: which metadata files a repository has, and their checksums.
//!
//! ```xml
//! <repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
//!   <revision>1700000000</revision>
//!   <data type="primary">
//!     <checksum type="sha256">…</checksum>
//!     <location href="repodata/…-primary.xml.gz"/>
//!   </data>
//! </repomd>
//! ```

mod read;
mod write;

#[cfg(test)]
mod tests;

use crate::checksum::Checksum;

pub use read::read;
pub use write::render;

/// The types that clients and Pulp know by name, in createrepo_c's order; others are carried along.
pub const KNOWN_TYPES: [&str; 13] = [
    "primary",
    "filelists",
    "other",
    "primary_db",
    "filelists_db",
    "other_db",
    "group",
    "group_gz",
    "updateinfo",
    "modules",
    "prestodelta",
    "deltainfo",
    "filelists-ext",
];

/// The index of a repository's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repomd {
    /// A number by custom, any text by the format; empty if there is none.
    pub revision: String,
    pub content_tags: Vec<String>,
    pub repo_tags: Vec<String>,
    /// Name and CPE identifier, which may be empty.
    pub distro_tags: Vec<(String, String)>,
    /// The files, no type twice.
    pub records: Vec<Record>,
}

impl Repomd {
    /// The file of that type.
    pub fn record(&self, data_type: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.data_type == data_type)
    }
}

/// One metadata file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub data_type: String,
    /// Of the file as it is downloaded.
    pub checksum: Checksum,
    /// Of the file unpacked.
    pub open_checksum: Option<Checksum>,
    /// Of the header of a zchunk file.
    pub header_checksum: Option<Checksum>,
    /// Relative to the repository, with no way out of it.
    pub location_href: String,
    /// `xml:base`, empty if there is none.
    pub location_base: String,
    /// Seconds of the epoch.
    pub timestamp: i64,
    /// Bytes of the file, of the file unpacked, and of its zchunk header.
    pub size: Option<u64>,
    pub open_size: Option<u64>,
    pub header_size: Option<u64>,
    /// Of the `_db` files.
    pub database_version: Option<u64>,
}
