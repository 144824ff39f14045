//! Modules: `modules.yaml`, a stream of YAML documents.
//!
//! ```yaml
//! ---
//! document: modulemd
//! version: 2
//! data:
//!   name: nodejs
//!   stream: "8.0"
//! ...
//! ```
//!
//! Documents of the kinds `modulemd` (versions 1 and 2), `modulemd-defaults` and
//! `modulemd-obsoletes` are read; of the others only the kind. The text of each is kept and
//! published as it came: what is read of it is never written.

mod parse;
mod split;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use parse::{parse, parse_any};
pub use split::Snippets;

/// One document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    Modulemd(Modulemd),
    Defaults(Defaults),
    Obsolete(Obsolete),
    /// Any other kind, by its name: `modulemd-translations`, `modulemd-packager`.
    Other(String),
}

/// The streams that will do of each module; any if none is named.
pub type Streams = BTreeMap<String, Vec<String>>;

/// What a module depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dependencies {
    /// `requires` to be used, `buildrequires` to be built.
    Kinds(BTreeMap<String, Streams>),
    /// What it requires to be used, as clients may say it.
    Requires(Streams),
}

/// A module in one stream, version, context and architecture; Pulp's `Modulemd`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modulemd {
    pub name: String,
    /// As it is written: `2.10` stays that.
    pub stream: String,
    pub version: u64,
    pub context: String,
    pub arch: String,
    /// `None` where the document does not say.
    pub static_context: Option<bool>,
    pub description: String,
    /// Alternatives.
    pub dependencies: Vec<Dependencies>,
    /// The packages of each profile.
    pub profiles: BTreeMap<String, Vec<String>>,
    /// Packages by their full names.
    pub artifacts: Vec<String>,
}

/// Which stream and profiles of a module count unless somebody says otherwise; Pulp's
/// `ModulemdDefaults`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    pub module: String,
    /// The default stream, or empty.
    pub stream: String,
    /// The default profiles of each stream.
    pub profiles: BTreeMap<String, Vec<String>>,
}

/// That a stream of a module has come to its end; Pulp's `ModulemdObsolete`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obsolete {
    /// When this was said, as it is written.
    pub modified: String,
    pub module_name: String,
    pub module_stream: String,
    pub message: String,
    /// Whether all that was said before is void (`reset`).
    pub override_previous: bool,
    /// The context that it is about, or empty for all.
    pub module_context: String,
    /// As it is written, or empty.
    pub eol_date: String,
    /// What to use instead, or empty.
    pub obsoleted_by_module_name: String,
    pub obsoleted_by_module_stream: String,
}

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum ModulemdError {
    #[error("cannot read the modules: {0}")]
    Io(#[source] std::io::Error),
    #[error("the document of modules at line {line} has more than {limit} bytes")]
    TooLong { line: u64, limit: usize },
    #[error("line {0} of the modules is not UTF-8")]
    NotUtf8(u64),
    #[error("the document of modules at line {line} is wrong: {problem}")]
    Invalid { line: u64, problem: String },
}

/// The text of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The line of the stream that it begins at, counted from 1.
    pub line: u64,
    /// From `---` to `...`, both on lines of their own, whatever the stream had there.
    pub text: String,
}

impl Snippet {
    /// The SHA-256 of the text.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.text))
    }
}
