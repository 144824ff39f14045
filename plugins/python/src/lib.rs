//! The Python format: packages, uploaded or mirrored from an index, and the index that pip reads.
//!
//! - `plugin.rs`: what core is told; `resources.rs`: the REST collections, as values;
//! - `content/`: what a unit is and how a file becomes one;
//! - `face/`: what pip, uv and twine speak, below `/pypi/`;
//! - `repair.rs`: reading the metadata of files again; `scan.rs`: which packages are looked up among vulnerabilities;
//! - `sync/`: reading an index, and pulling through;
//! - `rules.rs`: what a version may hold; `publish.rs`: publications;
//! - the public modules are pure: they take bytes or the path of a file and give values. None of them talks to a
//!   network, a database or a clock.

pub mod archive;
pub mod attestation;
pub mod bandersnatch;
pub mod blocklist;
pub mod filename;
pub mod filters;
pub mod metadata;
pub mod name;
pub mod osv;
pub mod simple;
pub mod version;

mod content;
mod exchange;
mod face;
mod plugin;
mod publish;
mod repair;
mod replication;
mod resources;
mod rules;
mod scan;
mod sync;

pub use plugin::PythonPlugin;
