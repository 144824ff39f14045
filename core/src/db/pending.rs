//! Units that wait to be taken into the next version of their repository, and that it serves already.

use super::{Conn, Value};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// What waits in a repository.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    /// In the order of their arrival.
    pub units: Vec<Id>,
    /// When the last one arrived.
    pub since: Option<Instant>,
}

/// The units that wait.
pub fn units(conn: &mut Conn, repository: Id) -> Result<Pending> {
    let rows = conn.query(
        "SELECT content_id, created FROM pending_content WHERE repository_id = $1 ORDER BY created, content_id",
        params![repository],
    )?;
    let since = rows.last().map(|row| row.get(1)).transpose()?;
    Ok(Pending { units: rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?, since })
}

/// Lets units wait for `task`; those that do so already stay with theirs.
pub fn add(conn: &mut Conn, repository: Id, units: &[Id], task: Id, now: Instant) -> Result<()> {
    let row = |unit: &Id| -> Vec<Value> { vec![repository.into(), (*unit).into(), now.into(), task.into()] };
    let rows: Vec<_> = units.iter().map(row).collect();
    conn.insert_ignoring("pending_content", &["repository_id", "content_id", "created", "task_id"], &rows).map(drop)
}

/// Lets all that wait in a repository wait for another task.
pub fn reassign(conn: &mut Conn, repository: Id, task: Id) -> Result<()> {
    let sql = "UPDATE pending_content SET task_id = $2 WHERE repository_id = $1";
    conn.execute(sql, params![repository, task]).map(drop)
}

/// Ends the waiting of all units of a repository.
pub fn clear(conn: &mut Conn, repository: Id) -> Result<()> {
    conn.execute("DELETE FROM pending_content WHERE repository_id = $1", params![repository]).map(drop)
}

/// The task that is going to take the waiting units in; none when there is none.
pub fn task(conn: &mut Conn, repository: Id) -> Result<Option<Id>> {
    let row = conn.query_opt(
        "SELECT t.id FROM pending_content p JOIN task t ON t.id = p.task_id
         WHERE p.repository_id = $1 AND t.state IN ('waiting', 'running') ORDER BY p.created DESC LIMIT 1",
        params![repository],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// Repositories with units that wait since before `since` and that no task is going to take in.
pub fn forsaken(conn: &mut Conn, since: Instant) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT DISTINCT p.repository_id FROM pending_content p WHERE p.created < $1 AND NOT EXISTS
             (SELECT 1 FROM pending_content o JOIN task t ON t.id = o.task_id
              WHERE o.repository_id = p.repository_id AND t.state IN ('waiting', 'running'))",
        params![since],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// A unit that a version has, or that waits for the next one, with the unique key of this type.
pub fn holder(conn: &mut Conn, repository: Id, newest: i64, pulp_type: &str, repo_key: &str) -> Result<Option<Id>> {
    let row = conn.query_opt(
        "SELECT c.id FROM content c WHERE c.pulp_type = $1 AND c.repo_key = $2 AND (
             EXISTS (SELECT 1 FROM repository_content m WHERE m.repository_id = $3 AND m.content_id = c.id
                 AND m.version_added <= $4 AND (m.version_removed IS NULL OR m.version_removed > $4))
             OR EXISTS (SELECT 1 FROM pending_content w WHERE w.repository_id = $3 AND w.content_id = c.id)) LIMIT 1",
        params![pulp_type, repo_key, repository, newest],
    )?;
    row.map(|row| row.get(0)).transpose()
}
