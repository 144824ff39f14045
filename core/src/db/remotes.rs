//! Remotes as rows, and where they keep the files of content.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::{Conn, Row, Value};
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// A remote; its secrets are still sealed.
#[derive(Clone, Debug)]
pub struct RemoteRow {
    pub id: Id,
    pub pulp_type: String,
    pub name: String,
    pub url: String,
    pub policy: String,
    pub ca_cert: Option<String>,
    pub client_cert: Option<String>,
    pub tls_validation: bool,
    pub proxy_url: Option<String>,
    pub secrets: Option<String>,
    /// A list of `{"name": "value"}`.
    pub headers: Option<Json>,
    pub download_concurrency: Option<i64>,
    pub max_retries: Option<i64>,
    pub rate_limit: Option<i64>,
    pub total_timeout: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub sock_connect_timeout: Option<f64>,
    pub sock_read_timeout: Option<f64>,
    pub details: Json,
}

pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<RemoteRow>> {
    let row = conn.query_opt(
        "SELECT id, pulp_type, url, policy, ca_cert, client_cert, tls_validation, proxy_url, secrets, headers,
                download_concurrency, max_retries, rate_limit, total_timeout, connect_timeout,
                sock_connect_timeout, sock_read_timeout, details, name
         FROM remote WHERE id = $1",
        params![id],
    )?;
    row.map(|row| remote(&row)).transpose()
}

fn remote(row: &Row) -> Result<RemoteRow> {
    Ok(RemoteRow {
        id: row.get(0)?,
        pulp_type: row.get(1)?,
        url: row.get(2)?,
        policy: row.get(3)?,
        ca_cert: row.get(4)?,
        client_cert: row.get(5)?,
        tls_validation: row.get(6)?,
        proxy_url: row.get(7)?,
        secrets: row.get(8)?,
        headers: row.get(9)?,
        download_concurrency: row.get(10)?,
        max_retries: row.get(11)?,
        rate_limit: row.get(12)?,
        total_timeout: row.get(13)?,
        connect_timeout: row.get(14)?,
        sock_connect_timeout: row.get(15)?,
        sock_read_timeout: row.get(16)?,
        details: row.get(17)?,
        name: row.get(18)?,
    })
}

/// Where a remote keeps one file of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFile {
    pub content_artifact: Id,
    pub url: String,
    pub size: Option<u64>,
    /// Expected digests by algorithm name.
    pub digests: Vec<(&'static str, String)>,
}

impl RemoteFile {
    fn digests(&self) -> Json {
        Json::Object(self.digests.iter().map(|(name, digest)| ((*name).to_owned(), json!(digest))).collect())
    }

    fn size(&self) -> Option<i64> {
        self.size.map(|size| i64::try_from(size).unwrap_or(i64::MAX))
    }
}

/// Notes where a remote keeps these files. What is noted already is changed only where it differs.
pub fn note_files(conn: &mut Conn, remote: Id, files: &[RemoteFile]) -> Result<()> {
    let ids: Vec<Id> = files.iter().map(|file| file.content_artifact).collect();
    let known = noted(conn, remote, ids)?;
    let mut fresh = Vec::new();
    for file in files {
        let now = (file.url.clone(), file.size(), file.digests());
        match known.get(&file.content_artifact) {
            Some(before) if *before == now => {}
            Some(_) => {
                conn.execute(
                    "UPDATE remote_artifact SET url = $1, size = $2, digests = $3, failed_at = NULL
                     WHERE content_artifact_id = $4 AND remote_id = $5",
                    params![now.0, now.1, now.2, file.content_artifact, remote],
                )?;
            }
            None => fresh.push(row(remote, file, now)),
        }
    }
    let columns = ["id", "content_artifact_id", "remote_id", "url", "size", "digests"];
    conn.insert_ignoring("remote_artifact", &columns, &fresh)?;
    Ok(())
}

fn row(remote: Id, file: &RemoteFile, (url, size, digests): (String, Option<i64>, Json)) -> Vec<Value> {
    vec![Id::new().into(), file.content_artifact.into(), remote.into(), url.into(), size.into(), digests.into()]
}

type Noted = HashMap<Id, (String, Option<i64>, Json)>;

fn noted(conn: &mut Conn, remote: Id, files: Vec<Id>) -> Result<Noted> {
    let rows = conn.query(
        "SELECT content_artifact_id, url, size, digests FROM remote_artifact
         WHERE content_artifact_id = ANY($1) AND remote_id = $2",
        params![files, remote],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))).collect()
}
