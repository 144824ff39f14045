//! `primary.xml`: what clients need to choose packages.
//!
//! ```xml
//! <metadata xmlns="http://linux.duke.edu/metadata/common"
//!           xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">
//! <package type="rpm">
//!   <name>bash</name>
//!   …
//! </package>
//! </metadata>
//! ```
//!
//! The layout is createrepo_c's, byte for byte.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::PrimaryReader;
pub(crate) use read::{push, read_file, read_version};
pub(crate) use write::{push_file, push_version};
pub use write::{relocated, render};
