//! Artifacts as bytes: which nobody uses, which are on their way in or out, which can be fetched again.

use std::collections::HashSet;

use super::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, Sha256};
use crate::params;

/// The part of an artifact that the store can be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArtifact {
    pub id: Id,
    pub sha256: Sha256,
    pub size: u64,
}

/// Where the bytes of an artifact came from.
#[derive(Clone, Debug)]
pub struct SourceRow {
    pub remote: Id,
    pub url: String,
}

/// Nothing refers to artifact `a`, which was last of interest no later than `$2`. `but` may say which files `u` of
/// units do not count.
pub(super) fn unused_but(but: &str) -> String {
    format!(
        "a.timestamp_of_interest <= $2
    AND NOT EXISTS (SELECT 1 FROM content_artifact u WHERE u.artifact_id = a.id{but})
    AND NOT EXISTS (SELECT 1 FROM published_metadata u WHERE u.artifact_id = a.id)
    AND NOT EXISTS (SELECT 1 FROM task_profile u WHERE u.artifact_id = a.id)"
    )
}

/// Ids of unused artifacts of a domain that were last of interest no later than `before`, by id from `after` on.
pub fn unused(conn: &mut Conn, domain: Id, after: Option<Id>, before: Instant, limit: i64) -> Result<Vec<Id>> {
    let unused = unused_but("");
    let rows = conn.query(
        &format!(
            "SELECT a.id FROM artifact a WHERE a.id > $1 AND a.domain_id = $4 AND {unused} ORDER BY a.id LIMIT $3"
        ),
        params![after.unwrap_or(Id::LEAST), before, limit, domain],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Deletes those of the artifacts that are unused and were last of interest no later than `before`, and
/// puts their bytes down for removal. Returns how many.
pub fn delete_unused(conn: &mut Conn, ids: &[Id], before: Instant) -> Result<u64> {
    let unused = unused_but("");
    let rows = conn.query(
        &format!(
            "DELETE FROM artifact WHERE id IN (SELECT a.id FROM artifact a WHERE a.id = ANY($1) AND {unused})
             RETURNING domain_id, sha256"
        ),
        params![ids.to_vec(), before],
    )?;
    let digests: Vec<Vec<Value>> = rows
        .iter()
        .map(|row| Ok(vec![row.get::<Id>(0)?.into(), row.get::<String>(1)?.into()]))
        .collect::<Result<_>>()?;
    conn.insert_ignoring("artifact_removal", &["domain_id", "sha256"], &digests)?;
    Ok(digests.len() as u64)
}

/// Bytes of a domain put down for removal, by digest from `after` on.
pub fn removals(conn: &mut Conn, domain: Id, after: &str, limit: i64) -> Result<Vec<Sha256>> {
    let rows = conn.query(
        "SELECT sha256 FROM artifact_removal WHERE domain_id = $3 AND sha256 > $1 ORDER BY sha256 LIMIT $2",
        params![after, limit, domain],
    )?;
    digests(&rows)
}

/// Those of the digests that no artifact of the domain has and no process has announced for it; none while somebody
/// holds all bytes. Processes of an earlier version do not say for which domain they announce.
pub fn removable(conn: &mut Conn, domain: Id, of: &[Sha256], now: Instant) -> Result<Vec<Sha256>> {
    if super::holds::are_held(conn, now)? {
        return Ok(vec![]);
    }
    let rows = conn.query(
        "SELECT r.sha256 FROM artifact_removal r WHERE r.domain_id = $3 AND r.sha256 = ANY($1)
             AND NOT EXISTS (SELECT 1 FROM artifact a WHERE a.domain_id = r.domain_id AND a.sha256 = r.sha256)
             AND NOT EXISTS (SELECT 1 FROM artifact_arrival w WHERE w.sha256 = r.sha256 AND w.expires > $2
                 AND (w.domain_id = r.domain_id OR w.domain_id IS NULL))",
        params![texts(of), now, domain],
    )?;
    digests(&rows)
}

/// Strikes removals that were carried out, and those of bytes that an artifact has again.
pub fn strike_removals(conn: &mut Conn, domain: Id, removed: &[Sha256], looked_at: &[Sha256]) -> Result<()> {
    let sql = "DELETE FROM artifact_removal WHERE domain_id = $2 AND sha256 = ANY($1)";
    conn.execute(sql, params![texts(removed), domain])?;
    conn.execute(
        "DELETE FROM artifact_removal WHERE domain_id = $2 AND sha256 = ANY($1) AND EXISTS (SELECT 1 FROM artifact a
             WHERE a.domain_id = artifact_removal.domain_id AND a.sha256 = artifact_removal.sha256)",
        params![texts(looked_at), domain],
    )?;
    Ok(())
}

/// Notes under `id` that these bytes are about to be put into the store of the domain.
pub fn announce(conn: &mut Conn, id: Id, domain: Id, of: &[Sha256], expires: Instant) -> Result<()> {
    let row = |sha256: &Sha256| vec![id.into(), domain.into(), sha256.into(), expires.into()];
    let rows: Vec<Vec<Value>> = of.iter().map(row).collect();
    conn.insert_ignoring("artifact_arrival", &["id", "domain_id", "sha256", "expires"], &rows)?;
    Ok(())
}

/// Forgets what was announced under `id`.
pub fn withdraw(conn: &mut Conn, id: Id, of: &[Sha256]) -> Result<()> {
    conn.execute("DELETE FROM artifact_arrival WHERE sha256 = ANY($2) AND id = $1", params![id, texts(of)])?;
    Ok(())
}

/// Forgets announcements of processes that ended before they could.
pub fn expire_announcements(conn: &mut Conn, now: Instant) -> Result<u64> {
    conn.execute("DELETE FROM artifact_arrival WHERE expires <= $1", params![now])
}

/// Artifacts of a domain by id from `after` on.
pub fn page(conn: &mut Conn, domain: Id, after: Option<Id>, limit: i64) -> Result<Vec<StoredArtifact>> {
    let rows = conn.query(
        "SELECT id, sha256, size FROM artifact WHERE id > $1 AND domain_id = $3 ORDER BY id LIMIT $2",
        params![after.unwrap_or(Id::LEAST), limit, domain],
    )?;
    rows.iter().map(read).collect()
}

/// How many artifacts a domain has.
pub fn count(conn: &mut Conn, domain: Id) -> Result<i64> {
    conn.query_one("SELECT count(*) FROM artifact WHERE domain_id = $1", params![domain])?.get(0)
}

/// Puts down for removal those of the digests that no artifact of the domain has.
pub fn put_down_unnamed(conn: &mut Conn, domain: Id, of: &[Sha256]) -> Result<()> {
    let named: HashSet<Sha256> = with_digests(conn, domain, of)?.into_iter().map(|artifact| artifact.sha256).collect();
    let row = |sha256: &Sha256| vec![domain.into(), sha256.into()];
    let rows: Vec<Vec<Value>> = of.iter().filter(|sha256| !named.contains(*sha256)).map(row).collect();
    if !rows.is_empty() {
        conn.insert_ignoring("artifact_removal", &["domain_id", "sha256"], &rows)?;
    }
    Ok(())
}

/// The artifacts of a domain with these digests.
pub fn with_digests(conn: &mut Conn, domain: Id, of: &[Sha256]) -> Result<Vec<StoredArtifact>> {
    let sql = "SELECT a.id, a.sha256, a.size FROM artifact a WHERE a.domain_id = $2 AND a.sha256 = ANY($1)";
    let rows = conn.query(sql, params![texts(of), domain])?;
    rows.iter().map(read).collect()
}

/// Units of a version by id from `after` on.
pub fn units_of_version(conn: &mut Conn, version: Id, after: Option<Id>, limit: i64) -> Result<Vec<Id>> {
    let version = super::versions::version(conn, version)?;
    let rows = conn.query(
        "SELECT content_id FROM repository_content WHERE repository_id = $1 AND content_id > $2
             AND version_added <= $3 AND (version_removed IS NULL OR version_removed > $3)
         ORDER BY content_id LIMIT $4",
        params![version.repository, after.unwrap_or(Id::LEAST), version.number, limit],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Units that are or were in a repository, by id from `after` on; a unit that came twice comes once.
pub fn units_of_repository(conn: &mut Conn, repository: Id, after: Option<Id>, limit: i64) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT DISTINCT content_id FROM repository_content WHERE repository_id = $1 AND content_id > $2
         ORDER BY content_id LIMIT $3",
        params![repository, after.unwrap_or(Id::LEAST), limit],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The artifacts these units are made of.
pub fn of_units(conn: &mut Conn, units: &[Id]) -> Result<Vec<StoredArtifact>> {
    let rows = conn.query(
        "SELECT DISTINCT a.id, a.sha256, a.size FROM content_artifact u CROSS JOIN artifact a
         WHERE u.content_id = ANY($1) AND a.id = u.artifact_id",
        params![units.to_vec()],
    )?;
    rows.iter().map(read).collect()
}

/// Where an artifact's bytes can be fetched, those without a recent failure first.
pub fn sources(conn: &mut Conn, artifact: Id) -> Result<Vec<SourceRow>> {
    let rows = conn.query(
        "SELECT DISTINCT r.remote_id, r.url, r.failed_at IS NOT NULL AS failed
         FROM content_artifact u CROSS JOIN remote_artifact r
         WHERE u.artifact_id = $1 AND r.content_artifact_id = u.id ORDER BY failed",
        params![artifact],
    )?;
    rows.iter().map(|row| Ok(SourceRow { remote: row.get(0)?, url: row.get(1)? })).collect()
}

/// Takes the artifacts away from those of the units that can be fetched again and are in no repository
/// but `repositories` and in no version of `kept`. Returns the artifacts.
pub fn release(conn: &mut Conn, units: &[Id], repositories: &[Id], kept: &[Id]) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT u.id, u.artifact_id FROM content_artifact u
         WHERE u.content_id = ANY($1) AND u.artifact_id IS NOT NULL
             AND EXISTS (SELECT 1 FROM remote_artifact r WHERE r.content_artifact_id = u.id)
             AND NOT EXISTS (SELECT 1 FROM repository_content o
                 WHERE o.content_id = u.content_id AND o.repository_id <> ALL($2))
             AND NOT EXISTS (SELECT 1 FROM repository_content k CROSS JOIN repository_version v
                 WHERE k.content_id = u.content_id AND v.repository_id = k.repository_id AND v.id = ANY($3)
                     AND k.version_added <= v.number AND (k.version_removed IS NULL OR k.version_removed > v.number))",
        params![units.to_vec(), repositories.to_vec(), kept.to_vec()],
    )?;
    let files: Vec<Id> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    conn.execute("UPDATE content_artifact SET artifact_id = NULL WHERE id = ANY($1)", params![files])?;
    let mut artifacts: Vec<Id> = rows.iter().map(|row| row.get(1)).collect::<Result<_>>()?;
    artifacts.sort_unstable();
    artifacts.dedup();
    Ok(artifacts)
}

pub(super) fn read(row: &Row) -> Result<StoredArtifact> {
    let size = u64::try_from(row.get::<i64>(2)?).map_err(Error::internal)?;
    Ok(StoredArtifact { id: row.get(0)?, sha256: row.get(1)?, size })
}

fn digests(rows: &[Row]) -> Result<Vec<Sha256>> {
    rows.iter().map(|row| row.get(0)).collect()
}

fn texts(digests: &[Sha256]) -> Vec<String> {
    digests.iter().map(ToString::to_string).collect()
}
