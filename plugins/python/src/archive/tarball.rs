//! The metadata of an sdist in a tar archive.
//!
//! The archive is read once, as a stream, to its end: each entry is checked, and the `PKG-INFO`
//! that lies least deep is kept. Long names (GNU and pax) are read here with a limit, since the
//! tar crate would read them whole, however long they claim to be.

use std::fs::File;
use std::io::{self, Read};

use tar::{Archive, Entry, EntryType};

use super::Problem;
use super::bounds::{self, Bounded};
use super::paths;
use crate::metadata;

/// The most that an extended header may hold.
const MAX_EXTENSION: u64 = 64 << 10;

/// A header of its own tells sizes below this; nothing that can be installed is larger.
const MAX_SIZE: u64 = 8 << 30;

/// The metadata in a `.tar.gz`.
pub(super) fn gzip_metadata(file: File) -> Result<Vec<u8>, Problem> {
    let size = file.metadata().map_err(Problem::Io)?.len();
    let stream = flate2::bufread::MultiGzDecoder::new(io::BufReader::with_capacity(64 << 10, file));
    metadata(stream, bounds::unpacked(size))
}

/// The metadata in a `.tar.bz2`.
pub(super) fn bzip2_metadata(file: File) -> Result<Vec<u8>, Problem> {
    let size = file.metadata().map_err(Problem::Io)?.len();
    let stream = bzip2::bufread::MultiBzDecoder::new(io::BufReader::with_capacity(64 << 10, file));
    metadata(stream, bounds::unpacked(size))
}

fn metadata(stream: impl Read, limit: u64) -> Result<Vec<u8>, Problem> {
    let mut stream = Bounded::new(stream, limit);
    let found = scan(&mut stream);
    if stream.exceeded {
        return Err(Problem::archive("the archive unpacks to far too much"));
    }
    let found = found?;
    // The checksum of the compression stands at the very end.
    let rest = io::copy(&mut stream, &mut io::sink());
    if stream.exceeded {
        return Err(Problem::archive("the archive unpacks to far too much"));
    }
    rest.map_err(|error| Problem::unpacking("the archive", error))?;
    found.ok_or_else(|| Problem::archive("the archive has no PKG-INFO"))
}

fn scan(stream: &mut impl Read) -> Result<Option<Vec<u8>>, Problem> {
    let damaged = |error| Problem::unpacking("the archive", error);
    let mut archive = Archive::new(stream);
    let mut best = Best::default();
    let mut extensions = Extensions::default();
    let entries = archive.entries().map_err(damaged)?.raw(true);
    for (count, entry) in entries.enumerate() {
        if count as u64 == bounds::MAX_ENTRIES {
            return Err(Problem::archive("the archive has far too many entries"));
        }
        let mut entry = entry.map_err(damaged)?;
        if extensions.take(&mut entry)? {
            continue;
        }
        extensions.check_size(entry.header().entry_size().map_err(damaged)?)?;
        let (path, link) = extensions.names(&entry);
        check_entry(entry.header().entry_type(), &path, &link)?;
        if entry.header().entry_type().is_file() && best.wants(&path) {
            let bytes = read_metadata(&mut entry)?;
            best.offer(path, bytes)?;
        }
    }
    Ok(best.found.map(|(_, bytes)| bytes))
}

fn check_entry(kind: EntryType, path: &[u8], link: &[u8]) -> Result<(), Problem> {
    paths::check(path)?;
    let fine = match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::Directory => true,
        EntryType::Symlink => paths::symlink_stays_inside(path, link),
        EntryType::Link => paths::check(link).is_ok(),
        _ => {
            let shown = paths::show(path);
            let text = format!("the entry `{shown}` is neither a file nor a folder nor a link");
            return Err(Problem::archive(text));
        }
    };
    if fine {
        return Ok(());
    }
    Err(Problem::archive(format!(
        "the link `{}` points outside of the archive, to `{}`",
        paths::show(path),
        paths::show(link)
    )))
}

fn read_metadata(entry: &mut impl Read) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    entry
        .take(metadata::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::unpacking("the archive", error))?;
    if bytes.len() > metadata::MAX_BYTES {
        return Err(metadata::MetadataError::TooLarge.into());
    }
    Ok(bytes)
}

/// The least deep `PKG-INFO` so far; among equals the first by name.
#[derive(Default)]
struct Best {
    found: Option<(Vec<u8>, Vec<u8>)>,
}

impl Best {
    fn wants(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|&b| b == b'/').next();
        let better = |(best, _): &(Vec<u8>, Vec<u8>)| rank(path) <= rank(best);
        name == Some(b"PKG-INFO".as_slice()) && self.found.as_ref().is_none_or(better)
    }

    /// Takes what [`Best::wants`]. One path twice would mean one thing to us and another to who
    /// unpacks it.
    fn offer(&mut self, path: Vec<u8>, bytes: Vec<u8>) -> Result<(), Problem> {
        let is_metadata = bytes.windows(16).any(|part| part.eq_ignore_ascii_case(b"Metadata-Version"));
        match &self.found {
            Some((best, _)) if *best == path => {
                Err(Problem::archive(format!("the archive has `{}` twice", paths::show(&path))))
            }
            _ if is_metadata => {
                self.found = Some((path, bytes));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn rank(path: &[u8]) -> (usize, &[u8]) {
    (paths::depth(path), path)
}

/// What the extended headers before an entry say about it.
#[derive(Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extensions {
    /// Reads an extended header; false if the entry is none.
    fn take<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<bool, Problem> {
        match entry.header().entry_type() {
            EntryType::GNULongName => self.path = Some(until_nul(&read_extension(entry)?)),
            EntryType::GNULongLink => self.link = Some(until_nul(&read_extension(entry)?)),
            EntryType::XHeader => self.take_pax(&read_extension(entry)?)?,
            EntryType::XGlobalHeader => check_global(&read_extension(entry)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_pax(&mut self, records: &[u8]) -> Result<(), Problem> {
        for record in tar::PaxExtensions::new(records) {
            let record = record.map_err(|error| Problem::unpacking("the archive", error))?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => self.take_size(record.value_bytes())?,
                _ => {}
            }
        }
        Ok(())
    }

    fn take_size(&mut self, text: &[u8]) -> Result<(), Problem> {
        let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let size = digits.and_then(|digits| digits.parse().ok()).ok_or_else(odd_size)?;
        match self.size.replace(size) {
            Some(other) if other != size => Err(odd_size()),
            _ => Ok(()),
        }
    }

    /// The size of an entry may be told twice, as `uv build` does. Told in two ways, where the next entry begins
    /// would depend on who unpacks.
    fn check_size(&mut self, in_header: u64) -> Result<(), Problem> {
        match self.size.take() {
            Some(size) if size != in_header || size >= MAX_SIZE => Err(odd_size()),
            _ => Ok(()),
        }
    }

    /// The path of the entry and what it links to, if it is a link.
    fn names<R: Read>(&mut self, entry: &Entry<'_, R>) -> (Vec<u8>, Vec<u8>) {
        let header = entry.header();
        let path = self.path.take();
        let link = self.link.take();
        (
            path.unwrap_or_else(|| header.path_bytes().into_owned()),
            link.unwrap_or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()).unwrap_or_default()),
        )
    }
}

/// A size that is said to be that of all entries is that of none.
fn check_global(records: &[u8]) -> Result<(), Problem> {
    for record in tar::PaxExtensions::new(records) {
        let record = record.map_err(|error| Problem::unpacking("the archive", error))?;
        if record.key_bytes() == b"size" {
            return Err(odd_size());
        }
    }
    Ok(())
}

fn odd_size() -> Problem {
    Problem::archive("the archive has an entry of odd size")
}

fn read_extension(entry: &mut impl Read) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    entry.take(MAX_EXTENSION + 1).read_to_end(&mut bytes).map_err(|error| Problem::unpacking("the archive", error))?;
    if bytes.len() as u64 > MAX_EXTENSION {
        return Err(Problem::archive("the archive has an extended header of odd size"));
    }
    Ok(bytes)
}

fn until_nul(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    bytes[..end].to_vec()
}
