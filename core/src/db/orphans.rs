//! Content that is in no repository, and rows whose time is over.

use super::artifact_bytes::{self, StoredArtifact};
use super::{Conn, pinned};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// Unit `c` is in no version of any repository, nor in one under construction, nor waiting for one, nor published, and
/// was last of interest no later than `$2`. `but` may say which memberships `m` do not count.
pub(super) fn orphan(but: &str) -> String {
    format!(
        "c.timestamp_of_interest <= $2
    AND NOT EXISTS (SELECT 1 FROM repository_content m WHERE m.content_id = c.id{but})
    AND NOT EXISTS (SELECT 1 FROM pending_content w WHERE w.content_id = c.id)
    AND NOT EXISTS (SELECT 1 FROM content_artifact f CROSS JOIN published_artifact p
        WHERE f.content_id = c.id AND p.content_artifact_id = f.id)"
    )
}

/// Orphans of a domain that were last of interest no later than `before`, by id from `after` on.
pub fn content(conn: &mut Conn, domain: Id, after: Option<Id>, before: Instant, limit: i64) -> Result<Vec<Id>> {
    page(conn, domain, &orphan(""), after, before, limit)
}

/// The same with those that become orphans when the others are gone.
pub fn content_in_the_end(
    conn: &mut Conn,
    domain: Id,
    after: Option<Id>,
    before: Instant,
    limit: i64,
) -> Result<Vec<Id>> {
    page(conn, domain, &orphan_in_the_end(), after, before, limit)
}

fn orphan_in_the_end() -> String {
    orphan(&format!(" AND {}", pinned::outlives_orphans()))
}

fn page(conn: &mut Conn, domain: Id, orphan: &str, after: Option<Id>, before: Instant, limit: i64) -> Result<Vec<Id>> {
    let rows = conn.query(
        &format!("SELECT c.id FROM content c WHERE c.id > $1 AND c.domain_id = $4 AND {orphan} ORDER BY c.id LIMIT $3"),
        params![after.unwrap_or(Id::LEAST), before, limit, domain],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Those of the units that are orphans and were last of interest no later than `before`.
pub fn among(conn: &mut Conn, ids: &[Id], before: Instant) -> Result<Vec<Id>> {
    conn.query(&among_sql(), params![ids.to_vec(), before])?.iter().map(|row| row.get(0)).collect()
}

fn among_sql() -> String {
    format!("SELECT c.id FROM content c WHERE c.id = ANY($1) AND {}", orphan(""))
}

/// Deletes [those of the units that are orphans](among); how many.
///
/// # Errors
/// `Referenced` when one is put into a repository at the same moment; then none is deleted.
pub fn delete_content(conn: &mut Conn, ids: &[Id], before: Instant) -> Result<u64> {
    conn.execute(&format!("DELETE FROM content WHERE id IN ({})", among_sql()), params![ids.to_vec(), before])
}

/// Artifacts of a domain that are unused when all its orphans are gone, in the end, by id from `after` on.
pub fn artifacts_in_the_end(
    conn: &mut Conn,
    domain: Id,
    after: Option<Id>,
    before: Instant,
    limit: i64,
) -> Result<Vec<StoredArtifact>> {
    let used = format!(
        " AND NOT EXISTS (SELECT 1 FROM content c WHERE c.id = u.content_id AND c.domain_id = $4 AND {})",
        orphan_in_the_end()
    );
    let unused = artifact_bytes::unused_but(&used);
    let rows = conn.query(
        &format!(
            "SELECT a.id, a.sha256, a.size FROM artifact a WHERE a.id > $1 AND a.domain_id = $4 AND {unused}
             ORDER BY a.id LIMIT $3"
        ),
        params![after.unwrap_or(Id::LEAST), before, limit, domain],
    )?;
    rows.iter().map(artifact_bytes::read).collect()
}

/// Those of the artifacts of units that are unused when the units are gone.
pub fn artifacts_of(conn: &mut Conn, units: &[Id], before: Instant) -> Result<Vec<StoredArtifact>> {
    let unused = artifact_bytes::unused_but(" AND u.content_id <> ALL($1)");
    let rows = conn.query(
        &format!(
            "SELECT DISTINCT a.id, a.sha256, a.size FROM content_artifact o CROSS JOIN artifact a
             WHERE o.content_id = ANY($1) AND a.id = o.artifact_id AND {unused}"
        ),
        params![units.to_vec(), before],
    )?;
    rows.iter().map(artifact_bytes::read).collect()
}

/// Forgets publications that were served until `now` at most after a distribution went on to another.
pub fn expire_publications(conn: &mut Conn, now: Instant) -> Result<u64> {
    conn.execute("DELETE FROM distributed_publication WHERE expires_at <= $1", params![now])
}
