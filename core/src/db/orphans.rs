//! Content that is in no repository, and rows whose time is over.

use super::Conn;
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// Unit `c` is in no version of any repository, nor in one under construction, nor waiting for one, nor published.
const ORPHAN: &str = "NOT EXISTS (SELECT 1 FROM repository_content m WHERE m.content_id = c.id)
    AND NOT EXISTS (SELECT 1 FROM pending_content w WHERE w.content_id = c.id)
    AND NOT EXISTS (SELECT 1 FROM content_artifact f CROSS JOIN published_artifact p
        WHERE f.content_id = c.id AND p.content_artifact_id = f.id)";

/// Orphans of a domain that were last of interest no later than `before`, by id from `after` on.
pub fn content(conn: &mut Conn, domain: Id, after: Option<Id>, before: Instant, limit: i64) -> Result<Vec<Id>> {
    let rows = conn.query(
        &format!(
            "SELECT c.id FROM content c WHERE c.id > $1 AND c.timestamp_of_interest <= $2 AND c.domain_id = $4
                 AND {ORPHAN} ORDER BY c.id LIMIT $3"
        ),
        params![after.unwrap_or(Id::LEAST), before, limit, domain],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Deletes those of the units that are orphans and were last of interest no later than `before`; how many.
///
/// # Errors
/// `Referenced` when one is put into a repository at the same moment; then none is deleted.
pub fn delete_content(conn: &mut Conn, ids: &[Id], before: Instant) -> Result<u64> {
    conn.execute(
        &format!(
            "DELETE FROM content WHERE id IN (SELECT c.id FROM content c
                 WHERE c.id = ANY($1) AND c.timestamp_of_interest <= $2 AND {ORPHAN})"
        ),
        params![ids.to_vec(), before],
    )
}

/// Deletes up to `limit` uploads of a domain that nobody has written to since `before`; their ids.
pub fn delete_uploads(conn: &mut Conn, domain: Id, before: Instant, limit: i64) -> Result<Vec<Id>> {
    let rows = conn.query(
        "DELETE FROM upload WHERE id IN (SELECT id FROM upload WHERE domain_id = $3 AND updated <= $1 LIMIT $2)
         RETURNING id",
        params![before, limit, domain],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Forgets publications that were served until `now` at most after a distribution went on to another.
pub fn expire_publications(conn: &mut Conn, now: Instant) -> Result<u64> {
    conn.execute("DELETE FROM distributed_publication WHERE expires_at <= $1", params![now])
}
