//! The Python format: what wheels, sdists and package indexes look like.
//!
//! The modules here are pure: they take bytes or the path of a file and give values. None of them
//! talks to a network, a database or a clock.

pub mod archive;
pub mod filename;
pub mod metadata;
pub mod name;
pub mod simple;
pub mod version;

mod face;
mod interim;
mod units;
pub use interim::PythonPlugin;
