//! Adds content to a repository and removes it, as one new version.

use super::versions::{self, Finished, Overwrite, RepositoryKind};
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;

/// What to take out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remove {
    Units(Vec<Id>),
    All,
}

/// A change of a repository's content.
#[derive(Clone, Debug)]
pub struct Modification {
    pub repository: Id,
    /// A version, of any repository, to start from; none: the newest.
    pub base_version: Option<Id>,
    pub remove: Remove,
    pub add: Vec<Id>,
    pub overwrite: Overwrite,
}

/// Starts from the base, removes, then adds, and makes a version of the result. No version when the
/// result has the members of the newest one.
///
/// # Errors
/// As [`versions::VersionDraft::finish`]; the transaction must then be rolled back.
pub fn modify(conn: &mut Conn, kind: &RepositoryKind, change: &Modification) -> Result<Finished> {
    let mut draft = versions::begin(conn, change.repository)?;
    if let Some(base) = change.base_version {
        draft.set_base(conn, base)?;
    }
    match &change.remove {
        Remove::All => draft.remove_all(conn)?,
        Remove::Units(units) => draft.remove(conn, units)?,
    }
    draft.add(conn, &change.add)?;
    draft.finish(conn, kind, change.overwrite)
}
