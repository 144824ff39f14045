//! What was measured while tasks ran: artifacts by the name of the measurement. They go with their task.

use super::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::params;

/// Notes a measurement of a task; does nothing when the task is gone. The artifact's row must exist.
pub fn insert(conn: &mut Conn, task: Id, name: &str, artifact: Id) -> Result<()> {
    let sql = "INSERT INTO task_profile (task_seq, name, artifact_id) SELECT seq, $2, $3 FROM task WHERE id = $1";
    conn.execute(sql, params![task, name, artifact]).map(drop)
}

/// The names of a task's measurements, with their artifacts.
pub fn of_task(conn: &mut Conn, task: Id) -> Result<Vec<(String, Id)>> {
    let sql = "SELECT p.name, p.artifact_id FROM task t JOIN task_profile p ON p.task_seq = t.seq
               WHERE t.id = $1 ORDER BY p.name";
    conn.query(sql, params![task])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
