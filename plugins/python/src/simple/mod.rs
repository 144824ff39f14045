//! The pages of a package index, read and written.
//!
//! * The simple API: an index of projects and a page of files per project, as HTML (PEP 503, 592,
//!   658, 714) and as JSON (PEP 691, 700, 708, 740).
//! * The older JSON API, `/pypi/<project>/json`, which also tells core metadata.
//!
//! Reading gives one shape, [`ProjectPage`], whatever the format. A file that is described badly
//! is told apart as a [`RefusedFile`] and does not spoil the rest of its page; a page that is no
//! page of this project is a [`PageError`]. How many bytes a page may have is the caller's limit.

pub mod negotiate;
pub mod read;
pub mod write;

pub use negotiate::{Format, NotAcceptable, choose};
pub use read::{
    CoreMetadata, Hashes, IndexProject, IndexSummary, PageError, ProjectFile, ProjectPage, RefusedFile,
    parse_index_html, parse_index_json, parse_project_api, parse_project_html, parse_project_json,
};
pub use write::{
    FileEntry, IndexEntry, IndexWriter, ProjectApi, ProjectHeader, ProjectWriter, render_project_api, select_version,
};

/// The version of the simple API that pages declare, as Pulp declares it.
pub const API_VERSION: &str = "1.1";
