//! Each format from upstream to client.

mod conformance;
mod file;
mod tiny;
