//! Domains.

use super::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::params;

pub fn exists(conn: &mut Conn, id: Id) -> Result<bool> {
    Ok(conn.query_opt("SELECT 1 FROM domain WHERE id = $1", params![id])?.is_some())
}
