//! Packing, block by block.

use std::io::{self, Write};

use flate2::GzBuilder;

use super::Compression;

/// How much time a block is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For blocks that are read soon or once: gz 2, zst 3, some 15 to 20 % larger.
    Fast,
    /// For blocks that are kept: gz 5, which comes out 1 % larger on this kind of text than 6 (createrepo_c's) in three
    /// quarters of the time; zst 6, 3 % larger than 10 (createrepo_c's) in half the time.
    Usual,
}

impl Effort {
    fn gz(self) -> u32 {
        match self {
            Self::Fast => 2,
            Self::Usual => 5,
        }
    }

    fn zst(self) -> i32 {
        match self {
            Self::Fast => 3,
            Self::Usual => 6,
        }
    }
}

/// Packs bytes into a whole gzip member or zstd frame. Such blocks can be made in parallel, kept,
/// and put one after the other in any order: the file unpacks to the bytes of all.
///
/// The same bytes always give the same block: there is no time and no name in it. Fails with
/// [`io::ErrorKind::Unsupported`] for what is only read.
pub fn compress(compression: Compression, effort: Effort, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gz => {
            let buffer = Vec::with_capacity(bytes.len() / 4 + 64);
            let mut encoder = GzBuilder::new().write(buffer, flate2::Compression::new(effort.gz()));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Zst => {
            let mut compressor = zstd::bulk::Compressor::new(effort.zst())?;
            compressor.include_checksum(true)?;
            compressor.compress(bytes)
        }
        Compression::Bz2 | Compression::Xz | Compression::Zck => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "this compression is only read"))
        }
    }
}
