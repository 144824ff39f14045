//! Files whose bytes an upstream still has: where to get them, what became of the attempt.

use super::alternates::{self, Alternate};
use super::{Conn, Row, artifacts};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::params;
use crate::storage::{Algorithm, Digests};

/// A place a file can be fetched from, and what it must turn out to be.
#[derive(Clone, Debug)]
pub struct Source {
    pub origin: Origin,
    pub remote: Remote,
    pub url: String,
    pub size: Option<u64>,
    /// Expected digests by algorithm name.
    pub digests: Vec<(String, String)>,
}

/// Who says that the file is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The remote that the unit came from: the id of its `remote_artifact`.
    Remote(Id),
    /// An alternate content source: its listing, and the digest that the file is listed with.
    Alternate { listing: Id, digest: String },
    /// The format, of a file that no unit of content has asked for yet (pull-through).
    Format,
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

/// The sources of a file, leaving out those that failed after `since`: alternate content sources, then remotes. Newest
/// first: the remote of the last sync knows best.
pub fn sources(conn: &mut Conn, content_artifact: Id, since: Instant) -> Result<Vec<Source>> {
    let rows = conn.query(
        "SELECT a.id, a.url, a.size, a.digests, r.id, r.url, r.policy, r.updated, r.domain_id,
                a.failed_at IS NULL OR a.failed_at < $2
         FROM remote_artifact a JOIN remote r ON r.id = a.remote_id
         WHERE a.content_artifact_id = $1 ORDER BY a.id DESC",
        params![content_artifact, since],
    )?;
    let (mut sources, mut remotes): (Vec<Source>, Vec<Source>) = (vec![], vec![]);
    for row in &rows {
        let source = source(row)?;
        for alternate in alternates_of(conn, row.get(8)?, &source, since)? {
            if sources.iter().all(|known| known.url != alternate.url || known.remote.id != alternate.remote.id) {
                sources.push(alternate);
            }
        }
        if row.get(9)? {
            remotes.push(source);
        }
    }
    sources.extend(remotes);
    Ok(sources)
}

fn source(row: &Row) -> Result<Source> {
    let digests = row.get::<serde_json::Value>(3)?;
    let digests = digests.as_object().into_iter().flatten();
    Ok(Source {
        origin: Origin::Remote(row.get(0)?),
        remote: Remote { id: row.get(4)?, url: row.get(5)?, policy: row.get(6)?, updated: row.get(7)? },
        url: row.get(1)?,
        size: row.get::<Option<i64>>(2)?.map(u64::try_from).transpose().map_err(Error::internal)?,
        digests: digests.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
    })
}

/// Where else the file of a source is to be had. It must turn out to be the same, and stays here as the source's own
/// remote has it.
fn alternates_of(conn: &mut Conn, domain: Id, source: &Source, since: Instant) -> Result<Vec<Source>> {
    let known = source.digests.iter().filter(|(name, _)| name.parse::<Algorithm>().is_ok());
    let digests: Vec<_> = known.map(|(_, digest)| digest.to_ascii_lowercase()).collect();
    let mut found = alternates::find(conn, domain, &digests, since)?;
    let is_elsewhere = |one: &Alternate| one.url != source.url || one.remote.id != source.remote.id;
    let found = digests.iter().filter_map(|digest| found.remove(digest)).flatten().filter(is_elsewhere);
    let elsewhere = |Alternate { listing, digest, url, remote }| {
        let remote = Remote { policy: source.remote.policy.clone(), ..remote };
        Source { origin: Origin::Alternate { listing, digest }, remote, url, ..source.clone() }
    };
    Ok(found.map(elsewhere).collect())
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
