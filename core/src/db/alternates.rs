//! Alternate content sources: which there are, and the files that their servers were found to have.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::lazy::Remote;
use super::{Conn, Row, Value};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;

/// Files taken away in one transaction.
const SLICE: i64 = 10_000;
/// More names tell nobody more.
const NAMED: i64 = 5;

/// A source, as much of it as a refresh needs.
#[derive(Clone, Debug)]
pub struct SourceRow {
    pub pulp_type: String,
    pub remote: Id,
    /// Below the remote's address; the empty one is that address.
    pub paths: Vec<String>,
}

pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<SourceRow>> {
    let sql = "SELECT pulp_type, remote_id, paths FROM alternate_content_source WHERE id = $1";
    let row = conn.query_opt(sql, params![id])?;
    row.map(|row| Ok(SourceRow { pulp_type: row.get(0)?, remote: row.get(1)?, paths: texts(&row.get(2)?) })).transpose()
}

/// The paths of a list as it is kept.
pub fn texts(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// The names of sources that read with a remote; the first of them.
pub fn names_with_remote(conn: &mut Conn, remote: Id) -> Result<Vec<String>> {
    let sql = format!("SELECT name FROM alternate_content_source WHERE remote_id = $1 ORDER BY id LIMIT {NAMED}");
    conn.query(&sql, params![remote])?.iter().map(|row| row.get(0)).collect()
}

/// A file that a source's server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Hexadecimal, in lower case.
    pub digest: String,
    pub url: String,
}

/// Begins a listing of a path, of which there is no other that is being written. Nobody sees it before [`finish`].
pub fn begin(conn: &mut Conn, source: Id, path: &str) -> Result<Id> {
    abandon(conn, source, path)?;
    let id = Id::new();
    conn.execute(
        "INSERT INTO alternate_listing (id, source_id, path, state) VALUES ($1, $2, $3, 'new')",
        params![id, source, path],
    )?;
    Ok(id)
}

/// What was being written of a path is left for [`sweep`].
pub fn abandon(conn: &mut Conn, source: Id, path: &str) -> Result<()> {
    conn.execute(
        "UPDATE alternate_listing SET state = 'old' WHERE source_id = $1 AND path = $2 AND state = 'new'",
        params![source, path],
    )?;
    Ok(())
}

/// Writes files to a listing. Of those with the same digest the first stays.
pub fn add(conn: &mut Conn, listing: Id, files: &[ListedFile]) -> Result<()> {
    let row = |file: &ListedFile| vec![listing.into(), Value::from(&file.digest), Value::from(&file.url)];
    let rows: Vec<_> = files.iter().map(row).collect();
    conn.insert_ignoring("alternate_file", &["listing_id", "digest", "url"], &rows)?;
    Ok(())
}

/// Puts a listing in the place of what was known of its path, which is left for [`sweep`].
pub fn finish(conn: &mut Conn, source: Id, path: &str, listing: Id) -> Result<()> {
    conn.execute(
        "UPDATE alternate_listing SET state = CASE WHEN id = $3 THEN 'current' ELSE 'old' END
         WHERE source_id = $1 AND path = $2",
        params![source, path, listing],
    )?;
    conn.execute("UPDATE alternate_content_source SET last_refreshed = $2 WHERE id = $1", params![source, now()])?;
    Ok(())
}

/// Forgets what is known of all paths but these.
pub fn forget_all_but(conn: &mut Conn, source: Id, paths: &[String]) -> Result<()> {
    conn.execute(
        "UPDATE alternate_listing SET state = 'old' WHERE source_id = $1 AND path <> ALL($2)",
        params![source, paths.to_vec()],
    )?;
    Ok(())
}

/// Takes away a slice of what does not count any more. Whether there may be more.
pub fn sweep(conn: &mut Conn, source: Id) -> Result<bool> {
    let sql = "SELECT id FROM alternate_listing WHERE source_id = $1 AND state = 'old' LIMIT 1";
    let Some(row) = conn.query_opt(sql, params![source])? else { return Ok(false) };
    let listing: Id = row.get(0)?;
    let removed = conn.execute(
        "DELETE FROM alternate_file WHERE listing_id = $1 AND digest IN
             (SELECT digest FROM alternate_file WHERE listing_id = $1 LIMIT $2)",
        params![listing, SLICE],
    )?;
    if removed < SLICE as u64 {
        forget_emptied(conn, listing)?;
    }
    Ok(true)
}

/// Deletes a listing that has no file any more. Another task may have taken away the files that this one was about to,
/// and then there may be more than a transaction should delete.
fn forget_emptied(conn: &mut Conn, listing: Id) -> Result<()> {
    conn.execute(
        "DELETE FROM alternate_listing WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM alternate_file f WHERE f.listing_id = $1)",
        params![listing],
    )?;
    Ok(())
}

/// A place where a file may be had.
#[derive(Clone, Debug)]
pub struct Alternate {
    pub listing: Id,
    pub digest: String,
    pub url: String,
    pub remote: Remote,
}

/// Where files with these digests may be had, by digest; the source that was refreshed last comes first. What failed
/// after `since` is left out.
pub fn find(
    conn: &mut Conn,
    domain: Id,
    digests: &[String],
    since: Instant,
) -> Result<HashMap<String, Vec<Alternate>>> {
    let mut found: HashMap<String, Vec<Alternate>> = HashMap::new();
    if digests.is_empty() {
        return Ok(found);
    }
    let rows = conn.query(
        "SELECT f.digest, f.url, l.id, r.id, r.url, r.policy, r.updated
         FROM alternate_file f JOIN alternate_listing l ON l.id = f.listing_id
         JOIN alternate_content_source s ON s.id = l.source_id JOIN remote r ON r.id = s.remote_id
         WHERE f.digest = ANY($1) AND s.domain_id = $2 AND l.state = 'current'
             AND (f.failed_at IS NULL OR f.failed_at < $3) AND (l.failed_at IS NULL OR l.failed_at < $3)
         ORDER BY l.id DESC",
        params![digests.to_vec(), domain, since],
    )?;
    for row in &rows {
        let alternate = alternate(row)?;
        found.entry(alternate.digest.clone()).or_default().push(alternate);
    }
    Ok(found)
}

fn alternate(row: &Row) -> Result<Alternate> {
    let remote = Remote { id: row.get(3)?, url: row.get(4)?, policy: row.get(5)?, updated: row.get(6)? };
    Ok(Alternate { digest: row.get(0)?, url: row.get(1)?, listing: row.get(2)?, remote })
}

/// What an attempt has shown to be of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The file is not there, or is another one.
    File,
    /// The server does not answer.
    Listing,
}

/// Remembers when an attempt failed.
pub fn mark_failed(conn: &mut Conn, listing: Id, digest: &str, failed: Failed) -> Result<()> {
    match failed {
        Failed::File => conn.execute(
            "UPDATE alternate_file SET failed_at = $3 WHERE listing_id = $1 AND digest = $2",
            params![listing, digest, now()],
        )?,
        Failed::Listing => {
            conn.execute("UPDATE alternate_listing SET failed_at = $2 WHERE id = $1", params![listing, now()])?
        }
    };
    Ok(())
}
