//! The units of a repository version by the columns of their content type's own table. Names of tables and
//! columns come from the code of formats, values from anywhere.

use super::{Conn, Row, Value};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;
use crate::storage::Algorithm;

/// From how many units on a repository is read along its format's table rather than along its version.
pub const LARGE: i64 = 50_000;

/// The version that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: Id,
    pub repository: Id,
    pub number: i64,
    pub created: Instant,
    /// The repository was filled by a synchronization: its units are what an upstream has.
    pub mirrors: bool,
}

/// The version of this id, unless it is gone.
pub fn version(conn: &mut Conn, id: Id) -> Result<Option<Version>> {
    let row = conn.query_opt(
        "SELECT v.id, v.repository_id, v.number, v.created, r.details,
             EXISTS (SELECT 1 FROM sync_source s WHERE s.repository_id = r.id)
         FROM repository_version v JOIN repository r ON r.id = v.repository_id WHERE v.id = $1",
        params![id],
    )?;
    let version = |row: Row| {
        let details: serde_json::Value = row.get(4)?;
        let seen = details.get("last_sync_details").and_then(serde_json::Value::as_object);
        Ok(Version {
            id: row.get(0)?,
            repository: row.get(1)?,
            number: row.get(2)?,
            created: row.get(3)?,
            mirrors: row.get(5)? || seen.is_some_and(|seen| !seen.is_empty()),
        })
    };
    row.map(version).transpose()
}

/// Changes whenever units of content did, which happens only where their files are read again.
pub fn revision(conn: &mut Conn) -> Result<Option<String>> {
    let row = conn.query_opt("SELECT value FROM installation WHERE name = $1", params![REVISION])?;
    row.map(|row| row.get(0)).transpose()
}

/// To be called in the transaction that changes units.
pub fn revise(conn: &mut Conn) -> Result<()> {
    let sql = "INSERT INTO installation (name, value) VALUES ($1, $2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    conn.execute(sql, params![REVISION, Id::new().to_string()]).map(drop)
}

/// The name of what the installation knows about it.
const REVISION: &str = "units_revision";

const PRESENT: &str = "rc.repository_id = $1 AND rc.version_added <= $2
    AND (rc.version_removed IS NULL OR rc.version_removed > $2)";

/// When the unit `rc` joined the repository: with the version that brought it, or the one that was merged into.
const ADDED: &str = "(SELECT v.created FROM repository_version v WHERE v.repository_id = rc.repository_id
    AND v.number >= rc.version_added ORDER BY v.number LIMIT 1)";

/// Id, creation, arrival in the repository and `columns` of the units with one of the given values in each of the
/// named columns. Starts at the first of these columns, which has an index.
pub fn matching(
    conn: &mut Conn,
    version: Version,
    table: &str,
    columns: &[&str],
    equal: &[(&str, Value)],
) -> Result<Vec<Row>> {
    let mut params = vec![version.repository.into(), version.number.into()];
    let mut conditions = String::new();
    for (column, values) in equal {
        params.push(values.clone());
        conditions.push_str(&format!("u.{column} = ANY(${}) AND ", params.len()));
    }
    let sql = format!(
        "SELECT u.content_id, t.created, {ADDED}{} FROM {table} u CROSS JOIN repository_content rc CROSS JOIN content t
         WHERE {conditions}rc.content_id = u.content_id AND {PRESENT} AND t.id = u.content_id ORDER BY u.content_id",
        selected(columns)
    );
    conn.query(&sql, &params)
}

/// The same of at most `limit` units after the unit `after`, whatever their values; in the order of their ids.
pub fn page(
    conn: &mut Conn,
    version: Version,
    table: &str,
    columns: &[&str],
    after: Option<Id>,
    limit: i64,
) -> Result<Vec<Row>> {
    page_with(ADDED, conn, version, table, columns, (after, None), limit)
}

/// The same of units after the first of `range` and up to the second, without when they joined the repository.
pub fn list(
    conn: &mut Conn,
    version: Version,
    table: &str,
    columns: &[&str],
    range: (Option<Id>, Option<Id>),
    limit: i64,
) -> Result<Vec<Row>> {
    page_with("NULL", conn, version, table, columns, range, limit)
}

fn page_with(
    added: &str,
    conn: &mut Conn,
    version: Version,
    table: &str,
    columns: &[&str],
    (after, up_to): (Option<Id>, Option<Id>),
    limit: i64,
) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT u.content_id, t.created, {added}{} FROM repository_content rc CROSS JOIN {table} u CROSS JOIN content t
         WHERE {PRESENT} AND rc.content_id > $3 AND rc.content_id <= $4 AND u.content_id = rc.content_id
             AND t.id = u.content_id
         ORDER BY rc.content_id LIMIT $5",
        selected(columns)
    );
    let (after, up_to) = (after.unwrap_or(Id::LEAST), up_to.unwrap_or(Id::GREATEST));
    conn.query(&sql, params![version.repository, version.number, after, up_to, limit])
}

/// The units of a table that came or went between the version and the one of this number, in the order of their ids:
/// whatever one of the two has and the other has not is among them. Costs what changed.
pub fn changed_since(conn: &mut Conn, version: Version, table: &str, number: i64) -> Result<Vec<Id>> {
    // The last condition always holds: without a column beyond the primary key SQLite walks along that.
    let changed = |column: &str| {
        format!(
            "SELECT rc.content_id FROM repository_content rc CROSS JOIN {table} u
             WHERE rc.repository_id = $1 AND rc.{column} > $2 AND rc.{column} <= $3 AND u.content_id = rc.content_id
                 AND (rc.version_removed IS NULL OR rc.version_removed > $2)"
        )
    };
    let sql = format!("{} UNION {} ORDER BY 1", changed("version_added"), changed("version_removed"));
    let (low, high) = (number.min(version.number), number.max(version.number));
    conn.query(&sql, params![version.repository, low, high])?.iter().map(|row| row.get(0)).collect()
}

/// The digests of the files of units that are here, by their ids.
pub fn digests(conn: &mut Conn, ids: Vec<Id>, algorithm: Algorithm) -> Result<Vec<(Id, String)>> {
    let name = algorithm.name();
    let sql = format!(
        "SELECT ca.content_id, a.{name} FROM content_artifact ca JOIN artifact a ON a.id = ca.artifact_id
         WHERE ca.content_id = ANY($1) AND a.{name} IS NOT NULL"
    );
    conn.query(&sql, params![ids])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The same of the units that joined the repository last, newest first.
pub fn newest(
    conn: &mut Conn,
    version: Version,
    table: &str,
    columns: &[&str],
    (offset, limit): (i64, i64),
) -> Result<Vec<Row>> {
    let sql = format!(
        "SELECT u.content_id, t.created, {ADDED}{} FROM repository_content rc CROSS JOIN {table} u CROSS JOIN content t
         WHERE {PRESENT} AND u.content_id = rc.content_id AND t.id = u.content_id
         ORDER BY rc.version_added DESC LIMIT $3 OFFSET $4",
        selected(columns)
    );
    conn.query(&sql, params![version.repository, version.number, limit, offset])
}

/// How many combinations of values these columns have, with the units that wait.
pub fn distinct(conn: &mut Conn, version: Version, waiting: &[Id], table: &str, columns: &[&str]) -> Result<i64> {
    let columns = columns.iter().map(|column| format!("u.{column}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT count(*) FROM (
             SELECT {columns} FROM repository_content rc CROSS JOIN {table} u WHERE {PRESENT} AND u.content_id = rc.content_id
             UNION SELECT {columns} FROM {table} u WHERE u.content_id = ANY($3)) x"
    );
    conn.query_one(&sql, params![version.repository, version.number, waiting.to_vec()])?.get(0)
}

/// As [`matching`], of units that wait for the next version.
pub fn waiting(
    conn: &mut Conn,
    waiting: &Waiting,
    table: &str,
    columns: &[&str],
    equal: &[(&str, Value)],
) -> Result<Vec<Row>> {
    let mut params = vec![waiting.units.clone().into()];
    let mut conditions = String::new();
    for (column, values) in equal {
        params.push(values.clone());
        conditions.push_str(&format!(" AND u.{column} = ANY(${})", params.len()));
    }
    let sql = format!(
        "SELECT u.content_id, t.created, NULL{} FROM {table} u CROSS JOIN content t
         WHERE u.content_id = ANY($1) AND t.id = u.content_id{conditions} ORDER BY u.content_id",
        selected(columns)
    );
    let mut rows = conn.query(&sql, &params)?;
    for added in rows.iter_mut().filter_map(|row| row.0.get_mut(2)) {
        *added = waiting.since.into();
    }
    Ok(rows)
}

/// Units that wait for the next version, and since when at most.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub units: Vec<Id>,
    pub since: Instant,
}

/// The values of the column among units that wait, and how they are called.
pub fn waiting_groups(conn: &mut Conn, waiting: &Waiting, by: &Grouping) -> Result<Vec<(String, String)>> {
    let Grouping { table, column, label, .. } = by;
    let sql = format!(
        "SELECT u.{column}, min(u.{label}) FROM {table} u WHERE u.content_id = ANY($1) GROUP BY u.{column} ORDER BY 1"
    );
    conn.query(&sql, params![waiting.units.clone()])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// How many units of a type wait that the version does not have.
pub fn waiting_count(conn: &mut Conn, version: Version, waiting: &Waiting, content_type: &str) -> Result<i64> {
    let sql = format!(
        "SELECT count(*) FROM content c WHERE c.id = ANY($3) AND c.pulp_type = $4 AND NOT EXISTS
             (SELECT 1 FROM repository_content rc WHERE rc.content_id = c.id AND {PRESENT})"
    );
    let values = params![version.repository, version.number, waiting.units.clone(), content_type];
    conn.query_one(&sql, values)?.get(0)
}

/// The units of a domain, in whatever version, whose columns have one of the values given for each; the first starts
/// at an index.
pub fn of_domain(
    conn: &mut Conn,
    domain: Id,
    table: &str,
    columns: &[&str],
    equal: &[(&str, Value)],
) -> Result<Vec<Row>> {
    let mut params = params![domain].to_vec();
    let condition = |(column, values): &(&str, Value)| {
        params.push(values.clone());
        format!(" AND u.{column} = ANY(${})", params.len())
    };
    let conditions: String = equal.iter().map(condition).collect();
    let sql = format!(
        "SELECT u.content_id, t.created, NULL{} FROM {table} u CROSS JOIN content t
         WHERE t.id = u.content_id AND t.domain_id = $1{conditions} ORDER BY u.content_id",
        selected(columns)
    );
    conn.query(&sql, &params)
}

pub(super) fn selected(columns: &[&str]) -> String {
    columns.iter().map(|column| format!(", u.{column}")).collect()
}

/// A column that several types of content share, by which their units belong together.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// The table whose present units make a group exist.
    pub table: &'static str,
    pub column: &'static str,
    /// The column that says how a group is to be called.
    pub label: &'static str,
    /// Tables whose units count as changes of the groups only.
    pub also: Vec<&'static str>,
}

/// Which groups.
#[derive(Clone, Debug)]
pub enum Range {
    All,
    /// Above the first and up to the second; the tables are read along their column.
    Between(String, String),
    One(String),
}

/// A value of the column.
#[derive(Clone, Debug)]
pub struct Found {
    pub value: String,
    /// The least of its present units.
    pub label: String,
    /// The number of the version in which anything under it changed last.
    pub changed: i64,
}

/// The values of the column, in byte order.
pub fn groups(conn: &mut Conn, version: Version, by: &Grouping, range: &Range) -> Result<Vec<Found>> {
    let mut params = params![version.repository, version.number].to_vec();
    let column = by.column;
    let condition = match range {
        Range::All => String::new(),
        Range::Between(after, last) => {
            params.extend([after.as_str().into(), last.as_str().into()]);
            format!("AND u.{column} > $3 AND u.{column} <= $4")
        }
        Range::One(value) => {
            params.push(value.as_str().into());
            format!("AND u.{column} = $3")
        }
    };
    let part = |table: &str, label: &str, present: &str| {
        let joined = match range {
            Range::All => format!("repository_content rc CROSS JOIN {table} u"),
            Range::Between(..) | Range::One(_) => format!("{table} u CROSS JOIN repository_content rc"),
        };
        format!(
            "SELECT u.{column} AS value, {label} AS label, {present} AS present,
                 CASE WHEN rc.version_removed <= $2 THEN rc.version_removed ELSE rc.version_added END AS changed
             FROM {joined} WHERE rc.content_id = u.content_id AND rc.repository_id = $1 AND rc.version_added <= $2
             {condition}"
        )
    };
    let label = format!("u.{}", by.label);
    let mut parts = vec![part(
        by.table,
        &label,
        "CASE WHEN rc.version_removed IS NULL OR rc.version_removed > $2 THEN 1 ELSE 0 END",
    )];
    parts.extend(by.also.iter().map(|table| part(table, "NULL", "0")));
    let sql = format!(
        "SELECT value, min(CASE WHEN present = 1 THEN label END), max(changed) FROM ({}) x GROUP BY value HAVING max(present) = 1 ORDER BY value",
        parts.join(" UNION ALL ")
    );
    let found = |row: &Row| Ok(Found { value: row.get(0)?, label: row.get(1)?, changed: row.get(2)? });
    conn.query(&sql, &params)?.iter().map(found).collect()
}

/// The greatest of the next `count` values of the column, of whatever repository; none at the end.
pub fn next_values(conn: &mut Conn, by: &Grouping, after: &str, count: i64) -> Result<Option<String>> {
    let Grouping { table, column, .. } = by;
    let sql = format!(
        "SELECT max(value) FROM (SELECT DISTINCT u.{column} AS value FROM {table} u WHERE u.{column} > $1
         ORDER BY 1 LIMIT $2) x"
    );
    conn.query_one(&sql, params![after, count])?.get(0)
}

/// The numbers of a repository's versions and when they were made, in this order.
pub fn instants(conn: &mut Conn, repository: Id) -> Result<Vec<(i64, Instant)>> {
    let rows = conn.query(
        "SELECT number, created FROM repository_version WHERE repository_id = $1 ORDER BY number",
        params![repository],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// How many units of a type the version has.
pub fn count(conn: &mut Conn, version: Id, content_type: &str) -> Result<i64> {
    let row = conn.query_opt(
        "SELECT count FROM repository_version_count WHERE version_id = $1 AND content_type = $2 AND count_type = 'present'",
        params![version, content_type],
    )?;
    row.map_or(Ok(0), |row| row.get(0))
}
