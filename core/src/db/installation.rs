//! What is known of the installation as a whole: a name and a value each.

use super::Conn;
use crate::error::{Error, Result};
use crate::id::now;
use crate::params;

/// A sealed value that the right keys open.
pub const KEY_PROBE: &str = "secret_key_probe";

/// The backup that is being put in.
const RESTORE: &str = "restore_unfinished";

/// How long after its last sign of life a process is held to be alive.
const ALIVE: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

/// Whether a server was heard of lately.
pub fn is_served(conn: &mut Conn) -> Result<bool> {
    let heard = "SELECT 1 FROM app_status WHERE last_heartbeat > $1 LIMIT 1";
    Ok(conn.query_opt(heard, params![now() - ALIVE])?.is_some())
}

/// Marks the database until all rows of a backup are in it, which replace the mark.
pub fn begin_restore(conn: &mut Conn, backup: &str) -> Result<()> {
    conn.execute("DELETE FROM installation WHERE name = $1", params![RESTORE])?;
    conn.execute("INSERT INTO installation (name, value) VALUES ($1, $2)", params![RESTORE, backup]).map(drop)
}

/// # Errors
/// `Conflict` while a backup is being put in, or if that was cut.
pub fn refuse_unfinished_restore(conn: &mut Conn) -> Result<()> {
    match conn.query_opt("SELECT value FROM installation WHERE name = $1", params![RESTORE])? {
        None => Ok(()),
        Some(row) => Err(Error::Conflict(format!(
            "the restore of the backup `{}` into this database was not finished; run it again",
            row.get::<String>(0)?
        ))),
    }
}
