//! Who needs all bytes to stay for a while: a backup that has read the rows and has yet to copy what they name. While
//! one holds, nothing is removed from the store; what was put down for removal goes later.
//!
//! A hold is a row that expires, so that a backup which was killed does not keep bytes for ever. It is written before
//! the rows are read. Whoever removes bytes asks for holds when it asks which bytes nobody names: bytes whose removal
//! had been decided before the hold belong to no row that was read after it.

use super::Conn;
use crate::error::Result;
use crate::id::{Instant, format_instant};
use crate::params;

/// How the names of holds begin, among what is known of the installation.
const HOLD: &str = "bytes_held:";

/// Holds all bytes until then, or holds them longer.
pub fn hold(conn: &mut Conn, name: &str, until: Instant) -> Result<()> {
    conn.execute(
        "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![format!("{HOLD}{name}"), format_instant(until)],
    )?;
    Ok(())
}

/// Holds them no longer, and forgets holds that expired.
pub fn release(conn: &mut Conn, name: &str, now: Instant) -> Result<()> {
    conn.execute(
        "DELETE FROM installation WHERE name = $1 OR (name LIKE $2 AND value <= $3)",
        params![format!("{HOLD}{name}"), format!("{HOLD}%"), format_instant(now)],
    )?;
    Ok(())
}

/// Forgets all holds.
pub fn forget(conn: &mut Conn) -> Result<()> {
    conn.execute("DELETE FROM installation WHERE name LIKE $1", params![format!("{HOLD}%")]).map(drop)
}

/// Whether anybody holds the bytes.
pub fn are_held(conn: &mut Conn, now: Instant) -> Result<bool> {
    let held = "SELECT 1 FROM installation WHERE name LIKE $1 AND value > $2 LIMIT 1";
    Ok(conn.query_opt(held, params![format!("{HOLD}%"), format_instant(now)])?.is_some())
}
