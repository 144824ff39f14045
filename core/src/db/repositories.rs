//! Single facts about repositories, their versions and publications that verbs and handlers ask for.

use serde_json::Value as Json;

use super::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// What a repository is set to.
pub struct Settings {
    pub pulp_type: String,
    pub remote: Option<Id>,
    pub details: Json,
}

/// # Errors
/// `NotFound` when there is no such repository.
pub fn settings(conn: &mut Conn, id: Id) -> Result<Settings> {
    let row = conn.query_opt("SELECT pulp_type, remote_id, details FROM repository WHERE id = $1", params![id])?;
    let row = row.ok_or_else(|| Error::not_found("Repository"))?;
    Ok(Settings { pulp_type: row.get(0)?, remote: row.get(1)?, details: row.get(2)? })
}

/// The domain that a repository belongs to.
///
/// # Errors
/// `NotFound` when there is no such repository.
pub fn domain(conn: &mut Conn, id: Id) -> Result<Id> {
    let row = conn.query_opt("SELECT domain_id FROM repository WHERE id = $1", params![id])?;
    row.ok_or_else(|| Error::not_found("Repository"))?.get(0)
}

/// How a repository is called.
///
/// # Errors
/// `NotFound` when there is no such repository.
pub fn name(conn: &mut Conn, id: Id) -> Result<String> {
    let row = conn.query_opt("SELECT name FROM repository WHERE id = $1", params![id])?;
    row.ok_or_else(|| Error::not_found("Repository"))?.get(0)
}

/// The ids and types of these repositories; of all in the domain that users see when none are named.
pub fn types(conn: &mut Conn, domain: Id, ids: Option<&[Id]>) -> Result<Vec<(Id, String)>> {
    let rows = match ids {
        Some(ids) => conn.query("SELECT id, pulp_type FROM repository WHERE id = ANY($1)", params![ids.to_vec()])?,
        None => conn
            .query("SELECT id, pulp_type FROM repository WHERE domain_id = $1 AND NOT user_hidden", params![domain])?,
    };
    rows.iter().map(|row: &Row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The id of a repository's version.
///
/// # Errors
/// `NotFound` when it has no version of that number.
pub fn version(conn: &mut Conn, repository: Id, number: i64) -> Result<Id> {
    let sql = "SELECT id FROM repository_version WHERE repository_id = $1 AND number = $2";
    let row = conn.query_opt(sql, params![repository, number])?;
    row.map(|row| row.get(0)).transpose()?.ok_or_else(|| Error::not_found("RepositoryVersion"))
}

/// The newest version of a repository.
pub fn newest_version(conn: &mut Conn, repository: Id) -> Result<Id> {
    let sql = "SELECT id FROM repository_version WHERE repository_id = $1 ORDER BY number DESC LIMIT 1";
    let row = conn.query_opt(sql, params![repository])?;
    row.ok_or_else(|| Error::not_found("Repository"))?.get(0)
}

/// A version's repository, the repository's type and the version's number.
///
/// # Errors
/// `NotFound` when there is no such version.
pub fn owner(conn: &mut Conn, version: Id) -> Result<(Id, String, i64)> {
    let row = conn.query_opt(
        "SELECT r.id, r.pulp_type, v.number FROM repository_version v JOIN repository r ON r.id = v.repository_id
         WHERE v.id = $1",
        params![version],
    )?;
    let row = row.ok_or_else(|| Error::not_found("RepositoryVersion"))?;
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// A publication's type and repository.
pub fn published(conn: &mut Conn, publication: Id) -> Result<(String, Id)> {
    let row = conn.query_opt(
        "SELECT p.pulp_type, v.repository_id FROM publication p JOIN repository_version v ON v.id = p.repository_version_id
         WHERE p.id = $1",
        params![publication],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Publication"))?;
    Ok((row.get(0)?, row.get(1)?))
}

pub fn delete_publication(conn: &mut Conn, publication: Id) -> Result<()> {
    conn.execute("DELETE FROM publication WHERE id = $1", params![publication])?;
    Ok(())
}

/// The labels of an object in `table`.
pub fn labels(conn: &mut Conn, table: &str, id: Id) -> Result<serde_json::Map<String, Json>> {
    let row = conn.query_one(&format!("SELECT labels FROM {table} WHERE id = $1"), params![id])?;
    Ok(row.get::<Json>(0)?.as_object().cloned().unwrap_or_default())
}

pub fn set_labels(conn: &mut Conn, table: &str, id: Id, labels: serde_json::Map<String, Json>) -> Result<()> {
    let params = [Value::Id(id), Json::Object(labels).into(), now().into()];
    conn.execute(&format!("UPDATE {table} SET labels = $2, updated = $3 WHERE id = $1"), &params)?;
    Ok(())
}
