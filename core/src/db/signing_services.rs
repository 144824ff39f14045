//! Signing services as rows, and the keys that they change to.

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
    /// Empty where the keys are kept here.
    pub script: String,
    pub key: KeyRow,
    /// The key that it changes to; none: it is not about to.
    pub successor: Option<KeyRow>,
}

/// A key of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// In armour.
    pub public_key: String,
    /// In capital hexadecimal.
    pub fingerprint: String,
    /// The key itself, sealed; none where a script signs.
    pub secrets: Option<String>,
}

const SELECT: &str = "SELECT s.id, s.name, s.class, s.script, s.public_key, s.pubkey_fingerprint, s.secrets,
     n.public_key AS next_key, n.pubkey_fingerprint AS next_fingerprint, n.secrets AS next_secrets
     FROM signing_service s LEFT JOIN signing_successor n ON n.id = s.id";

pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<SigningServiceRow>> {
    conn.query_opt(&format!("{SELECT} WHERE s.id = $1"), params![id])?.map(|row| read(&row)).transpose()
}

pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<SigningServiceRow>> {
    conn.query_opt(&format!("{SELECT} WHERE s.name = $1"), params![name])?.map(|row| read(&row)).transpose()
}

/// All, by name.
pub fn all(conn: &mut Conn) -> Result<Vec<SigningServiceRow>> {
    conn.query(&format!("{SELECT} ORDER BY s.name"), &[])?.iter().map(read).collect()
}

/// Adds a service, which has no successor yet.
///
/// # Errors
/// `Duplicate` when the name is taken.
pub fn insert(conn: &mut Conn, service: &SigningServiceRow) -> Result<()> {
    let SigningServiceRow { id, name, class, script, key, .. } = service.clone();
    conn.execute(
        "INSERT INTO signing_service
             (id, created, updated, name, class, public_key, pubkey_fingerprint, script, secrets)
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8)",
        params![id, now(), name, class, key.public_key, key.fingerprint, script, key.secrets],
    )
    .map(drop)
}

/// Gives a service another key, or another form of the one it has.
pub fn set_key(conn: &mut Conn, service: Id, key: &KeyRow) -> Result<()> {
    let KeyRow { public_key, fingerprint, secrets } = key.clone();
    conn.execute(
        "UPDATE signing_service SET updated = $2, public_key = $3, pubkey_fingerprint = $4, secrets = $5 WHERE id = $1",
        params![service, now(), public_key, fingerprint, secrets],
    )
    .map(drop)
}

/// Says which key a service changes to; none: to none.
pub fn set_successor(conn: &mut Conn, service: Id, successor: Option<&KeyRow>) -> Result<()> {
    conn.execute("DELETE FROM signing_successor WHERE id = $1", params![service])?;
    if let Some(KeyRow { public_key, fingerprint, secrets }) = successor.cloned() {
        conn.execute(
            "INSERT INTO signing_successor (id, created, public_key, pubkey_fingerprint, secrets)
             VALUES ($1, $2, $3, $4, $5)",
            params![service, now(), public_key, fingerprint, secrets],
        )?;
    }
    // What clients see of the service has changed.
    conn.execute("UPDATE signing_service SET updated = $2 WHERE id = $1", params![service, now()]).map(drop)
}

pub fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("DELETE FROM signing_service WHERE id = $1", params![id]).map(drop)
}

fn read(row: &Row) -> Result<SigningServiceRow> {
    let next: Option<String> = row.get(7)?;
    let successor = match next {
        None => None,
        Some(public_key) => Some(KeyRow { public_key, fingerprint: row.get(8)?, secrets: row.get(9)? }),
    };
    Ok(SigningServiceRow {
        id: row.get(0)?,
        name: row.get(1)?,
        class: row.get(2)?,
        script: row.get(3)?,
        key: KeyRow { public_key: row.get(4)?, fingerprint: row.get(5)?, secrets: row.get(6)? },
        successor,
    })
}
