//! Pages of a format's face: each rendered once for what is served, then kept, in memory or (large ones) in a
//! file of this host.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::BoxFuture;

use crate::error::{Error, Result};
use crate::storage::{DigestSet, Staged, StagingWriter, Storage};

/// A page no larger stays in memory.
pub const LARGEST_IN_MEMORY: usize = 512 << 10;
/// Smaller ones gain nothing.
const SMALLEST_COMPRESSED: usize = 1 << 10;
/// Handed on at once.
const BLOCK: usize = 256 << 10;

/// A page and how to make it. Equal names, media types and links give equal pages of what is served.
pub struct Page {
    /// Names it among the pages of a distribution.
    pub name: String,
    pub media_type: &'static str,
    /// For so many seconds clients may take it for fresh.
    pub max_age: u32,
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
    pub render: Render,
}

/// Writes a page. It is called when the page is not known yet, and then to its end.
pub type Render = Box<dyn FnOnce(PageWriter) -> BoxFuture<'static, Result<Rendered>> + Send>;

/// What rendering came to.
#[expect(clippy::large_enum_variant, reason = "one at a time, soon taken apart")]
pub enum Rendered {
    Page(PageWriter),
    /// There is no such page, in words for whoever asks.
    Absent(String),
}

/// Takes the text of a page, and never holds more of it than some blocks.
pub struct PageWriter {
    storage: Storage,
    buffer: Vec<u8>,
    /// Once it is a large one: the text, and the text compressed.
    staged: Option<(StagingWriter, StagingWriter)>,
    gzip: GzEncoder<Vec<u8>>,
}

impl PageWriter {
    pub(crate) fn new(storage: Storage) -> Self {
        Self { storage, buffer: Vec::new(), staged: None, gzip: GzEncoder::new(Vec::new(), Compression::fast()) }
    }

    /// Appends.
    pub async fn write(&mut self, text: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(text);
        let limit = if self.staged.is_some() { BLOCK } else { LARGEST_IN_MEMORY };
        if self.buffer.len() > limit { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        if self.staged.is_none() {
            let writer = || self.storage.stage(DigestSet::sha256());
            self.staged = Some((writer()?, writer()?));
        }
        let Some((plain, compressed)) = &mut self.staged else { return Ok(()) };
        self.gzip.write_all(&self.buffer).map_err(Error::internal)?;
        plain.write(std::mem::take(&mut self.buffer).into()).await?;
        if self.gzip.get_ref().len() >= BLOCK {
            compressed.write(std::mem::take(self.gzip.get_mut()).into()).await?;
        }
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<Finished> {
        if self.staged.is_none() {
            let plain: Bytes = self.buffer.into();
            let whole = plain.clone();
            let gzip = tokio::task::spawn_blocking(move || compressed(&whole)).await.map_err(Error::internal)??;
            return Ok(Finished::Memory { plain, gzip });
        }
        self.flush().await?;
        let Some((plain, mut compressed)) = self.staged else { return Err(Error::internal("a page lost its files")) };
        compressed.write(self.gzip.finish().map_err(Error::internal)?.into()).await?;
        Ok(Finished::Files { plain: plain.finish().await?, gzip: compressed.finish().await? })
    }
}

/// A whole page, as it is and compressed.
#[expect(clippy::large_enum_variant, reason = "one at a time, soon taken apart")]
pub(crate) enum Finished {
    Memory { plain: Bytes, gzip: Option<Bytes> },
    Files { plain: Staged, gzip: Staged },
}

fn compressed(plain: &[u8]) -> Result<Option<Bytes>> {
    if plain.len() < SMALLEST_COMPRESSED {
        return Ok(None);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).map_err(Error::internal)?;
    Ok(Some(encoder.finish().map_err(Error::internal)?.into()))
}

/// The same page for all who ask for it.
pub fn render<F, R>(render: F) -> Render
where
    F: FnOnce(PageWriter) -> R + Send + 'static,
    R: Future<Output = Result<Rendered>> + Send + 'static,
{
    Box::new(move |writer| Box::pin(render(writer)))
}
