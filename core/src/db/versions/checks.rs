//! What a version must not be. All checks start at the units that are in the draft and not in its base, so
//! they cost what the change is, not what the repository holds.
//!
//! The joins are written as `CROSS JOIN`, which SQLite carries out in the order written. That the rows of a
//! draft are open is said although it is known: else SQLite takes the primary key, which covers all other
//! columns, and walks through the whole repository.

use super::Draft;
use super::draft::drop_empty;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// A new unit and the one with the same unique key that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    pub content_type: String,
    pub incoming: Id,
    pub existing: Id,
}

/// The units `fresh` that are new against the base, found before anything is joined to them. `$1` is the
/// repository, `$2` the repository of the base, `$3` the number of the base.
pub(super) fn fresh(draft: &Draft) -> String {
    // Present units that were added no later than a base of the same repository are in that base.
    let newer = if draft.base.0 == draft.repository { "AND f.version_added > $3" } else { "" };
    format!(
        "fresh AS MATERIALIZED (SELECT f.content_id FROM repository_content f
             WHERE f.repository_id = $1 AND f.version_removed IS NULL {newer}
             AND NOT EXISTS (SELECT 1 FROM repository_content b WHERE b.repository_id = $2
                 AND b.content_id = f.content_id AND b.version_added <= $3
                 AND (b.version_removed IS NULL OR b.version_removed > $3)))"
    )
}

/// A content type among the new units that is none of `allowed`.
pub fn unsupported(conn: &mut Conn, draft: &Draft, allowed: &[&str]) -> Result<Option<String>> {
    let allowed: Vec<String> = allowed.iter().map(|&name| name.to_owned()).collect();
    // Not only against the base: that may be of another kind of repository.
    let row = conn.query_opt(
        "SELECT c.pulp_type FROM repository_content f CROSS JOIN content c
         WHERE f.repository_id = $1 AND f.version_added = $2 AND f.version_removed IS NULL
             AND c.id = f.content_id AND c.pulp_type <> ALL($3) LIMIT 1",
        params![draft.repository, draft.number, allowed],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// How many unique keys are claimed by more than one new unit.
pub fn doubled(conn: &mut Conn, draft: &Draft) -> Result<i64> {
    let sql = format!(
        "WITH {}
         SELECT count(*) FROM (SELECT c.pulp_type FROM fresh f CROSS JOIN content c
             WHERE c.id = f.content_id AND c.repo_key IS NOT NULL
             GROUP BY c.pulp_type, c.repo_key HAVING count(*) > 1) AS twice",
        fresh(draft)
    );
    conn.query_one(&sql, params![draft.repository, draft.base.0, draft.base.1])?.get(0)
}

/// `columns` of each new unit `n` and present unit `o` with the same unique key.
fn pairs(draft: &Draft, columns: &str) -> String {
    format!(
        "WITH {} SELECT {columns}
         FROM fresh f CROSS JOIN content n CROSS JOIN content o CROSS JOIN repository_content p
         WHERE n.id = f.content_id AND n.repo_key IS NOT NULL
             AND o.pulp_type = n.pulp_type AND o.repo_key = n.repo_key AND o.id <> n.id
             AND p.repository_id = $1 AND p.content_id = o.id AND p.version_removed IS NULL",
        fresh(draft)
    )
}

/// Whether the base has units at all. If not, none is older than another, and what two have in common is said by
/// [`doubled`].
fn has_older(conn: &mut Conn, draft: &Draft) -> Result<bool> {
    let row = conn.query_opt(
        "SELECT EXISTS (SELECT 1 FROM repository_version_count c WHERE c.version_id = v.id AND c.count_type = 'present')
         FROM repository_version v WHERE v.repository_id = $1 AND v.number = $2",
        params![draft.base.0, draft.base.1],
    )?;
    row.map_or(Ok(true), |row| row.get(0))
}

/// At most `most` older units that new ones are about to push out.
pub fn clashes(conn: &mut Conn, draft: &Draft, most: i64) -> Result<Vec<Clash>> {
    if !has_older(conn, draft)? {
        return Ok(vec![]);
    }
    let rows = conn.query(
        &format!("{} LIMIT $4", pairs(draft, "n.pulp_type, n.id, o.id")),
        params![draft.repository, draft.base.0, draft.base.1, most],
    )?;
    rows.iter()
        .map(|row| Ok(Clash { content_type: row.get(0)?, incoming: row.get(1)?, existing: row.get(2)? }))
        .collect()
}

/// Takes out the older units that have the unique key of a new one.
pub fn push_out(conn: &mut Conn, draft: &Draft) -> Result<()> {
    if !has_older(conn, draft)? {
        return Ok(());
    }
    conn.execute(
        &format!(
            "UPDATE repository_content SET version_removed = $4
             WHERE repository_id = $1 AND version_removed IS NULL AND content_id IN ({})",
            pairs(draft, "o.id")
        ),
        params![draft.repository, draft.base.0, draft.base.1, draft.number],
    )?;
    drop_empty(conn, draft)
}

/// A path of a new unit and another path of the draft that cannot be beside it: the same one, or one of
/// which either is a directory.
///
/// `LIMIT … OFFSET 0` keeps PostgreSQL from turning the inner questions into joins: by statistics that a
/// large draft is not in yet it would begin with the present units, and compare all paths with all.
pub fn path_conflict(conn: &mut Conn, draft: &Draft) -> Result<Option<(String, String)>> {
    let present = "EXISTS (SELECT 1 FROM repository_content p WHERE p.repository_id = $1
         AND p.content_id = a.content_id AND p.version_removed IS NULL LIMIT 1 OFFSET 0)";
    let fresh = fresh(draft);
    let new = "FROM fresh f CROSS JOIN content_artifact n WHERE n.content_id = f.content_id";
    let same = format!(
        "WITH {fresh} SELECT n.relative_path, n.relative_path {new} AND EXISTS (SELECT 1 FROM content_artifact a
             WHERE a.relative_path = n.relative_path AND a.id <> n.id AND {present} LIMIT 1 OFFSET 0)
         ORDER BY n.relative_path LIMIT 1"
    );
    let below = format!(
        "WITH {fresh} SELECT x.other, x.path
         FROM (SELECT n.relative_path AS path, (SELECT a.relative_path FROM content_artifact a
             WHERE a.relative_path > n.relative_path || '/' AND a.relative_path < n.relative_path || '0' AND {present}
             ORDER BY a.relative_path LIMIT 1 OFFSET 0) AS other {new}) x
         WHERE x.other IS NOT NULL ORDER BY x.path LIMIT 1"
    );
    // All letters of a path but its slashes, stripped from its end, leave its directory.
    let parent = |path: &str| {
        let directory = format!("rtrim({path}, replace({path}, '/', ''))");
        format!("substr({directory}, 1, length({directory}) - 1)")
    };
    let above = format!(
        "WITH RECURSIVE {fresh}, directory (path) AS (
             SELECT {} {new} AND n.relative_path LIKE '%/%'
             UNION
             SELECT {} FROM directory WHERE path LIKE '%/%')
         SELECT d.path || '/…', d.path FROM directory d WHERE EXISTS (SELECT 1 FROM content_artifact a
             WHERE a.relative_path = d.path AND {present} LIMIT 1 OFFSET 0)
         ORDER BY d.path LIMIT 1",
        parent("n.relative_path"),
        parent("path")
    );
    for sql in [same, above, below] {
        if let Some(row) = conn.query_opt(&sql, params![draft.repository, draft.base.0, draft.base.1])? {
            return Ok(Some((row.get(0)?, row.get(1)?)));
        }
    }
    Ok(None)
}
