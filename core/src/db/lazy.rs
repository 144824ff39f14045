//! Files whose bytes an upstream still has: where to get them, what became of the attempt.

use super::{Conn, artifacts};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::params;
use crate::storage::Digests;

/// A place a file can be fetched from, and what it must turn out to be.
#[derive(Clone, Debug)]
pub struct Source {
    /// None for a file that no unit of content has asked for yet (pull-through).
    pub remote_artifact: Option<Id>,
    pub remote: Remote,
    pub url: String,
    pub size: Option<u64>,
    /// Expected digests by algorithm name.
    pub digests: Vec<(String, String)>,
}

/// A remote, as much of it as lazy delivery needs.
#[derive(Clone, Debug)]
pub struct Remote {
    pub id: Id,
    pub url: String,
    pub policy: String,
    /// Settings remembered from another moment are not this remote's any more.
    pub updated: Instant,
}

impl Remote {
    /// Whether what is fetched stays here.
    pub fn keeps(&self) -> bool {
        self.policy != "streamed"
    }
}

/// The sources of a file, leaving out those that failed after `since`. Newest first: the remote of the
/// last sync knows best.
pub fn sources(conn: &mut Conn, content_artifact: Id, since: Instant) -> Result<Vec<Source>> {
    let rows = conn.query(
        "SELECT a.id, a.url, a.size, a.digests, r.id, r.url, r.policy, r.updated
         FROM remote_artifact a JOIN remote r ON r.id = a.remote_id
         WHERE a.content_artifact_id = $1 AND (a.failed_at IS NULL OR a.failed_at < $2) ORDER BY a.id DESC",
        params![content_artifact, since],
    )?;
    rows.iter()
        .map(|row| {
            let size = row.get::<Option<i64>>(2)?.map(u64::try_from).transpose().map_err(Error::internal)?;
            let digests = row.get::<serde_json::Value>(3)?;
            let digests = digests.as_object().into_iter().flatten();
            Ok(Source {
                remote_artifact: Some(row.get(0)?),
                remote: Remote { id: row.get(4)?, url: row.get(5)?, policy: row.get(6)?, updated: row.get(7)? },
                url: row.get(1)?,
                size,
                digests: digests.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
            })
        })
        .collect()
}

pub fn remote(conn: &mut Conn, id: Id) -> Result<Option<Remote>> {
    let row = conn.query_opt("SELECT id, url, policy, updated FROM remote WHERE id = $1", params![id])?;
    row.map(|row| Ok(Remote { id: row.get(0)?, url: row.get(1)?, policy: row.get(2)?, updated: row.get(3)? }))
        .transpose()
}

/// Remembers that a source sent something else than it should.
pub fn mark_failed(conn: &mut Conn, remote_artifact: Id) -> Result<()> {
    conn.execute("UPDATE remote_artifact SET failed_at = $2 WHERE id = $1", params![remote_artifact, now()])?;
    Ok(())
}

/// Says that a file's bytes are stored now. The artifact's row is made where it is missing.
pub fn attach(conn: &mut Conn, content_artifact: Id, size: u64, digests: &Digests) -> Result<()> {
    let domain: Id = conn
        .query_one(
            "SELECT c.domain_id FROM content_artifact ca JOIN content c ON c.id = ca.content_id WHERE ca.id = $1",
            params![content_artifact],
        )?
        .get(0)?;
    let artifact = artifacts::insert(conn, domain, size, digests)?;
    conn.execute("UPDATE content_artifact SET artifact_id = $2 WHERE id = $1", params![content_artifact, artifact])?;
    Ok(())
}
