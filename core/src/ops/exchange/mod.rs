//! Moving repositories between installations by files: exports ([`export`]) and imports ([`import`]) in the format of
//! [`crate::exchange`].

pub mod check;
pub mod configure;
mod contents;
mod dumps;
pub mod export;
pub mod filesystem;
pub mod import;
mod import_version;
mod index;
pub mod source;
mod target;

pub use import_version::run as run_import_version;

/// The kinds of tasks.
pub const EXPORT: &str = "pulp_export";
pub const FILESYSTEM_EXPORT: &str = "filesystem_export";
pub const IMPORT: &str = "pulp_import";
pub const IMPORT_VERSION: &str = "import_repository_version";

/// The model of repositories' own settings: labels, which the reference does not carry and passes over.
const LABELS: &str = "pulp_labels";
