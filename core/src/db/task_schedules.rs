//! Tasks that are dispatched over and over: when each is due, and what was dispatched last.

use super::Conn;
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;

/// What a schedule is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub domain: Id,
    pub name: &'static str,
    pub task_name: String,
    /// Seconds, at least one; none: never.
    pub interval: Option<i64>,
}

/// Makes a schedule, or changes its interval. It is due `first`, unless it is due already or earlier.
pub fn keep(conn: &mut Conn, wanted: &Wanted, first: Option<Instant>) -> Result<()> {
    let Wanted { domain, name, task_name, interval } = wanted.clone();
    let row = conn.query_opt(
        "SELECT dispatch_interval, next_dispatch FROM task_schedule WHERE name = $1 AND task_name = $2",
        params![name, task_name.clone()],
    )?;
    let Some(row) = row else {
        conn.execute(
            "INSERT INTO task_schedule (id, domain_id, created, updated, name, task_name, dispatch_interval,
                                        next_dispatch)
             VALUES ($1, $2, $3, $3, $4, $5, $6, $7)
             ON CONFLICT (name) DO UPDATE SET task_name = excluded.task_name, updated = excluded.updated,
                 dispatch_interval = excluded.dispatch_interval, next_dispatch = excluded.next_dispatch",
            params![Id::new(), domain, now(), name, task_name, interval, first],
        )?;
        return Ok(());
    };
    if row.get::<Option<i64>>(0)? == interval {
        return Ok(());
    }
    let next = row.get::<Option<Instant>>(1)?.zip(first).map(|(next, first)| next.min(first)).or(first);
    conn.execute(
        "UPDATE task_schedule SET dispatch_interval = $2, next_dispatch = $3, updated = $4 WHERE name = $1",
        params![name, interval, next.filter(|_| interval.is_some()), now()],
    )?;
    Ok(())
}

/// Since when a schedule is due, and its interval in seconds; none if it is not.
pub fn due(conn: &mut Conn, name: &str, at: Instant) -> Result<Option<(Instant, i64)>> {
    let row = conn.query_opt(
        "SELECT next_dispatch, dispatch_interval FROM task_schedule
         WHERE name = $1 AND next_dispatch <= $2 AND dispatch_interval IS NOT NULL",
        params![name, at],
    )?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Moves a schedule from one due time to the next. False when another host was quicker.
pub fn advance(conn: &mut Conn, name: &str, due: Instant, next: Instant) -> Result<bool> {
    let moved = conn.execute(
        "UPDATE task_schedule SET next_dispatch = $3, updated = $4 WHERE name = $1 AND next_dispatch = $2",
        params![name, due, next, now()],
    )?;
    Ok(moved == 1)
}

/// Notes the task that was dispatched last.
pub fn dispatched(conn: &mut Conn, name: &str, task: Id) -> Result<()> {
    conn.execute("UPDATE task_schedule SET last_task_id = $2 WHERE name = $1", params![name, task]).map(drop)
}
