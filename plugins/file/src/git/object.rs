//! Objects of Git: their names, and what commits, tags and trees say.
//!
//! ```text
//! commit   tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n…
//! tag      object 9daeafb9864cf43055ae93beb0afd6c7d144bfa4\ntype commit\n…
//! tree     100644 name\0<20 bytes>40000 folder\0<20 bytes>…
//! ```

use std::fmt;
use std::io::BufRead;
use std::str::FromStr;

use super::error::{GitError, shown};

/// The longest name of a file, in bytes; no file system that Git knows takes more.
const LONGEST_NAME: u64 = 4096;
/// The longest mode, with the space behind it.
const LONGEST_MODE: u64 = 8;

/// The SHA-1 of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub [u8; 20]);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = GitError;

    fn from_str(text: &str) -> Result<Self, GitError> {
        let mut id = [0; 20];
        let read = hex::decode_to_slice(text, &mut id);
        read.map_err(|_| GitError::wrong(format!("`{}` is not the name of an object", shown(text.as_bytes()))))?;
        Ok(Self(id))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    pub fn of_name(name: &[u8]) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag].into_iter().find(|kind| kind.name().as_bytes() == name)
    }
}

/// The tree of a commit.
pub fn tree_of(commit: &[u8]) -> Result<ObjectId, GitError> {
    first_line(commit, "tree ")
}

/// What a tag is put on.
pub fn target_of(tag: &[u8]) -> Result<ObjectId, GitError> {
    first_line(tag, "object ")
}

fn first_line(bytes: &[u8], word: &str) -> Result<ObjectId, GitError> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let id = line.strip_prefix(word.as_bytes()).and_then(|id| std::str::from_utf8(id).ok());
    id.ok_or_else(|| GitError::wrong(format!("an object does not begin with `{}`", word.trim_end())))?.parse()
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Tree,
    /// A file, or a symbolic link: a file whose text is where the link leads.
    File,
    /// A commit of another repository.
    Submodule,
}

/// An entry of a tree; its name is any bytes but NUL and the slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    pub name: Vec<u8>,
    pub id: ObjectId,
}

/// The next entry of a tree; none at its end.
///
/// # Errors
/// When it is none, and when its name is one that leads elsewhere than into its folder: Git itself makes no such trees.
pub fn next_entry(tree: &mut impl BufRead) -> Result<Option<Entry>, GitError> {
    if tree.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mode = until(tree, b' ', LONGEST_MODE)?;
    let kind = match &mode[..] {
        b"40000" | b"040000" => EntryKind::Tree,
        b"160000" => EntryKind::Submodule,
        mode if mode.starts_with(b"100") || mode == b"120000" => EntryKind::File,
        _ => return Err(GitError::wrong("a tree has an entry of an unknown kind")),
    };
    let name = until(tree, 0, LONGEST_NAME)?;
    check_name(&name)?;
    let mut id = [0; 20];
    std::io::Read::read_exact(tree, &mut id)?;
    Ok(Some(Entry { kind, name, id: ObjectId(id) }))
}

fn until(tree: &mut impl BufRead, end: u8, longest: u64) -> Result<Vec<u8>, GitError> {
    let mut bytes = vec![];
    std::io::Read::take(tree, longest).read_until(end, &mut bytes)?;
    match bytes.pop() {
        Some(last) if last == end => Ok(bytes),
        _ => Err(GitError::wrong("a tree is damaged")),
    }
}

fn check_name(name: &[u8]) -> Result<(), GitError> {
    let leads_elsewhere =
        matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.eq_ignore_ascii_case(b".git");
    match leads_elsewhere {
        true => Err(GitError::wrong(format!("a tree has an entry `{}`, as no tree may", shown(name)))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn entries(tree: &[u8]) -> Result<Vec<Entry>, GitError> {
        let mut tree = tree;
        std::iter::from_fn(|| next_entry(&mut tree).transpose()).collect()
    }

    fn tree(mode: &str, name: &[u8]) -> Vec<u8> {
        [mode.as_bytes(), b" ", name, b"\0", &[7; 20]].concat()
    }

    #[test]
    fn names_of_objects_are_forty_digits() {
        assert_eq!(ID.parse::<ObjectId>().unwrap().to_string(), ID);
        for bad in ["", "4b82", &ID[1..], &ID.replace('4', "g"), &ID.replace("4b", "ü")] {
            assert!(bad.parse::<ObjectId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn commits_and_tags_point_on() {
        assert_eq!(tree_of(format!("tree {ID}\nauthor").as_bytes()).unwrap().to_string(), ID);
        assert_eq!(target_of(format!("object {ID}\ntype commit\n").as_bytes()).unwrap().to_string(), ID);
        for bad in ["", "tree", "parent x\n", "tree xyz\n"] {
            assert!(tree_of(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn trees_have_files_links_folders_and_submodules() {
        let all = [tree("100644", b"a"), tree("100755", b"b"), tree("120000", b"c"), tree("40000", b"d")].concat();
        let found = entries(&[all, tree("160000", b"\xff")].concat()).unwrap();
        use EntryKind::{File, Submodule, Tree};
        assert_eq!(found.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [File, File, File, Tree, Submodule]);
        assert_eq!(found[4].name, b"\xff");
        assert_eq!(entries(b"").unwrap(), []);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [&b""[..], b".", b"..", b".git", b".GiT", b"a/b", b"/", &[b'x'; 5000]] {
            assert!(entries(&tree("100644", name)).is_err(), "{name:?}");
        }
        for name in [&b"..."[..], b".gitignore", b"git"] {
            assert!(entries(&tree("100644", name)).is_ok(), "{name:?}");
        }
        for cut in 1..25 {
            assert!(entries(&tree("100644", b"a")[..cut]).is_err(), "{cut}");
        }
        assert!(entries(&tree("777", b"a")).is_err());
        assert!(entries(&tree("100644000000000", b"a")).is_err());
    }
}
