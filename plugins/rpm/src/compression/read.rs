//! Unpacking, whatever the name says.

use std::io::{self, BufRead, BufReader};

use super::Compression;
use super::bounded::{Bounded, Counted};

/// What a decoder may hold in memory; `xz -9` needs 65 MiB.
const MAX_MEMORY: u64 = 128 << 20;

/// Powers of two of a zstd window: 128 MiB, what decoders take without being asked.
const MAX_WINDOW: u32 = 27;

/// How much a file may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// No more bytes than this.
    pub unpacked: u64,
    /// So many bytes in any case;
    pub always: u64,
    /// beyond them, so many times the compressed bytes read so far.
    pub ratio: u64,
}

impl Default for Limits {
    /// 64 GiB; 64 MiB in any case; 300 times. Real metadata comes to 20 times by gz and 60 by zst.
    fn default() -> Self {
        Self { unpacked: 64 << 30, always: 64 << 20, ratio: 300 }
    }
}

impl Limits {
    /// For files that are held in memory as a whole: no more than so many bytes.
    pub fn at_most(unpacked: u64) -> Self {
        Self { unpacked, ..Self::default() }
    }
}

/// Unpacks a file, by its first bytes.
///
/// Files of several members or frames are read to their last one. The reader fails with
/// [`io::ErrorKind::InvalidData`] or [`io::ErrorKind::UnexpectedEof`] (or `Other`, as decoders
/// have it) where the file is broken or passes the limits; checksums are checked when its end is
/// reached. zchunk is refused with [`io::ErrorKind::Unsupported`].
pub fn reader<'a, R: BufRead + Send + 'a>(
    mut input: R,
    limits: Limits,
) -> io::Result<(Compression, Box<dyn BufRead + Send + 'a>)> {
    // Buffers give at least some bytes; that they give less than six happens at the very end only.
    let compression = Compression::detect(input.fill_buf()?);
    let (input, taken) = Counted::new(input);
    let buffered = |decoder| -> Box<dyn BufRead + Send + 'a> {
        Box::new(BufReader::with_capacity(64 << 10, Bounded::new(decoder, taken, limits)))
    };
    let reader = match compression {
        Compression::None => buffered(Box::new(input) as Box<dyn io::Read + Send + 'a>),
        Compression::Gz => buffered(Box::new(flate2::bufread::MultiGzDecoder::new(input))),
        Compression::Bz2 => buffered(Box::new(bzip2::bufread::MultiBzDecoder::new(input))),
        Compression::Xz => {
            let concatenated = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(MAX_MEMORY, concatenated)?;
            buffered(Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream)))
        }
        Compression::Zst => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(MAX_WINDOW)?;
            buffered(Box::new(decoder))
        }
        Compression::Zck => {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "zchunk files are not read"));
        }
    };
    Ok((compression, reader))
}
