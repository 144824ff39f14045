//! Where an import reads from: the files of an export below an allowed path, and its members one by one.

use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::download::allowed_path;
use crate::error::{Error, Result};
use crate::exchange::{Archive, ChunkReader, Entry, LARGEST_TOC, Toc, crc32_of, open_regular, unusable};
use crate::tasks::TaskContext;

/// Members are read in blocks of this size.
const BLOCK: usize = 256 << 10;
/// Blocks that wait to be taken.
const WAITING: usize = 4;

/// What the client named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    Path(String),
    Toc(String),
}

impl Source {
    pub fn name(&self) -> &str {
        match self {
            Self::Path(name) | Self::Toc(name) => name,
        }
    }

    /// The files of the tar, in order, with the checksums that the table of contents has for them.
    ///
    /// # Errors
    /// `Conflict` naming the file.
    pub async fn files(&self, allowed: &[PathBuf]) -> Result<Vec<(PathBuf, Option<String>)>> {
        let (source, allowed) = (self.clone(), allowed.to_vec());
        spawn_blocking(move || source.find(&allowed)).await.map_err(Error::internal)?
    }

    fn find(&self, allowed: &[PathBuf]) -> Result<Vec<(PathBuf, Option<String>)>> {
        let name = self.name();
        let wrong = |problem: &dyn std::fmt::Display| unusable(name, problem);
        let path = allowed_path(Path::new(name), allowed).ok_or_else(|| wrong(&"is not an allowed import path"))?;
        let file = open_regular(&path).map_err(|error| wrong(&error))?;
        let Self::Toc(_) = self else { return Ok(vec![(path, None)]) };
        let mut bytes = Vec::new();
        file.take(LARGEST_TOC + 1).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        if bytes.len() as u64 > LARGEST_TOC {
            return Err(wrong(&"is too large for a table of contents"));
        }
        let toc = Toc::parse(name, &bytes)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        Ok(toc.files.into_iter().map(|(file, sum)| (folder.join(file), Some(sum))).collect())
    }
}

/// Compares the files with their checksums.
///
/// # Errors
/// `Conflict` naming the first that differs or is missing.
pub async fn validate(context: &TaskContext, files: &[(PathBuf, Option<String>)]) -> Result<()> {
    let total = i64::try_from(files.len()).ok();
    let progress = context.progress("Validating Chunks", "validate.chunks", total);
    for (path, expected) in files {
        context.check()?;
        let name = path.display().to_string();
        let (at, expected) = (path.clone(), expected.clone().unwrap_or_default());
        let computed = spawn_blocking(move || crc32_of(&at)).await.map_err(Error::internal)?;
        let computed = computed.map_err(|error| unusable(&name, error))?;
        if computed != expected.trim_start_matches('0') && computed != expected {
            let problem = format!("Import chunk hash mismatch: expected {expected}, computed {computed}");
            return Err(unusable(name, problem));
        }
        progress.add(1);
    }
    progress.finish();
    Ok(())
}

/// A part of a member.
pub enum Piece {
    Begin(Entry),
    Data(Bytes),
    End,
}

/// Reads the members that `wanted` names, piece by piece.
pub struct Members {
    pieces: mpsc::Receiver<Piece>,
    reading: tokio::task::JoinHandle<Result<()>>,
}

impl Members {
    pub fn read(files: Vec<PathBuf>, wanted: impl Fn(&Entry) -> bool + Send + 'static) -> Self {
        let (sender, pieces) = mpsc::channel(WAITING);
        let reading = spawn_blocking(move || send(files, wanted, &sender));
        Self { pieces, reading }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// `Conflict` naming the member that is wrong.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        match self.pieces.recv().await {
            Some(piece) => Ok(Some(piece)),
            None => (&mut self.reading).await.map_err(Error::internal)?.map(|()| None),
        }
    }
}

fn send(files: Vec<PathBuf>, wanted: impl Fn(&Entry) -> bool, to: &mpsc::Sender<Piece>) -> Result<()> {
    let archive = open(files)?;
    let put = |piece: Piece| to.blocking_send(piece).map_err(|_| Error::Canceled);
    archive.read(|entry, bytes| {
        if !wanted(entry) {
            return if to.is_closed() { Err(Error::Canceled) } else { Ok(()) };
        }
        put(Piece::Begin(entry.clone()))?;
        let mut left = entry.size;
        while left > 0 {
            let mut block = vec![0; BLOCK.min(usize::try_from(left).unwrap_or(BLOCK))];
            bytes.read_exact(&mut block).map_err(|error| unusable(&entry.path, error))?;
            left -= block.len() as u64;
            put(Piece::Data(block.into()))?;
        }
        put(Piece::End)
    })
}

/// Opens the files of a tar. Blocks.
pub fn open(files: Vec<PathBuf>) -> Result<Archive> {
    let name = files.first().map(|path| path.display().to_string()).unwrap_or_default();
    Ok(Archive::new(ChunkReader::open(files).map_err(|error| unusable(name, error))?))
}

/// The bytes of a member that has to be small. Blocks.
pub fn small(entry: &Entry, bytes: &mut dyn Read, largest: u64) -> Result<Vec<u8>, Error> {
    if entry.size > largest {
        return Err(unusable(&entry.path, format!("has more than {largest} bytes")));
    }
    let mut read = Vec::new();
    bytes.take(largest).read_to_end(&mut read).map_err(|error| unusable(&entry.path, error))?;
    Ok(read)
}
