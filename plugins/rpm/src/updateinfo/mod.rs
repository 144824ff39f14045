//! `updateinfo.xml`: advisories, which say why packages were updated.
//!
//! ```xml
//! <updates>
//!   <update from="release@example.org" status="final" type="security" version="1">
//!     <id>RHSA-2024:0001</id>
//!     <issued date="2024-01-02 03:04:05"/>
//!     <references>…</references>
//!     <pkglist>…</pkglist>
//!   </update>
//! </updates>
//! ```

mod dates;
mod merge;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::evr::Evr;

pub use dates::timestamp;
pub use merge::{Clash, Policy, Resolution, resolve};
pub use read::UpdateinfoReader;
pub use write::{FOOTER, HEADER, render};

/// An advisory; Pulp's `UpdateRecord`. Texts that it does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advisory {
    pub id: String,
    pub from: String,
    pub status: String,
    /// `security`, `bugfix`, `enhancement`, `newpackage`, or whatever else.
    pub kind: String,
    /// Of the advisory itself; a number by custom.
    pub version: String,
    pub title: String,
    /// As the document has it; [`timestamp`] reads it.
    pub issued_date: String,
    pub updated_date: String,
    pub rights: String,
    pub release: String,
    pub pushcount: String,
    pub severity: String,
    pub summary: String,
    pub description: String,
    pub solution: String,
    pub reboot_suggested: bool,
    pub references: Vec<Reference>,
    pub collections: Vec<Collection>,
}

/// Something to read about an advisory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reference {
    pub href: String,
    pub id: String,
    /// `bugzilla`, `cve`, `self`, …
    pub kind: String,
    pub title: String,
}

/// The packages of an advisory for one release or module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    pub name: String,
    pub shortname: String,
    pub module: Option<Module>,
    pub packages: Vec<AdvisoryPackage>,
}

/// The module that a collection is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Module {
    pub name: String,
    pub stream: String,
    pub version: u64,
    pub context: String,
    pub arch: String,
}

/// A package as an advisory names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AdvisoryPackage {
    pub name: String,
    /// Empty where it is not said, which means 0.
    pub epoch: String,
    pub version: String,
    pub release: String,
    pub arch: String,
    /// The source package, by name or address.
    pub src: String,
    pub filename: String,
    /// The checksum of the file and its type; not checked, since nothing is fetched by it.
    pub sum: String,
    pub sum_type: String,
    pub reboot_suggested: bool,
    pub restart_suggested: bool,
    pub relogin_suggested: bool,
}

impl AdvisoryPackage {
    /// Epoch, version and release; an epoch that is none counts as 0.
    pub fn evr(&self) -> Evr {
        Evr::new(self.epoch.parse().unwrap_or(0), self.version.clone(), self.release.clone())
    }
}

impl Advisory {
    /// All packages of all collections.
    pub fn packages(&self) -> impl Iterator<Item = &AdvisoryPackage> {
        self.collections.iter().flat_map(|collection| &collection.packages)
    }

    /// The packages by name, version and architecture, each once.
    pub fn package_set(&self) -> BTreeSet<(&str, u32, &str, &str, &str)> {
        let key = |package: &'_ AdvisoryPackage| package.epoch.parse().unwrap_or(0);
        self.packages()
            .map(|package| {
                let AdvisoryPackage { name, version, release, arch, .. } = package;
                (name.as_str(), key(package), version.as_str(), release.as_str(), arch.as_str())
            })
            .collect()
    }

    /// When it was last changed, or else issued, in seconds of the epoch.
    pub fn changed_at(&self) -> Option<i64> {
        timestamp(&self.updated_date).or_else(|| timestamp(&self.issued_date))
    }

    /// The SHA-256 of the advisory as [`render`] writes it: the same for two that say the same.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(render(self)))
    }
}
