//! The units of a draft by the columns of their content types' tables; each row is id, creation, nothing (they are not in a version yet) and the columns.

use super::Draft;
use super::checks::fresh;
use crate::db::units::selected;
use crate::db::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;

/// `AND u.column = ANY($n)` for each condition, whose values join the parameters.
fn conditions(equal: &[(&str, Value)], params: &mut Vec<Value>) -> String {
    let condition = |(column, values): &(&str, Value)| {
        params.push(values.clone());
        format!(" AND u.{column} = ANY(${})", params.len())
    };
    equal.iter().map(condition).collect()
}

/// The units that are in the draft and not in its base.
pub fn fresh_units(
    conn: &mut Conn,
    draft: &Draft,
    table: &str,
    columns: &[&str],
    equal: &[(&str, Value)],
) -> Result<Vec<Row>> {
    let mut params = params![draft.repository, draft.base.0, draft.base.1].to_vec();
    let conditions = conditions(equal, &mut params);
    let sql = format!(
        "WITH {} SELECT u.content_id, t.created, NULL{} FROM fresh f CROSS JOIN {table} u CROSS JOIN content t
         WHERE u.content_id = f.content_id AND t.id = f.content_id{conditions} ORDER BY u.content_id",
        fresh(draft),
        selected(columns)
    );
    conn.query(&sql, &params)
}

/// The units that are in the draft.
pub fn present_units(
    conn: &mut Conn,
    draft: &Draft,
    table: &str,
    columns: &[&str],
    equal: &[(&str, Value)],
) -> Result<Vec<Row>> {
    let mut params = params![draft.repository].to_vec();
    let conditions = conditions(equal, &mut params);
    let sql = format!(
        "SELECT u.content_id, t.created, NULL{} FROM {table} u CROSS JOIN repository_content p CROSS JOIN content t
         WHERE p.content_id = u.content_id AND p.repository_id = $1 AND p.version_removed IS NULL
             AND t.id = u.content_id{conditions} ORDER BY u.content_id",
        selected(columns)
    );
    conn.query(&sql, &params)
}

/// The values of these columns that more than `most` units of the draft share.
pub fn crowded(
    conn: &mut Conn,
    draft: &Draft,
    table: &str,
    columns: &[&str],
    equal: &[(&str, Value)],
    most: i64,
) -> Result<Vec<Row>> {
    let mut params = params![draft.repository, most].to_vec();
    let conditions = conditions(equal, &mut params);
    // SQLite joins in the order written: along the table's index where there is a condition.
    let from = match equal {
        [] => format!("repository_content p CROSS JOIN {table} u"),
        _ => format!("{table} u CROSS JOIN repository_content p"),
    };
    let columns: Vec<String> = columns.iter().map(|column| format!("u.{column}")).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "SELECT {columns} FROM {from} WHERE p.content_id = u.content_id AND p.repository_id = $1
             AND p.version_removed IS NULL{conditions} GROUP BY {columns} HAVING count(*) > $2 ORDER BY {columns}"
    );
    conn.query(&sql, &params)
}

/// The units that the draft takes out of the version before it.
pub fn removed_units(conn: &mut Conn, draft: &Draft, table: &str, columns: &[&str]) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT u.content_id, t.created, NULL{} FROM repository_content r CROSS JOIN {table} u CROSS JOIN content t
         WHERE r.repository_id = $1 AND r.version_removed = $2 AND u.content_id = r.content_id
             AND t.id = u.content_id ORDER BY u.content_id",
        selected(columns)
    );
    conn.query(&sql, params![draft.repository, draft.number])
}

/// The new units of a type whose unique key another unit of the draft has too, and that key.
pub fn rivals(conn: &mut Conn, draft: &Draft, content_type: &str) -> Result<Vec<(Id, String)>> {
    let sql = format!(
        "WITH {} SELECT n.id, n.repo_key FROM fresh f CROSS JOIN content n
         WHERE n.id = f.content_id AND n.pulp_type = $4 AND n.repo_key IS NOT NULL
             AND EXISTS (SELECT 1 FROM content o CROSS JOIN repository_content p
                 WHERE o.pulp_type = n.pulp_type AND o.repo_key = n.repo_key AND o.id <> n.id
                     AND p.repository_id = $1 AND p.content_id = o.id AND p.version_removed IS NULL)
         ORDER BY n.repo_key, n.id",
        fresh(draft)
    );
    let rows = conn.query(&sql, params![draft.repository, draft.base.0, draft.base.1, content_type])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Whether the repository has all of these units now.
pub fn has_all(conn: &mut Conn, repository: Id, mut units: Vec<Id>) -> Result<bool> {
    units.sort_unstable();
    units.dedup();
    let wanted = i64::try_from(units.len()).map_err(Error::internal)?;
    let row = conn.query_one(
        "SELECT count(*) FROM repository_content
         WHERE repository_id = $1 AND content_id = ANY($2) AND version_removed IS NULL",
        params![repository, units],
    )?;
    Ok(row.get::<i64>(0)? == wanted)
}

/// The newest version of the repository, if it brought this unit and nothing is published of it.
pub fn unpublished(conn: &mut Conn, repository: Id, unit: Id) -> Result<Option<Id>> {
    let row = conn.query_opt(
        "SELECT v.id FROM repository_version v
         WHERE v.repository_id = $1
             AND v.number = (SELECT max(n.number) FROM repository_version n WHERE n.repository_id = $1)
             AND EXISTS (SELECT 1 FROM repository_content c WHERE c.repository_id = $1 AND c.content_id = $2
                 AND c.version_added = v.number)
             AND NOT EXISTS (SELECT 1 FROM publication p WHERE p.repository_version_id = v.id)",
        params![repository, unit],
    )?;
    row.map(|row| row.get(0)).transpose()
}
