//! Uploads and their chunks.

use super::{Conn, Row, Value};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;

pub fn insert(conn: &mut Conn, domain: Id, size: i64) -> Result<Id> {
    let id = Id::new();
    conn.execute(
        "INSERT INTO upload (id, domain_id, created, updated, size) VALUES ($1, $2, $3, $3, $4)",
        params![id, domain, now(), size],
    )?;
    Ok(id)
}

/// The size of the whole, none when there is no such upload.
pub fn size(conn: &mut Conn, id: Id) -> Result<Option<u64>> {
    let row = conn.query_opt("SELECT size FROM upload WHERE id = $1", params![id])?;
    Ok(row.map(|row| row.get::<i64>(0)).transpose()?.map(i64::unsigned_abs))
}

/// The chunks that are here, (offset, size), in order.
pub fn chunks(conn: &mut Conn, id: Id) -> Result<Vec<(u64, u64)>> {
    let rows = conn.query("SELECT start, size FROM upload_chunk WHERE upload_id = $1 ORDER BY start", params![id])?;
    rows.iter().map(|row| Ok((row.get::<i64>(0)?.unsigned_abs(), row.get::<i64>(1)?.unsigned_abs()))).collect()
}

/// Notes a chunk; one at the same offset is replaced.
pub fn put_chunk(conn: &mut Conn, id: Id, start: u64, size: u64) -> Result<()> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    conn.execute(
        "INSERT INTO upload_chunk (upload_id, start, size) SELECT id, $2, $3 FROM upload WHERE id = $1
         ON CONFLICT (upload_id, start) DO UPDATE SET size = excluded.size",
        params![id, number(start), number(size)],
    )?;
    conn.execute("UPDATE upload SET updated = $2 WHERE id = $1", params![id, now()])?;
    Ok(())
}

/// Returns false when there is no such upload. Its bytes are put down for removal.
pub fn delete(conn: &mut Conn, id: Id) -> Result<bool> {
    Ok(!delete_where(conn, "id = $1", params![id])?.is_empty())
}

/// Deletes up to `limit` uploads of a domain that nobody has written to since `before`, as [`delete`]; their ids.
pub fn delete_untouched(conn: &mut Conn, domain: Id, before: Instant, limit: i64) -> Result<Vec<Id>> {
    let condition = "id IN (SELECT id FROM upload WHERE domain_id = $1 AND updated <= $2 LIMIT $3)";
    delete_where(conn, condition, params![domain, before, limit])
}

fn delete_where(conn: &mut Conn, condition: &str, params: &[Value]) -> Result<Vec<Id>> {
    let sql = format!("DELETE FROM upload WHERE {condition} RETURNING id, domain_id, created");
    let deleted = conn.query(&sql, params)?;
    let put_down = |row: &Row| {
        let (id, domain, created): (Id, Id, Instant) = (row.get(0)?, row.get(1)?, row.get(2)?);
        conn.execute(
            "INSERT INTO upload_removal (upload_id, domain_id, created, deleted) VALUES ($1, $2, $3, $4)",
            params![id, domain, created, now()],
        )?;
        Ok(id)
    };
    deleted.iter().map(put_down).collect()
}

/// Uploads of a domain that were put down for removal until `before`, at most `limit`.
pub fn removals(conn: &mut Conn, domain: Id, before: Instant, limit: i64) -> Result<Vec<Id>> {
    let sql = "SELECT upload_id FROM upload_removal WHERE domain_id = $1 AND deleted <= $2 LIMIT $3";
    conn.query(sql, params![domain, before, limit])?.iter().map(|row| row.get(0)).collect()
}

/// Forgets uploads that were put down for removal.
pub fn strike_removals(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    let sql = "DELETE FROM upload_removal WHERE upload_id = $1";
    ids.iter().try_for_each(|id| conn.execute(sql, params![*id]).map(drop))
}
