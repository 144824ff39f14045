//! Deleting a version: what it did becomes the doing of the next one, or is undone when there is none.
//!
//! Units that were in no other version leave the repository. Costs what the version and its successor
//! changed, never what they hold.

use super::counts::{by_type, counts, put_counts};
use super::{BEFORE_FIRST, Version, after, before};
use crate::db::Conn;
use crate::error::Result;
use crate::id::now;
use crate::params;

/// Units that only version `v` had: added in (`$2`, `$3`], removed in (`$3`, `$4`].
const ONLY_HERE: &str = "r.repository_id = $1 AND r.version_removed > $3 AND r.version_removed <= $4
    AND r.version_added > $2 AND r.version_added <= $3";

/// Units that only version `v` lacked: `r` ends with it, `n` starts with its successor.
const ONLY_NOT_HERE: &str = "r.repository_id = $1 AND r.version_removed > $2 AND r.version_removed <= $3
    AND n.repository_id = $1 AND n.content_id = r.content_id AND n.version_added > $3 AND n.version_added <= $4";

/// Where units get a new time of last interest when they leave. Those of hidden repositories get none: they were
/// protected as long as what pins them.
const IS_SEEN: &str = "EXISTS (SELECT 1 FROM repository h WHERE h.id = $1 AND NOT h.user_hidden)";

/// Deletes a version that is not the last one of its repository.
pub fn delete(conn: &mut Conn, version: &Version) -> Result<()> {
    let previous = before(conn, version)?.map_or(BEFORE_FIRST, |previous| previous.number);
    match after(conn, version)? {
        Some(next) => fold_into(conn, version, previous, &next)?,
        None => undo(conn, version, previous)?,
    }
    conn.execute("DELETE FROM repository_version WHERE id = $1", params![version.id])?;
    Ok(())
}

fn undo(conn: &mut Conn, version: &Version, previous: i64) -> Result<()> {
    conn.execute(
        &format!(
            "UPDATE content SET timestamp_of_interest = $3 WHERE {IS_SEEN} AND id IN
                 (SELECT content_id FROM repository_content
                  WHERE repository_id = $1 AND version_added > $2 AND version_removed IS NULL)"
        ),
        params![version.repository, previous, now()],
    )?;
    conn.execute(
        "DELETE FROM repository_content WHERE repository_id = $1 AND version_added > $2",
        params![version.repository, previous],
    )?;
    conn.execute(
        "UPDATE repository_content SET version_removed = NULL WHERE repository_id = $1 AND version_removed > $2",
        params![version.repository, previous],
    )?;
    Ok(())
}

fn fold_into(conn: &mut Conn, version: &Version, previous: i64, next: &Version) -> Result<()> {
    let range = params![version.repository, previous, version.number, next.number];
    fold_counts(conn, version, previous, next)?;
    conn.execute(
        &format!(
            "UPDATE content SET timestamp_of_interest = $5 WHERE {IS_SEEN} AND id IN
                 (SELECT r.content_id FROM repository_content r WHERE {ONLY_HERE})"
        ),
        params![version.repository, previous, version.number, next.number, now()],
    )?;
    conn.execute(&format!("DELETE FROM repository_content AS r WHERE {ONLY_HERE}"), range)?;
    if previous == BEFORE_FIRST {
        // Nothing was there to be lacking.
        return Ok(());
    }
    let rows = conn.query(
        &format!(
            "SELECT r.content_id FROM repository_content r CROSS JOIN repository_content n WHERE {ONLY_NOT_HERE} LIMIT 1"
        ),
        range,
    )?;
    if rows.is_empty() {
        return Ok(());
    }
    let successor = "n.repository_id = $1 AND n.content_id = r.content_id AND n.version_added > $3
        AND n.version_added <= $4";
    conn.execute(
        &format!(
            "UPDATE repository_content AS r
             SET version_removed = (SELECT n.version_removed FROM repository_content n WHERE {successor})
             WHERE r.repository_id = $1 AND r.version_removed > $2 AND r.version_removed <= $3
                 AND EXISTS (SELECT 1 FROM repository_content n WHERE {successor})"
        ),
        range,
    )?;
    // The lengthened intervals now cover those they swallowed.
    conn.execute(
        "DELETE FROM repository_content AS n
         WHERE n.repository_id = $1 AND n.version_added > $2 AND n.version_added <= $3
             AND EXISTS (SELECT 1 FROM repository_content r WHERE r.repository_id = $1
                 AND r.content_id = n.content_id AND r.version_added < n.version_added
                 AND (r.version_removed IS NULL OR r.version_removed > n.version_added))",
        params![version.repository, version.number, next.number],
    )?;
    Ok(())
}

/// What the next version counts as added and removed, against the version before the deleted one.
fn fold_counts(conn: &mut Conn, version: &Version, previous: i64, next: &Version) -> Result<()> {
    let mut sums = counts(conn, next.id)?;
    for (content_type, change) in counts(conn, version.id)? {
        let sum = sums.entry(content_type).or_default();
        sum.added += change.added;
        sum.removed += change.removed;
    }
    let range = params![version.repository, previous, version.number, next.number];
    let undone = [
        format!("repository_content r CROSS JOIN content c WHERE {ONLY_HERE}"),
        format!("repository_content r CROSS JOIN repository_content n CROSS JOIN content c WHERE {ONLY_NOT_HERE}"),
    ];
    for rows in undone {
        let sql = format!("SELECT c.pulp_type, count(*) FROM {rows} AND c.id = r.content_id GROUP BY c.pulp_type");
        for (content_type, count) in by_type(&conn.query(&sql, range)?)? {
            let sum = sums.entry(content_type).or_default();
            sum.added -= count;
            sum.removed -= count;
        }
    }
    put_counts(conn, next.id, &sums)
}
