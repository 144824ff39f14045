//! A publication with the metadata of an upstream, byte by byte, and the packages where that says they lie.

use std::collections::HashMap;
use std::io::BufReader;

use pith_core::error::{Error, Result};
use pith_core::id::{Id, Sha256};
use pith_core::plugin::{MetadataFile, PublicationWriter, VersionUnits};
use serde_json::Value as Json;

use super::path;
use crate::compression::{self, Limits};
use crate::config_repo;
use crate::content::package::PACKAGE;
use crate::location;
use crate::primary::PrimaryReader;
use crate::repomd;

/// Packages whose files are looked up together.
const PAGE: i64 = 5_000;

/// Paths of packages by their checksums.
type Places = HashMap<String, Vec<String>>;

/// One repository, of which `mirrored` says what is kept.
pub(super) async fn publish(units: &VersionUnits, publication: &mut PublicationWriter, mirrored: &Json) -> Result<()> {
    let files = kept_files(mirrored)?;
    let index = files.get("repodata/repomd.xml").ok_or_else(|| damaged("it has no index"))?;
    let index = publication.kept(index).await?.into_bytes().await?;
    let index = repomd::read(&index[..]).map_err(damaged)?;
    let primary = index.record("primary").ok_or_else(|| damaged("it has no `primary`"))?;
    let primary = files.get(&primary.location_href).ok_or_else(|| damaged("its `primary` is not kept"))?;
    let places = places(publication.kept(primary).await?).await?;
    for (name, sha256) in &files {
        publication.add_kept(path(name)?, sha256.clone())?;
    }
    place(units, publication, &places).await
}

/// Whether the upstream's index has a signature beside it.
pub(super) fn is_signed(mirrored: &Json) -> Result<bool> {
    Ok(kept_files(mirrored)?.contains_key("repodata/repomd.xml.asc"))
}

/// The same of a repository below, if the upstream had it.
pub(super) fn below<'a>(mirrored: &'a Json, folder: &str) -> Option<&'a Json> {
    mirrored.get(config_repo::BELOW)?.get(folder)
}

fn damaged(problem: impl std::fmt::Display) -> Error {
    Error::Conflict(format!("the metadata of the upstream cannot be published: {problem}"))
}

/// The kept files, by their paths.
fn kept_files(mirrored: &Json) -> Result<HashMap<String, Sha256>> {
    let files = mirrored.get("files").and_then(Json::as_array).ok_or_else(|| damaged("it is not there"))?;
    let file = |file: &Json| {
        let (path, sha256) = (file.get(0)?.as_str()?, file.get(1)?.as_str()?);
        Some((path.to_owned(), sha256.parse().ok()?))
    };
    files.iter().map(|one| file(one).ok_or_else(|| damaged("its files are not named"))).collect()
}

/// Where `primary` says that packages lie.
async fn places(primary: MetadataFile) -> Result<Places> {
    let read = |input: &mut (dyn std::io::Read + Send)| {
        let (_, input) = compression::reader(BufReader::new(input), Limits::default()).map_err(damaged)?;
        let mut reader = PrimaryReader::new(input).map_err(damaged)?;
        let mut places = Places::new();
        while let Some(package) = reader.next_package().map_err(damaged)? {
            let place = location::normalize(&package.location_href).map_err(damaged)?;
            places.entry(package.pkgid).or_default().push(place);
        }
        Ok(places)
    };
    primary.parse(read).await?
}

async fn place(units: &VersionUnits, publication: &mut PublicationWriter, places: &Places) -> Result<()> {
    let mut after: Option<Id> = None;
    loop {
        let rows = units.list(PACKAGE, &["pkgid"], after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        let mut wanted = HashMap::new();
        for row in &rows {
            if let Some(places) = places.get(&row.get::<String>(0)?) {
                wanted.insert(row.id, places);
            }
        }
        for file in units.files(wanted.keys().copied().collect()).await? {
            for place in wanted.get(&file.unit).into_iter().copied().flatten() {
                publication.add_artifact(path(place)?, file.id)?;
            }
        }
    }
}
