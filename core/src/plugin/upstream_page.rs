//! Pages of metadata as formats read them.

use bytes::{Bytes, BytesMut};

use crate::download::{PageAnswer, PageHead};
use crate::error::{Error, Result};
use crate::storage::{Staged, StagedReader};

/// Read of a staged file at once.
const BLOCK: usize = 256 << 10;

/// What a server said about a page.
#[expect(clippy::large_enum_variant, reason = "one at a time, soon taken apart")]
pub enum UpstreamPage {
    /// It is as it was.
    NotModified,
    /// There is none.
    Absent,
    Found(FoundPage),
}

/// A page that is here.
pub struct FoundPage {
    pub head: PageHead,
    pub body: MetadataFile,
}

impl UpstreamPage {
    pub(crate) fn read(answer: PageAnswer) -> Result<Self> {
        Ok(match answer {
            PageAnswer::NotModified => Self::NotModified,
            PageAnswer::Absent => Self::Absent,
            PageAnswer::Found(head, staged) => Self::Found(FoundPage { head, body: MetadataFile::new(staged)? }),
        })
    }
}

/// A file of metadata on this host, gone when dropped.
pub struct MetadataFile {
    pub size: u64,
    /// In lower-case hexadecimal.
    pub sha256: String,
    reader: Option<StagedReader>,
    _staged: Staged,
}

impl MetadataFile {
    pub(crate) fn new(staged: Staged) -> Result<Self> {
        let reader = Some(staged.reader()?);
        Ok(Self { size: staged.size, sha256: staged.digests.sha256.to_string(), reader, _staged: staged })
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        use std::io::Read;
        let Some(mut reader) = self.reader.take() else { return Ok(None) };
        let read = move || {
            let mut block = Vec::with_capacity(BLOCK);
            reader.by_ref().take(BLOCK as u64).read_to_end(&mut block).map(|_| (block, reader))
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
        let (block, reader) = read.map_err(|cause| Error::storage("cannot read staged metadata", cause))?;
        if block.is_empty() {
            return Ok(None);
        }
        self.reader = Some(reader);
        Ok(Some(block.into()))
    }

    /// All that is left to read.
    pub async fn into_bytes(mut self) -> Result<Bytes> {
        let mut bytes = BytesMut::with_capacity(usize::try_from(self.size).unwrap_or(0));
        while let Some(block) = self.next().await? {
            if block.len() as u64 == self.size {
                return Ok(block);
            }
            bytes.extend_from_slice(&block);
        }
        Ok(bytes.freeze())
    }

    /// Lets `parse` read what is left, on a thread on which it may take its time.
    pub async fn parse<T: Send + 'static>(
        mut self,
        parse: impl FnOnce(&mut (dyn std::io::Read + Send)) -> T + Send + 'static,
    ) -> Result<T> {
        let Some(reader) = self.reader.take() else { return Ok(parse(&mut std::io::empty())) };
        let read = move || {
            let _until_read = self;
            parse(&mut std::io::BufReader::with_capacity(BLOCK, reader))
        };
        tokio::task::spawn_blocking(read).await.map_err(Error::internal)
    }
}
