//! Uploads and their chunks.

use super::Conn;
use crate::error::Result;
use crate::id::{Id, now};
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

/// Returns false when there is no such upload.
pub fn delete(conn: &mut Conn, id: Id) -> Result<bool> {
    Ok(conn.execute("DELETE FROM upload WHERE id = $1", params![id])? > 0)
}
