//! The line behind a running task: tasks that wait for nothing but its end, and for what nobody else has.

use super::tasks::State;
use super::{Conn, queue};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// A task that waits right behind another.
#[derive(Clone, Debug)]
pub struct Behind {
    pub seq: i64,
    pub id: Id,
    pub cid: String,
    pub created_by: Option<i64>,
    /// Sealed.
    pub payload: String,
}

/// The next tasks in the line for what a running task holds alone, in their order, as long as they want that alone and
/// nothing else that somebody wanted before: nobody begins them before it ends. At most so many, and no more than so many
/// bytes of payload.
pub fn behind(conn: &mut Conn, seq: i64, name: &str, most: i64, bytes: i64) -> Result<Vec<Behind>> {
    let held = queue::reservations(conn, seq)?;
    if !held.exclusive().iter().any(|held| held == name) {
        return Ok(vec![]);
    }
    let rows = conn.query(
        "SELECT t.seq, t.id, t.logging_cid, t.state, t.not_before IS NULL AND NOT r.shared AND NOT EXISTS (
             SELECT 1 FROM task_resource o JOIN task_resource e ON e.resource = o.resource
             WHERE o.task_seq = r.task_seq AND o.live AND o.resource <> r.resource
               AND e.live AND e.task_seq < o.task_seq),
             length(t.payload), t.created_by
         FROM task_resource r CROSS JOIN task t
         WHERE r.live AND r.resource = $1 AND r.task_seq > $2 AND t.seq = r.task_seq ORDER BY r.task_seq LIMIT $3",
        params![name, seq, most],
    )?;
    let (mut behind, mut sum) = (vec![], 0);
    for row in rows {
        let (state, is_alike): (State, bool) = (row.get(3)?, row.get(4)?);
        sum += row.get::<Option<i64>>(5)?.unwrap_or(0);
        if state != State::Waiting || !is_alike || sum > bytes {
            break;
        }
        let seq: i64 = row.get(0)?;
        let payload = conn.query_opt("SELECT payload FROM task WHERE seq = $1", params![seq])?;
        let payload: Option<String> = payload.map(|row| row.get(0)).transpose()?.flatten();
        let Some(payload) = payload else { break };
        behind.push(Behind { seq, id: row.get(1)?, cid: row.get(2)?, created_by: row.get(6)?, payload });
    }
    Ok(behind)
}

/// Tells a task that waits something else; what it was told before is forgotten. False when it does not wait any more.
pub fn tell(conn: &mut Conn, seq: i64, payload: &str) -> Result<bool> {
    let sql = "UPDATE task SET payload = $2 WHERE seq = $1 AND state = 'waiting'";
    Ok(conn.execute(sql, params![seq, payload])? == 1)
}

/// Lets a task that waits begin out of its turn. False when it does not wait any more.
pub fn begin(conn: &mut Conn, seq: i64, worker: Id, started: Instant) -> Result<bool> {
    let sql = "UPDATE task SET state = 'running', updated = $3, unblocked_at = $3, started_at = $3, worker_id = $2 \
               WHERE seq = $1 AND state = 'waiting'";
    Ok(conn.execute(sql, params![seq, worker, started])? == 1)
}
