//! The RPM format.
//!
//! Pure, bytes in and values out; all that is read is hostile and bounded:
//! - `evr`: versions and their order; `package`: what metadata says of a package;
//! - `capability`: whether one package has what another asks for;
//! - `header`: reading package files; `resign`: putting signatures into them;
//! - `primary`, `filelists`, `other`: the documents of packages, `document` what they share;
//!   `merge` reads the three side by side;
//! - `repomd`: the index of all; `compression`: how its files are packed;
//! - `updateinfo`, `comps`, `modulemd`, `treeinfo`: advisories, groups, modules, installable trees;
//! - `mirrorlist`: lists of mirrors and metalinks; `uln`: how channels of Oracle's network are entered;
//! - `osv`: which packages records of known vulnerabilities are about.
//!
//! With core: `plugin` (what core is told), `resources` (the REST collections), `content` (what units are, each a
//! table), `publish`, `sync`, `rules` (what a version may hold), `copy`, `prune` and `comps_upload` (operations of its
//! own), `signer` (what signs packages),
//! `scan` (which packages are looked up among known vulnerabilities). `solve` says which packages have to be copied along; it is pure.

pub mod capability;
pub mod checksum;
pub mod compression;
pub mod comps;
pub mod document;
pub mod evr;
pub mod filelists;
pub mod header;
pub mod location;
pub mod merge;
pub mod mirrorlist;
pub mod modulemd;
pub mod osv;
pub mod other;
pub mod package;
pub mod primary;
pub mod repomd;
pub mod resign;
pub mod treeinfo;
pub mod uln;
pub mod updateinfo;

mod comps_upload;
mod config_repo;
mod content;
mod copy;
mod export;
mod plugin;
mod prune;
mod publish;
mod replication;
mod resources;
mod rules;
mod scan;
mod signer;
mod solve;
mod sync;
mod text;
mod xml;

pub use plugin::RpmPlugin;

pub use xml::{XmlError, XmlProblem};
