//! Users and their sessions.

use super::{Conn, Row};
use crate::auth::session::Session;
use crate::error::Result;
use crate::id::{Instant, now};
use crate::params;

/// A user as authentication needs it.
#[derive(Clone, Debug)]
pub struct User {
    pub id: i64,
    pub username: String,
    /// The stored hash.
    pub password: String,
    pub is_active: bool,
    pub is_superuser: bool,
}

/// Stands where a hash would; no password matches it.
pub const NO_PASSWORD: &str = "!";

pub(super) const COLUMNS: &str = "u.id, u.username, u.password, u.is_active, u.is_superuser";

impl User {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            username: row.get(1)?,
            password: row.get(2)?,
            is_active: row.get(3)?,
            is_superuser: row.get(4)?,
        })
    }
}

pub fn by_name(conn: &mut Conn, username: &str) -> Result<Option<User>> {
    let row = conn.query_opt(&format!("SELECT {COLUMNS} FROM auth_user u WHERE u.username = $1"), params![username])?;
    row.as_ref().map(User::read).transpose()
}

pub fn by_id(conn: &mut Conn, id: i64) -> Result<Option<User>> {
    let row = conn.query_opt(&format!("SELECT {COLUMNS} FROM auth_user u WHERE u.id = $1"), params![id])?;
    row.as_ref().map(User::read).transpose()
}

/// Whether there is any user yet.
pub fn any(conn: &mut Conn) -> Result<bool> {
    Ok(conn.query_opt("SELECT 1 FROM auth_user LIMIT 1", &[])?.is_some())
}

/// Adds an administrator. `password` is a hash.
pub fn add_administrator(conn: &mut Conn, username: &str, password: &str) -> Result<i64> {
    let row = conn.query_one(
        "INSERT INTO auth_user (username, password, first_name, last_name, email, is_staff, is_superuser, is_active, date_joined)
         VALUES ($1, $2, '', '', '', $3, $3, $3, $4) RETURNING id",
        params![username, password, true, now()],
    )?;
    row.get(0)
}

/// Returns false when there is no such user. `password` is a hash.
pub fn set_password(conn: &mut Conn, username: &str, password: &str) -> Result<bool> {
    Ok(conn.execute("UPDATE auth_user SET password = $2 WHERE username = $1", params![username, password])? > 0)
}

/// What clients may say of a user; what is none stays as it is, or is empty in a new one.
#[derive(Clone, Debug, Default)]
pub struct UserDetails {
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub is_staff: Option<bool>,
    pub is_active: Option<bool>,
    /// A hash, or what no password matches.
    pub password: Option<String>,
}

/// Adds a user who is no administrator; one without a password cannot log in. Returns the number.
///
/// # Errors
/// `Duplicate` when the name is taken.
pub fn insert(conn: &mut Conn, details: &UserDetails) -> Result<i64> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let row = conn.query_one(
        "INSERT INTO auth_user (username, password, first_name, last_name, email, is_staff, is_superuser, is_active, date_joined)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        params![
            text(&details.username),
            details.password.clone().unwrap_or_else(|| NO_PASSWORD.to_owned()),
            text(&details.first_name),
            text(&details.last_name),
            text(&details.email),
            details.is_staff.unwrap_or_default(),
            false,
            details.is_active.unwrap_or(true),
            now(),
        ],
    )?;
    row.get(0)
}

/// Changes a user; a new password ends all sessions. Returns false when there is no such user.
///
/// # Errors
/// `Duplicate` when the name is taken.
pub fn update(conn: &mut Conn, id: i64, details: &UserDetails) -> Result<bool> {
    let found = conn.execute(
        "UPDATE auth_user SET username = coalesce($2, username), first_name = coalesce($3, first_name),
             last_name = coalesce($4, last_name), email = coalesce($5, email), is_staff = coalesce($6, is_staff),
             is_active = coalesce($7, is_active), password = coalesce($8, password) WHERE id = $1",
        params![
            id,
            details.username.clone(),
            details.first_name.clone(),
            details.last_name.clone(),
            details.email.clone(),
            details.is_staff,
            details.is_active,
            details.password.clone(),
        ],
    )?;
    if details.password.is_some() {
        conn.execute("DELETE FROM session WHERE user_id = $1", params![id])?;
    }
    Ok(found > 0)
}

/// Removes a user and the user's sessions. Returns false when there is no such user.
pub fn delete(conn: &mut Conn, id: i64) -> Result<bool> {
    conn.execute("DELETE FROM session WHERE user_id = $1", params![id])?;
    Ok(conn.execute("DELETE FROM auth_user WHERE id = $1", params![id])? > 0)
}

/// Begins a session, and forgets those that have ended.
pub fn add_session(conn: &mut Conn, session: &Session) -> Result<()> {
    conn.execute("DELETE FROM session WHERE expires < $1", params![session.created])?;
    conn.execute(
        "INSERT INTO session (id_digest, csrf_digest, password_digest, user_id, created, expires)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            &session.id_digest,
            &session.csrf_digest,
            &session.password_digest,
            session.user_id,
            session.created,
            session.expires
        ],
    )?;
    Ok(())
}

pub fn end_session(conn: &mut Conn, id_digest: &str) -> Result<()> {
    conn.execute("DELETE FROM session WHERE id_digest = $1", params![id_digest])?;
    Ok(())
}

/// The session with this digest and its user.
pub fn by_session(conn: &mut Conn, id_digest: &str) -> Result<Option<(User, Session)>> {
    let row = conn.query_opt(
        &format!(
            "SELECT {COLUMNS}, s.csrf_digest, s.password_digest, s.created, s.expires
             FROM session s JOIN auth_user u ON u.id = s.user_id WHERE s.id_digest = $1"
        ),
        params![id_digest],
    )?;
    row.map(|row| {
        let user = User::read(&row)?;
        let session = Session {
            id_digest: id_digest.to_owned(),
            csrf_digest: row.get(5)?,
            password_digest: row.get(6)?,
            user_id: user.id,
            created: row.get::<Instant>(7)?,
            expires: row.get::<Instant>(8)?,
        };
        Ok((user, session))
    })
    .transpose()
}
