//! What units of content there are: packages, provenances, yanked releases; and how files become units.

mod package;
mod provenance;
mod yank;

pub(crate) use package::{COLUMNS as PACKAGE_COLUMNS, StoredPackageContent, python_json};
pub use package::{PackageContent, PackageFacts};
pub use provenance::{ProvenanceContent, ProvenanceFacts};
pub use yank::{YankContent, yank, yank_key};

/// Files that are installed.
pub const PACKAGE: &str = "python.python";
/// What is attested of a file.
pub const PROVENANCE: &str = "python.provenance";
/// Releases that installers pass over.
pub const YANK: &str = "python.python_yank";
