//! Which packages a scan looks up among known vulnerabilities, and how records of those are understood.

use std::sync::Arc;

use pith_core::error::Result;
use pith_core::plugin::{Advisory, Packages, Release, Scanner, UnitRow};
use serde_json::Value as Json;

use crate::content::PACKAGE;
use crate::name::ProjectName;
use crate::osv::{ECOSYSTEM, Vulnerability};

/// Scans the packages of a version.
#[derive(Clone, Copy, Debug, Default)]
pub struct PackageScanner;

impl Scanner for PackageScanner {
    fn ecosystems(&self, _: &Json) -> Result<Vec<String>> {
        Ok(vec![ECOSYSTEM.to_owned()])
    }

    /// Records spell names as the index does.
    fn packages(&self) -> Packages {
        Packages { content_type: PACKAGE, columns: &["name_normalized", "version"] }
    }

    fn releases(&self, unit: &UnitRow) -> Result<Vec<Release>> {
        Ok(vec![Release { package: unit.get(0)?, version: unit.get(1)? }])
    }

    fn follows_sync(&self, remote: &Json) -> bool {
        remote.get("vulnerabilities").and_then(Json::as_bool).unwrap_or(false)
    }

    fn read(&self, record: Json, _: &[String]) -> Result<Arc<dyn Advisory>, String> {
        let vulnerability = Vulnerability::from_record(record).map_err(|problem| problem.to_string())?;
        Ok(Arc::new(vulnerability))
    }
}

impl Advisory for Vulnerability {
    fn record(&self) -> &Json {
        self.record()
    }

    fn packages(&self) -> Vec<String> {
        if self.is_withdrawn() {
            return vec![];
        }
        self.projects().map(|project| project.normalized().to_owned()).collect()
    }

    fn affects(&self, package: &str, version: &str) -> bool {
        ProjectName::parse(package).is_ok_and(|project| self.affects(&project, version))
    }
}
