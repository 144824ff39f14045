//! Artifacts as rows: one per distinct content of a file, found by its SHA-256.

use std::collections::HashMap;

use super::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256, now};
use crate::params;
use crate::storage::Digests;

const COLUMNS: [&str; 12] = [
    "id",
    "domain_id",
    "created",
    "updated",
    "timestamp_of_interest",
    "size",
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
];

/// An artifact that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: Id,
    pub size: u64,
}

/// The artifact with these digests, made when there is none. Its bytes must be in the store already.
pub fn insert(conn: &mut Conn, domain: Id, size: u64, digests: &Digests) -> Result<Id> {
    let ids = insert_all(conn, domain, &[(size, digests.clone())])?;
    ids.get(&digests.sha256).copied().ok_or_else(|| Error::internal("an artifact vanished while it was made"))
}

/// The bytes of all artifacts together; takes long when there are many.
pub fn total_size(conn: &mut Conn, domain: Id) -> Result<i64> {
    let sql = "SELECT CAST(coalesce(sum(size), 0) AS bigint) FROM artifact WHERE domain_id = $1";
    conn.query_one(sql, params![domain])?.get(0)
}

/// As [`insert`], for many at once.
pub fn insert_all(conn: &mut Conn, domain: Id, artifacts: &[(u64, Digests)]) -> Result<HashMap<Sha256, Id>> {
    // Two transactions that insert the same ones must do so in one order, or each waits for the other.
    let mut sorted: Vec<_> = artifacts.iter().collect();
    sorted.sort_by(|a, b| a.1.sha256.cmp(&b.1.sha256));
    sorted.dedup_by(|a, b| a.1.sha256 == b.1.sha256);
    let wanted: Vec<Sha256> = sorted.iter().map(|(_, digests)| digests.sha256.clone()).collect();
    let mut ids = ids(by_sha256(conn, domain, &wanted)?);
    touch(conn, &ids.values().copied().collect::<Vec<_>>())?;
    sorted.retain(|(_, digests)| !ids.contains_key(&digests.sha256));
    let fresh: Vec<_> = sorted.iter().map(|(_, digests)| (digests.sha256.clone(), Id::new())).collect();
    let rows = sorted.iter().zip(&fresh).map(|((size, digests), (_, id))| row(*id, domain, *size, digests));
    let made = conn.insert_ignoring("artifact", &COLUMNS, &rows.collect::<Vec<_>>())?;
    if made == fresh.len() as u64 {
        ids.extend(fresh);
        return Ok(ids);
    }
    // Another transaction made some of them meanwhile.
    Ok(self::ids(by_sha256(conn, domain, &wanted)?))
}

fn ids(known: HashMap<Sha256, Known>) -> HashMap<Sha256, Id> {
    known.into_iter().map(|(sha256, known)| (sha256, known.id)).collect()
}

fn row(id: Id, domain: Id, size: u64, digests: &Digests) -> Vec<Value> {
    let now = now();
    vec![
        id.into(),
        domain.into(),
        now.into(),
        now.into(),
        now.into(),
        i64::try_from(size).unwrap_or(i64::MAX).into(),
        digests.md5.clone().into(),
        digests.sha1.clone().into(),
        digests.sha224.clone().into(),
        (&digests.sha256).into(),
        digests.sha384.clone().into(),
        digests.sha512.clone().into(),
    ]
}

/// Those of the artifacts that exist.
pub fn by_sha256(conn: &mut Conn, domain: Id, sha256: &[Sha256]) -> Result<HashMap<Sha256, Known>> {
    if sha256.is_empty() {
        return Ok(HashMap::new());
    }
    let texts: Vec<String> = sha256.iter().map(Sha256::to_string).collect();
    let rows = conn.query(
        "SELECT sha256, id, size FROM artifact WHERE domain_id = $1 AND sha256 = ANY($2)",
        params![domain, texts],
    )?;
    let known = |row: super::Row| Ok((row.get(0)?, Known { id: row.get(1)?, size: row.get::<i64>(2)?.max(0) as u64 }));
    rows.into_iter().map(known).collect()
}

/// Keeps unused artifacts from being cleaned up as orphans for another while. To the minute: artifacts that
/// were touched just now are not written again.
pub fn touch(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let now = now();
    conn.execute(
        "UPDATE artifact SET timestamp_of_interest = $1 WHERE id = ANY($2) AND timestamp_of_interest < $3",
        params![now, ids.to_vec(), now - chrono::TimeDelta::minutes(1)],
    )?;
    Ok(())
}

/// Reads size and digests, in the order of the columns of the table.
pub fn facts(row: &Row) -> Result<(u64, Digests)> {
    let digests = Digests {
        md5: row.get(1)?,
        sha1: row.get(2)?,
        sha224: row.get(3)?,
        sha256: row.get(4)?,
        sha384: row.get(5)?,
        sha512: row.get(6)?,
    };
    Ok((row.get::<i64>(0)?.unsigned_abs(), digests))
}
