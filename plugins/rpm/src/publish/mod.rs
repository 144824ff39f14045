//! Making a publication: `repodata/` and where the packages lie.
//!
//! What is kept of each package is put together, in compressed runs. Runs in which nothing came or went since the last
//! publication are taken from it as they are; what is in them is not looked at.

mod documents;
mod kept;
mod metadata;
mod mirrored;
mod packages;
mod plan;
mod remembered;
mod settings;

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::{Id, RelativePath};
use pith_core::plugin::{PublicationWriter, Signature, VersionReader, VersionUnits};
use serde_json::{Value as Json, json};

use self::settings::Settings;
use crate::config_repo;
use crate::repomd::{self, Repomd};

pub(crate) async fn publish(version: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
    let settings = Settings::resolve(&mut publication.details, &version.repository)?;
    let mirrored = publication.details.get(config_repo::MIRRORED).cloned();
    match &mirrored {
        None => write(&version.units, publication, &settings, &version.repository).await?,
        Some(mirrored) => {
            mirrored::publish(&version.units, publication, mirrored).await?;
            note_signed(publication, mirrored::is_signed(mirrored)?);
        }
    }
    for (folder, units) in metadata::plant(&version.units, publication).await? {
        publication.enter(&folder, units.version().id);
        match &mirrored {
            None => write(&units, publication, &settings, &version.repository).await?,
            Some(mirrored) => {
                // Of what the upstream did not have there is no metadata either.
                if let Some(mirrored) = mirrored::below(mirrored, &folder) {
                    mirrored::publish(&units, publication, mirrored).await?;
                }
            }
        }
        publication.leave();
    }
    Ok(())
}

/// One repository, with metadata of our own.
async fn write(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    settings: &Settings,
    repository: &Json,
) -> Result<()> {
    packages::place(units, publication, settings).await?;
    let made = units.version();
    let time = made.created.timestamp();
    let mut records = documents::write(units, publication, settings, time).await?;
    records.extend(metadata::write(units, publication, settings, time).await?);
    records.extend(metadata::carry(units, publication, time).await?);
    // As with createrepo_c a number; the repository without anything has none.
    let revision = if made.number == 0 { "0".to_owned() } else { time.to_string() };
    let index = Bytes::from(repomd::render(&Repomd { revision, records, ..Repomd::default() }));
    sign(publication, repository, &index).await?;
    publication.add_metadata(path("repodata/repomd.xml")?, index).await
}

/// Signs the index, where the repository has a service for that.
async fn sign(publication: &mut PublicationWriter, repository: &Json, index: &Bytes) -> Result<()> {
    let service = repository.get("metadata_signing_service").cloned().unwrap_or_default();
    let Ok(Some(service)) = serde_json::from_value::<Option<Id>>(service) else { return Ok(()) };
    let Signature { armored, public_key } = publication.sign(service, index).await?;
    publication.add_metadata(path("repodata/repomd.xml.asc")?, armored).await?;
    publication.add_metadata(path("repodata/repomd.xml.key")?, public_key).await?;
    note_signed(publication, true);
    Ok(())
}

fn note_signed(publication: &mut PublicationWriter, is_signed: bool) {
    if let Some(details) = publication.details.as_object_mut() {
        details.insert(config_repo::SIGNED.to_owned(), Json::Bool(is_signed));
    }
}

/// A path of a publication.
fn path(text: &str) -> Result<RelativePath> {
    text.parse().map_err(|problem| Error::Conflict(format!("nothing can be published at `{text}`: {problem}")))
}

/// The details of the publication that a new version of a repository with these gets by itself.
pub(crate) fn autopublication(repository: &Json) -> Option<Json> {
    // All else the repository says, when it is published.
    (repository.get("autopublish") == Some(&Json::Bool(true))).then(|| json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repositories_that_ask_for_it_are_published_by_themselves() {
        assert_eq!(autopublication(&json!({})), None);
        assert_eq!(autopublication(&json!({"autopublish": false})), None);
        assert_eq!(autopublication(&json!({"autopublish": true, "layout": "flat"})), Some(json!({})));
    }
}
