//! Which versions are being served and therefore stay.

use super::{Conn, latest};
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// Versions that a distribution serves, by whatever way. `publishes` tells whether repositories of this
/// kind are served by publications: then a distribution of the repository serves its newest published
/// version, else its newest. Pulp looks at the first such distribution only; here all count.
pub fn protected(conn: &mut Conn, repository: Id, publishes: bool) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT v.id FROM repository_version v CROSS JOIN distribution d
         WHERE v.repository_id = $1 AND d.repository_version_id = v.id
         UNION
         SELECT v.id FROM repository_version v CROSS JOIN publication p CROSS JOIN distribution d
         WHERE v.repository_id = $1 AND p.repository_version_id = v.id AND d.publication_id = p.id
         UNION
         SELECT v.id FROM repository_version v CROSS JOIN publication p
         WHERE v.repository_id = $1 AND p.repository_version_id = v.id AND p.checkpoint
             AND EXISTS (SELECT 1 FROM distribution d WHERE d.repository_id = $1 AND d.checkpoint)",
        params![repository],
    )?;
    let mut versions: Vec<Id> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    let served = conn.query_opt(
        "SELECT 1 FROM distribution WHERE repository_id = $1 AND NOT checkpoint LIMIT 1",
        params![repository],
    )?;
    if served.is_some() {
        let newest = if publishes {
            newest_published(conn, repository)?
        } else {
            latest(conn, repository)?.map(|version| version.id)
        };
        versions.extend(newest.filter(|id| !versions.contains(id)));
    }
    Ok(versions)
}

fn newest_published(conn: &mut Conn, repository: Id) -> Result<Option<Id>> {
    let row = conn.query_opt(
        "SELECT v.id FROM repository_version v
         WHERE v.repository_id = $1 AND EXISTS (SELECT 1 FROM publication p WHERE p.repository_version_id = v.id)
         ORDER BY v.number DESC LIMIT 1",
        params![repository],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// Turns checkpoints beyond the `retain_checkpoints` newest of the repository into ordinary publications;
/// how many that were.
pub fn retain_checkpoints(conn: &mut Conn, repository: Id) -> Result<u64> {
    let kept: Option<i64> =
        conn.query_one("SELECT retain_checkpoints FROM repository WHERE id = $1", params![repository])?.get(0)?;
    let Some(kept) = kept else { return Ok(0) };
    conn.execute(
        "UPDATE publication SET checkpoint = FALSE WHERE checkpoint
             AND repository_version_id IN (SELECT id FROM repository_version WHERE repository_id = $1)
             AND id NOT IN (SELECT p.id FROM repository_version v CROSS JOIN publication p
                 WHERE v.repository_id = $1 AND p.repository_version_id = v.id AND p.checkpoint
                 ORDER BY p.created DESC, p.id DESC LIMIT $2)",
        params![repository, kept],
    )
}
