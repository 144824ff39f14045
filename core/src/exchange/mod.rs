//! The wire format in which Pulp moves repositories between installations: a tar, whole or cut into chunks, and a table
//! of contents beside it. Pure: bytes and files in, values out; nothing here knows the database or the store.
//!
//! What lies in a tar, in this order (what readers need first comes first; names of repositories may hold anything):
//!
//! ```text
//! versions.json                                       [{"component": "core", "version": "3.123.1"}, …]
//! artifact/ca/f90241…                                 the bytes of each artifact, named by its SHA-256
//! pulpcore.app.modelresource.ArtifactResource.json    a row for each: file, size, digests
//! pulpcore.app.modelresource.RepositoryResource.json  a row for each repository: pulp_type, name, description, …
//! repository-<name>_<number>/<dump>.json              rows of units, and of what belongs to units, one dump a type
//! repository-<name>_<number>/pulpcore.app.modelresource.ContentArtifactResource.json
//!                                                     which artifact lies where in which unit
//! repository-<name>_<number>/content_mapping.json     {"<repository>": [<upstream_id>, …]}, where a format has parts
//! ```
//!
//! A dump is a JSON array of flat objects. Their values are texts: `"1"` and `"0"` for booleans, digits for numbers, an
//! empty text for what is null, and lists and maps as JSON in a text, or null when empty. A unit goes by the id that it
//! has in the exporting installation, `upstream_id`. An incremental export has the rows of all units, and the bytes of
//! new artifacts only.
//!
//! The table of contents is `<export>-toc.json`:
//! `{"meta": {"checksum_type": "crc32", "chunk_size": 5120}, "files": {"<file name>": "<crc32>"}}`. The checksums have
//! no leading zeros. Chunks are called `<export>.tar.0000` and so on and are all of the same size but the last.

mod archive;
mod chunks;
mod facts;
mod regular;
mod rows;
mod tarball;
mod toc;

pub use archive::{Archive, Entry, EntryName};
pub use chunks::{ChunkReader, ChunkWriter, Written, crc32_of};
pub use facts::{Facts, flag, json_text, number, text};
pub use regular::open_regular;
pub use rows::{Row, RowReader, RowWriter};
pub use tarball::TarWriter;
pub use toc::{LARGEST_TOC, Toc};

use crate::error::Error;

/// A row of each artifact.
pub const ARTIFACTS: &str = "pulpcore.app.modelresource.ArtifactResource";
/// A row of each repository.
pub const REPOSITORIES: &str = "pulpcore.app.modelresource.RepositoryResource";
/// Which artifact lies where in which unit.
pub const CONTENT_ARTIFACTS: &str = "pulpcore.app.modelresource.ContentArtifactResource";
/// Which units are of which repository.
pub const MAPPING: &str = "content_mapping";
/// With what the export was made.
pub const VERSIONS: &str = "versions.json";

/// Where artifacts lie in a tar.
const FOLDER: &str = "artifact";

/// The name of the member that holds an artifact.
pub fn archive_key(sha256: &crate::id::Sha256) -> String {
    let (start, end) = sha256.as_str().split_at(2);
    format!("{FOLDER}/{start}/{end}")
}

/// That an export cannot be used: the text names the file and the reason.
pub fn unusable(file: impl std::fmt::Display, problem: impl std::fmt::Display) -> Error {
    Error::Conflict(format!("the export cannot be used: `{file}`: {problem}"))
}
