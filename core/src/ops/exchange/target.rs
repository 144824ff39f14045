//! Where an export is written: the files below an allowed path, filled from a thread that may block.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::task::spawn_blocking;

use crate::download::allowed_path;
use crate::error::{Error, Result};
use crate::exchange::{ChunkWriter, TarWriter, Written};
use crate::id::Sha256;
use crate::storage::{Staged, Storage};

/// A tar that is being written.
pub struct Target {
    tar: Option<TarWriter<ChunkWriter>>,
}

/// The real folder of an exporter's path, made when it is not there.
///
/// # Errors
/// `Conflict` when it is not below an allowed path, or cannot be made.
pub async fn folder(path: &str, allowed: &[PathBuf]) -> Result<PathBuf> {
    let (path, allowed) = (path.to_owned(), allowed.to_vec());
    let made = move || {
        let refused = || Error::Conflict(format!("Path '{path}' is not an allowed export path"));
        let real = allowed_path(Path::new(&path), &allowed).ok_or_else(refused)?;
        std::fs::create_dir_all(&real).map_err(|error| unwritable(&real, &error))?;
        // A link that was put there meanwhile must not lead elsewhere.
        allowed_path(&real, &allowed).filter(|now| *now == real).ok_or_else(refused)
    };
    spawn_blocking(made).await.map_err(Error::internal)?
}

pub fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::Conflict(format!("cannot write to `{}`: {error}", path.display()))
}

impl Target {
    pub async fn create(folder: &Path, name: &str, hidden: &str, chunk_size: Option<u64>) -> Result<Self> {
        let (folder, name, hidden) = (folder.to_owned(), name.to_owned(), hidden.to_owned());
        let open = move || {
            let writer = ChunkWriter::new(&folder, &name, &hidden, chunk_size);
            writer.map_err(|error| unwritable(&folder, &error))
        };
        let writer = spawn_blocking(open).await.map_err(Error::internal)??;
        Ok(Self { tar: Some(TarWriter::new(writer)) })
    }

    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut TarWriter<ChunkWriter>) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut tar = self.tar.take().ok_or_else(|| Error::internal("an export was written to after an error"))?;
        let done = spawn_blocking(move || work(&mut tar).map(|value| (value, tar))).await.map_err(Error::internal)?;
        let (value, tar) = done.map_err(|error| Error::Conflict(format!("the export cannot be written: {error}")))?;
        self.tar = Some(tar);
        Ok(value)
    }

    /// A member that is at hand.
    pub async fn whole(&mut self, name: String, bytes: Vec<u8>) -> Result<()> {
        self.with(move |tar| tar.whole(&name, &bytes)).await
    }

    /// An artifact of the store.
    pub async fn artifact(&mut self, storage: &Storage, name: String, sha256: &Sha256, size: u64) -> Result<()> {
        let mut stream = storage.stream(sha256, None).await?;
        self.with(move |tar| tar.begin(&name, size, 0)).await?;
        while let Some(block) = stream.try_next().await? {
            let block: Bytes = block;
            self.with(move |tar| tar.data(&block)).await?;
        }
        Ok(())
    }

    /// A dump that was staged.
    pub async fn staged(&mut self, name: String, staged: Staged) -> Result<()> {
        let size = staged.size;
        let mut reader = spawn_blocking(move || staged.reader().map(|reader| (staged, reader)));
        let (_staged, reader) = (&mut reader).await.map_err(Error::internal)??;
        let copy = move |tar: &mut TarWriter<ChunkWriter>| {
            use std::io::Read;
            let (mut reader, mut block) = (reader, vec![0; 256 << 10]);
            tar.begin(&name, size, 0)?;
            loop {
                match reader.read(&mut block)? {
                    0 => return Ok(()),
                    count => tar.data(&block[..count])?,
                }
            }
        };
        self.with(copy).await
    }

    /// Gives the files their names, with the table of contents. The files, and the table's text.
    pub async fn finish(
        mut self,
        toc: String,
        text: impl FnOnce(&[Written]) -> String + Send + 'static,
    ) -> Result<(Vec<Written>, String)> {
        let tar = self.tar.take().ok_or_else(|| Error::internal("an export ended twice"))?;
        let done = spawn_blocking(move || tar.finish()?.finish(&toc, text)).await.map_err(Error::internal)?;
        done.map_err(|error| Error::Conflict(format!("the export cannot be written: {error}")))
    }
}
