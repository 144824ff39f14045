//! Tasks that come into being as part of a transaction that does more than that.

use super::ending::{self, Outcome};
use super::short::{self, ShortTask};
use super::{NewTask, TaskKind, owner};
use crate::app::{App, Shared};
use crate::db::Conn;
use crate::db::queue::{self, Reservations};
use crate::db::tasks::State;
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};

fn reservations(task: &NewTask) -> Reservations {
    Reservations::new(task.exclusive.clone(), task.shared.clone())
}

/// Locks what the task wants to reserve, until the transaction ends. Whether nothing stands in its way. To be called
/// first in the transaction.
pub fn reserve(conn: &mut Conn, task: &NewTask) -> Result<bool> {
    let wanted = reservations(task);
    wanted.lock(conn)?;
    Ok(!wanted.are_blocked(conn)?)
}

/// Whether a task is at work on what this one wants to have for itself.
pub fn is_running(conn: &mut Conn, task: &NewTask) -> Result<bool> {
    queue::is_running(conn, &reservations(task))
}

/// Adds a task of a domain, after [`reserve`], that does not begin before `due`. Call [`wake_at`] when the transaction is over.
pub fn enqueue(app: &App, conn: &mut Conn, domain: Id, task: &NewTask, due: Instant) -> Result<Id> {
    let row = app.queue.row(domain, task);
    let payload = app.queue.seal(task.kind, task)?;
    let unblocked_at = if row.reservations.are_blocked(conn)? { None } else { Some(now()) };
    let has_owner = queue::insert_waiting(conn, &row, payload, unblocked_at)?;
    owner::give(app, conn, &row, has_owner)?;
    queue::hold_back(conn, row.id, due)?;
    queue::announce(conn)?;
    Ok(row.id)
}

/// Runs a short task, after [`reserve`] said that nothing stands in its way, within the caller's transaction.
///
/// # Errors
/// That of its body; then the transaction is to be undone, and the task with it.
pub fn run_now(app: &App, conn: &mut Conn, task: &NewTask) -> Result<Id> {
    let TaskKind::Short { run, .. } = app.queue.kind(task.kind)? else {
        return Err(Error::internal("only a short task runs within a transaction"));
    };
    let (row, started, begun) = (app.queue.row(app.domain, task), now(), std::time::Instant::now());
    let mut short = ShortTask::new(row.id, &task.cid, task.created_by);
    let result = short::run_body(app, conn, run, &task.args, &mut short)?;
    let ending = ending::ending(Outcome::Returned(Ok(result)), short.into_record(), &task.cid);
    let has_owner = queue::insert_finished(conn, &row, started, now(), &ending)?;
    owner::give(app, conn, &row, has_owner)?;
    app.queue.note_end(&row.name, State::Completed, begun.elapsed());
    Ok(row.id)
}

/// Has the workers of this process look for tasks when one is due; others look from time to time.
pub fn wake_at(app: &Shared, due: Instant) {
    let Ok(left) = (due - now()).to_std() else {
        app.queue.wake.notify_one();
        return;
    };
    let app = app.clone();
    tokio::spawn(async move {
        tokio::time::sleep(left).await;
        app.queue.wake.notify_one();
    });
}
