//! Cancelation, asked for by clients.

use super::ending::{self, Record};
use crate::app::Shared;
use crate::db::Conn;
use crate::db::queue::{self, EndsFrom};
use crate::db::tasks::{self, State};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;

/// What asking a task to stop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It had not begun and never will.
    Canceled,
    /// It runs and has been asked to stop.
    Canceling,
    /// It had ended before; nothing changed.
    Finished,
}

/// Asks a task to stop.
///
/// # Errors
/// `NotFound` when there is no such task.
pub async fn cancel(app: &Shared, id: Id) -> Result<CancelOutcome> {
    let outcome = app.queue.parts.db.write(move |conn| cancel_one(conn, id)).await?;
    match outcome {
        CancelOutcome::Canceled => app.queue.wake.notify_one(),
        CancelOutcome::Canceling => {
            if let Some(stop) = app.queue.running().get(&id) {
                stop.cancel();
            }
        }
        CancelOutcome::Finished => {}
    }
    Ok(outcome)
}

/// Asks all unfinished tasks of a group to stop; no further ones are expected then.
///
/// # Errors
/// `NotFound` when there is no such group.
pub async fn cancel_group(app: &Shared, group: Id) -> Result<()> {
    let find = move |conn: &mut Conn| {
        let mut groups = tasks::groups(conn, &[group])?;
        let group = groups.pop().ok_or_else(|| Error::not_found("TaskGroup"))?;
        tasks::close_group(conn, group.id, now())?;
        Ok(group.tasks)
    };
    let members = app.queue.parts.db.write(find).await?;
    // Youngest first, so that none is let go by the end of an older one only to be stopped at once.
    for task in members.iter().rev().filter(|task| !task.state.is_final()) {
        match cancel(app, task.id).await {
            Ok(_) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn cancel_one(conn: &mut Conn, id: Id) -> Result<CancelOutcome> {
    let not_found = || Error::not_found("Task");
    let seq = tasks::by_id(conn, id)?.ok_or_else(not_found)?.seq;
    let held = queue::lock_line(conn, seq)?;
    let from = EndsFrom { states: &[State::Waiting], worker: None };
    if queue::finish(conn, seq, from, &ending::canceled(Record::default()), &held, now())? {
        return Ok(CancelOutcome::Canceled);
    }
    let ask = "UPDATE task SET state = 'canceling', updated = $2 WHERE seq = $1 AND state = 'running'";
    if conn.execute(ask, params![seq, now()])? == 1 {
        return Ok(CancelOutcome::Canceling);
    }
    match queue::state(conn, seq)?.ok_or_else(not_found)? {
        State::Canceling => Ok(CancelOutcome::Canceling),
        _ => Ok(CancelOutcome::Finished),
    }
}
