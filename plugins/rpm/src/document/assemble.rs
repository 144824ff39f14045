//! Putting a document together of blocks, most of which were packed before.

use std::io::{self, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Kind;
use crate::checksum::{Checksum, ChecksumType};
use crate::compression::{Compression, Effort, compress};

/// A run of packages, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// A gzip member, a zstd frame, or the elements as they are.
    pub packed: Bytes,
    /// Bytes of the elements.
    pub open_size: u64,
}

impl Block {
    /// Packs the elements of a run. The same elements give the same block, whatever document it is
    /// for; blocks may be made in parallel.
    pub fn pack(compression: Compression, effort: Effort, elements: &str) -> io::Result<Self> {
        let packed = compress(compression, effort, elements.as_bytes())?.into();
        Ok(Self { packed, open_size: elements.len() as u64 })
    }
}

/// What `repomd.xml` says of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    pub checksum: Checksum,
    pub size: u64,
    /// `None` if any block was put in without its elements.
    pub open_checksum: Option<Checksum>,
    pub open_size: u64,
}

/// Writes a document: header, blocks, footer.
///
/// Holds no more than it is given. A document that is not finished lacks its end, which readers
/// notice.
pub struct Assembler<W> {
    out: W,
    kind: Kind,
    compression: Compression,
    packed: Sum,
    open: Option<Sum>,
    open_size: u64,
}

impl<W: Write> Assembler<W> {
    /// Begins a document of so many packages.
    ///
    /// The checksums are SHA-256, 384 or 512; other types are refused with
    /// [`io::ErrorKind::Unsupported`], as is a compression that is only read.
    pub fn new(
        out: W,
        kind: Kind,
        compression: Compression,
        checksum: ChecksumType,
        packages: u64,
    ) -> io::Result<Self> {
        let sum =
            || Sum::new(checksum).ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "only SHA-2 is written"));
        let mut document = Self { out, kind, compression, packed: sum()?, open: Some(sum()?), open_size: 0 };
        document.push_text(&kind.header(packages))?;
        Ok(document)
    }

    /// Adds a block. Without the elements that are in it, the document will have no open checksum (the
    /// format does not demand one); with them, they must be what was packed.
    pub fn push(&mut self, block: &Block, elements: Option<&str>) -> io::Result<()> {
        self.out.write_all(&block.packed)?;
        self.packed.update(&block.packed);
        self.open_size += block.open_size;
        match (elements, &mut self.open) {
            (Some(elements), Some(open)) => open.update(elements.as_bytes()),
            _ => self.open = None,
        }
        Ok(())
    }

    /// Ends the document, and flushes what it is written to.
    pub fn finish(mut self) -> io::Result<(W, Assembled)> {
        self.push_text(self.kind.footer())?;
        self.out.flush()?;
        let size = self.packed.size;
        let assembled = Assembled {
            checksum: self.packed.finish()?,
            size,
            open_checksum: self.open.map(Sum::finish).transpose()?,
            open_size: self.open_size,
        };
        Ok((self.out, assembled))
    }

    fn push_text(&mut self, text: &str) -> io::Result<()> {
        let block = Block::pack(self.compression, Effort::Usual, text)?;
        // The text is given, so this does not take the open checksum away.
        self.push(&block, Some(text))
    }
}

impl Assembler<Vec<u8>> {
    /// Takes what was written since the last time.
    pub fn drain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

/// A checksum in the making, and how many bytes it is of.
pub(crate) struct Sum {
    hasher: Hasher,
    size: u64,
}

enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Sum {
    /// Nothing for types that are not written.
    pub fn new(kind: ChecksumType) -> Option<Self> {
        let hasher = match kind {
            ChecksumType::Sha256 => Hasher::Sha256(Sha256::new()),
            ChecksumType::Sha384 => Hasher::Sha384(Sha384::new()),
            ChecksumType::Sha512 => Hasher::Sha512(Sha512::new()),
            _ => return None,
        };
        Some(Self { hasher, size: 0 })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub fn finish(self) -> io::Result<Checksum> {
        let (kind, value) = match self.hasher {
            Hasher::Sha256(hasher) => (ChecksumType::Sha256, hex::encode(hasher.finalize())),
            Hasher::Sha384(hasher) => (ChecksumType::Sha384, hex::encode(hasher.finalize())),
            Hasher::Sha512(hasher) => (ChecksumType::Sha512, hex::encode(hasher.finalize())),
        };
        Checksum::new(kind, &value).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::compression::{Limits, reader};

    const ELEMENTS: [&str; 2] = ["<package>1</package>\n", "<package>2</package>\n<package>3</package>\n"];

    fn assemble(compression: Compression, checksum: ChecksumType, with_elements: bool) -> (Vec<u8>, Assembled) {
        let mut document =
            Assembler::new(Vec::new(), Kind::Other, compression, checksum, 3).expect("a document begins");
        for elements in ELEMENTS {
            let block = Block::pack(compression, Effort::Fast, elements).expect("packed");
            document.push(&block, with_elements.then_some(elements)).expect("added");
        }
        document.finish().expect("finished")
    }

    #[test]
    fn documents_are_their_blocks() {
        let expected = Kind::Other.header(3) + &ELEMENTS.concat() + Kind::Other.footer();
        for compression in [Compression::None, Compression::Gz, Compression::Zst] {
            let (bytes, assembled) = assemble(compression, ChecksumType::Sha256, true);
            let mut text = String::new();
            let (_, mut input) = reader(&bytes[..], Limits::default()).expect("readable");
            input.read_to_string(&mut text).expect("unpacked");
            assert_eq!(text, expected);
            assert_eq!((assembled.size, assembled.open_size), (bytes.len() as u64, expected.len() as u64));
            assert_eq!(assembled.checksum.value(), hex::encode(Sha256::digest(&bytes)));
            let open = assembled.open_checksum.expect("all elements were given");
            assert_eq!(open.value(), hex::encode(Sha256::digest(&expected)));
        }
    }

    #[test]
    fn blocks_do_without_their_elements() {
        let (with, _) = assemble(Compression::Zst, ChecksumType::Sha512, true);
        let (without, assembled) = assemble(Compression::Zst, ChecksumType::Sha512, false);
        assert_eq!(with, without);
        assert_eq!(assembled.open_checksum, None);
        assert_eq!(assembled.checksum.kind(), ChecksumType::Sha512);
    }

    #[test]
    fn what_is_only_read_is_not_written() {
        let new =
            |compression, checksum| Assembler::new(Vec::new(), Kind::Primary, compression, checksum, 0).map(|_| ());
        new(Compression::Gz, ChecksumType::Sha384).expect("it is written");
        new(Compression::Xz, ChecksumType::Sha256).expect_err("xz");
        new(Compression::Gz, ChecksumType::Md5).expect_err("MD5");
    }
}
