//! The packages of a version in the order in which they are published, and where each of them lies.

use std::collections::HashMap;

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::{Algorithm, PublicationWriter, UnitRow, VersionUnits};

use super::path;
use super::settings::{Layout, Settings};
use crate::checksum::{Checksum, ChecksumType};
use crate::content::package::PACKAGE;

/// Rows read at once.
const PAGE: i64 = 10_000;

const COLUMNS: &[&str] = &["name", "evr", "arch", "pkgid", "version", "release", "checksum_type"];

/// A package as far as ordering and placing it goes.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub id: Id,
    /// Below the root.
    pub location: String,
    /// By which it goes in this publication, where that is another than the one it came with.
    pub checksum: Option<Checksum>,
    name: String,
    evr: String,
    arch: String,
    pkgid: String,
}

impl Listed {
    fn new(row: &UnitRow, layout: Layout, checksum: Option<Checksum>) -> Result<Self> {
        let text = |at| row.get::<String>(at);
        let (name, arch) = (text(0)?, text(2)?);
        let pkgid = checksum.as_ref().map_or_else(|| text(3), |checksum| Ok(checksum.value().to_owned()))?;
        let filename = format!("{name}-{}-{}.{arch}.rpm", text(4)?, text(5)?);
        let location = layout.path(&filename, &pkgid);
        Ok(Self { id: row.id, location, checksum, name, evr: text(1)?, arch, pkgid })
    }

    fn order(&self) -> (&str, &str, &str, &str, Id) {
        (&self.name, &self.evr, &self.arch, &self.pkgid, self.id)
    }
}

/// The checksums of this type of packages that came with another, as far as their files are here.
async fn other_checksums(units: &VersionUnits, rows: &[UnitRow], kind: ChecksumType) -> Result<HashMap<Id, Checksum>> {
    let mut others = vec![];
    for row in rows {
        if row.get::<String>(6)? != kind.as_str() {
            others.push(row.id);
        }
    }
    let Ok(algorithm) = kind.as_str().parse::<Algorithm>() else { return Ok(HashMap::new()) };
    if others.is_empty() {
        return Ok(HashMap::new());
    }
    let digests = units.digests(others, algorithm).await?;
    let checksum = |(id, digest): (Id, String)| Some((id, Checksum::new(kind, &digest).ok()?));
    Ok(digests.into_iter().filter_map(checksum).collect())
}

/// The packages of a version, by name, version and architecture. No two of them lie at one place: of those the version
/// has one.
pub(super) struct Packages {
    pub listed: Vec<Listed>,
}

impl Packages {
    /// Costs a short row of each package.
    pub async fn read(units: &VersionUnits, settings: &Settings) -> Result<Self> {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let rows = units.list(PACKAGE, COLUMNS, after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            let mut checksums = other_checksums(units, &rows, settings.checksum).await?;
            for row in &rows {
                listed.push(Listed::new(row, settings.layout, checksums.remove(&row.id))?);
            }
        }
        listed.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        Ok(Self { listed })
    }

    /// Serves the packages at their places.
    pub async fn place(&self, units: &VersionUnits, publication: &mut PublicationWriter, layout: Layout) -> Result<()> {
        match layout.placement() {
            Some(placement) => {
                publication.place(placement);
                Ok(())
            }
            None => self.add(units, publication).await,
        }
    }

    /// Serves each package at a path of its own.
    async fn add(&self, units: &VersionUnits, publication: &mut PublicationWriter) -> Result<()> {
        let locations: HashMap<Id, &str> = self.listed.iter().map(|one| (one.id, one.location.as_str())).collect();
        for part in self.listed.chunks(PAGE as usize) {
            for file in units.files(part.iter().map(|one| one.id).collect()).await? {
                if let Some(location) = locations.get(&file.unit) {
                    publication.add_artifact(path(location)?, file.id);
                }
            }
        }
        Ok(())
    }
}
