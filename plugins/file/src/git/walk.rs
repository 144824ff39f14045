//! The files of a commit, in the order of its trees.

use std::io::BufReader;
use std::sync::Arc;

use pith_core::id::{ParseError, RelativePath, Sha256};

use super::error::{GitError, shown};
use super::lfs;
use super::object::{Entry, EntryKind, Kind, ObjectId, next_entry, target_of, tree_of};
use super::scratch::{Scratch, SpanReader};
use super::unpack::{Object, Objects};

/// The most entries of all trees: few trees can stand for many files.
const MOST_ENTRIES: u64 = 10_000_000;
/// The longest path of a folder; none of a file is longer.
const LONGEST_FOLDER: usize = 1024;
/// Read of each tree at once.
const LOOK_AHEAD: usize = 4 << 10;
/// Tags of tags.
const MOST_TAGS: usize = 16;

/// What is at a path.
#[derive(Debug)]
pub enum Found {
    File {
        path: RelativePath,
        blob: Object,
        sha256: Sha256,
    },
    /// A file that is elsewhere.
    Pointer {
        path: RelativePath,
        pointer: lfs::Pointer,
    },
    /// Has a path that nobody could ask for.
    Unusable {
        path: String,
        problem: String,
    },
}

/// The commit that a commit or a tag is, or leads to.
///
/// # Errors
/// `Wrong` when it leads to none.
pub fn commit(objects: &Objects, id: ObjectId) -> Result<ObjectId, GitError> {
    let mut id = id;
    for _ in 0..MOST_TAGS {
        let object = objects.get(&id)?;
        match object.kind {
            Kind::Commit => return Ok(id),
            Kind::Tag => id = target_of(&objects.read(&object)?)?,
            Kind::Blob | Kind::Tree => break,
        }
    }
    Err(GitError::wrong(format!("`{id}` is no commit")))
}

/// Walks through the trees of a commit.
pub struct Walk {
    objects: Arc<Objects>,
    /// From the root inwards: the path with a slash at its end, the rest of the tree, and the name of its last entry.
    trees: Vec<Folder>,
    entries: u64,
}

struct Folder {
    path: Vec<u8>,
    rest: BufReader<SpanReader<Arc<Scratch>>>,
    last: Vec<u8>,
}

impl Walk {
    pub fn of(objects: Arc<Objects>, commit: ObjectId) -> Result<Self, GitError> {
        let root = tree_of(&objects.read(&objects.find(&commit, Kind::Commit)?)?)?;
        let mut walk = Self { objects, trees: vec![], entries: 0 };
        walk.enter(vec![], &root)?;
        Ok(walk)
    }

    fn enter(&mut self, path: Vec<u8>, tree: &ObjectId) -> Result<(), GitError> {
        let tree = self.objects.find(tree, Kind::Tree)?;
        let rest = BufReader::with_capacity(LOOK_AHEAD, self.objects.reader(&tree));
        self.trees.push(Folder { path, rest, last: vec![] });
        Ok(())
    }

    /// The next of what is there; none at the end. Submodules are passed over.
    pub fn next(&mut self) -> Result<Option<Found>, GitError> {
        while let Some(folder) = self.trees.last_mut() {
            let Some(entry) = next_entry(&mut folder.rest)? else {
                self.trees.pop();
                continue;
            };
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(GitError::wrong(format!("it has more than {MOST_ENTRIES} files")));
            }
            if entry.name == folder.last {
                return Err(GitError::wrong(format!("a tree has two entries `{}`", shown(&entry.name))));
            }
            folder.last.clone_from(&entry.name);
            let path = [&folder.path[..], &entry.name].concat();
            if let Some(found) = self.take(entry, path)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn take(&mut self, entry: Entry, mut path: Vec<u8>) -> Result<Option<Found>, GitError> {
        match entry.kind {
            EntryKind::Submodule => Ok(None),
            EntryKind::Tree if path.len() >= LONGEST_FOLDER => {
                Ok(Some(unusable(&path, &ParseError::LongPath.to_string())))
            }
            EntryKind::Tree => {
                path.push(b'/');
                self.enter(path, &entry.id).map(|()| None)
            }
            EntryKind::File => self.file(&entry.id, &path).map(Some),
        }
    }

    fn file(&self, id: &ObjectId, path: &[u8]) -> Result<Found, GitError> {
        let Ok(text) = std::str::from_utf8(path) else { return Ok(unusable(path, "is not UTF-8")) };
        let path: RelativePath = match text.parse() {
            Ok(path) => path,
            Err(problem) => return Ok(unusable(path, &problem.to_string())),
        };
        let blob = self.objects.find(id, Kind::Blob)?;
        if blob.span.length < lfs::LARGEST_POINTER
            && let Some(pointer) = lfs::Pointer::parse(&self.objects.read(&blob)?)
        {
            return Ok(Found::Pointer { path, pointer });
        }
        let sha256 =
            hex::encode(self.objects.sha256(&blob)?).parse().map_err(|_| GitError::wrong("a digest is none"))?;
        Ok(Found::File { path, blob, sha256 })
    }
}

fn unusable(path: &[u8], problem: &str) -> Found {
    Found::Unusable { path: shown(path), problem: problem.to_owned() }
}
