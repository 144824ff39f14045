//! Reading a tar that somebody brings: members of known names only, each once, nothing but regular files.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use super::{ChunkReader, VERSIONS, unusable};
use crate::error::Result;
use crate::id::Sha256;

/// No export has more members.
const MOST_MEMBERS: usize = 20_000_000;
/// The most that the header of a member takes, with the members that tell its name. They are held in memory.
const LARGEST_HEADER: u64 = 1 << 20;

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryName {
    Versions,
    Artifact(Sha256),
    /// A dump that concerns all repositories.
    Dump(String),
    /// A file of a repository's version: the folder, and the name without `.json`.
    OfRepository {
        folder: String,
        dump: String,
    },
}

impl EntryName {
    /// # Errors
    /// For any name that no export has.
    pub fn parse(name: &str) -> Result<Self> {
        let unknown = || unusable(name, "is no member that an export has");
        if name == VERSIONS {
            return Ok(Self::Versions);
        }
        if name.contains('\0') {
            return Err(unknown());
        }
        if name.starts_with('/') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(unusable(name, "leads out of the export"));
        }
        if let Some((folder, file)) = name.rsplit_once('/')
            && folder.starts_with("repository-")
        {
            let dump = file.strip_suffix(".json").ok_or_else(unknown)?;
            return Ok(Self::OfRepository { folder: folder.to_owned(), dump: dump.to_owned() });
        }
        if let [_, start, end] = name.split('/').collect::<Vec<_>>()[..] {
            let sha256: Sha256 = format!("{start}{end}").parse().map_err(|_| unknown())?;
            return if crate::exchange::archive_key(&sha256) == name {
                Ok(Self::Artifact(sha256))
            } else {
                Err(unknown())
            };
        }
        match name.strip_suffix(".json") {
            Some(dump) if !dump.contains('/') => Ok(Self::Dump(dump.to_owned())),
            _ => Err(unknown()),
        }
    }
}

/// A member.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: EntryName,
    /// As the tar has it.
    pub path: String,
    pub size: u64,
}

/// An export to be read.
pub struct Archive {
    files: ChunkReader,
    size: u64,
}

/// A reader that gives so much and then fails.
struct Bounded {
    files: ChunkReader,
    left: Rc<Cell<u64>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("a member has a header of more than {LARGEST_HEADER} bytes")));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.files.read(&mut buffer[..most])?;
        self.left.set(left - count as u64);
        Ok(count)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.files.seek(to)
    }
}

impl Archive {
    pub fn new(files: ChunkReader) -> Self {
        Self { size: files.size(), files }
    }

    /// Hands every member, with its bytes, to `take`, in the order of the tar. Bytes that are not read are passed
    /// over.
    ///
    /// # Errors
    /// Of the first member that no export has, or of one more than it has; those of `take`.
    pub fn read(self, take: impl FnMut(&Entry, &mut dyn Read) -> Result<()>) -> Result<()> {
        self.read_at_most(MOST_MEMBERS, take)
    }

    fn read_at_most(mut self, most: usize, mut take: impl FnMut(&Entry, &mut dyn Read) -> Result<()>) -> Result<()> {
        let damaged = |problem: io::Error| unusable("tar", problem);
        check_end(&mut self.files, self.size)?;
        let left = Rc::new(Cell::new(0));
        let mut tar = tar::Archive::new(Bounded { files: self.files, left: left.clone() });
        let mut known = HashSet::new();
        let mut members = tar.entries_with_seek().map_err(damaged)?;
        loop {
            left.set(LARGEST_HEADER);
            let Some(member) = members.next() else { return Ok(()) };
            left.set(u64::MAX);
            let mut member = member.map_err(damaged)?;
            let path = String::from_utf8(member.path_bytes().into_owned())
                .map_err(|_| unusable("tar", "a name is no text"))?;
            if !member.header().entry_type().is_file() || member.link_name_bytes().is_some() {
                return Err(unusable(&path, "is no regular file"));
            }
            let entry = Entry { name: EntryName::parse(&path)?, path: path.clone(), size: member.size() };
            if member.raw_file_position().checked_add(entry.size).is_none_or(|end| end > self.size) {
                return Err(unusable(&path, "is cut off"));
            }
            if !known.insert(first_half(&Sha256::of(path.as_bytes()))) {
                return Err(unusable(&path, "is there twice"));
            }
            if known.len() > most {
                return Err(unusable("tar", format!("has more than {most} members")));
            }
            take(&entry, &mut member)?;
        }
    }
}

/// A tar ends with blocks of zeros; one that was cut does not. Leaves the reader at the start.
fn check_end(files: &mut ChunkReader, size: u64) -> Result<()> {
    let mut read = || -> io::Result<bool> {
        let mut end = [0; 1024];
        files.seek(SeekFrom::End(-1024))?;
        files.read_exact(&mut end)?;
        files.rewind()?;
        Ok(end.iter().all(|byte| *byte == 0))
    };
    let whole = size >= 1024 && read().map_err(|problem| unusable("tar", problem))?;
    if whole { Ok(()) } else { Err(unusable("tar", "is no tar, or is cut off")) }
}

/// Of the digest of a name, enough to tell names apart.
fn first_half(digest: &Sha256) -> u64 {
    u64::from_str_radix(&digest.as_str()[..16], 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_known_by_their_names() {
        let sum = "ab".repeat(32);
        let (start, end) = sum.split_at(2);
        let of = |folder: &str, dump: &str| EntryName::OfRepository { folder: folder.into(), dump: dump.into() };
        for (name, expected) in [
            ("versions.json".to_owned(), EntryName::Versions),
            (crate::exchange::archive_key(&sum.parse().unwrap()), EntryName::Artifact(sum.parse().unwrap())),
            ("a.B.json".to_owned(), EntryName::Dump("a.B".to_owned())),
            ("repository-x_1/a.B.json".to_owned(), of("repository-x_1", "a.B")),
            ("repository-x/y_12/a.json".to_owned(), of("repository-x/y_12", "a")),
        ] {
            assert_eq!(EntryName::parse(&name).expect("a member"), expected, "{name}");
        }
        let other = format!("other/{start}/{end}");
        for name in [
            "../versions.json",
            "/etc/passwd",
            "a/../b.json",
            "repository-x_1/a.txt",
            "a.txt",
            "a//b.json",
            "repository-x/../y_1/a.json",
            &other,
            "",
        ] {
            EntryName::parse(name).expect_err(name);
        }
    }

    #[test]
    fn members_are_counted() {
        let archive = |names: &[&str]| {
            let mut tar = crate::exchange::TarWriter::new(Vec::new());
            names.iter().for_each(|name| tar.whole(name, b"[]").unwrap());
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("e.tar");
            std::fs::write(&path, tar.finish().unwrap()).unwrap();
            let archive = Archive::new(ChunkReader::open(vec![path]).unwrap());
            let mut seen = vec![];
            let read = archive.read_at_most(2, |entry, _| {
                seen.push(entry.path.clone());
                Ok(())
            });
            (read.map_err(|error| error.to_string()), seen)
        };
        assert_eq!(archive(&["a.json", "b.json"]), (Ok(()), vec!["a.json".to_owned(), "b.json".to_owned()]));
        let (read, seen) = archive(&["a.json", "b.json", "c.json"]);
        let error = read.expect_err("one too many");
        assert!(error.contains("more than 2 members") && seen.len() == 2, "{error}");
        let error = archive(&["a.json", "a.json"]).0.expect_err("twice");
        assert!(error.contains("`a.json`: is there twice"), "{error}");
    }

    #[test]
    fn headers_are_read_as_far_as_a_bound() {
        let of = |kind: u8, size: usize| {
            let mut long = tar::Header::new_gnu();
            long.set_size(size as u64);
            long.set_entry_type(tar::EntryType::new(kind));
            long.set_cksum();
            let mut bytes = long.as_bytes().to_vec();
            bytes.resize(512 + size.next_multiple_of(512), b'a');
            bytes.resize(bytes.len() + 1024, 0);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("e.tar");
            std::fs::write(&path, bytes).unwrap();
            Archive::new(ChunkReader::open(vec![path]).unwrap()).read(|_, _| Ok(())).expect_err("no member").to_string()
        };
        for kind in *b"LKx" {
            let error = of(kind, 2 << 20);
            assert!(error.contains("a header of more than 1048576 bytes"), "{error}");
            let error = of(kind, 1 << 10);
            assert!(!error.contains("a header of more"), "{error}");
        }
    }
}
