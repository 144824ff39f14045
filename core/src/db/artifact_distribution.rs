//! The distribution that serves artifacts by their ids. There is one, in the default domain, for those of all domains.

use super::delivery::StoredFile;
use super::{Conn, domains};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;

/// Its type.
pub const ARTIFACTS: &str = "core.artifact";

/// The distribution as a row.
#[derive(Clone, Debug)]
pub struct ArtifactDistribution {
    pub id: Id,
    pub base_path: String,
    /// Without one it serves nothing.
    pub guard: Option<Id>,
}

/// The distribution, once it was made.
pub fn find(conn: &mut Conn) -> Result<Option<ArtifactDistribution>> {
    let sql = "SELECT id, base_path, content_guard_id FROM distribution WHERE pulp_type = $1";
    let row = conn.query_opt(sql, params![ARTIFACTS])?;
    row.map(|row| Ok(ArtifactDistribution { id: row.get(0)?, base_path: row.get(1)?, guard: row.get(2)? })).transpose()
}

pub fn set_guard(conn: &mut Conn, distribution: Id, guard: Id) -> Result<()> {
    let sql = "UPDATE distribution SET content_guard_id = $2 WHERE id = $1";
    conn.execute(sql, params![distribution, guard]).map(drop)
}

/// Whether the guard is that of the distribution.
pub fn is_guarded_by(conn: &mut Conn, guard: Id) -> Result<bool> {
    let sql = "SELECT 1 FROM distribution WHERE content_guard_id = $1 AND pulp_type = $2";
    Ok(conn.query_opt(sql, params![guard, ARTIFACTS])?.is_some())
}

/// An artifact of any domain, and the name of its domain.
pub fn artifact(conn: &mut Conn, id: Id) -> Result<Option<(StoredFile, String)>> {
    let sql = "SELECT sha256, size, created, domain_id FROM artifact WHERE id = $1";
    let Some(row) = conn.query_opt(sql, params![id])? else { return Ok(None) };
    let size = u64::try_from(row.get::<i64>(1)?).map_err(Error::internal)?;
    let file = StoredFile { sha256: row.get(0)?, size, created: row.get(2)? };
    let domain = domains::by_id(conn, row.get(3)?)?;
    Ok(domain.map(|domain| (file, domain.name)))
}
