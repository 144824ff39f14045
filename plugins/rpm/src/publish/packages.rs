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

const COLUMNS: &[&str] =
    &["name", "evr", "arch", "pkgid", "version", "release", "epoch", "time_build", "checksum_type"];

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
    /// Among packages that would lie at one place the greatest is published: epoch, time of the build.
    rank: (u32, i64),
}

impl Listed {
    fn new(row: &UnitRow, layout: Layout, checksum: Option<Checksum>) -> Result<Self> {
        let text = |at| row.get::<String>(at);
        let (name, arch) = (text(0)?, text(2)?);
        let pkgid = checksum.as_ref().map_or_else(|| text(3), |checksum| Ok(checksum.value().to_owned()))?;
        let filename = format!("{name}-{}-{}.{arch}.rpm", text(4)?, text(5)?);
        let rank = (text(6)?.parse().unwrap_or(0), row.get(7)?);
        let location = layout.path(&filename, &pkgid);
        Ok(Self { id: row.id, location, checksum, name, evr: text(1)?, arch, pkgid, rank })
    }

    fn order(&self) -> (&str, &str, &str, &str, Id) {
        (&self.name, &self.evr, &self.arch, &self.pkgid, self.id)
    }
}

/// The checksums of this type of packages that came with another, as far as their files are here.
async fn other_checksums(units: &VersionUnits, rows: &[UnitRow], kind: ChecksumType) -> Result<HashMap<Id, Checksum>> {
    let mut others = vec![];
    for row in rows {
        if row.get::<String>(8)? != kind.as_str() {
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

/// The published packages of a version: by name, version and architecture.
pub(super) struct Packages {
    pub listed: Vec<Listed>,
    /// Those of them that are not alone in having their path.
    rivals: Vec<Id>,
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
        Ok(Self::ordered(listed))
    }

    fn ordered(listed: Vec<Listed>) -> Self {
        let mut by_location: HashMap<&str, usize> = HashMap::with_capacity(listed.len());
        let (mut lost, mut rivals) = (vec![false; listed.len()], Vec::new());
        for (at, one) in listed.iter().enumerate() {
            let Some(other) = by_location.insert(&one.location, at) else { continue };
            let greater = if (one.rank, one.id) > (listed[other].rank, listed[other].id) { at } else { other };
            lost[at + other - greater] = true;
            by_location.insert(&one.location, greater);
            rivals.push(one.location.clone());
        }
        let rivals = rivals.iter().filter_map(|location| by_location.get(location.as_str())).map(|at| listed[*at].id);
        let mut rivals: Vec<Id> = rivals.collect();
        rivals.sort_unstable();
        rivals.dedup();
        let mut lost = lost.into_iter();
        let mut listed: Vec<Listed> = listed.into_iter().filter(|_| lost.next() == Some(false)).collect();
        listed.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        Self { listed, rivals }
    }

    /// Serves the packages at their places.
    pub async fn place(&self, units: &VersionUnits, publication: &mut PublicationWriter, layout: Layout) -> Result<()> {
        match layout.placement() {
            Some(placement) => {
                publication.place(placement);
                self.add(units, publication, self.rivals.clone()).await
            }
            None => self.add(units, publication, self.listed.iter().map(|one| one.id).collect()).await,
        }
    }

    /// Serves each of these at a path of its own.
    async fn add(&self, units: &VersionUnits, publication: &mut PublicationWriter, ids: Vec<Id>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let locations: HashMap<Id, &str> = self.listed.iter().map(|one| (one.id, one.location.as_str())).collect();
        for part in ids.chunks(PAGE as usize) {
            for file in units.files(part.to_vec()).await? {
                if let Some(location) = locations.get(&file.unit) {
                    publication.add_artifact(path(location)?, file.id);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, evr: &str, location: &str, rank: (u32, i64)) -> Listed {
        let text = str::to_owned;
        let (arch, pkgid) = (text("noarch"), text(&rank.1.to_string()));
        Listed {
            id: Id::new(),
            location: text(location),
            checksum: None,
            name: text(name),
            evr: text(evr),
            arch,
            pkgid,
            rank,
        }
    }

    #[test]
    fn the_later_built_of_one_path_is_published() {
        let all = [
            listed("b", "2", "b-2", (0, 1)),
            listed("a", "1", "a-1", (0, 5)),
            listed("a", "1", "a-1", (0, 9)),
            listed("a", "1", "a-1", (0, 7)),
            listed("b", "1", "b-1", (1, 1)),
            listed("b", "1", "b-1", (0, 9)),
        ];
        let found = Packages::ordered(all.to_vec());
        let ids: Vec<Id> = found.listed.iter().map(|one| one.id).collect();
        assert_eq!(ids, [all[2].id, all[4].id, all[0].id]);
        let mut rivals = [all[2].id, all[4].id];
        rivals.sort_unstable();
        assert_eq!(found.rivals, rivals);
    }
}
