//! Publications as rows, and what reading a repository version for one takes.

use serde_json::Value as Json;

use super::placement::Placement;
use super::{Conn, Row, Value};
use crate::error::Result;
use crate::id::{Id, Sha256, now};
use crate::params;

/// A publication that is complete.
#[derive(Clone, Debug)]
pub struct NewPublication {
    pub id: Id,
    pub domain: Id,
    pub pulp_type: String,
    pub repository_version: Id,
    pub pass_through: bool,
    pub placement: Option<Placement>,
    /// Further versions, and where their files lie.
    pub placed: Vec<(Placement, Id)>,
    pub checkpoint: bool,
    pub details: Json,
}

/// Inserts a publication with its metadata (path, artifact) and its own paths (path, content artifact).
pub fn insert(
    conn: &mut Conn,
    publication: &NewPublication,
    metadata: Vec<(String, Id)>,
    artifacts: Vec<(String, Id)>,
) -> Result<()> {
    let NewPublication { id, domain, pulp_type, repository_version, pass_through, placement, .. } = publication;
    let NewPublication { placed, checkpoint, details, .. } = publication;
    let placement = placement.as_ref().map(Placement::to_string);
    conn.execute(
        "INSERT INTO publication (id, domain_id, created, updated, pulp_type, repository_version_id, pass_through,
             placement, checkpoint, details)
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9)",
        params![
            *id,
            *domain,
            now(),
            pulp_type,
            *repository_version,
            *pass_through,
            placement,
            *checkpoint,
            details.clone()
        ],
    )?;
    let rows = |paths: Vec<(String, Id)>| -> Vec<Vec<Value>> {
        paths.into_iter().map(|(path, target)| vec![(*id).into(), path.into(), target.into()]).collect()
    };
    conn.insert_all("published_metadata", &["publication_id", "relative_path", "artifact_id"], &rows(metadata))?;
    conn.insert_all(
        "published_artifact",
        &["publication_id", "relative_path", "content_artifact_id"],
        &rows(artifacts),
    )?;
    let placed: Vec<Vec<Value>> = placed
        .iter()
        .map(|(placement, version)| vec![(*id).into(), placement.to_string().into(), (*version).into()])
        .collect();
    conn.insert_all("published_version", &["publication_id", "placement", "version_id"], &placed)?;
    Ok(())
}

/// What is remembered under a key of the latest publication of a repository that remembers anything under it.
#[derive(Clone, Debug)]
pub struct Memory {
    pub publication: Id,
    /// The number of the version it is of.
    pub version: i64,
    pub value: String,
}

pub fn remembered(conn: &mut Conn, repository: Id, key: &str) -> Result<Option<Memory>> {
    // From the newest version on, where it nearly always is.
    let row = conn.query_opt(
        "SELECT p.id, v.number, m.value
         FROM repository_version v CROSS JOIN publication p CROSS JOIN publication_memory m
         WHERE v.repository_id = $1 AND p.repository_version_id = v.id AND m.publication_id = p.id AND m.key = $2
         ORDER BY v.number DESC, p.created DESC LIMIT 1",
        params![repository, key],
    )?;
    row.map(|row| Ok(Memory { publication: row.get(0)?, version: row.get(1)?, value: row.get(2)? })).transpose()
}

/// Remembers of a publication, instead of what was remembered of another of its repository.
pub fn remember(conn: &mut Conn, repository: Id, publication: Id, memory: Vec<(String, String)>) -> Result<()> {
    if memory.is_empty() {
        return Ok(());
    }
    conn.execute(
        "DELETE FROM publication_memory WHERE publication_id = (
             SELECT p.id FROM repository_version v CROSS JOIN publication p
             WHERE v.repository_id = $1 AND p.repository_version_id = v.id
                 AND EXISTS (SELECT 1 FROM publication_memory m WHERE m.publication_id = p.id)
             ORDER BY v.number DESC, p.created DESC LIMIT 1)",
        params![repository],
    )?;
    let rows: Vec<Vec<Value>> =
        memory.into_iter().map(|(key, value)| vec![publication.into(), key.into(), value.into()]).collect();
    conn.insert_all("publication_memory", &["publication_id", "key", "value"], &rows)?;
    Ok(())
}

/// The artifact of metadata at a path of a publication.
pub fn metadata_at(conn: &mut Conn, publication: Id, path: &str) -> Result<Option<Sha256>> {
    let row = conn.query_opt(
        "SELECT a.sha256 FROM published_metadata m JOIN artifact a ON a.id = m.artifact_id
         WHERE m.publication_id = $1 AND m.relative_path = $2",
        params![publication, path],
    )?;
    row.map(|row| row.get(0)).transpose()
}

/// A repository version as publishing needs it.
#[derive(Clone, Debug)]
pub struct VersionRow {
    pub id: Id,
    pub number: i64,
    pub repository: Id,
    pub pulp_type: String,
    /// Of the repository.
    pub details: Json,
}

pub fn version(conn: &mut Conn, id: Id) -> Result<Option<VersionRow>> {
    let row = conn.query_opt(
        "SELECT v.id, v.number, r.id, r.pulp_type, r.details
         FROM repository_version v JOIN repository r ON r.id = v.repository_id WHERE v.id = $1",
        params![id],
    )?;
    let version = |row: Row| {
        Ok(VersionRow {
            id: row.get(0)?,
            number: row.get(1)?,
            repository: row.get(2)?,
            pulp_type: row.get(3)?,
            details: row.get(4)?,
        })
    };
    row.map(version).transpose()
}

/// A file of a version: what it is called, and what it is or must turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFile {
    /// Its content artifact.
    pub id: Id,
    pub content: Id,
    pub relative_path: String,
    pub sha256: Option<Sha256>,
    pub size: Option<u64>,
}

/// The files of the next units of a version after the unit `after`, `limit` units at a time; none at the end.
/// In the order of the units' ids, which the primary key of the membership gives at the cost of what is read.
pub fn files_after(
    conn: &mut Conn,
    version: &VersionRow,
    after: Option<Id>,
    limit: i64,
) -> Result<Option<(Id, Vec<VersionFile>)>> {
    let rows = conn.query(
        "SELECT u.content_id, ca.id, r.id, ca.relative_path, coalesce(a.sha256, r.digests ->> 'sha256'),
             coalesce(a.size, r.size)
         FROM (SELECT content_id FROM repository_content
             WHERE repository_id = $1 AND content_id > $2 AND version_added <= $3
               AND (version_removed IS NULL OR version_removed > $3)
             ORDER BY content_id LIMIT $4) u
         LEFT JOIN content_artifact ca ON ca.content_id = u.content_id
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         LEFT JOIN remote_artifact r ON r.content_artifact_id = ca.id AND ca.artifact_id IS NULL",
        params![version.repository, after.unwrap_or(Id::LEAST), version.number, limit],
    )?;
    let (mut last, mut files) = (None, Vec::with_capacity(rows.len()));
    for row in &rows {
        last = last.max(Some(row.get(0)?));
        // A unit may have no files.
        if row.get::<Option<Id>>(1)?.is_some() {
            files.push((row.get::<Option<Id>>(2)?, file(row)?));
        }
    }
    // Several remotes may know a file: the word of the same one counts each time.
    files.sort_unstable_by_key(|(remote, file)| (file.id, *remote));
    files.dedup_by_key(|(_, file)| file.id);
    Ok(last.map(|last| (last, files.into_iter().map(|(_, file)| file).collect())))
}

/// Columns: content, content artifact, (remote artifact), path, SHA-256, size.
fn file(row: &Row) -> Result<VersionFile> {
    Ok(VersionFile {
        content: row.get(0)?,
        id: row.get(1)?,
        relative_path: row.get(3)?,
        sha256: row.get::<Option<String>>(4)?.and_then(|text| text.parse().ok()),
        size: row.get::<Option<i64>>(5)?.and_then(|size| size.try_into().ok()),
    })
}

/// The next units of a version after `after`, in the order of their ids.
pub fn units_after(conn: &mut Conn, version: &VersionRow, after: Option<Id>, limit: i64) -> Result<Vec<Id>> {
    let after = after.unwrap_or(Id(uuid::Uuid::nil()));
    let rows = conn.query(
        "SELECT content_id FROM repository_content
         WHERE repository_id = $1 AND content_id > $2 AND version_added <= $3
           AND (version_removed IS NULL OR version_removed > $3)
         ORDER BY content_id LIMIT $4",
        params![version.repository, after, version.number, limit],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The first of these paths at which the version has a file.
pub fn taken_path(conn: &mut Conn, version: &VersionRow, paths: Vec<String>) -> Result<Option<String>> {
    let row = conn.query_opt(
        "SELECT ca.relative_path FROM content_artifact ca JOIN repository_content c ON c.content_id = ca.content_id
         WHERE ca.relative_path = ANY($1) AND c.repository_id = $2 AND c.version_added <= $3
           AND (c.version_removed IS NULL OR c.version_removed > $3)
         ORDER BY ca.relative_path LIMIT 1",
        params![paths, version.repository, version.number],
    )?;
    row.map(|row| row.get(0)).transpose()
}
