//! What keeps a unit from being an orphan: each condition of `orphans.rs`, by name.

use super::{Conn, Row};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// What keeps a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The newest of the versions of a repository that have it; none: one under construction.
    Version { repository: Repository, number: Option<i64> },
    /// It waits for the next version of a repository, which this task makes.
    Waiting { repository: Repository, task: Id },
    /// A publication serves it, whatever became of the version.
    Publication { id: Id, pulp_type: String },
}

/// A repository as holders name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub id: Id,
    pub pulp_type: String,
    pub name: String,
    /// Of a repository that users do not see: the unit that pins one of its versions, with its type.
    pub pinned_by: Option<(Id, String)>,
}

/// A unit that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub id: Id,
    pub pulp_type: String,
    pub last_of_interest: Instant,
}

/// Those of the units that are there.
pub fn units(conn: &mut Conn, ids: &[Id]) -> Result<Vec<Unit>> {
    let sql = "SELECT c.id, c.pulp_type, c.timestamp_of_interest FROM content c WHERE c.id = ANY($1) ORDER BY c.id";
    conn.query(sql, params![ids.to_vec()])?.iter().map(unit).collect()
}

/// Units of a domain that are in no newest version of a repository that users see, and yet no orphans of before
/// `before`; the first by id.
pub fn kept(conn: &mut Conn, domain: Id, before: Instant, limit: i64) -> Result<Vec<Unit>> {
    let orphan = super::orphans::orphan("");
    let rows = conn.query(
        &format!(
            "SELECT c.id, c.pulp_type, c.timestamp_of_interest FROM content c WHERE c.domain_id = $1
                 AND NOT EXISTS (SELECT 1 FROM repository_content l CROSS JOIN repository r
                     WHERE l.content_id = c.id AND l.version_removed IS NULL AND r.id = l.repository_id
                         AND NOT r.user_hidden)
                 AND NOT ({orphan})
             ORDER BY c.id LIMIT $3"
        ),
        params![domain, before, limit],
    )?;
    rows.iter().map(unit).collect()
}

/// What keeps a unit, at most `limit` of each kind.
pub fn of(conn: &mut Conn, unit: Id, limit: i64) -> Result<Vec<Holder>> {
    let mut holders = Vec::new();
    let versions = conn.query(
        "SELECT r.id, r.pulp_type, r.name, r.user_hidden, max(v.number)
         FROM repository_content m JOIN repository r ON r.id = m.repository_id
             LEFT JOIN repository_version v ON v.repository_id = m.repository_id AND v.number >= m.version_added
                 AND (m.version_removed IS NULL OR v.number < m.version_removed)
         WHERE m.content_id = $1 GROUP BY r.id, r.pulp_type, r.name, r.user_hidden ORDER BY r.name, r.id LIMIT $2",
        params![unit, limit],
    )?;
    for row in &versions {
        holders.push(Holder::Version { repository: repository(conn, row)?, number: row.get(4)? });
    }
    let waiting = conn.query(
        "SELECT r.id, r.pulp_type, r.name, r.user_hidden, w.task_id
         FROM pending_content w JOIN repository r ON r.id = w.repository_id
         WHERE w.content_id = $1 ORDER BY r.name, r.id LIMIT $2",
        params![unit, limit],
    )?;
    for row in &waiting {
        holders.push(Holder::Waiting { repository: repository(conn, row)?, task: row.get(4)? });
    }
    let publications = conn.query(
        "SELECT DISTINCT b.id, b.pulp_type
         FROM content_artifact f CROSS JOIN published_artifact p CROSS JOIN publication b
         WHERE f.content_id = $1 AND p.content_artifact_id = f.id AND b.id = p.publication_id ORDER BY b.id LIMIT $2",
        params![unit, limit],
    )?;
    for row in &publications {
        holders.push(Holder::Publication { id: row.get(0)?, pulp_type: row.get(1)? });
    }
    Ok(holders)
}

fn unit(row: &Row) -> Result<Unit> {
    Ok(Unit { id: row.get(0)?, pulp_type: row.get(1)?, last_of_interest: row.get(2)? })
}

fn repository(conn: &mut Conn, row: &Row) -> Result<Repository> {
    let id: Id = row.get(0)?;
    let pinned_by = if row.get(3)? { pinned_by(conn, id)? } else { None };
    Ok(Repository { id, pulp_type: row.get(1)?, name: row.get(2)?, pinned_by })
}

fn pinned_by(conn: &mut Conn, repository: Id) -> Result<Option<(Id, String)>> {
    let row = conn.query_opt(
        "SELECT c.id, c.pulp_type FROM pinned_version p JOIN repository_version v ON v.id = p.version_id
             JOIN content c ON c.id = p.content_id WHERE v.repository_id = $1 ORDER BY v.number DESC LIMIT 1",
        params![repository],
    )?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}
