//! Each format from upstream to client.

mod file;
