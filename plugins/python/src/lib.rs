//! The Python format: what wheels, sdists and package indexes look like.
//!
//! The modules here are pure: they take bytes or the path of a file and give values. None of them
//! talks to a network, a database or a clock.

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
