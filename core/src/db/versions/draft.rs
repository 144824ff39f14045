//! The rows of a version under construction.

use super::{Draft, Version};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// Takes back all that was done under this number or a later one: what a draft that was given up left.
pub fn clear(conn: &mut Conn, repository: Id, number: i64) -> Result<()> {
    conn.execute(
        "DELETE FROM repository_content WHERE repository_id = $1 AND version_added >= $2",
        params![repository, number],
    )?;
    conn.execute(
        "UPDATE repository_content SET version_removed = NULL WHERE repository_id = $1 AND version_removed >= $2",
        params![repository, number],
    )?;
    Ok(())
}

/// Makes the draft's members those of `base`, a version of this or of another repository. For one of its
/// own the cost is what changed since, for another the size of both.
pub fn set_base(conn: &mut Conn, draft: &Draft, base: &Version) -> Result<()> {
    let own = base.repository == draft.repository;
    let in_base = "SELECT 1 FROM repository_content b WHERE b.repository_id = $3
         AND b.content_id = repository_content.content_id
         AND b.version_added <= $4 AND (b.version_removed IS NULL OR b.version_removed > $4)";
    let params = params![draft.repository, draft.number, base.repository, base.number];
    conn.execute(
        &format!(
            "UPDATE repository_content SET version_removed = NULL
             WHERE repository_id = $1 AND version_removed = $2 AND EXISTS ({in_base})"
        ),
        params,
    )?;
    // What was added no later than the base and is still there is in the base.
    let newer = if own { "AND version_added > $4" } else { "" };
    conn.execute(
        &format!(
            "UPDATE repository_content SET version_removed = $2
             WHERE repository_id = $1 AND version_removed IS NULL {newer} AND NOT EXISTS ({in_base})"
        ),
        params,
    )?;
    drop_empty(conn, draft)?;
    // What was not removed since is there already.
    let gone = if own { "b.version_removed > $4" } else { "(b.version_removed IS NULL OR b.version_removed > $4)" };
    conn.execute(
        &format!(
            "INSERT INTO repository_content (repository_id, content_id, version_added)
             SELECT $1, b.content_id, $2 FROM repository_content b
             WHERE b.repository_id = $3 AND b.version_added <= $4 AND {gone}
                 AND NOT EXISTS (SELECT 1 FROM repository_content o WHERE o.repository_id = $1
                     AND o.content_id = b.content_id AND o.version_removed IS NULL)"
        ),
        params,
    )?;
    Ok(())
}

/// Puts all members of a version in, of whatever repository. Costs the size of that version.
pub fn add_version(conn: &mut Conn, draft: &Draft, version: &Version) -> Result<()> {
    let params = params![draft.repository, draft.number, version.repository, version.number];
    let present = "b.repository_id = $3 AND b.version_added <= $4
         AND (b.version_removed IS NULL OR b.version_removed > $4)";
    conn.execute(
        &format!(
            "UPDATE repository_content SET version_removed = NULL
             WHERE repository_id = $1 AND version_removed = $2 AND EXISTS (SELECT 1 FROM repository_content b
                 WHERE b.content_id = repository_content.content_id AND {present})"
        ),
        params,
    )?;
    conn.execute(
        &format!(
            "INSERT INTO repository_content (repository_id, content_id, version_added)
             SELECT $1, b.content_id, $2 FROM repository_content b
             WHERE {present} AND NOT EXISTS (SELECT 1 FROM repository_content o WHERE o.repository_id = $1
                 AND o.content_id = b.content_id AND o.version_removed IS NULL)"
        ),
        params,
    )?;
    Ok(())
}

/// Takes all units of these types out.
pub fn remove_types(conn: &mut Conn, draft: &Draft, types: &[&str]) -> Result<()> {
    let types: Vec<String> = types.iter().map(|&name| name.to_owned()).collect();
    conn.execute(
        "UPDATE repository_content SET version_removed = $2
         WHERE repository_id = $1 AND version_removed IS NULL
             AND content_id IN (SELECT c.id FROM content c WHERE c.pulp_type = ANY($3))",
        params![draft.repository, draft.number, types],
    )?;
    drop_empty(conn, draft)
}

/// Empties the draft.
pub fn remove_all(conn: &mut Conn, draft: &Draft) -> Result<()> {
    conn.execute(
        "DELETE FROM repository_content WHERE repository_id = $1 AND version_added = $2",
        params![draft.repository, draft.number],
    )?;
    conn.execute(
        "UPDATE repository_content SET version_removed = $2 WHERE repository_id = $1 AND version_removed IS NULL",
        params![draft.repository, draft.number],
    )?;
    Ok(())
}

/// Takes units out; those that are not there are passed over.
pub fn remove(conn: &mut Conn, draft: &Draft, content: &[Id]) -> Result<()> {
    conn.execute(
        "UPDATE repository_content SET version_removed = $2
         WHERE repository_id = $1 AND version_removed IS NULL AND content_id = ANY($3)",
        params![draft.repository, draft.number, content.to_vec()],
    )?;
    drop_empty(conn, draft)
}

/// Puts units in; those that are there are passed over. A unit that the draft took out comes back as if
/// nothing had happened.
///
/// # Errors
/// `Conflict` when a unit does not exist.
pub fn add(conn: &mut Conn, draft: &Draft, content: &[Id]) -> Result<()> {
    let mut content = content.to_vec();
    content.sort_unstable();
    content.dedup();
    let wanted = i64::try_from(content.len()).map_err(Error::internal)?;
    let known: i64 =
        conn.query_one("SELECT count(*) FROM content WHERE id = ANY($1)", params![content.clone()])?.get(0)?;
    if known != wanted {
        return Err(Error::Conflict("content to be added does not exist any more".into()));
    }
    let params = params![draft.repository, draft.number, content];
    conn.execute(
        "UPDATE repository_content SET version_removed = NULL
         WHERE repository_id = $1 AND version_removed = $2 AND content_id = ANY($3)",
        params,
    )?;
    conn.execute(
        "INSERT INTO repository_content (repository_id, content_id, version_added)
         SELECT $1, c.id, $2 FROM content c
         WHERE c.id = ANY($3) AND NOT EXISTS (SELECT 1 FROM repository_content o WHERE o.repository_id = $1
             AND o.content_id = c.id AND o.version_removed IS NULL)",
        params,
    )?;
    Ok(())
}

/// Units that the draft both put in and took out never were in it.
pub(super) fn drop_empty(conn: &mut Conn, draft: &Draft) -> Result<()> {
    conn.execute(
        "DELETE FROM repository_content WHERE repository_id = $1 AND version_added = $2 AND version_removed = $2",
        params![draft.repository, draft.number],
    )?;
    Ok(())
}

/// Notes when the units that the draft took out were used last.
pub fn touch_removed(conn: &mut Conn, draft: &Draft) -> Result<()> {
    conn.execute(
        "UPDATE content SET timestamp_of_interest = $3 WHERE id IN
             (SELECT content_id FROM repository_content WHERE repository_id = $1 AND version_removed = $2)",
        params![draft.repository, draft.number, now()],
    )?;
    Ok(())
}
