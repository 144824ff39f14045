//! The three documents of packages, run by run.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{PublicationWriter, StagingWriter, VersionUnits};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::packages::{Listed, Packages};
use super::path;
use super::settings::Settings;
use crate::checksum::Checksum;
use crate::compression::runs::{self, Run};
use crate::compression::{Compression, Effort};
use crate::content::package::PACKAGE;
use crate::content::packed::unpack;
use crate::document::{Assembled, Assembler, Block, Kind, identified};
use crate::primary::relocated;
use crate::repomd::Record;

/// Runs that are packed at the same time.
const AT_ONCE: usize = 2;

const COLUMNS: &[&str] = &["primary_xml", "filelists_xml", "other_xml"];

/// What the next publication is told of a document.
#[derive(Serialize, Deserialize)]
struct Remembered {
    path: String,
    /// The first byte of the first run.
    start: usize,
    /// Ids of runs in hexadecimal, the bytes they take, and those they are of, in the order of the document.
    runs: Vec<(String, usize, u64)>,
}

/// Writes the documents; what `repomd.xml` says of them.
pub(super) async fn write(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    settings: &Settings,
    packages: Packages,
    time: i64,
) -> Result<Vec<Record>> {
    let listed = Arc::new(packages.listed);
    let keys: Vec<Vec<u8>> = listed.iter().map(key).collect();
    let runs = runs::cut(keys.iter().map(Vec::as_slice));
    let mut documents = Vec::new();
    for kind in Kind::ALL {
        documents.push(Document::begin(publication, kind, settings, listed.len() as u64).await?);
    }
    let known = Arc::new(documents.iter().map(|document| document.known.clone()).collect::<Vec<_>>());
    let compression = settings.compression;
    let packed = stream::iter(runs.into_iter().map(|run| {
        let (units, listed, known) = (units.clone(), listed.clone(), known.clone());
        async move { pack(&units, &listed, &known, compression, run).await }
    }));
    let mut packed = packed.buffered(AT_ONCE);
    while let Some((id, blocks)) = packed.try_next().await? {
        documents = push(documents, id, blocks).await?;
    }
    drop(packed);
    let mut records = Vec::new();
    for document in documents {
        records.push(document.finish(publication, time).await?);
    }
    Ok(records)
}

/// Stands for the bytes of a package's elements: units do not change, and no two of a place have one id.
fn key(package: &Listed) -> Vec<u8> {
    let checksum = package.checksum.as_ref().map_or("", Checksum::value);
    [package.id.0.as_bytes(), package.location.as_bytes(), checksum.as_bytes()].concat()
}

/// Where a run is in the last publication.
#[derive(Clone)]
struct Known {
    packed: Bytes,
    open_size: u64,
}

type KnownRuns = Arc<HashMap<[u8; 32], Known>>;

/// A document as it grows.
struct Document {
    kind: Kind,
    settings: Settings,
    assembler: Assembler<Vec<u8>>,
    writer: StagingWriter,
    known: KnownRuns,
    remembered: Remembered,
}

impl Document {
    async fn begin(publication: &PublicationWriter, kind: Kind, settings: &Settings, packages: u64) -> Result<Self> {
        let known = known_runs(publication, &memory_key(kind, settings)).await?;
        let (compression, checksum) = (settings.compression, settings.checksum);
        let mut assembler =
            Assembler::new(Vec::new(), kind, compression, checksum, packages).map_err(Error::internal)?;
        let mut writer = publication.stage()?;
        let header = assembler.drain();
        let start = header.len();
        writer.write(header.into()).await?;
        let remembered = Remembered { path: String::new(), start, runs: vec![] };
        Ok(Self { kind, settings: *settings, assembler, writer, known, remembered })
    }

    async fn finish(mut self, publication: &mut PublicationWriter, time: i64) -> Result<Record> {
        let (rest, assembled) = self.assembler.finish().map_err(Error::internal)?;
        self.writer.write(rest.into()).await?;
        let Assembled { checksum, size, open_size, .. } = assembled;
        let location = location(&checksum, self.kind.as_str(), ".xml", self.settings.compression);
        publication.add_staged(path(&location)?, self.writer.finish().await?).await?;
        self.remembered.path.clone_from(&location);
        let value = serde_json::to_string(&self.remembered).map_err(Error::internal)?;
        publication.remember(memory_key(self.kind, &self.settings), value);
        Ok(Record {
            data_type: self.kind.as_str().to_owned(),
            checksum,
            // Optional, and it would cost unpacking all that did not change.
            open_checksum: None,
            header_checksum: None,
            location_href: location,
            location_base: String::new(),
            timestamp: time,
            size: Some(size),
            open_size: Some(open_size),
            header_size: None,
            database_version: None,
        })
    }
}

/// The path of a metadata file: `repodata/<checksum>-primary.xml.gz`.
pub(super) fn location(checksum: &Checksum, name: &str, extension: &str, compression: Compression) -> String {
    format!("repodata/{}-{name}{extension}{}", checksum.value(), compression.extension())
}

fn memory_key(kind: Kind, settings: &Settings) -> String {
    let compression = settings.compression.extension();
    // Only `primary` says where packages lie; the others may be taken from any layout.
    let layout = if kind == Kind::Primary { settings.layout.name() } else { "" };
    format!("{}{compression}/{layout}", kind.as_str())
}

/// The runs of the last publication's document.
async fn known_runs(publication: &PublicationWriter, key: &str) -> Result<KnownRuns> {
    let mut known = HashMap::new();
    let Some(previous) = publication.previous(key).await? else { return Ok(Arc::new(known)) };
    let Ok(remembered) = serde_json::from_str::<Remembered>(&previous.value) else { return Ok(Arc::new(known)) };
    let Some(bytes) = previous.metadata(&remembered.path).await? else { return Ok(Arc::new(known)) };
    let mut start = remembered.start;
    for (id, length, open_size) in remembered.runs {
        let end = start.saturating_add(length);
        let mut run = [0; 32];
        if end > bytes.len() || hex::decode_to_slice(&id, &mut run).is_err() {
            break;
        }
        known.insert(run, Known { packed: bytes.slice(start..end), open_size });
        start = end;
    }
    Ok(Arc::new(known))
}

/// The blocks of a run, one for each document; those that are known are taken as they are.
async fn pack(
    units: &VersionUnits,
    listed: &Arc<Vec<Listed>>,
    known: &[KnownRuns],
    compression: Compression,
    run: Run,
) -> Result<([u8; 32], Vec<Block>)> {
    let found: Vec<Option<Block>> = known.iter().map(|known| known.get(&run.id).map(known_block)).collect();
    if found.iter().all(Option::is_some) {
        return Ok((run.id, found.into_iter().flatten().collect()));
    }
    let ids: Vec<Id> = listed[run.packages.clone()].iter().map(|package| package.id).collect();
    let mut rows = HashMap::new();
    for row in units.of_ids(PACKAGE, COLUMNS, ids).await? {
        rows.insert(row.id, row);
    }
    let listed = listed.clone();
    let pack = move || {
        let mut blocks = Vec::new();
        for (at, (kind, found)) in Kind::ALL.into_iter().zip(found).enumerate() {
            if let Some(found) = found {
                blocks.push(found);
                continue;
            }
            let mut elements = String::new();
            for package in &listed[run.packages.clone()] {
                let row = rows.get(&package.id).ok_or_else(|| Error::Conflict("a package went away".into()))?;
                let element = unpack(&row.get::<Vec<u8>>(at)?)?;
                let element = match &package.checksum {
                    None => element,
                    Some(checksum) => {
                        let mut other = String::with_capacity(element.len() + checksum.value().len());
                        identified(&mut other, kind, &element, checksum);
                        other
                    }
                };
                match kind {
                    Kind::Primary => relocated(&mut elements, &element, &package.location),
                    Kind::Filelists | Kind::Other => elements.push_str(&element),
                }
            }
            blocks.push(Block::pack(compression, Effort::Usual, &elements).map_err(Error::internal)?);
        }
        Ok((run.id, blocks))
    };
    spawn_blocking(pack).await.map_err(Error::internal)?
}

fn known_block(known: &Known) -> Block {
    Block { packed: known.packed.clone(), open_size: known.open_size }
}

/// Adds a run to all documents.
async fn push(mut documents: Vec<Document>, id: [u8; 32], blocks: Vec<Block>) -> Result<Vec<Document>> {
    // Hashing takes its time where much is taken as it is.
    let push = move || {
        for (document, block) in documents.iter_mut().zip(blocks) {
            document.remembered.runs.push((hex::encode(id), block.packed.len(), block.open_size));
            document.assembler.push(&block, None).map_err(Error::internal)?;
        }
        Ok::<_, Error>(documents)
    };
    let mut documents = spawn_blocking(push).await.map_err(Error::internal)??;
    for document in &mut documents {
        let written = document.assembler.drain();
        document.writer.write(written.into()).await?;
    }
    Ok(documents)
}
