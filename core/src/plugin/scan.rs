//! What a format says of its packages, so that a version can be scanned for known vulnerabilities. Where records of
//! those come from and what becomes of what is found is core's; nothing here reads or writes.

use std::sync::Arc;

use serde_json::Value as Json;

use super::UnitRow;
use crate::error::Result;

/// The units that are packages, and where it stands which they are.
#[derive(Clone, Copy, Debug)]
pub struct Packages {
    pub content_type: &'static str,
    /// The columns of its table that [`Scanner::releases`] reads. The first is the name: text, never null, with an
    /// index.
    pub columns: &'static [&'static str],
}

/// A version of a package, as records spell both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    pub package: String,
    pub version: String,
}

/// A format whose versions can be scanned.
pub trait Scanner: Send + Sync + 'static {
    /// The ecosystems of the OSV schema in which packages of a repository with these details are looked up.
    ///
    /// # Errors
    /// `Invalid` naming the setting that the repository lacks.
    fn ecosystems(&self, repository: &Json) -> Result<Vec<String>>;

    fn packages(&self) -> Packages;

    /// What a unit, with the columns of [`Packages`], is looked up as. Records about any of these are about the unit.
    fn releases(&self, unit: &UnitRow) -> Result<Vec<Release>>;

    /// Whether the versions that synchronizations make are scanned, given the details of the remote.
    fn follows_sync(&self, _remote: &Json) -> bool {
        false
    }

    /// Understands what a record of the OSV schema, of whichever ecosystem, says about packages of these.
    ///
    /// # Errors
    /// What is wrong with the record.
    fn read(&self, record: Json, ecosystems: &[String]) -> Result<Arc<dyn Advisory>, String>;
}

/// A record of a vulnerability that has been understood.
pub trait Advisory: Send + Sync {
    /// The record as it came.
    fn record(&self) -> &Json;

    /// The packages of the ecosystem that have the fault in some version, by the names that [`Release`] has;
    /// none when the record was taken back.
    fn packages(&self) -> Vec<String>;

    /// Whether this version of one of those packages has the fault.
    fn affects(&self, package: &str, version: &str) -> bool;
}
