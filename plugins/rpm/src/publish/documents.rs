//! The three documents of packages, run by run.

use std::pin::pin;
use std::thread::available_parallelism;

use flate2::Crc;
use futures_util::future::try_join_all;
use futures_util::stream::{self, TryStreamExt};
use pith_core::error::{Error, Result};
use pith_core::plugin::{PublicationWriter, StagingWriter, VersionUnits};
use tokio::task::spawn_blocking;

use super::kept::KeptRuns;
use super::packages::Listed;
use super::path;
use super::plan::{Piece, Plan};
use super::remembered::{Part, Remembered, Run};
use super::settings::Settings;
use crate::checksum::Checksum;
use crate::compression::Compression;
use crate::content::package::PACKAGE;
use crate::document::{Block, Kind};
use crate::repomd::Record;

/// No more runs are under way at the same time, however many processors there are.
const AT_ONCE: usize = 32;

/// Writes the documents; what `repomd.xml` says of them.
pub(super) async fn write(
    units: &VersionUnits,
    publication: &mut PublicationWriter,
    settings: &Settings,
    time: i64,
) -> Result<Vec<Record>> {
    let documents = match after_last(units, publication, settings).await? {
        Some(documents) => documents,
        None => {
            let plan = Plan::new(units.clone(), *settings, &[], vec![]);
            let documents = Documents::begin(units, publication, settings).await?;
            let made = documents.put_together(plan, Last::default()).await?;
            made.ok_or_else(|| Error::internal("a version has not as many packages as it says"))?
        }
    };
    documents.finish(publication, time).await
}

/// The last publication's runs, and its documents to take them from.
#[derive(Default)]
struct Last {
    runs: Vec<Run>,
    documents: Vec<KeptRuns>,
}

/// The documents with what the last publication has of them; none when there was none that this can follow.
async fn after_last(
    units: &VersionUnits,
    publication: &PublicationWriter,
    settings: &Settings,
) -> Result<Option<Documents>> {
    let Some((remembered, previous)) = Remembered::read(publication, settings).await? else { return Ok(None) };
    let mut last = Last { runs: remembered.runs, documents: vec![] };
    for (at, (path, start)) in remembered.documents.iter().enumerate() {
        let Some(bytes) = previous.metadata(path).await? else { return Ok(None) };
        last.documents.push(KeptRuns::new(bytes, *start, last.runs.iter().map(|run| run.parts[at]).collect()));
    }
    let changed = units.changed_since(PACKAGE, previous.version).await?;
    let plan = Plan::new(units.clone(), *settings, &last.runs, changed);
    let made = Documents::begin(units, publication, settings).await?.put_together(plan, last).await?;
    if made.is_none() {
        tracing::warn!("metadata of the last publication is damaged; that of packages is made anew");
    }
    Ok(made)
}

/// A run that was packed.
struct Packed {
    run: Run,
    blocks: Vec<Block>,
}

async fn pack(packages: Vec<Listed>, compression: Compression) -> Result<Option<Packed>> {
    let pack = move || {
        let Some(last) = packages.last() else { return Ok(None) };
        let is_provisional = packages.iter().any(Listed::is_provisional);
        let mut run = Run { last: last.id, packages: packages.len() as u64, is_provisional, parts: Default::default() };
        let mut blocks = vec![];
        for (kind, part) in Kind::ALL.into_iter().zip(&mut run.parts) {
            let mut elements = String::new();
            packages.iter().try_for_each(|package| package.push(kind, &mut elements))?;
            let block = Block::pack(compression, &elements).map_err(Error::internal)?;
            *part = self::part(&block);
            blocks.push(block);
        }
        Ok(Some(Packed { run, blocks }))
    };
    spawn_blocking(pack).await.map_err(Error::internal)?
}

fn part(block: &Block) -> Part {
    let mut crc = Crc::new();
    crc.update(&block.packed);
    Part { size: block.packed.len() as u64, open_size: block.open_size, crc: crc.sum() }
}

/// A piece that is ready to be written.
enum Ready {
    Kept(usize),
    Packed(Option<Packed>),
}

async fn ready(piece: Piece, compression: Compression) -> Result<Ready> {
    match piece {
        Piece::Kept(run) => Ok(Ready::Kept(run)),
        Piece::New(packages) => pack(packages, compression).await.map(Ready::Packed),
    }
}

/// The three documents as they grow.
struct Documents {
    settings: Settings,
    /// As many packages as the version has.
    packages: u64,
    documents: Vec<Document>,
    remembered: Remembered,
}

struct Document {
    kind: Kind,
    writer: StagingWriter,
    open_size: u64,
}

impl Documents {
    async fn begin(units: &VersionUnits, publication: &PublicationWriter, settings: &Settings) -> Result<Self> {
        let packages = u64::try_from(units.count(PACKAGE).await?).map_err(Error::internal)?;
        let mut remembered = Remembered::new(settings);
        let mut documents = vec![];
        for (kind, (_, start)) in Kind::ALL.into_iter().zip(&mut remembered.documents) {
            let writer = publication.stage_hashing(settings.algorithm()?)?;
            let mut document = Document { kind, writer, open_size: 0 };
            document.push_text(&kind.header(packages), settings.compression).await?;
            *start = document.writer.size();
            documents.push(document);
        }
        Ok(Self { settings: *settings, packages, documents, remembered })
    }

    /// Writes all pieces. None when what was to be kept is damaged, or does not come to the packages of the version.
    async fn put_together(mut self, plan: Plan, mut last: Last) -> Result<Option<Self>> {
        let pieces = stream::try_unfold(plan, async |mut plan: Plan| {
            let piece = plan.next().await?;
            Ok::<_, Error>(piece.map(|piece| (piece, plan)))
        });
        let compression = self.settings.compression;
        // Some more than there are processors, so that none idles while the next are read and the first is written.
        let at_once = available_parallelism().map_or(1, usize::from).saturating_mul(4).clamp(4, AT_ONCE);
        let mut pieces = pin!(pieces.map_ok(move |piece| ready(piece, compression)).try_buffered(at_once));
        let mut packages = 0;
        while let Some(piece) = pieces.try_next().await? {
            let run = match piece {
                Ready::Packed(None) => continue,
                Ready::Packed(Some(packed)) => self.push(packed).await?,
                Ready::Kept(run) => {
                    if !self.keep(run, &mut last.documents).await? {
                        return Ok(None);
                    }
                    last.runs[run].clone()
                }
            };
            packages += run.packages;
            self.remembered.runs.push(run);
        }
        Ok((packages == self.packages).then_some(self))
    }

    async fn push(&mut self, packed: Packed) -> Result<Run> {
        for (document, block) in self.documents.iter_mut().zip(packed.blocks) {
            document.push(block).await?;
        }
        Ok(packed.run)
    }

    async fn keep(&mut self, run: usize, last: &mut [KeptRuns]) -> Result<bool> {
        let copies = self.documents.iter_mut().zip(last).map(async |(document, last)| {
            document.open_size += last.open_size(run);
            last.copy(run, &mut document.writer).await
        });
        Ok(try_join_all(copies).await?.into_iter().all(|is_intact| is_intact))
    }

    async fn finish(mut self, publication: &mut PublicationWriter, time: i64) -> Result<Vec<Record>> {
        let settings = self.settings;
        let mut records = vec![];
        for (mut document, (path, _)) in self.documents.into_iter().zip(&mut self.remembered.documents) {
            document.push_text(document.kind.footer(), settings.compression).await?;
            let record = document.finish(publication, &settings, time).await?;
            path.clone_from(&record.location_href);
            records.push(record);
        }
        self.remembered.write(publication)?;
        Ok(records)
    }
}

impl Document {
    async fn push_text(&mut self, text: &str, compression: Compression) -> Result<()> {
        self.push(Block::pack(compression, text).map_err(Error::internal)?).await
    }

    async fn push(&mut self, block: Block) -> Result<()> {
        self.open_size += block.open_size;
        self.writer.write(block.packed).await
    }

    async fn finish(self, publication: &mut PublicationWriter, settings: &Settings, time: i64) -> Result<Record> {
        let staged = self.writer.finish().await?;
        let checksum = settings.checksum_of(&staged.digests)?;
        let name = self.kind.as_str();
        let location = location(&checksum, name, ".xml", settings.compression);
        let sizes = (Some(staged.size), Some(self.open_size));
        publication.add_staged(path(&location)?, staged)?;
        Ok(record(name, checksum, &location, sizes, time))
    }
}

/// What `repomd.xml` says of a file.
pub(super) fn record(
    data_type: &str,
    checksum: Checksum,
    location: &str,
    (size, open_size): (Option<u64>, Option<u64>),
    timestamp: i64,
) -> Record {
    Record {
        data_type: data_type.to_owned(),
        checksum,
        // Optional, and it would cost unpacking all that did not change.
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

/// The path of a metadata file: `repodata/<checksum>-primary.xml.gz`.
pub(super) fn location(checksum: &Checksum, name: &str, extension: &str, compression: Compression) -> String {
    format!("repodata/{}-{name}{extension}{}", checksum.value(), compression.extension())
}
