//! Which packages a scan looks up among known vulnerabilities, and how records of those are understood.
//!
//! Some distributions publish records about packages, others about the source packages that those are built from. So
//! each package is looked up under its own name and, where that is another, under that of its source package.

use std::sync::Arc;

use pith_core::error::{Error, Result};
use pith_core::plugin::{Advisory, Packages, Release, Scanner, UnitRow};
use serde_json::Value as Json;

use crate::content::package::PACKAGE;
use crate::evr::{Evr, Nevra};
use crate::osv::Vulnerability;
use crate::resources::osv;

/// Scans the packages of a version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackageScanner;

impl Scanner for PackageScanner {
    fn ecosystems(&self, repository: &Json) -> Result<Vec<String>> {
        let ecosystems = osv::ecosystems(repository.get(osv::FIELD).unwrap_or(&Json::Null));
        match ecosystems.is_empty() {
            // Clients of Pulp look for the first words.
            true => Err(Error::field(
                osv::FIELD,
                "Required label is missing: the repository does not say in which ecosystems packages are looked up.",
            )),
            false => Ok(ecosystems),
        }
    }

    fn packages(&self) -> Packages {
        Packages { content_type: PACKAGE, columns: &["name", "epoch", "version", "release", "rpm_sourcerpm"] }
    }

    fn releases(&self, unit: &UnitRow) -> Result<Vec<Release>> {
        let [name, epoch, version, release, source] =
            [unit.get::<String>(0)?, unit.get(1)?, unit.get(2)?, unit.get(3)?, unit.get(4)?];
        Ok(releases(&name, &Evr::new(epoch.parse().unwrap_or(0), version, release), &source))
    }

    fn read(&self, record: Json, ecosystems: &[String]) -> Result<Arc<dyn Advisory>, String> {
        Ok(Arc::new(Vulnerability::from_record(record, ecosystems)?))
    }
}

fn releases(name: &str, evr: &Evr, source: &str) -> Vec<Release> {
    let of = |package: &str, version: &str, release: &str| Release {
        package: package.to_owned(),
        version: format!("{}:{version}-{release}", evr.epoch),
    };
    let mut releases = vec![of(name, &evr.version, &evr.release)];
    // What a source package says of its epoch is not known; mostly it is that of its packages.
    if let Some(source) = source.strip_suffix(".rpm").and_then(|source| Nevra::parse(source).ok())
        && source.name != name
    {
        releases.push(of(&source.name, &source.evr.version, &source.evr.release));
    }
    releases
}

impl Advisory for Vulnerability {
    fn record(&self) -> &Json {
        self.record()
    }

    fn packages(&self) -> Vec<String> {
        self.packages()
    }

    fn affects(&self, package: &str, version: &str) -> bool {
        self.affects(package, &Evr::parse(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_looked_up_with_their_source() {
        for (name, source, expected) in [
            ("bash", "bash-5.1-2.el9.src.rpm", &["bash 1:5.1-2.el9"][..]),
            ("bash-doc", "bash-5.1-3.el9.src.rpm", &["bash-doc 1:5.1-2.el9", "bash 1:5.1-3.el9"]),
            ("bash", "", &["bash 1:5.1-2.el9"]),
            ("bash", "nothing", &["bash 1:5.1-2.el9"]),
        ] {
            let found = releases(name, &Evr::new(1, "5.1", "2.el9"), source);
            let found: Vec<_> = found.iter().map(|one| format!("{} {}", one.package, one.version)).collect();
            assert_eq!(found, expected);
        }
    }
}
