//! The documents of advisories, groups and modules, and what is carried along. Each is made of the texts that are
//! kept of units; a document whose units are those of the last publication is taken from it.

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{PublicationWriter, StagingWriter, VersionUnits};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::documents::location;
use super::path;
use super::settings::Settings;
use crate::checksum::Checksum;
use crate::compression::{Compression, Effort, compress};
use crate::content::{
    advisory, category, defaults, environment, group, langpacks, metadata_file, modulemd, obsolete, tree,
};
use crate::document::Sum;
use crate::repomd::Record;
use crate::{comps, updateinfo};

/// Units whose texts are read and packed together.
const PAGE: i64 = 200;
/// Ids read at once.
const IDS: i64 = 10_000;

/// One document.
struct Document {
    data_type: &'static str,
    /// The name of its file.
    name: &'static str,
    extension: &'static str,
    header: &'static str,
    footer: &'static str,
    types: &'static [&'static str],
    /// Clients do not expect it compressed.
    is_plain: bool,
}

const DOCUMENTS: [Document; 3] = [
    Document {
        data_type: "updateinfo",
        name: "updateinfo",
        extension: ".xml",
        header: updateinfo::HEADER,
        footer: updateinfo::FOOTER,
        types: &[advisory::ADVISORY],
        is_plain: false,
    },
    Document {
        data_type: "modules",
        name: "modules",
        extension: ".yaml",
        header: "",
        footer: "",
        types: &[modulemd::MODULEMD, defaults::MODULEMD_DEFAULTS, obsolete::MODULEMD_OBSOLETE],
        is_plain: false,
    },
    Document {
        data_type: "group",
        name: "comps",
        extension: ".xml",
        header: comps::HEADER,
        footer: comps::FOOTER,
        types: &[
            group::PACKAGEGROUP,
            category::PACKAGECATEGORY,
            environment::PACKAGEENVIRONMENT,
            langpacks::PACKAGELANGPACKS,
        ],
        is_plain: true,
    },
];

/// What the next publication is told of a document.
#[derive(Serialize, Deserialize)]
struct Remembered {
    /// Over the ids of its units.
    units: String,
    location: String,
    checksum: String,
    size: u64,
    open_size: u64,
}

/// Writes the documents of which there are units; what `repomd.xml` says of them.
pub(super) async fn write(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    settings: &Settings,
    time: i64,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for document in &DOCUMENTS {
        let Some(id) = id_of_units(units, document).await? else { continue };
        let settings = Settings {
            compression: if document.is_plain { Compression::None } else { settings.compression },
            ..*settings
        };
        let key = format!("{}{}/{}", document.name, settings.compression.extension(), settings.checksum);
        let known = known(publication, &key, &id).await?;
        let remembered = match known {
            Some(known) => known,
            None => write_document(units, publication, document, &settings, id).await?,
        };
        let checksum = Checksum::new(settings.checksum, &remembered.checksum).map_err(Error::internal)?;
        let sizes = (Some(remembered.size), Some(remembered.open_size));
        records.push(record(document.data_type, checksum, &remembered.location, sizes, time));
        publication.remember(key, serde_json::to_string(&remembered).map_err(Error::internal)?);
    }
    Ok(records)
}

/// What `repomd.xml` says of a file.
fn record(
    data_type: &str,
    checksum: Checksum,
    location: &str,
    (size, open_size): (Option<u64>, Option<u64>),
    timestamp: i64,
) -> Record {
    Record {
        data_type: data_type.to_owned(),
        checksum,
        open_checksum: None,
        header_checksum: None,
        location_href: location.to_owned(),
        location_base: String::new(),
        timestamp,
        size,
        open_size,
        header_size: None,
        database_version: None,
    }
}

/// Stands for the units of a document; none when there are none.
async fn id_of_units(units: &VersionUnits, document: &Document) -> Result<Option<String>> {
    let (mut sum, mut any) = (Sha256::new(), false);
    for content_type in document.types {
        let mut after: Option<Id> = None;
        loop {
            let rows = units.list(content_type, &[], after, IDS).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            any = true;
            rows.iter().for_each(|row| sum.update(row.id.0.as_bytes()));
        }
        sum.update([0]);
    }
    Ok(any.then(|| hex::encode(sum.finalize())))
}

/// The document of the last publication, if it is of the same units.
async fn known(publication: &mut PublicationWriter, key: &str, id: &str) -> Result<Option<Remembered>> {
    let Some(previous) = publication.previous(key).await? else { return Ok(None) };
    let Ok(remembered) = serde_json::from_str::<Remembered>(&previous.value) else { return Ok(None) };
    if remembered.units != id {
        return Ok(None);
    }
    let Some(sha256) = previous.artifact(&remembered.location).await? else { return Ok(None) };
    publication.add_kept(path(&remembered.location)?, sha256)?;
    Ok(Some(remembered))
}

async fn write_document(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    document: &Document,
    settings: &Settings,
    id: String,
) -> Result<Remembered> {
    let mut out = Output::new(publication.stage()?, settings)?;
    out.write(document.header.to_owned()).await?;
    for content_type in document.types {
        let mut after: Option<Id> = None;
        loop {
            let rows = units.list(content_type, &["snippet"], after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            let mut text = String::new();
            for row in &rows {
                text.push_str(&row.get::<String>(0)?);
                if !text.ends_with('\n') {
                    text.push('\n');
                }
            }
            out.write(text).await?;
        }
    }
    out.write(document.footer.to_owned()).await?;
    let Output { writer, sum, open_size, .. } = out;
    let size = sum.size();
    let checksum = sum.finish().map_err(Error::internal)?;
    let location = location(&checksum, document.name, document.extension, settings.compression);
    publication.add_staged(path(&location)?, writer.finish().await?).await?;
    Ok(Remembered { units: id, location, checksum: checksum.value().to_owned(), size, open_size })
}

/// A document on its way to the store, packed piece by piece.
struct Output {
    writer: StagingWriter,
    compression: Compression,
    sum: Sum,
    open_size: u64,
}

impl Output {
    fn new(writer: StagingWriter, settings: &Settings) -> Result<Self> {
        let sum = Sum::new(settings.checksum).ok_or_else(|| Error::internal("only SHA-2 is written"))?;
        Ok(Self { writer, compression: settings.compression, sum, open_size: 0 })
    }

    async fn write(&mut self, text: String) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.open_size += text.len() as u64;
        let compression = self.compression;
        let pack = move || compress(compression, Effort::Usual, text.as_bytes());
        let packed: Bytes = spawn_blocking(pack).await.map_err(Error::internal)?.map_err(Error::internal)?.into();
        self.sum.update(&packed);
        self.writer.write(packed).await
    }
}

/// Serves the files that are carried along as metadata; what `repomd.xml` says of them.
pub(super) async fn carry(units: &VersionUnits, publication: &mut PublicationWriter, time: i64) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for row in
        units.list(metadata_file::REPO_METADATA_FILE, &["data_type", "checksum_type", "checksum"], None, IDS).await?
    {
        let checksum = Checksum::parse(&row.get::<String>(1)?, &row.get::<String>(2)?).map_err(Error::internal)?;
        for file in units.files(vec![row.id]).await? {
            publication.add_artifact(path(&file.relative_path)?, file.id);
            let data_type: String = row.get(0)?;
            records.push(record(&data_type, checksum.clone(), &file.relative_path, (None, None), time));
        }
    }
    Ok(records)
}

/// Serves the files of installable trees at their places.
pub(super) async fn plant(units: &VersionUnits, publication: &mut PublicationWriter) -> Result<()> {
    for row in units.list(tree::DISTRIBUTION_TREE, &[], None, IDS).await? {
        for file in units.files(vec![row.id]).await? {
            publication.add_artifact(path(&file.relative_path)?, file.id);
        }
    }
    Ok(())
}
