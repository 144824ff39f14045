//! Repository versions as rows. Membership is kept as intervals: a unit is in version `v` when
//! `version_added <= v` and `version_removed` is null or greater. What belongs to the version under
//! construction carries the repository's `next_version`, a number no version has yet.
//!
//! Deleting a version moves no interval: the ends keep the numbers of versions that are gone. What version
//! `v` added is what has `version_added` above the number of the version before it and up to `v`; likewise
//! for what it removed. Two promises keep that true: every interval covers at least one version, and the
//! gap between two intervals of one unit does so too.

mod checks;
mod counts;
mod draft;
mod fold;
mod protection;
mod units;

pub use checks::{Clash, clashes, doubled, path_conflict, push_out, unsupported};
pub use counts::{Change, changes, counts, put_counts};
pub use draft::{add, add_version, clear, remove, remove_all, remove_types, set_base, touch_removed};
pub use fold::delete;
pub use protection::{protected, retain_checkpoints};
pub use units::{crowded, fresh_units, has_all, present_units, removed_units, rivals, unpublished};

use super::{Conn, Row};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// The number before that of any version.
pub const BEFORE_FIRST: i64 = -1;

/// A version of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: Id,
    pub repository: Id,
    pub number: i64,
}

/// The members a draft started from, and the number its own rows carry.
#[derive(Clone, Copy, Debug)]
pub struct Draft {
    pub repository: Id,
    pub number: i64,
    /// Repository and number of the version it was made equal to; at first the newest of its own.
    pub base: (Id, i64),
}

/// The version of this id.
pub fn version(conn: &mut Conn, id: Id) -> Result<Version> {
    let row = conn.query_opt("SELECT id, repository_id, number FROM repository_version WHERE id = $1", params![id])?;
    row.as_ref().map(read).transpose()?.ok_or_else(|| Error::not_found("RepositoryVersion"))
}

/// The newest version; none while the repository is being made.
pub fn latest(conn: &mut Conn, repository: Id) -> Result<Option<Version>> {
    let row = conn.query_opt(
        "SELECT id, repository_id, number FROM repository_version WHERE repository_id = $1
         ORDER BY number DESC LIMIT 1",
        params![repository],
    )?;
    row.as_ref().map(read).transpose()
}

/// The nearest older version.
pub fn before(conn: &mut Conn, version: &Version) -> Result<Option<Version>> {
    let row = conn.query_opt(
        "SELECT id, repository_id, number FROM repository_version WHERE repository_id = $1 AND number < $2
         ORDER BY number DESC LIMIT 1",
        params![version.repository, version.number],
    )?;
    row.as_ref().map(read).transpose()
}

/// The nearest newer version.
pub fn after(conn: &mut Conn, version: &Version) -> Result<Option<Version>> {
    let row = conn.query_opt(
        "SELECT id, repository_id, number FROM repository_version WHERE repository_id = $1 AND number > $2
         ORDER BY number LIMIT 1",
        params![version.repository, version.number],
    )?;
    row.as_ref().map(read).transpose()
}

/// The versions that retention looks at: newest first.
pub fn newest_first(conn: &mut Conn, repository: Id) -> Result<Vec<Version>> {
    let rows = conn.query(
        "SELECT id, repository_id, number FROM repository_version WHERE repository_id = $1 ORDER BY number DESC",
        params![repository],
    )?;
    rows.iter().map(read).collect()
}

/// Whether the repository's settings, or anything else that is said of it, changed since its newest version was made.
pub fn changed_since(conn: &mut Conn, repository: Id) -> Result<bool> {
    let unchanged = conn.query_opt(
        "SELECT 1 FROM repository r JOIN repository_version v ON v.repository_id = r.id
         WHERE r.id = $1 AND v.created >= r.updated LIMIT 1",
        params![repository],
    )?;
    Ok(unchanged.is_none())
}

/// The number the repository's next version gets.
pub fn next_number(conn: &mut Conn, repository: Id) -> Result<i64> {
    let row = conn.query_opt("SELECT next_version FROM repository WHERE id = $1", params![repository])?;
    row.ok_or_else(|| Error::not_found("Repository"))?.get(0)
}

/// Makes the version of this number visible and moves the repository's counter past it.
///
/// # Errors
/// `Conflict` when somebody else made a version of this number.
pub fn insert(conn: &mut Conn, repository: Id, number: i64, base: Option<Id>) -> Result<Version> {
    let now = now();
    let moved = conn.execute(
        "UPDATE repository SET next_version = $2, updated = $3 WHERE id = $1 AND next_version = $4",
        params![repository, number + 1, now, number],
    )?;
    if moved != 1 {
        return Err(Error::Conflict("another version of the repository was made meanwhile".into()));
    }
    let id = Id::new();
    conn.execute(
        "INSERT INTO repository_version (id, repository_id, created, updated, number, base_version_id)
         VALUES ($1, $2, $3, $3, $4, $5)",
        params![id, repository, now, number, base],
    )?;
    Ok(Version { id, repository, number })
}

/// How many versions retention shall keep; none: all.
pub fn retained(conn: &mut Conn, repository: Id) -> Result<Option<i64>> {
    conn.query_one("SELECT retain_repo_versions FROM repository WHERE id = $1", params![repository])?.get(0)
}

fn read(row: &Row) -> Result<Version> {
    Ok(Version { id: row.get(0)?, repository: row.get(1)?, number: row.get(2)? })
}
