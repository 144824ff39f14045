//! Which processes serve: one row per role of each, with the time it was last heard of.

use serde_json::Value as Json;

use super::{Conn, Row};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// A role of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AppType {
    Api,
    Content,
    Worker,
}

impl AppType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Content => "content",
            Self::Worker => "worker",
        }
    }
}

/// One process in one role.
#[derive(Clone, Debug)]
pub struct AppStatus {
    pub id: Id,
    pub created: Instant,
    pub updated: Instant,
    /// `<pid>@<host>`
    pub name: String,
    /// Version by component.
    pub versions: Json,
    pub last_heartbeat: Instant,
    /// The oldest task it is running.
    pub current_task: Option<Id>,
}

impl AppStatus {
    /// The columns [`AppStatus::read`] expects, of the table `app_status`.
    pub const COLUMNS: &str = "id, created, updated, name, versions, last_heartbeat, (SELECT task.id FROM task \
                               WHERE task.finished_at IS NULL AND task.worker_id = app_status.id \
                               ORDER BY task.seq LIMIT 1) AS current_task";

    pub fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            created: row.get(1)?,
            updated: row.get(2)?,
            name: row.get(3)?,
            versions: row.get(4)?,
            last_heartbeat: row.get(5)?,
            current_task: row.get(6)?,
        })
    }
}

/// Adds a process; returns the row's id.
pub fn insert(conn: &mut Conn, app_type: AppType, name: &str, versions: &Json, now: Instant) -> Result<Id> {
    let id = Id::new();
    conn.execute(
        "INSERT INTO app_status (id, created, updated, app_type, name, versions, last_heartbeat) \
         VALUES ($1, $2, $2, $3, $4, $5, $2)",
        params![id, now, app_type.as_str(), name, versions.clone()],
    )?;
    Ok(id)
}

/// Notes that the process lives. False when its row is gone.
pub fn beat(conn: &mut Conn, id: Id, now: Instant) -> Result<bool> {
    Ok(conn.execute("UPDATE app_status SET last_heartbeat = $2 WHERE id = $1", params![id, now])? == 1)
}

pub fn remove(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("DELETE FROM app_status WHERE id = $1", params![id]).map(drop)
}

/// Forgets processes not heard of since `before`.
pub fn forget(conn: &mut Conn, before: Instant) -> Result<()> {
    conn.execute("DELETE FROM app_status WHERE last_heartbeat < $1", params![before]).map(drop)
}

/// The processes of a role that were heard of since then, oldest first.
pub fn online(conn: &mut Conn, app_type: AppType, heard_since: Instant) -> Result<Vec<AppStatus>> {
    let sql = format!(
        "SELECT {} FROM app_status WHERE app_type = $1 AND last_heartbeat >= $2 ORDER BY created, id",
        AppStatus::COLUMNS
    );
    conn.query(&sql, params![app_type.as_str(), heard_since])?.iter().map(AppStatus::read).collect()
}
