//! What formats remember between synchronizations, and units by the value of one of their columns: the
//! groups of which a synchronization looks only at some.

use super::content::DetailTable;
use super::{Conn, Row, Value};
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// Keys read at once.
const PAGE: i64 = 20_000;
/// Keys written, and groups looked up, at once.
const TOGETHER: usize = 500;

/// One column of a detail table whose value says which group a unit belongs to.
#[derive(Clone, Copy, Debug)]
pub struct GroupColumn {
    pub table: DetailTable,
    pub column: &'static str,
}

/// What is remembered of a repository and a remote.
#[derive(Clone, Debug)]
pub struct Source {
    pub id: i64,
    pub fingerprint: String,
    pub version: i64,
}

pub fn source(conn: &mut Conn, repository: Id, remote: Id) -> Result<Option<Source>> {
    let row = conn.query_opt(
        "SELECT id, fingerprint, version FROM sync_source WHERE repository_id = $1 AND remote_id = $2",
        params![repository, remote],
    )?;
    row.map(|row| Ok(Source { id: row.get(0)?, fingerprint: row.get(1)?, version: row.get(2)? })).transpose()
}

/// Whether the repository has a version of this number.
pub fn has_version(conn: &mut Conn, repository: Id, number: i64) -> Result<bool> {
    let row = conn.query_opt(
        "SELECT 1 FROM repository_version WHERE repository_id = $1 AND number = $2",
        params![repository, number],
    )?;
    Ok(row.is_some())
}

/// Hands all keys and values to `each`, ordered by the keys' bytes.
pub fn load(conn: &mut Conn, source: i64, mut each: impl FnMut(&str, &str)) -> Result<()> {
    let mut after = String::new();
    loop {
        let rows = conn.query(
            "SELECT key, value FROM sync_state WHERE source_id = $1 AND key > $2 ORDER BY key LIMIT $3",
            params![source, &after, PAGE],
        )?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.get(0)?;
        for row in &rows {
            if let [Value::Text(key), Value::Text(value)] = row.0.as_slice() {
                each(key, value);
            }
        }
    }
}

/// What is remembered from now on: everything that was, but for `changes`; with `anew` only them.
pub struct Remembering<'a> {
    pub repository: Id,
    pub remote: Id,
    pub fingerprint: &'a str,
    /// The number of the newest version.
    pub version: i64,
    pub anew: bool,
    /// By key; none is forgotten.
    pub changes: &'a [(String, Option<String>)],
}

pub fn remember(conn: &mut Conn, remembering: &Remembering<'_>) -> Result<()> {
    let Remembering { repository, remote, fingerprint, version, anew, changes } = remembering;
    conn.execute(
        "INSERT INTO sync_source (repository_id, remote_id, fingerprint, version) VALUES ($1, $2, $3, $4)
         ON CONFLICT (repository_id, remote_id)
         DO UPDATE SET fingerprint = excluded.fingerprint, version = excluded.version",
        params![*repository, *remote, *fingerprint, *version],
    )?;
    let row = conn.query_one(
        "SELECT id FROM sync_source WHERE repository_id = $1 AND remote_id = $2",
        params![*repository, *remote],
    )?;
    let source: i64 = row.get(0)?;
    if *anew {
        conn.execute("DELETE FROM sync_state WHERE source_id = $1", params![source])?;
    }
    for part in changes.chunks(TOGETHER) {
        let keys: Vec<String> = part.iter().map(|(key, _)| key.clone()).collect();
        conn.execute("DELETE FROM sync_state WHERE source_id = $1 AND key = ANY($2)", params![source, keys])?;
        let rows: Vec<Vec<Value>> = part
            .iter()
            .filter_map(|(key, value)| Some(vec![source.into(), key.into(), value.as_ref()?.into()]))
            .collect();
        conn.insert_all("sync_state", &["source_id", "key", "value"], &rows)?;
    }
    Ok(())
}

/// The groups of units that came or went after version `since` and up to version `latest`.
pub fn touched(
    conn: &mut Conn,
    repository: Id,
    (since, latest): (i64, i64),
    columns: &[GroupColumn],
) -> Result<Vec<String>> {
    let mut groups = Vec::new();
    for GroupColumn { table, column } in columns {
        for end in ["version_added", "version_removed"] {
            let sql = format!(
                "SELECT DISTINCT d.{column} FROM repository_content rc JOIN {} d ON d.content_id = rc.content_id
                 WHERE rc.repository_id = $1 AND rc.{end} > $2 AND rc.{end} <= $3",
                table.name
            );
            let rows = conn.joining_as_written(|conn| conn.query(&sql, params![repository, since, latest]))?;
            groups.extend(rows.iter().map(|row| row.get::<String>(0)).collect::<Result<Vec<_>>>()?);
        }
    }
    Ok(groups)
}

/// The groups of units in the newest version whose files only an upstream has.
pub fn lacking_files(conn: &mut Conn, repository: Id, columns: &[GroupColumn]) -> Result<Vec<String>> {
    let mut groups = Vec::new();
    for GroupColumn { table, column } in columns {
        let sql = format!(
            "SELECT DISTINCT d.{column} FROM repository_content rc
             JOIN content_artifact ca ON ca.content_id = rc.content_id AND ca.artifact_id IS NULL
             JOIN {} d ON d.content_id = rc.content_id
             WHERE rc.repository_id = $1 AND rc.version_removed IS NULL",
            table.name
        );
        let rows = conn.query(&sql, params![repository])?;
        groups.extend(rows.iter().map(|row| row.get::<String>(0)).collect::<Result<Vec<_>>>()?);
    }
    Ok(groups)
}

/// The units of these groups that are in the version under construction.
pub fn members(
    conn: &mut Conn,
    domain: Id,
    repository: Id,
    columns: &[GroupColumn],
    groups: &[String],
) -> Result<Vec<Id>> {
    let mut ids = Vec::new();
    for part in groups.chunks(TOGETHER) {
        for GroupColumn { table, column } in columns {
            let sql = format!(
                "SELECT d.content_id FROM {} d JOIN repository_content rc ON rc.content_id = d.content_id
                 WHERE d.domain_id = $1 AND d.{column} = ANY($2)
                     AND rc.repository_id = $3 AND rc.version_removed IS NULL",
                table.name
            );
            let part = part.to_vec();
            let rows = conn.joining_as_written(|conn| conn.query(&sql, params![domain, part, repository]))?;
            ids.extend(rows.iter().map(|row| row.get::<Id>(0)).collect::<Result<Vec<_>>>()?);
        }
    }
    Ok(ids)
}

/// The units of a group in a version: id, creation, nothing for their arrival in the repository, and some columns.
pub fn rows(
    conn: &mut Conn,
    (repository, version): (Id, i64),
    group: &GroupColumn,
    columns: &[&str],
    value: &str,
) -> Result<Vec<Row>> {
    let columns: String = columns.iter().map(|column| format!(", d.{column}")).collect();
    let sql = format!(
        "SELECT d.content_id, c.created, NULL{columns} FROM {} d JOIN content c ON c.id = d.content_id
         JOIN repository_content rc ON rc.content_id = d.content_id
         WHERE d.{} = $1 AND rc.repository_id = $2 AND rc.version_added <= $3
             AND (rc.version_removed IS NULL OR rc.version_removed > $3)",
        group.table.name, group.column
    );
    conn.joining_as_written(|conn| conn.query(&sql, params![value, repository, version]))
}
