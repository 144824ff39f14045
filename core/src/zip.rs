//! Just enough of the zip format to find and unpack small files in a hostile archive.
//!
//! The central directory is read as a stream, so that memory does not grow with what an archive
//! claims to hold, and one path that appears twice is seen twice; a general zip crate keeps the
//! whole directory in memory under unique names. Layout: PKWARE's APPNOTE, 4.3 and 4.5.3.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

use flate2::Crc;
use flate2::read::DeflateDecoder;

const END: &[u8; 4] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const LOCATOR: &[u8; 4] = b"PK\x06\x07";
const LOCATOR_LENGTH: u64 = 20;
const END_64: &[u8; 4] = b"PK\x06\x06";
const END_64_LENGTH: u64 = 56;
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const LOCAL: &[u8; 4] = b"PK\x03\x04";

/// The most that a central directory may take; 800,000 entries of usual names fit.
const MAX_DIRECTORY: u64 = 64 << 20;

/// What is read of the file at once.
const BLOCK: usize = 16 << 10;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The archive's own fault, in one line that a client can see.
    #[error("{0}")]
    Archive(String),
    /// Reading failed, not unpacking.
    #[error("cannot read the file: {0}")]
    Io(#[source] io::Error),
}

/// Whether something may stand before the archive, as a program does that unpacks itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipPrefix {
    Refused,
    Allowed,
}

/// An archive whose directory has been found.
#[derive(Debug)]
pub struct Zip<'a> {
    file: &'a File,
    directory: u64,
    directory_size: u64,
    entries: u64,
    /// Where the offsets of the archive count from.
    base: u64,
}

/// What the directory says of one entry.
#[derive(Clone, Debug)]
pub struct ZipEntry {
    /// As it stands there: nobody checked that it stays inside of a folder.
    pub path: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    offset: u64,
}

impl ZipEntry {
    /// The size that the entry claims to unpack to; [`Zip::read`] holds it to that.
    pub fn unpacked_size(&self) -> u64 {
        self.unpacked
    }
}

/// Where the end record says that the directory lies.
struct End {
    position: u64,
    entries: u64,
    size: u64,
    offset: u64,
}

impl<'a> Zip<'a> {
    /// Finds the directory of an archive.
    ///
    /// # Errors
    /// `Archive` when the file is no zip archive, and when its directory is beyond all measure.
    pub fn open(file: &'a File, prefix: ZipPrefix) -> Result<Self, ZipError> {
        let size = file.metadata().map_err(ZipError::Io)?.len();
        let end = find_end(file, size)?;
        if end.size > MAX_DIRECTORY {
            return Err(archive("the archive has far too many entries"));
        }
        let directory = end.position.checked_sub(end.size).ok_or_else(damaged)?;
        let base = directory.checked_sub(end.offset).ok_or_else(damaged)?;
        if base > 0 && prefix == ZipPrefix::Refused {
            return Err(archive("something stands before the zip archive"));
        }
        Ok(Self { file, directory, directory_size: end.size, entries: end.entries, base })
    }

    /// How many entries it claims to have.
    pub fn count(&self) -> u64 {
        self.entries
    }

    /// Gives each entry to `visit`, in the order of the directory; it may be read there and then.
    ///
    /// # Errors
    /// `Archive` when the directory is damaged; whatever `visit` says, which ends the visits.
    pub fn entries<E: From<ZipError>>(&self, mut visit: impl FnMut(ZipEntry) -> Result<(), E>) -> Result<(), E> {
        let mut directory = read_from(self.file, self.directory).take(self.directory_size);
        for _ in 0..self.entries {
            visit(read_entry(&mut directory)?)?;
        }
        if directory.limit() != 0 {
            return Err(damaged().into());
        }
        Ok(())
    }

    /// Unpacks an entry of at most `limit` bytes and checks its length and checksum.
    ///
    /// # Errors
    /// `Archive` when the entry is larger, damaged, encrypted or packed in an unusual way.
    pub fn read(&self, entry: &ZipEntry, limit: usize) -> Result<Vec<u8>, ZipError> {
        let shown = || show(&entry.path);
        if entry.flags & 1 != 0 {
            return Err(archive(format!("`{}` is encrypted", shown())));
        }
        if entry.unpacked > limit as u64 {
            let text = format!("`{}` has more than {limit} bytes", shown());
            return Err(archive(text));
        }
        let packed = self.packed_data(entry)?;
        let bytes = match entry.method {
            0 => unpack(packed, entry.unpacked),
            8 => unpack(DeflateDecoder::new(packed), entry.unpacked),
            method => {
                let text = format!("`{}` is compressed by the unknown method {method}", shown());
                return Err(archive(text));
            }
        };
        let bytes = bytes.map_err(|error| unpacking(&format!("`{}`", shown()), error))?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        if bytes.len() as u64 != entry.unpacked || crc.sum() != entry.crc {
            return Err(archive(format!("`{}` is damaged", shown())));
        }
        Ok(bytes)
    }

    /// The data of an entry, behind its local header, which must name the same file.
    fn packed_data(&self, entry: &ZipEntry) -> Result<impl Read, ZipError> {
        let at = self.base.checked_add(entry.offset).ok_or_else(damaged)?;
        let mut reader = read_from(self.file, at);
        let header: [u8; 30] = read_array(&mut reader)?;
        if &header[..4] != LOCAL {
            return Err(damaged());
        }
        let path = read_bytes(&mut reader, u16_at(&header, 26).into())?;
        if path != entry.path {
            let shown = show(&entry.path);
            let text = format!("the archive has another name for `{shown}` in its directory");
            return Err(archive(text));
        }
        read_bytes(&mut reader, u16_at(&header, 28).into())?;
        Ok(reader.take(entry.packed))
    }
}

/// One byte more than expected shows that there is more.
fn unpack(packed: impl Read, expected: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    packed.take(expected + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_entry(directory: &mut impl Read) -> Result<ZipEntry, ZipError> {
    let header: [u8; 46] = read_array(directory)?;
    if &header[..4] != CENTRAL {
        return Err(damaged());
    }
    let path = read_bytes(directory, u16_at(&header, 28).into())?;
    let extra = read_bytes(directory, u16_at(&header, 30).into())?;
    read_bytes(directory, u16_at(&header, 32).into())?;
    let mut entry = ZipEntry {
        path,
        flags: u16_at(&header, 8),
        method: u16_at(&header, 10),
        crc: u32_at(&header, 16),
        packed: u32_at(&header, 20).into(),
        unpacked: u32_at(&header, 24).into(),
        offset: u32_at(&header, 42).into(),
    };
    widen(&mut entry, &extra)?;
    Ok(entry)
}

/// Replaces the numbers that did not fit 32 bits by those of the zip64 field.
fn widen(entry: &mut ZipEntry, extra: &[u8]) -> Result<(), ZipError> {
    const TOO_LARGE: u64 = u32::MAX as u64;
    let mut numbers = zip64_field(extra).chunks_exact(8);
    for number in [&mut entry.unpacked, &mut entry.packed, &mut entry.offset] {
        if *number == TOO_LARGE {
            *number = u64_at(numbers.next().ok_or_else(damaged)?, 0);
        }
    }
    Ok(())
}

fn zip64_field(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + length) else {
            break;
        };
        if id == 1 {
            return field;
        }
        extra = &extra[4 + length..];
    }
    &[]
}

fn find_end(file: &File, size: u64) -> Result<End, ZipError> {
    let tail_length = size.min((END_LENGTH + usize::from(u16::MAX)) as u64);
    let tail_start = size - tail_length;
    let tail = read_bytes(&mut read_from(file, tail_start), tail_length)?;
    let is_end = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(END) && usize::from(u16_at(record, 20)) == record.len() - END_LENGTH
    };
    let last = tail.len().checked_sub(END_LENGTH);
    let at = last
        .and_then(|last| (0..=last).rev().find(is_end))
        .ok_or_else(|| archive("the zip archive is truncated or damaged"))?;
    let record = &tail[at..];
    if u16_at(record, 4) != 0 && u16_at(record, 4) != u16::MAX {
        return Err(archive("the zip archive is split over several disks"));
    }
    let end = End {
        position: tail_start + at as u64,
        entries: u16_at(record, 10).into(),
        size: u32_at(record, 12).into(),
        offset: u32_at(record, 16).into(),
    };
    find_end_64(file, end)
}

/// The zip64 record stands before the old one, behind a locator, if there is one.
fn find_end_64(file: &File, end: End) -> Result<End, ZipError> {
    let Some(locator_at) = end.position.checked_sub(LOCATOR_LENGTH) else {
        return Ok(end);
    };
    let locator: [u8; LOCATOR_LENGTH as usize] = read_array(&mut read_from(file, locator_at))?;
    if &locator[..4] != LOCATOR {
        return Ok(end);
    }
    // Before a locator stands the record itself; what the locator says is not needed.
    let position = locator_at.checked_sub(END_64_LENGTH).ok_or_else(damaged)?;
    let record: [u8; END_64_LENGTH as usize] = read_array(&mut read_from(file, position))?;
    if &record[..4] != END_64 {
        return Err(damaged());
    }
    Ok(End { position, entries: u64_at(&record, 32), size: u64_at(&record, 40), offset: u64_at(&record, 48) })
}

fn archive(text: impl Into<String>) -> ZipError {
    ZipError::Archive(text.into())
}

fn damaged() -> ZipError {
    archive("the zip archive is damaged")
}

/// Unpackers report bad data by these kinds; any other error is the disk's.
fn unpacking(what: &str, error: io::Error) -> ZipError {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        UnexpectedEof => archive(format!("{what} is truncated")),
        InvalidData | InvalidInput | Other => archive(format!("{what} is damaged")),
        _ => ZipError::Io(error),
    }
}

/// An entry's name as an error message may hold it.
fn show(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(&path[..path.len().min(100)]);
    text.escape_debug().collect()
}

/// Reads from a place in a file, whoever else reads elsewhere in it.
struct ReadAt<'a> {
    file: &'a File,
    at: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn read_from(file: &File, at: u64) -> BufReader<ReadAt<'_>> {
    BufReader::with_capacity(BLOCK, ReadAt { file, at })
}

fn read_bytes(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, ZipError> {
    let mut bytes = Vec::new();
    let unpacking = |error| unpacking("the zip archive", error);
    reader.take(length).read_to_end(&mut bytes).map_err(unpacking)?;
    if bytes.len() as u64 != length {
        return Err(damaged());
    }
    Ok(bytes)
}

fn read_array<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], ZipError> {
    let mut bytes = [0; N];
    let unpacking = |error| unpacking("the zip archive", error);
    reader.read_exact(&mut bytes).map_err(unpacking)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
