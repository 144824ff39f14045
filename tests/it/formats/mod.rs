//! Each format from upstream to client.

mod conformance;
mod file;
mod python_sync;
mod tiny;
