//! What a format says of its packages, so that a version can be scanned for known vulnerabilities. Where records of
//! those come from and what becomes of what is found is core's; nothing here reads or writes.

use std::sync::Arc;

use serde_json::Value as Json;

/// The units that are packages, and where their names and versions stand.
#[derive(Clone, Copy, Debug)]
pub struct Packages {
    pub content_type: &'static str,
    /// The columns of its table with the name, as records spell it, and the version. Both are text, never null; that
    /// of the name has an index.
    pub columns: &'static [&'static str; 2],
}

/// A format whose versions can be scanned.
pub trait Scanner: Send + Sync + 'static {
    /// The format's name among the ecosystems of the OSV schema.
    fn ecosystem(&self) -> &'static str;

    fn packages(&self) -> Packages;

    /// Whether the versions that synchronizations make are scanned, given the details of the remote.
    fn follows_sync(&self, _remote: &Json) -> bool {
        false
    }

    /// Understands a record of the OSV schema, of whichever ecosystem.
    ///
    /// # Errors
    /// What is wrong with the record.
    fn read(&self, record: Json) -> Result<Arc<dyn Advisory>, String>;
}

/// A record of a vulnerability that has been understood.
pub trait Advisory: Send + Sync {
    /// The record as it came.
    fn record(&self) -> &Json;

    /// The packages of the ecosystem that have the fault in some version, by the names that [`Packages::columns`] hold;
    /// none when the record was taken back.
    fn packages(&self) -> Vec<String>;

    /// Whether this version of one of those packages has the fault.
    fn affects(&self, package: &str, version: &str) -> bool;
}
