//! Tokens of users. What is kept of a token itself is a digest.

use chrono::TimeDelta;
use serde_json::{Value as Json, json};

use super::users::{self, User};
use super::{Conn, Lock};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;

/// How exactly is kept when a token was used last.
const GRAIN: TimeDelta = TimeDelta::hours(1);
/// For so long its user still sees a token that has ended.
const SHOWN_AFTERWARDS: TimeDelta = TimeDelta::days(30);

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub name: String,
    pub user_id: i64,
    pub digest: String,
    pub read_only: bool,
    /// PRNs; none: for everything.
    pub objects: Option<Vec<String>>,
    pub expires: Option<Instant>,
}

/// A token that was sent, with whom it speaks for.
#[derive(Clone, Debug)]
pub struct Sent {
    pub user: User,
    pub id: Id,
    pub read_only: bool,
    /// A list of PRNs.
    pub objects: Option<Json>,
    pub expires: Option<Instant>,
    /// The time of its last use is to be kept anew.
    pub is_stale: bool,
}

/// Adds a token, and forgets those that ended long ago. None when the user has `most` already. Who makes another for
/// the same user at the same time waits for the end of this transaction.
pub fn insert(conn: &mut Conn, token: &NewToken, most: i64) -> Result<Option<Id>> {
    let (id, now) = (Id::new(), now());
    conn.lock(&Lock::Resource(format!("tokens of user {}", token.user_id)))?;
    conn.execute("DELETE FROM api_token WHERE expires < $1", params![now - SHOWN_AFTERWARDS])?;
    let row = conn.query_one("SELECT count(*) FROM api_token WHERE user_id = $1", params![token.user_id])?;
    if row.get::<i64>(0)? >= most {
        return Ok(None);
    }
    conn.execute(
        "INSERT INTO api_token (id, created, updated, name, user_id, digest, read_only, objects, expires)
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8)",
        params![
            id,
            now,
            &token.name,
            token.user_id,
            &token.digest,
            token.read_only,
            token.objects.as_ref().map(|prns| json!(prns)),
            token.expires
        ],
    )?;
    Ok(Some(id))
}

/// Returns false when there is no such token.
pub fn delete(conn: &mut Conn, id: Id) -> Result<bool> {
    Ok(conn.execute("DELETE FROM api_token WHERE id = $1", params![id])? > 0)
}

/// The token with this digest.
pub fn by_digest(conn: &mut Conn, digest: &str) -> Result<Option<Sent>> {
    let row = conn.query_opt(
        &format!(
            "SELECT {}, k.id, k.read_only, k.objects, k.expires, k.last_used
             FROM api_token k JOIN auth_user u ON u.id = k.user_id WHERE k.digest = $1",
            users::COLUMNS
        ),
        params![digest],
    )?;
    let Some(row) = row else { return Ok(None) };
    let last_used: Option<Instant> = row.get(9)?;
    Ok(Some(Sent {
        user: User::read(&row)?,
        id: row.get(5)?,
        read_only: row.get(6)?,
        objects: row.get(7)?,
        expires: row.get(8)?,
        is_stale: last_used.is_none_or(|last| last + GRAIN <= now()),
    }))
}

/// Keeps that a token was used now, unless that was kept within the hour.
pub fn note_use(conn: &mut Conn, id: Id) -> Result<()> {
    let now = now();
    conn.execute(
        "UPDATE api_token SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used <= $3)",
        params![id, now, now - GRAIN],
    )
    .map(drop)
}

/// Whether a task reserved one of these, by their PRNs.
pub fn is_task_about(conn: &mut Conn, task: Id, prns: &[String]) -> Result<bool> {
    let found = conn.query_opt(
        "SELECT 1 FROM task t JOIN task_resource r ON r.task_seq = t.seq WHERE t.id = $1 AND r.resource = ANY($2) LIMIT 1",
        params![task, prns.to_vec()],
    )?;
    Ok(found.is_some())
}
