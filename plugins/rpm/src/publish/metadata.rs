//! The documents of advisories, groups and modules, and what is carried along. Each is made of the texts that are
//! kept of units; a document whose units are those of the last publication is taken from it, unread.

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{Previous, PublicationWriter, StagingWriter, UnitRow, VersionUnits};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::documents::{location, record};
use super::path;
use super::settings::Settings;
use crate::checksum::Checksum;
use crate::compression::{Compression, Effort, compress};
use crate::content::{
    advisory, category, defaults, environment, group, langpacks, metadata_file, modulemd, obsolete, tree,
};
use crate::repomd::Record;
use crate::{comps, updateinfo};

/// Units whose texts are read and packed together.
const PAGE: i64 = 200;
/// Changes whenever documents are written otherwise than before.
const VERSION: u32 = 1;
/// More of the files that are carried along, or of trees, no repository has.
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
        let mut types = vec![];
        for content_type in document.types {
            if units.count(content_type).await? > 0 {
                types.push(*content_type);
            }
        }
        if types.is_empty() {
            continue;
        }
        let settings = Settings {
            compression: if document.is_plain { Compression::None } else { settings.compression },
            ..*settings
        };
        let key = format!("{}{VERSION}{}/{}", document.name, settings.compression.extension(), settings.checksum);
        let remembered = match known(units, publication, document, &key).await? {
            Some(known) => known,
            None => write_document(units, publication, document, &types, &settings).await?,
        };
        let checksum = Checksum::new(settings.checksum, &remembered.checksum).map_err(Error::internal)?;
        let sizes = (Some(remembered.size), Some(remembered.open_size));
        records.push(record(document.data_type, checksum, &remembered.location, sizes, time));
        publication.remember(key, serde_json::to_string(&remembered).map_err(Error::internal)?);
    }
    Ok(records)
}

/// Whether units of a type came or went since the publication that is remembered.
async fn changed(units: &VersionUnits, previous: &Previous, types: &[&str]) -> Result<bool> {
    for content_type in types {
        if !units.changed_since(content_type, previous.version).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The document of the last publication, if it is of the same units.
async fn known(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    document: &Document,
    key: &str,
) -> Result<Option<Remembered>> {
    let Some(previous) = publication.previous(key).await? else { return Ok(None) };
    let Ok(remembered) = serde_json::from_str::<Remembered>(&previous.value) else { return Ok(None) };
    if changed(units, &previous, document.types).await? {
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
    types: &[&str],
    settings: &Settings,
) -> Result<Remembered> {
    let writer = publication.stage_hashing(settings.algorithm()?)?;
    let mut out = Output { writer, compression: settings.compression, open_size: 0 };
    out.write(document.header.to_owned()).await?;
    for content_type in types {
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
    let Output { writer, open_size, .. } = out;
    let staged = writer.finish().await?;
    let (size, checksum) = (staged.size, settings.checksum_of(&staged.digests)?);
    let location = location(&checksum, document.name, document.extension, settings.compression);
    publication.add_staged(path(&location)?, staged)?;
    Ok(Remembered { location, checksum: checksum.value().to_owned(), size, open_size })
}

/// A document on its way to the store, packed piece by piece.
struct Output {
    writer: StagingWriter,
    compression: Compression,
    open_size: u64,
}

impl Output {
    async fn write(&mut self, text: String) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.open_size += text.len() as u64;
        let compression = self.compression;
        let pack = move || compress(compression, Effort::Usual, text.as_bytes());
        let packed: Bytes = spawn_blocking(pack).await.map_err(Error::internal)?.map_err(Error::internal)?.into();
        self.writer.write(packed).await
    }
}

/// The units of a type of which a repository has few. As looking for them costs the size of the repository, their ids
/// are remembered.
async fn few(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    content_type: &'static str,
    columns: &'static [&'static str],
) -> Result<Vec<UnitRow>> {
    if units.count(content_type).await? == 0 {
        return Ok(vec![]);
    }
    let key = format!("units/{content_type}");
    let rows = match remembered_ids(units, publication, content_type, &key).await? {
        Some(ids) => units.of_ids(content_type, columns, ids).await?,
        None => units.list(content_type, columns, None, IDS).await?,
    };
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    publication.remember(key, serde_json::to_string(&ids).map_err(Error::internal)?);
    Ok(rows)
}

async fn remembered_ids(
    units: &VersionUnits,
    publication: &PublicationWriter,
    content_type: &str,
    key: &str,
) -> Result<Option<Vec<Id>>> {
    let Some(previous) = publication.previous(key).await? else { return Ok(None) };
    let is_changed = changed(units, &previous, &[content_type]).await?;
    Ok(serde_json::from_str(&previous.value).ok().filter(|_| !is_changed))
}

/// Serves the files that are carried along as metadata; what `repomd.xml` says of them.
pub(super) async fn carry(units: &VersionUnits, publication: &mut PublicationWriter, time: i64) -> Result<Vec<Record>> {
    const COLUMNS: &[&str] = &["data_type", "checksum_type", "checksum"];
    let mut records = Vec::new();
    for row in few(units, publication, metadata_file::REPO_METADATA_FILE, COLUMNS).await? {
        let checksum = Checksum::parse(&row.get::<String>(1)?, &row.get::<String>(2)?).map_err(Error::internal)?;
        for file in units.files(vec![row.id]).await? {
            publication.add_artifact(path(&file.relative_path)?, file.id)?;
            let data_type: String = row.get(0)?;
            records.push(record(&data_type, checksum.clone(), &file.relative_path, (None, None), time));
        }
    }
    Ok(records)
}

/// Serves the files of installable trees at their places. The repositories of their variants and addons, by the folders
/// they are published in.
pub(super) async fn plant(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
) -> Result<Vec<(String, VersionUnits)>> {
    let mut below = vec![];
    for row in few(units, publication, tree::DISTRIBUTION_TREE, &[]).await? {
        for file in units.files(vec![row.id]).await? {
            publication.add_artifact(path(&file.relative_path)?, file.id)?;
        }
        below.extend(units.pinned(row.id).await?);
    }
    Ok(below)
}
