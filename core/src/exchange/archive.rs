//! Reading a tar that somebody brings: members of known names only, each once, nothing but regular files.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::{ChunkReader, VERSIONS, unusable};
use crate::error::Result;
use crate::id::Sha256;

/// No export has more members.
const MOST_MEMBERS: usize = 20_000_000;

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
    fn parse(name: &str) -> Result<Self> {
        let unknown = || unusable(name, "is no member that an export has");
        if name == VERSIONS {
            return Ok(Self::Versions);
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
    tar: tar::Archive<ChunkReader>,
    size: u64,
}

impl Archive {
    pub fn new(files: ChunkReader) -> Self {
        Self { size: files.size(), tar: tar::Archive::new(files) }
    }

    /// Hands every member, with its bytes, to `take`, in the order of the tar. Bytes that are not read are passed
    /// over.
    ///
    /// # Errors
    /// Of the first member that no export has; those of `take`.
    pub fn read(&mut self, mut take: impl FnMut(&Entry, &mut dyn Read) -> Result<()>) -> Result<()> {
        let damaged = |problem: std::io::Error| unusable("tar", problem);
        let size = self.size;
        self.tar_start()?;
        self.check_end()?;
        let mut known = HashSet::new();
        for member in self.tar.entries_with_seek().map_err(damaged)? {
            let mut member = member.map_err(damaged)?;
            let path = String::from_utf8(member.path_bytes().into_owned())
                .map_err(|_| unusable("tar", "a name is no text"))?;
            if !member.header().entry_type().is_file() || member.link_name_bytes().is_some() {
                return Err(unusable(&path, "is no regular file"));
            }
            let entry = Entry { name: EntryName::parse(&path)?, path: path.clone(), size: member.size() };
            if member.raw_file_position().checked_add(entry.size).is_none_or(|end| end > size) {
                return Err(unusable(&path, "is cut off"));
            }
            let digest = u128::from_le_bytes(first_bytes(&Sha256::of(path.as_bytes())));
            if !known.insert(digest) || known.len() > MOST_MEMBERS {
                return Err(unusable(&path, "is there twice"));
            }
            take(&entry, &mut member)?;
        }
        Ok(())
    }

    /// A tar ends with blocks of zeros; one that was cut does not.
    fn check_end(&mut self) -> Result<()> {
        let read = |files: &mut ChunkReader| -> std::io::Result<bool> {
            let mut end = [0; 1024];
            files.seek(std::io::SeekFrom::End(-1024))?;
            files.read_exact(&mut end)?;
            files.rewind()?;
            Ok(end.iter().all(|byte| *byte == 0))
        };
        let empty = ChunkReader::open(vec![]).map_err(|problem| unusable("tar", problem))?;
        let mut files = std::mem::replace(&mut self.tar, tar::Archive::new(empty)).into_inner();
        let whole = self.size >= 1024 && read(&mut files).map_err(|problem| unusable("tar", problem))?;
        self.tar = tar::Archive::new(files);
        if whole { Ok(()) } else { Err(unusable("tar", "is no tar, or is cut off")) }
    }

    fn tar_start(&mut self) -> Result<()> {
        let empty = ChunkReader::open(vec![]).map_err(|problem| unusable("tar", problem))?;
        let tar = std::mem::replace(&mut self.tar, tar::Archive::new(empty));
        let mut files = tar.into_inner();
        files.rewind().map_err(|problem| unusable("tar", problem))?;
        self.tar = tar::Archive::new(files);
        Ok(())
    }
}

/// Half of a digest.
fn first_bytes(digest: &Sha256) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_str().as_bytes()[..16]);
    bytes
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
}
