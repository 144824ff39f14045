//! The packages of a version as they are published: in the order of their units' ids, which is the order in which
//! this server first had them, so that what is new comes last; and where each of them lies.

use std::collections::HashMap;

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{Algorithm, PublicationWriter, UnitRow, VersionUnits};

use super::path;
use super::settings::Settings;
use crate::checksum::{Checksum, ChecksumType};
use crate::content::package::PACKAGE;
use crate::content::packed::unpack;
use crate::document::{Kind, identified};
use crate::primary::relocated;

/// Rows read at once for their places alone.
const PAGE: i64 = 5_000;

const NAMES: &[&str] = &["name", "arch", "version", "release", "pkgid"];
/// [`NAMES`], and what else goes into the documents.
const ELEMENTS: &[&str] =
    &["name", "arch", "version", "release", "pkgid", "checksum_type", "primary_xml", "filelists_xml", "other_xml"];

/// Where a package lies, and as what.
struct Place {
    /// Below the root.
    location: String,
    /// By which it goes in this publication, where that is another than the one it came with.
    checksum: Option<Checksum>,
    /// The file is not here yet by whose checksum it would go.
    is_provisional: bool,
}

/// Of units with the columns [`ELEMENTS`].
async fn places(units: &VersionUnits, rows: &[UnitRow], settings: &Settings) -> Result<Vec<Place>> {
    let mut others = other_checksums(units, rows, settings.checksum).await?;
    let place = |row: &UnitRow| {
        let checksum = others.remove(&row.id);
        let is_provisional = checksum.is_none() && row.get::<String>(5)? != settings.checksum.as_str();
        Ok(Place { location: location(row, settings)?, checksum, is_provisional })
    };
    rows.iter().map(place).collect()
}

/// Where a package lies. The checksum in its path is the one it came with, which it always has: by which one it goes in
/// a publication depends on whether its file is here, and what is taken over of the last publication does not change.
fn location(row: &UnitRow, settings: &Settings) -> Result<String> {
    let text = |at| row.get::<String>(at);
    let filename = format!("{}-{}-{}.{}.rpm", text(0)?, text(2)?, text(3)?, text(1)?);
    Ok(settings.layout.path(&filename, &text(4)?))
}

/// The checksums of this type of packages that came with another, as far as their files are here.
async fn other_checksums(units: &VersionUnits, rows: &[UnitRow], kind: ChecksumType) -> Result<HashMap<Id, Checksum>> {
    let mut others = vec![];
    for row in rows {
        if row.get::<String>(5)? != kind.as_str() {
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

/// A package as it goes into the documents.
pub(super) struct Listed {
    pub id: Id,
    place: Place,
    /// As they are kept, in the order of [`Kind::ALL`].
    elements: [Bytes; 3],
}

impl Listed {
    /// At most `limit` packages after the first id and up to the second.
    pub async fn read(
        units: &VersionUnits,
        settings: &Settings,
        range: (Option<Id>, Option<Id>),
        limit: i64,
    ) -> Result<Vec<Self>> {
        let rows = units.list_between(PACKAGE, ELEMENTS, range, limit).await?;
        let places = places(units, &rows, settings).await?;
        let listed = |(row, place): (&UnitRow, Place)| {
            let element = |at| Ok::<_, Error>(Bytes::from(row.get::<Vec<u8>>(at)?));
            Ok(Self { id: row.id, place, elements: [element(6)?, element(7)?, element(8)?] })
        };
        rows.iter().zip(places).map(listed).collect()
    }

    /// Another publication of the same version might say something else of it.
    pub fn is_provisional(&self) -> bool {
        self.place.is_provisional
    }

    /// The bytes it is kept in.
    pub fn weight(&self) -> usize {
        self.elements.iter().map(Bytes::len).sum()
    }

    /// Appends its element of a document.
    pub fn push(&self, kind: Kind, out: &mut String) -> Result<()> {
        let [primary, filelists, other] = &self.elements;
        let mut element = unpack(match kind {
            Kind::Primary => primary,
            Kind::Filelists => filelists,
            Kind::Other => other,
        })?;
        if let Some(checksum) = &self.place.checksum {
            let mut own = String::with_capacity(element.len() + checksum.value().len());
            identified(&mut own, kind, &element, checksum);
            element = own;
        }
        match kind {
            Kind::Primary => relocated(out, &element, &self.place.location),
            Kind::Filelists | Kind::Other => out.push_str(&element),
        }
        Ok(())
    }
}

/// Serves the packages at their places: by a rule, or each at a path of its own. No two of them lie at one place: of
/// those the version has one.
pub(super) async fn place(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    settings: &Settings,
) -> Result<()> {
    match settings.layout.placement() {
        Some(placement) => {
            publication.place(placement);
            Ok(())
        }
        None => add(units, publication, settings).await,
    }
}

async fn add(units: &VersionUnits, publication: &mut PublicationWriter, settings: &Settings) -> Result<()> {
    let mut after = None;
    loop {
        let rows = units.list(PACKAGE, NAMES, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        let places = rows.iter().map(|row| Ok((row.id, location(row, settings)?)));
        let places: HashMap<Id, String> = places.collect::<Result<_>>()?;
        for file in units.files(places.keys().copied().collect()).await? {
            if let Some(place) = places.get(&file.unit) {
                publication.add_artifact(path(place)?, file.id)?;
            }
        }
    }
}
