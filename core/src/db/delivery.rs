//! What the content face asks of the database: which source a path belongs to, which file it names there,
//! what lies in a folder, where an absent file can be had. Every statement but the listing is answered
//! from indexes at a cost that does not depend on the size of a repository.

use super::placement::Placement;
use super::{Conn, Row};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, Sha256};
use crate::params;

/// So many superseded publications are looked through for a file that the present one lacks.
const GRACE: usize = 32;

/// A distribution as delivery sees it.
#[derive(Clone, Debug)]
pub struct Distribution {
    pub id: Id,
    pub domain: Id,
    pub pulp_type: String,
    pub base_path: String,
    /// Where it is found below the content face: its base path, behind the name of its domain where there are domains.
    pub place: String,
    pub checkpoint: bool,
    pub publication: Option<Id>,
    pub repository: Option<Id>,
    pub version: Option<Id>,
    pub remote: Option<Id>,
    /// Who may read it; without one everybody.
    pub guard: Option<Id>,
    pub details: serde_json::Value,
}

impl Distribution {
    /// Whether it was ever told what to serve.
    pub fn is_pointing(&self) -> bool {
        self.publication.is_some() || self.repository.is_some() || self.version.is_some() || self.remote.is_some()
    }

    /// The repository whose newest version it serves, whichever that is.
    pub fn serves_newest(&self) -> Option<Id> {
        self.repository.filter(|_| self.publication.is_none() && self.version.is_none() && !self.checkpoint)
    }
}

/// Something immutable that paths are looked up in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// The newest one that has the path answers.
    Publications(Vec<Id>),
    /// A repository version without a publication.
    Version(Id),
}

/// A file found at a path.
#[derive(Clone, Debug)]
pub enum FoundFile {
    Stored(StoredFile),
    /// Only an upstream has the bytes.
    Lazy {
        content_artifact: Id,
    },
}

/// An artifact, as much of it as an answer needs.
#[derive(Clone, Debug)]
pub struct StoredFile {
    pub sha256: Sha256,
    pub size: u64,
    pub created: Instant,
}

/// One line of a listing; the name of a folder ends with `/`.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub created: Option<Instant>,
    pub size: Option<u64>,
}

/// The distribution of a domain whose base path is one of `prefixes`; the longest, should there be several. `mount` is
/// what stands in front of base paths.
pub fn distribution(conn: &mut Conn, domain: Id, mount: &str, prefixes: Vec<String>) -> Result<Option<Distribution>> {
    let row = conn.query_opt(
        "SELECT id, pulp_type, base_path, checkpoint, publication_id, repository_id, repository_version_id, remote_id, details,
                content_guard_id
         FROM distribution WHERE base_path = ANY($1) AND domain_id = $2 ORDER BY length(base_path) DESC LIMIT 1",
        params![prefixes, domain],
    )?;
    row.map(|row| {
        let base_path: String = row.get(2)?;
        Ok(Distribution {
            id: row.get(0)?,
            domain,
            pulp_type: row.get(1)?,
            place: format!("{mount}{base_path}"),
            base_path,
            checkpoint: row.get(3)?,
            publication: row.get(4)?,
            repository: row.get(5)?,
            version: row.get(6)?,
            remote: row.get(7)?,
            details: row.get(8)?,
            guard: row.get(9)?,
        })
    })
    .transpose()
}

/// What a distribution of a type that publishes serves: its publication, else the newest of its version,
/// else the newest of its repository, by version and then by creation.
pub fn publication(conn: &mut Conn, distribution: &Distribution) -> Result<Option<Id>> {
    let row = match (distribution.publication, distribution.version, distribution.repository) {
        (Some(publication), ..) => return Ok(Some(publication)),
        (_, Some(version), _) => conn.query_opt(
            "SELECT id FROM publication WHERE repository_version_id = $1 ORDER BY created DESC, id DESC LIMIT 1",
            params![version],
        )?,
        (_, _, Some(repository)) => conn.query_opt(
            "SELECT p.id FROM repository_version v JOIN publication p ON p.repository_version_id = v.id
             WHERE v.repository_id = $1 ORDER BY v.number DESC, p.created DESC, p.id DESC LIMIT 1",
            params![repository],
        )?,
        _ => None,
    };
    row.map(|row| row.get(0)).transpose()
}

/// What a distribution of a type without publications serves.
pub fn version(conn: &mut Conn, distribution: &Distribution) -> Result<Option<Id>> {
    let row = match (distribution.version, distribution.repository) {
        (Some(version), _) => return Ok(Some(version)),
        (_, Some(repository)) => conn.query_opt(
            "SELECT id FROM repository_version WHERE repository_id = $1 ORDER BY number DESC LIMIT 1",
            params![repository],
        )?,
        _ => None,
    };
    row.map(|row| row.get(0)).transpose()
}

/// The version that a publication is of.
pub fn published_version(conn: &mut Conn, publication: Id) -> Result<Option<Id>> {
    let row = conn.query_opt("SELECT repository_version_id FROM publication WHERE id = $1", params![publication])?;
    row.map(|row| row.get(0)).transpose()
}

/// The name of a distribution, and the details of a publication (an empty object for none).
pub fn described(conn: &mut Conn, distribution: Id, publication: Option<Id>) -> Result<(String, serde_json::Value)> {
    let row = conn.query_opt("SELECT name FROM distribution WHERE id = $1", params![distribution])?;
    let name = row.ok_or_else(|| Error::not_found("Distribution"))?.get(0)?;
    let details = conn.query_opt("SELECT details FROM publication WHERE id = $1", params![publication])?;
    Ok((name, details.map(|row| row.get(0)).transpose()?.unwrap_or_else(|| serde_json::json!({}))))
}

/// The publications that were served before and are still answered, newest first, with their ends.
pub fn grace(conn: &mut Conn, distribution: Id, now: Instant) -> Result<Vec<(Id, Instant)>> {
    let rows = conn.query(
        &format!(
            "SELECT publication_id, expires_at FROM distributed_publication
             WHERE distribution_id = $1 AND expires_at > $2 ORDER BY created DESC LIMIT {GRACE}"
        ),
        params![distribution, now],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The newest checkpoint of a repository made before `end`.
pub fn checkpoint(conn: &mut Conn, repository: Id, end: Instant) -> Result<Option<(Id, Instant)>> {
    let row = conn.query_opt(
        "SELECT p.id, p.created FROM repository_version v JOIN publication p ON p.repository_version_id = v.id
         WHERE v.repository_id = $1 AND p.checkpoint AND p.created < $2 ORDER BY p.created DESC LIMIT 1",
        params![repository, end],
    )?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// When the checkpoints of a repository were made, oldest first.
pub fn checkpoints(conn: &mut Conn, repository: Id) -> Result<Vec<Instant>> {
    let rows = conn.query(
        "SELECT p.created FROM repository_version v JOIN publication p ON p.repository_version_id = v.id
         WHERE v.repository_id = $1 AND p.checkpoint ORDER BY p.created",
        params![repository],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The path of `ca` is in the version `v`. CROSS JOIN keeps SQLite, which has no statistics, from reading
/// the whole version in search of the path: it joins in the order written.
const PATH_IN_VERSION: &str = "EXISTS (SELECT 1 FROM repository_content rc WHERE rc.content_id = ca.content_id
    AND rc.repository_id = v.repository_id AND rc.version_added <= v.number
    AND (rc.version_removed IS NULL OR rc.version_removed > v.number))";

/// The file at `path`.
pub fn file(conn: &mut Conn, tree: &Tree, path: &str) -> Result<Option<FoundFile>> {
    let row = match tree {
        Tree::Publications(ids) if ids.is_empty() => None,
        Tree::Publications(ids) => {
            let (placements, name) = Placement::of_path(path);
            conn.query_opt(&published_file(), params![ids.clone(), path, placements, name])?
        }
        Tree::Version(id) => conn.query_opt(&version_file(), params![*id, path])?,
    };
    row.as_ref().map(found).transpose()
}

/// The file at `path` of one of these units.
pub fn file_of_units(conn: &mut Conn, units: &[Id], path: &str) -> Result<Option<FoundFile>> {
    let row = conn.query_opt(
        "SELECT ca.id, a.sha256, a.size, a.created FROM content_artifact ca
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE ca.content_id = ANY($1) AND ca.relative_path = $2 LIMIT 1",
        params![units.to_vec(), path],
    )?;
    row.as_ref().map(found).transpose()
}

fn version_file() -> String {
    format!(
        "SELECT ca.id, a.sha256, a.size, a.created FROM repository_version v CROSS JOIN content_artifact ca
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE v.id = $1 AND ca.relative_path = $2 AND {PATH_IN_VERSION} LIMIT 1"
    )
}

fn published_file() -> String {
    format!(
        "SELECT NULL AS content_artifact, a.sha256, a.size, a.created, m.publication_id AS publication, 0 AS kind
         FROM published_metadata m JOIN artifact a ON a.id = m.artifact_id
         WHERE m.publication_id = ANY($1) AND m.relative_path = $2
         UNION ALL
         SELECT ca.id, a.sha256, a.size, a.created, p.publication_id, 1
         FROM published_artifact p JOIN content_artifact ca ON ca.id = p.content_artifact_id
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE p.publication_id = ANY($1) AND p.relative_path = $2
         UNION ALL
         SELECT ca.id, a.sha256, a.size, a.created, p.id, 2
         FROM publication p CROSS JOIN repository_version v CROSS JOIN content_artifact ca
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE p.id = ANY($1) AND p.pass_through AND v.id = p.repository_version_id
           AND ca.relative_path = $2 AND {PATH_IN_VERSION}
         UNION ALL
         SELECT ca.id, a.sha256, a.size, a.created, p.id, 3
         FROM publication p CROSS JOIN repository_version v CROSS JOIN content_artifact ca
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE p.id = ANY($1) AND p.placement = ANY($3) AND v.id = p.repository_version_id
           AND ca.relative_path = $4 AND {PATH_IN_VERSION}
         UNION ALL
         SELECT ca.id, a.sha256, a.size, a.created, s.publication_id, 4
         FROM published_version s CROSS JOIN repository_version v CROSS JOIN content_artifact ca
         LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE s.publication_id = ANY($1) AND s.placement = ANY($3) AND v.id = s.version_id
           AND ca.relative_path = $4 AND {PATH_IN_VERSION}
         ORDER BY 5 DESC, 6 LIMIT 1"
    )
}

/// Columns: content_artifact, sha256, size, created.
fn found(row: &Row) -> Result<FoundFile> {
    match row.get::<Option<Sha256>>(1)? {
        Some(sha256) => Ok(FoundFile::Stored(StoredFile { sha256, size: size(row, 2)?, created: row.get(3)? })),
        None => Ok(FoundFile::Lazy { content_artifact: row.get(0)? }),
    }
}

fn size(row: &Row, at: usize) -> Result<u64> {
    u64::try_from(row.get::<i64>(at)?).map_err(Error::internal)
}

/// What a remote was already asked for at `path`: a file and the unit it is of, which a pull-through or a
/// synchronization left.
pub fn pulled_file(conn: &mut Conn, remote: Id, path: &str) -> Result<Option<(FoundFile, Id)>> {
    let row = conn.query_opt(
        "SELECT ca.id, a.sha256, a.size, a.created, ca.content_id FROM content_artifact ca
         CROSS JOIN remote_artifact r LEFT JOIN artifact a ON a.id = ca.artifact_id
         WHERE ca.relative_path = $2 AND r.content_artifact_id = ca.id AND r.remote_id = $1 ORDER BY ca.id DESC LIMIT 1",
        params![remote, path],
    )?;
    row.map(|row| Ok((found(&row)?, row.get(4)?))).transpose()
}

/// An artifact by its content artifact, once it is stored.
pub fn stored(conn: &mut Conn, content_artifact: Id) -> Result<Option<StoredFile>> {
    let row = conn.query_opt(
        "SELECT ca.id, a.sha256, a.size, a.created FROM content_artifact ca
         JOIN artifact a ON a.id = ca.artifact_id WHERE ca.id = $1",
        params![content_artifact],
    )?;
    match row.as_ref().map(found).transpose()? {
        Some(FoundFile::Stored(file)) => Ok(Some(file)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Address, Db, Value, sqlite_file};

    #[test]
    fn a_path_is_found_without_reading_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 1).unwrap();
        db.migrate_core().unwrap();
        let explain = |sql: String| {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let places: Vec<Value> = params![Id::new(), "a", "flat:", "a"].to_vec();
            let given = if sql.contains("$3") { &places[..] } else { &places[..2] };
            let rows = db.read_blocking(|conn| conn.query(&explain, given)).unwrap();
            rows.iter().map(|row| row.get::<String>(3).unwrap() + "\n").collect::<String>()
        };
        for sql in [version_file(), published_file().replace("= ANY($1)", "= $1").replace("= ANY($3)", "= $3")] {
            let plan = explain(sql);
            assert!(plan.contains("content_artifact_path (relative_path=?)"), "{plan}");
            assert!(plan.contains("(repository_id=? AND content_id=?"), "{plan}");
            assert!(!plan.contains("SCAN"), "{plan}");
        }
    }
}
