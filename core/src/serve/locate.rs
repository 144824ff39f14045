//! From a path inside a distribution to what is there.

use std::sync::Arc;

use super::file::File;
use super::pointer::Pointer;
use super::{Inner, lazy};
use crate::db::delivery::{self, FoundFile, Tree};
use crate::db::{Conn, listing};
use crate::error::{Error, Result};
use crate::id::Id;

/// A scope and a path in it.
pub type Key = (u128, Box<str>);

/// What a path leads to for as long as its scope lives.
#[derive(Clone)]
pub enum Found {
    File(Arc<File>),
    /// A folder, asked for without its slash.
    Folder,
    /// A folder without an index of its own.
    Listing,
    Nothing,
}

/// Whether an answer came from memory; shown to clients, who watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Hit,
    Miss,
    /// Not said: nothing that could be remembered took part.
    Absent,
}

impl Mark {
    pub fn text(self) -> Option<&'static str> {
        match self {
            Self::Hit => Some("HIT"),
            Self::Miss => Some("MISS"),
            Self::Absent => None,
        }
    }
}

pub enum Located {
    Found(Found, Mark),
    /// The unit is known, its bytes are not here yet. The mark says of what: that of a version can be remembered, what
    /// the remote was asked for by others ([`Mark::Absent`]) cannot.
    Lazy(Id, Mark),
    /// Nothing is known, and there is a remote to ask.
    Unknown,
}

/// Names and versions that a search needs, on their way to a blocking thread.
struct Search {
    tree: Option<Tree>,
    grace: Option<Tree>,
    pending: Vec<Id>,
    remote: Option<Id>,
    path: String,
}

pub fn key(pointer: &Pointer, path: &str) -> Key {
    (pointer.scope, path.into())
}

/// Looks `path` up; an empty one is the distribution's own folder.
pub async fn locate(inner: &Arc<Inner>, pointer: &Pointer, path: &str) -> Result<Located> {
    let key = key(pointer, path);
    if let Some(found) = inner.paths.get(&key) {
        return Ok(Located::Found(found, Mark::Hit));
    }
    Box::pin(search(inner, pointer, path, key)).await
}

async fn search(inner: &Arc<Inner>, pointer: &Pointer, path: &str, key: Key) -> Result<Located> {
    let search = Search {
        tree: pointer.tree.clone(),
        grace: pointer.grace.clone(),
        pending: pointer.pending.clone(),
        remote: pointer.distribution.remote,
        path: path.to_owned(),
    };
    // Searches of the embedded database are work for the processor: more at once than it has cores would only
    // make each slower, and the unlucky ones much slower.
    let turn = match inner.db.is_embedded() {
        true => Some(inner.searches.acquire().await.map_err(Error::internal)?),
        false => None,
    };
    let (located, pulled) = inner.db.read(move |conn| search.run(conn)).await?;
    drop(turn);
    if let Some(unit) = pulled {
        if inner.formats.withholds(&pointer.distribution, path).await? {
            return Ok(Located::Found(Found::Nothing, Mark::Absent));
        }
        lazy::join(inner, pointer, unit).await;
    }
    if let Located::Found(found, Mark::Miss) = &located {
        inner.paths.insert(key, found.clone());
    }
    Ok(located)
}

impl Search {
    /// And the unit it is of, when it is what others had from the remote.
    fn run(&self, conn: &mut Conn) -> Result<(Located, Option<Id>)> {
        match self.in_trees(conn)? {
            Located::Unknown => match self.remote.map(|remote| delivery::pulled_file(conn, remote, &self.path)) {
                Some(found) => Ok(match found? {
                    Some((file, unit)) => (located(file, &self.path, Mark::Absent), Some(unit)),
                    None => (Located::Unknown, None),
                }),
                None => Ok((Located::Found(Found::Nothing, Mark::Miss), None)),
            },
            located => Ok((located, None)),
        }
    }

    fn in_trees(&self, conn: &mut Conn) -> Result<Located> {
        if self.path.is_empty() || self.path.ends_with('/') {
            return self.folder(conn);
        }
        for tree in [&self.tree, &self.grace].into_iter().flatten() {
            if let Some(file) = delivery::file(conn, tree, &self.path)? {
                return Ok(located(file, &self.path, Mark::Miss));
            }
        }
        if !self.pending.is_empty()
            && let Some(file) = delivery::file_of_units(conn, &self.pending, &self.path)?
        {
            return Ok(located(file, &self.path, Mark::Miss));
        }
        if self.has_folder(conn, &format!("{}/", self.path))? {
            return Ok(Located::Found(Found::Folder, Mark::Miss));
        }
        Ok(Located::Unknown)
    }

    fn folder(&self, conn: &mut Conn) -> Result<Located> {
        let index = format!("{}index.html", self.path);
        let file = self.tree.as_ref().map(|tree| delivery::file(conn, tree, &index)).transpose()?;
        if let Some(file) = file.flatten() {
            return Ok(located(file, &index, Mark::Miss));
        }
        let found = if self.has_folder(conn, &self.path)? { Found::Listing } else { Found::Nothing };
        Ok(Located::Found(found, Mark::Miss))
    }

    fn has_folder(&self, conn: &mut Conn, folder: &str) -> Result<bool> {
        self.tree.as_ref().map_or(Ok(false), |tree| listing::is_folder(conn, tree, folder))
    }
}

fn located(file: FoundFile, path: &str, mark: Mark) -> Located {
    match file {
        FoundFile::Stored(stored) => Located::Found(Found::File(Arc::new(File::new(&stored, path))), mark),
        FoundFile::Lazy { content_artifact } => Located::Lazy(content_artifact, mark),
    }
}
