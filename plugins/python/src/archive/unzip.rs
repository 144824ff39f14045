//! Zip archives that are distributions: the reader that all formats share, within the bounds of this one and with an
//! eye on where entries would be unpacked.

use std::fs::File;

use pith_core::plugin::{self, ZipError};
pub(super) use pith_core::plugin::{ZipEntry, ZipPrefix as Prefix};

use super::{Problem, bounds, paths};

/// An archive whose directory has been found.
pub(super) struct Zip<'a> {
    zip: plugin::Zip<'a>,
    /// So much it may unpack to.
    most: u64,
}

impl From<ZipError> for Problem {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Archive(text) => Self::Archive(text),
            ZipError::Io(cause) => Self::Io(cause),
        }
    }
}

impl<'a> Zip<'a> {
    /// Finds the directory of an archive.
    pub(super) fn open(file: &'a File, prefix: Prefix) -> Result<Self, Problem> {
        let size = file.metadata().map_err(Problem::Io)?.len();
        let zip = plugin::Zip::open(file, prefix)?;
        if zip.count() > bounds::MAX_ENTRIES {
            return Err(Problem::archive("the archive has far too many entries"));
        }
        Ok(Self { zip, most: bounds::unpacked(size) })
    }

    /// Gives each entry to `visit`, once all of its claims are plausible.
    pub(super) fn entries(&self, mut visit: impl FnMut(ZipEntry) -> Result<(), Problem>) -> Result<(), Problem> {
        let mut unpacked: u64 = 0;
        self.zip.entries(|entry| {
            paths::check(&entry.path)?;
            unpacked = unpacked.saturating_add(entry.unpacked_size());
            if unpacked > self.most {
                return Err(Problem::archive("the archive unpacks to far too much"));
            }
            visit(entry)
        })
    }

    /// Unpacks an entry of at most `limit` bytes and checks its length and checksum.
    pub(super) fn read(&self, entry: &ZipEntry, limit: usize) -> Result<Vec<u8>, Problem> {
        Ok(self.zip.read(entry, limit)?)
    }
}
