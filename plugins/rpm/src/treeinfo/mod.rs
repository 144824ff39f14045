//! `.treeinfo` and `treeinfo`: what an installable tree has, as productmd writes it, and as it was
//! written before.
//!
//! ```ini
//! [header]
//! type = productmd.treeinfo
//! version = 1.2
//! [tree]
//! arch = x86_64
//! variants = BaseOS
//! [variant-BaseOS]
//! repository = .
//! [images-x86_64]
//! kernel = images/pxeboot/vmlinuz
//! [checksums]
//! images/pxeboot/vmlinuz = sha256:…
//! ```

mod ini;
mod parse;
mod parts;

#[cfg(test)]
mod tests;

use crate::checksum::{Checksum, ChecksumError};
use crate::location::LocationError;
pub use parts::{Moved, Part, packages_below, rewritten};

/// An installable tree; Pulp's `DistributionTree`. Texts that the file does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Treeinfo {
    /// Of the format; empty for files from before productmd.
    pub header_version: String,
    pub release_name: String,
    pub release_short: String,
    pub release_version: String,
    pub release_is_layered: bool,
    /// What a layered release is laid on.
    pub base_product_name: String,
    pub base_product_short: String,
    pub base_product_version: String,
    pub arch: String,
    /// Seconds of the epoch; a fraction, which some files have, is cut off.
    pub build_timestamp: i64,
    /// Paths of images of the second stage.
    pub instimage: String,
    pub mainimage: String,
    pub discnum: Option<u32>,
    pub totaldiscs: Option<u32>,
    /// Each file once, in the order of the file.
    pub checksums: Vec<(String, Checksum)>,
    pub images: Vec<Image>,
    pub variants: Vec<Variant>,
    pub addons: Vec<Addon>,
}

/// A bootable file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `kernel`, `initrd`, `boot.iso`, …
    pub name: String,
    /// Below the tree.
    pub path: String,
    /// The platforms that name it by this name and path.
    pub platforms: Vec<String>,
}

/// Where a variant or an addon has its packages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A folder below the tree; the empty path is the tree itself.
    Inside(String),
    /// A folder on the same server, so many folders above the tree and then down this path.
    Beside { above: usize, path: String },
    /// Somewhere else: named, never followed.
    Outside(String),
}

/// A variant of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The section of the file that describes it.
    pub section: String,
    pub id: String,
    pub uid: String,
    pub name: String,
    pub kind: String,
    pub repository: Place,
    /// The remaining paths are kept as they are and not followed.
    pub packages: String,
    pub source_packages: String,
    pub source_repository: String,
    pub debug_packages: String,
    pub debug_repository: String,
    pub identity: String,
}

/// An addon of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addon {
    /// The section of the file that describes it.
    pub section: String,
    pub id: String,
    pub uid: String,
    pub name: String,
    pub kind: String,
    /// The uid of its variant.
    pub parent: String,
    pub repository: Place,
    pub packages: String,
}

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeinfoError {
    #[error("the treeinfo is too large")]
    TooLarge,
    #[error("the treeinfo is not UTF-8")]
    NotUtf8,
    #[error("line {line} of the treeinfo is wrong: {problem}")]
    Line { line: usize, problem: &'static str },
    #[error("the file is no treeinfo: it has no section `[{0}]`")]
    Missing(&'static str),
    #[error("the treeinfo is of version `{0}`, which is not known")]
    Version(String),
    #[error("in the treeinfo: {0}")]
    Location(#[from] LocationError),
    #[error("in the treeinfo: the checksum of `{path}`: {problem}")]
    Checksum { path: String, problem: ChecksumError },
    #[error("in the treeinfo: `{value}` cannot be the {key}")]
    Value { key: &'static str, value: String },
}

impl Treeinfo {
    /// Reads a file.
    ///
    /// Refused are images and checksums of files outside of the tree, checksums that are none, and
    /// a section or key that comes twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, TreeinfoError> {
        parse::parse(bytes)
    }

    /// The paths of all files that belong to the tree beside its packages, each once, sorted: its
    /// images, and those that have a checksum, without the metadata of repositories.
    pub fn files(&self) -> Vec<&str> {
        let images = self.images.iter().map(|image| image.path.as_str());
        let stages = [self.instimage.as_str(), self.mainimage.as_str()];
        let checked = self.checksums.iter().map(|(path, _)| path.as_str());
        let all = images.chain(stages).chain(checked);
        let mut files: Vec<&str> = all.filter(|path| !path.is_empty() && !path.ends_with("repomd.xml")).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// The checksum of a file.
    pub fn checksum(&self, path: &str) -> Option<&Checksum> {
        self.checksums.iter().find(|(checked, _)| checked == path).map(|(_, checksum)| checksum)
    }
}
