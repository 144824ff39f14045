//! Packing, block by block.

use std::io::{self, Write};

use flate2::GzBuilder;

use super::Compression;

/// What zlib takes by default, as createrepo_c does.
const GZ_LEVEL: u32 = 6;

/// createrepo_c's level.
const ZST_LEVEL: i32 = 10;

/// Packs bytes into a whole gzip member or zstd frame. Such blocks can be made in parallel, kept,
/// and put one after the other in any order: the file unpacks to the bytes of all.
///
/// The same bytes always give the same block: there is no time and no name in it. Fails with
/// [`io::ErrorKind::Unsupported`] for what is only read.
pub fn compress(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(bytes.to_vec()),
        Compression::Gz => {
            let buffer = Vec::with_capacity(bytes.len() / 4 + 64);
            let mut encoder = GzBuilder::new().write(buffer, flate2::Compression::new(GZ_LEVEL));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Compression::Zst => {
            let mut compressor = zstd::bulk::Compressor::new(ZST_LEVEL)?;
            compressor.include_checksum(true)?;
            compressor.compress(bytes)
        }
        Compression::Bz2 | Compression::Xz | Compression::Zck => {
            Err(io::Error::new(io::ErrorKind::Unsupported, "this compression is only read"))
        }
    }
}
