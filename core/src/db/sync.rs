//! What a synchronization reads of its repository and leaves in it, beside content and versions.

use serde_json::Value as Json;

use super::Conn;
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// A repository that is synchronized.
#[derive(Clone, Debug)]
pub struct Target {
    pub pulp_type: String,
    pub latest_version: Id,
    pub latest_number: i64,
    pub details: Json,
    /// Its newest version holds files that only an upstream has, and they are to be fetched.
    pub lacks_files: bool,
    /// A synchronization was to publish its newest version, and did not come to it.
    pub lacks_publication: bool,
}

/// The detail of a repository that names the version whose publication is still due.
const UNPUBLISHED: &str = "unpublished_version";

/// Whether files are lacking is found out only where it matters, since it may take a look at all of them.
pub fn target(conn: &mut Conn, repository: Id, immediate: bool) -> Result<Target> {
    let row = conn.query_opt(
        "SELECT r.pulp_type, v.id, v.number, r.details
         FROM repository r JOIN repository_version v ON v.repository_id = r.id
         WHERE r.id = $1 ORDER BY v.number DESC LIMIT 1",
        params![repository],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Repository"))?;
    let lacks_files = immediate && lacks_files(conn, repository)?;
    let (latest_version, details): (Id, Json) = (row.get(1)?, row.get(3)?);
    let lacks_publication = is_unpublished(&details, latest_version);
    let (pulp_type, latest_number) = (row.get(0)?, row.get(2)?);
    Ok(Target { pulp_type, latest_version, latest_number, details, lacks_files, lacks_publication })
}

fn is_unpublished(details: &Json, version: Id) -> bool {
    details.get(UNPUBLISHED).and_then(Json::as_str).is_some_and(|due| due == version.to_string())
}

/// Notes, with what makes the version, that a publication of it is to follow.
pub fn expect_publication(conn: &mut Conn, repository: Id, version: Id) -> Result<()> {
    set_detail(conn, repository, UNPUBLISHED, version.to_string().into())
}

/// Notes, with the publication, that it is there. `details`: of the repository, read after they said it was due.
pub fn expect_no_publication(conn: &mut Conn, repository: Id, version: Id, details: &Json) -> Result<()> {
    if is_unpublished(details, version) { set_detail(conn, repository, UNPUBLISHED, Json::Null) } else { Ok(()) }
}

fn lacks_files(conn: &mut Conn, repository: Id) -> Result<bool> {
    let lacking = conn.query_opt(
        "SELECT 1 FROM repository_content c JOIN content_artifact ca ON ca.content_id = c.content_id
         WHERE c.repository_id = $1 AND c.version_removed IS NULL AND ca.artifact_id IS NULL LIMIT 1",
        params![repository],
    )?;
    Ok(lacking.is_some() || pinned_lack_files(conn, repository)?)
}

/// The same of what units of the newest version serve below folders of their own.
fn pinned_lack_files(conn: &mut Conn, repository: Id) -> Result<bool> {
    let lacking = conn.query_opt(
        "SELECT 1 FROM pinned_version p CROSS JOIN repository_content m CROSS JOIN repository_version v
         CROSS JOIN repository_content c CROSS JOIN content_artifact ca
         WHERE m.repository_id = $1 AND m.content_id = p.content_id AND m.version_removed IS NULL
           AND v.id = p.version_id AND c.repository_id = v.repository_id AND c.version_added <= v.number
           AND (c.version_removed IS NULL OR c.version_removed > v.number)
           AND ca.content_id = c.content_id AND ca.artifact_id IS NULL LIMIT 1",
        params![repository],
    )?;
    Ok(lacking.is_some())
}

/// Sets one detail of a repository.
pub fn set_detail(conn: &mut Conn, repository: Id, name: &str, value: Json) -> Result<()> {
    let row = conn.query_opt("SELECT details FROM repository WHERE id = $1", params![repository])?;
    let mut details: Json = row.ok_or_else(|| Error::not_found("Repository"))?.get(0)?;
    if let Some(details) = details.as_object_mut() {
        details.insert(name.to_owned(), value);
    }
    conn.execute(
        "UPDATE repository SET details = $1, updated = $2 WHERE id = $3",
        params![details, now(), repository],
    )?;
    Ok(())
}

/// How many units a version added and removed.
pub fn changes(conn: &mut Conn, version: Id) -> Result<(i64, i64)> {
    let rows =
        conn.query("SELECT count_type, count FROM repository_version_count WHERE version_id = $1", params![version])?;
    let mut changes = (0, 0);
    for row in rows {
        match row.get::<String>(0)?.as_str() {
            "added" => changes.0 += row.get::<i64>(1)?,
            "removed" => changes.1 += row.get::<i64>(1)?,
            _ => {}
        }
    }
    Ok(changes)
}
