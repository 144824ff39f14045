//! How many units of each type a version has, added and removed: stored when it is made, since counting
//! members would cost the size of the repository.

use std::collections::BTreeMap;

use super::{Draft, Version};
use crate::db::{Conn, Row, Value};
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// The counts of one content type in one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub added: i64,
    pub removed: i64,
    pub present: i64,
}

/// By content type.
pub type Counts = BTreeMap<String, Change>;

/// What is stored for a version.
pub fn counts(conn: &mut Conn, version: Id) -> Result<Counts> {
    let rows = conn.query(
        "SELECT content_type, count_type, count FROM repository_version_count WHERE version_id = $1",
        params![version],
    )?;
    let mut counts = Counts::new();
    for row in rows {
        let change = counts.entry(row.get(0)?).or_default();
        match row.get::<String>(1)?.as_str() {
            "added" => change.added = row.get(2)?,
            "removed" => change.removed = row.get(2)?,
            _ => change.present = row.get(2)?,
        }
    }
    Ok(counts)
}

/// Stores the counts of a version in place of earlier ones. Nothing is stored for none.
pub fn put_counts(conn: &mut Conn, version: Id, counts: &Counts) -> Result<()> {
    conn.execute("DELETE FROM repository_version_count WHERE version_id = $1", params![version])?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for (content_type, change) in counts {
        for (count_type, count) in [("added", change.added), ("removed", change.removed), ("present", change.present)] {
            if count > 0 {
                rows.push(vec![version.into(), count_type.into(), content_type.into(), count.into()]);
            }
        }
    }
    conn.insert_all("repository_version_count", &["version_id", "count_type", "content_type", "count"], &rows)?;
    Ok(())
}

/// The counts a draft gets: its own changes, and what `previous` had, changed by them.
pub fn changes(conn: &mut Conn, draft: &Draft, previous: Option<&Version>) -> Result<Counts> {
    let mut counts = Counts::new();
    // For `version_removed IS NULL` see `checks.rs`.
    let parts = [("r.version_added = $2 AND r.version_removed IS NULL", true), ("r.version_removed = $2", false)];
    for (changed, added) in parts {
        let rows = conn.query(
            &format!(
                "SELECT c.pulp_type, count(*) FROM repository_content r CROSS JOIN content c
                 WHERE r.repository_id = $1 AND {changed} AND c.id = r.content_id GROUP BY c.pulp_type"
            ),
            params![draft.repository, draft.number],
        )?;
        for (content_type, count) in by_type(&rows)? {
            let change = counts.entry(content_type).or_default();
            *(if added { &mut change.added } else { &mut change.removed }) = count;
        }
    }
    for change in counts.values_mut() {
        change.present = change.added - change.removed;
    }
    if let Some(previous) = previous {
        for (content_type, change) in self::counts(conn, previous.id)? {
            counts.entry(content_type).or_default().present += change.present;
        }
    }
    Ok(counts)
}

/// Reads `(type, count)`.
pub(super) fn by_type(rows: &[Row]) -> Result<Vec<(String, i64)>> {
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
