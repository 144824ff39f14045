//! Signing services as rows.

use super::{Conn, Row};
use crate::error::Result;
use crate::id::{Id, now};
use crate::params;

/// A signing service.
#[derive(Clone, Debug)]
pub struct SigningServiceRow {
    pub id: Id,
    pub name: String,
    /// What it signs; empty: whatever a key can sign.
    pub class: String,
    /// In armour.
    pub public_key: String,
    /// In capital hexadecimal.
    pub fingerprint: String,
    /// Empty where the key is kept here.
    pub script: String,
    /// Sealed.
    pub secrets: Option<String>,
}

const SELECT: &str = "SELECT id, name, class, public_key, pubkey_fingerprint, script, secrets FROM signing_service";

pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<SigningServiceRow>> {
    conn.query_opt(&format!("{SELECT} WHERE id = $1"), params![id])?.map(|row| read(&row)).transpose()
}

pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<SigningServiceRow>> {
    conn.query_opt(&format!("{SELECT} WHERE name = $1"), params![name])?.map(|row| read(&row)).transpose()
}

/// All, by name.
pub fn all(conn: &mut Conn) -> Result<Vec<SigningServiceRow>> {
    conn.query(&format!("{SELECT} ORDER BY name"), &[])?.iter().map(read).collect()
}

/// # Errors
/// `Duplicate` when the name is taken.
pub fn insert(conn: &mut Conn, service: &SigningServiceRow) -> Result<()> {
    let SigningServiceRow { id, name, class, public_key, fingerprint, script, secrets } = service.clone();
    conn.execute(
        "INSERT INTO signing_service
             (id, created, updated, name, class, public_key, pubkey_fingerprint, script, secrets)
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8)",
        params![id, now(), name, class, public_key, fingerprint, script, secrets],
    )
    .map(drop)
}

pub fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("DELETE FROM signing_service WHERE id = $1", params![id]).map(drop)
}

fn read(row: &Row) -> Result<SigningServiceRow> {
    Ok(SigningServiceRow {
        id: row.get(0)?,
        name: row.get(1)?,
        class: row.get(2)?,
        public_key: row.get(3)?,
        fingerprint: row.get(4)?,
        script: row.get(5)?,
        secrets: row.get(6)?,
    })
}
