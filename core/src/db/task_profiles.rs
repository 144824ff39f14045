//! What was measured while tasks ran: artifacts by the name of the measurement. They go with their task.

use super::Conn;
use crate::error::Result;
use crate::id::{Id, Sha256};
use crate::params;

/// Notes a measurement of a task; does nothing when the task is gone. The artifact's row must exist.
pub fn insert(conn: &mut Conn, task: Id, name: &str, artifact: Id) -> Result<()> {
    let sql = "INSERT INTO task_profile (task_seq, name, artifact_id) SELECT seq, $2, $3 FROM task WHERE id = $1";
    conn.execute(sql, params![task, name, artifact]).map(drop)
}

/// The names of a task's measurements.
pub fn names(conn: &mut Conn, task: Id) -> Result<Vec<String>> {
    let sql = "SELECT p.name FROM task t JOIN task_profile p ON p.task_seq = t.seq WHERE t.id = $1 ORDER BY p.name";
    conn.query(sql, params![task])?.iter().map(|row| row.get(0)).collect()
}

/// The bytes of a measurement.
pub fn sha256(conn: &mut Conn, task: Id, name: &str) -> Result<Option<Sha256>> {
    let sql = "SELECT a.sha256 FROM task t JOIN task_profile p ON p.task_seq = t.seq \
               JOIN artifact a ON a.id = p.artifact_id WHERE t.id = $1 AND p.name = $2";
    conn.query_opt(sql, params![task, name])?.map(|row| row.get(0)).transpose()
}
