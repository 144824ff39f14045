//! Upstream servers, and what carries the labels of their replications.

use serde_json::Value as Json;

use super::{Conn, Row};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};
use crate::params;

/// The label of what a replication made; its value is the id of the upstream server.
pub const LABEL: &str = "UpstreamPulp";

/// An upstream server; its secrets are still sealed.
#[derive(Clone, Debug)]
pub struct UpstreamRow {
    pub id: Id,
    pub name: String,
    pub base_url: String,
    pub api_root: String,
    pub domain: Option<String>,
    pub ca_cert: Option<String>,
    pub client_cert: Option<String>,
    pub tls_validation: bool,
    pub secrets: Option<String>,
    pub download_concurrency: Option<i64>,
    pub max_retries: Option<i64>,
    pub total_timeout: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub sock_connect_timeout: Option<f64>,
    pub sock_read_timeout: Option<f64>,
    pub remote_policy: Option<String>,
    pub q_select: Option<String>,
    pub policy: String,
}

/// # Errors
/// `NotFound` when there is no such server.
pub fn by_id(conn: &mut Conn, id: Id) -> Result<UpstreamRow> {
    let row = conn.query_opt(
        "SELECT id, name, base_url, api_root, domain, ca_cert, client_cert, tls_validation, secrets,
                download_concurrency, max_retries, total_timeout, connect_timeout, sock_connect_timeout,
                sock_read_timeout, remote_policy, q_select, policy
         FROM upstream_pulp WHERE id = $1",
        params![id],
    )?;
    upstream(&row.ok_or_else(|| Error::not_found("UpstreamPulp"))?)
}

fn upstream(row: &Row) -> Result<UpstreamRow> {
    Ok(UpstreamRow {
        id: row.get(0)?,
        name: row.get(1)?,
        base_url: row.get(2)?,
        api_root: row.get(3)?,
        domain: row.get(4)?,
        ca_cert: row.get(5)?,
        client_cert: row.get(6)?,
        tls_validation: row.get(7)?,
        secrets: row.get(8)?,
        download_concurrency: row.get(9)?,
        max_retries: row.get(10)?,
        total_timeout: row.get(11)?,
        connect_timeout: row.get(12)?,
        sock_connect_timeout: row.get(13)?,
        sock_read_timeout: row.get(14)?,
        remote_policy: row.get(15)?,
        q_select: row.get(16)?,
        policy: row.get(17)?,
    })
}

/// The ids of the servers of a domain, as labels have them.
pub fn known(conn: &mut Conn, domain: Id) -> Result<Vec<String>> {
    let rows = conn.query("SELECT id FROM upstream_pulp WHERE domain_id = $1", params![domain])?;
    rows.iter().map(|row| row.get::<Id>(0).map(|id| id.to_string())).collect()
}

/// Notes when the last replication began that came to its end.
pub fn mark_replicated(conn: &mut Conn, id: Id, began: Instant) -> Result<()> {
    conn.execute("UPDATE upstream_pulp SET last_replication = $2 WHERE id = $1", params![id, began]).map(drop)
}

/// A repository, a remote or a distribution.
#[derive(Clone, Debug)]
pub struct Object {
    pub id: Id,
    pub pulp_type: String,
    pub name: String,
    pub labels: Json,
}

fn object(row: &Row) -> Result<Object> {
    Ok(Object { id: row.get(0)?, pulp_type: row.get(1)?, name: row.get(2)?, labels: row.get(3)? })
}

/// The object of a domain in `table` where `column`, a name or a path, is this text.
pub fn find(conn: &mut Conn, table: &str, column: &str, domain: Id, text: &str) -> Result<Option<Object>> {
    let sql = format!("SELECT id, pulp_type, name, labels FROM {table} WHERE domain_id = $1 AND {column} = $2");
    conn.query_opt(&sql, params![domain, text])?.map(|row| object(&row)).transpose()
}

pub fn object_by_id(conn: &mut Conn, table: &str, id: Id) -> Result<Option<Object>> {
    let sql = format!("SELECT id, pulp_type, name, labels FROM {table} WHERE id = $1");
    conn.query_opt(&sql, params![id])?.map(|row| object(&row)).transpose()
}

/// What in `table` a replication made, whichever.
pub fn labelled(conn: &mut Conn, table: &str, domain: Id) -> Result<Vec<Object>> {
    let sql = format!(
        "SELECT id, pulp_type, name, labels FROM {table}
         WHERE domain_id = $1 AND (labels ->> '{LABEL}') IS NOT NULL ORDER BY id"
    );
    conn.query(&sql, params![domain])?.iter().map(object).collect()
}

/// What was seen of a distribution when it was replicated last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub upstream: Id,
    pub version: Id,
    pub unchanged_since: Option<String>,
}

pub fn seen(conn: &mut Conn, distribution: Id) -> Result<Option<Seen>> {
    let row = conn.query_opt(
        "SELECT upstream_pulp_id, repository_version_id, unchanged_since FROM replicated_distribution
         WHERE distribution_id = $1",
        params![distribution],
    )?;
    row.map(|row| Ok(Seen { upstream: row.get(0)?, version: row.get(1)?, unchanged_since: row.get(2)? })).transpose()
}

/// Notes what was seen, or with none that nothing is to be relied on.
pub fn set_seen(conn: &mut Conn, distribution: Id, seen: Option<&Seen>) -> Result<()> {
    conn.execute("DELETE FROM replicated_distribution WHERE distribution_id = $1", params![distribution])?;
    if let Some(Seen { upstream, version, unchanged_since }) = seen {
        conn.execute(
            "INSERT INTO replicated_distribution (distribution_id, upstream_pulp_id, repository_version_id, unchanged_since)
             VALUES ($1, $2, $3, $4)",
            params![distribution, *upstream, *version, unchanged_since.clone()],
        )?;
    }
    Ok(())
}

/// Whether there is a publication of a version.
pub fn is_published(conn: &mut Conn, version: Id) -> Result<bool> {
    let sql = "SELECT 1 FROM publication WHERE repository_version_id = $1 LIMIT 1";
    Ok(conn.query_opt(sql, params![version])?.is_some())
}

/// The name of something that would lose the repository if it were deleted.
pub fn user_of_repository(conn: &mut Conn, repository: Id) -> Result<Option<String>> {
    let row = conn.query_opt(
        "SELECT d.name FROM distribution d LEFT JOIN repository_version v ON v.id = d.repository_version_id
         LEFT JOIN publication p ON p.id = d.publication_id
         LEFT JOIN repository_version w ON w.id = p.repository_version_id
         WHERE d.repository_id = $1 OR v.repository_id = $1 OR w.repository_id = $1 ORDER BY d.id LIMIT 1",
        params![repository],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// The name of something that would lose the remote if it were deleted.
pub fn user_of_remote(conn: &mut Conn, remote: Id) -> Result<Option<String>> {
    for table in ["distribution", "repository", "alternate_content_source"] {
        let sql = format!("SELECT name FROM {table} WHERE remote_id = $1 ORDER BY id LIMIT 1");
        if let Some(row) = conn.query_opt(&sql, params![remote])? {
            return row.get(0).map(Some);
        }
    }
    Ok(None)
}
