//! Dispatch: a short task runs at once if it may, everything else waits for a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::ending::{self, Outcome, Record};
use super::memory::MemoryProfile;
use super::short::{self, ShortTask};
use super::{NewTask, Queue, RunShort, TaskKind, owner};
use crate::app::Shared;
use crate::db::Conn;
use crate::db::queue::{self, NewRow, Reservations};
use crate::db::tasks::{self as rows, State};
use crate::error::{Error, FieldErrors, Result};
use crate::id::{Id, now};
use crate::trace::{Span, SpanKind};

/// Adds a task and returns its id. A short one that nothing blocks has finished then, in whatever state.
///
/// # Errors
/// Only when the task could not be recorded; the failure of its body is the task's own.
pub async fn dispatch(app: &Shared, task: NewTask) -> Result<Id> {
    dispatch_telling(app, task).await.map(|(id, _)| id)
}

/// As [`dispatch`]; also tells what was wrong with the input of a short task that ran at once.
pub async fn dispatch_telling(app: &Shared, task: NewTask) -> Result<(Id, Option<FieldErrors>)> {
    match app.queue.kind(task.kind)? {
        TaskKind::Short { run, .. } => dispatch_short(app, task, run).await,
        TaskKind::Long { .. } => Ok((dispatch_long(app, task).await?, None)),
    }
}

impl Queue {
    pub(super) fn kind(&self, key: &str) -> Result<TaskKind> {
        let kind = self.kinds.get(key).copied();
        kind.ok_or_else(|| Error::internal(format!("there is no kind of task `{key}`")))
    }

    pub(super) fn row(&self, domain: Id, task: &NewTask) -> NewRow {
        NewRow {
            id: Id::new(),
            domain,
            created: now(),
            name: task.name.clone(),
            cid: task.cid.clone(),
            created_by: task.created_by,
            parent: task.parent,
            group: task.group,
            reservations: Reservations::new(task.exclusive.clone(), task.shared.clone()),
        }
    }

    pub(super) fn seal(&self, kind: &str, task: &NewTask) -> Result<String> {
        self.seal_args(kind, &task.args, task.measures_memory)
    }

    pub(super) fn seal_args(&self, kind: &str, args: &Json, measures_memory: bool) -> Result<String> {
        (self.parts.sealing.seal)(&json!({ "kind": kind, "args": args, "measures_memory": measures_memory }))
    }
}

async fn dispatch_long(app: &Shared, task: NewTask) -> Result<Id> {
    let shared = app.clone();
    let id = app.queue.parts.db.write(move |conn| add_long(&shared, conn, &task)).await?;
    app.queue.wake.notify_one();
    Ok(id)
}

fn add_long(app: &Shared, conn: &mut Conn, task: &NewTask) -> Result<Id> {
    let row = app.queue.row(app.domain, task);
    row.reservations.lock(conn)?;
    // Sealed when nothing is waited for any more: the key may be changed and retired meanwhile.
    let payload = app.queue.seal(task.kind, task)?;
    let unblocked_at = if row.reservations.are_blocked(conn)? {
        queue::hasten(conn, &row.reservations)?;
        None
    } else {
        Some(now())
    };
    let has_owner = queue::insert_waiting(conn, &row, payload, unblocked_at)?;
    owner::give(app, conn, &row, has_owner)?;
    queue::announce(conn)?;
    Ok(row.id)
}

/// Makes a group of this long task and those that it will start, and returns the group's id. The group is complete when
/// the task ends, however it does.
pub async fn dispatch_with_group(app: &Shared, description: String, task: NewTask) -> Result<Id> {
    let (shared, domain) = (app.clone(), app.domain);
    let add = move |conn: &mut Conn| {
        let group = rows::insert_group(conn, domain, &description, now())?;
        add_long(&shared, conn, &NewTask { group: Some(group), ..task })?;
        Ok(group)
    };
    let group = app.queue.parts.db.write(add).await?;
    app.queue.wake.notify_one();
    Ok(group)
}

/// Makes a group of these long tasks, complete or not at all, and returns its id.
pub async fn dispatch_group(app: &Shared, description: String, tasks: Vec<NewTask>) -> Result<Id> {
    let (shared, domain) = (app.clone(), app.domain);
    let all = |names: fn(&NewTask) -> &Vec<String>| tasks.iter().flat_map(names).cloned().collect();
    // Locked together, in one order.
    let wanted = Reservations::new(all(|task| &task.exclusive), all(|task| &task.shared));
    let add = move |conn: &mut Conn| {
        wanted.lock(conn)?;
        let group = rows::insert_group(conn, domain, &description, now())?;
        for task in &tasks {
            let row = NewRow { group: Some(group), ..shared.queue.row(domain, task) };
            let payload = shared.queue.seal(task.kind, task)?;
            let unblocked_at = if row.reservations.are_blocked(conn)? { None } else { Some(now()) };
            let has_owner = queue::insert_waiting(conn, &row, payload, unblocked_at)?;
            owner::give(&shared, conn, &row, has_owner)?;
        }
        queue::hasten(conn, &wanted)?;
        rows::close_group(conn, group, now())?;
        queue::announce(conn)?;
        Ok(group)
    };
    let group = app.queue.parts.db.write(add).await?;
    app.queue.wake.notify_one();
    Ok(group)
}

async fn dispatch_short(app: &Shared, task: NewTask, run: RunShort) -> Result<(Id, Option<FieldErrors>)> {
    let row = app.queue.row(app.domain, &task);
    let (id, begun) = (row.id, Instant::now());
    let mut span = Span::child("task", SpanKind::Internal);
    if span.is_recorded() {
        span.rename(row.name.clone());
        span.set("pith.task.id", id.to_string());
    }
    let changes_what_is_served = !task.exclusive.is_empty();
    let record = row.clone();
    let cid = task.cid.clone();
    let body_app = app.clone();
    // An error of the body undoes the transaction, and with it the task; another then records the failure.
    let in_body = Arc::new(AtomicBool::new(false));
    let body_runs = Arc::clone(&in_body);
    let profile = task.measures_memory.then(MemoryProfile::begin);
    let done = app.queue.parts.db.write(move |conn| {
        row.reservations.lock(conn)?;
        if row.reservations.are_blocked(conn)? {
            queue::hasten(conn, &row.reservations)?;
            queue::announce(conn)?;
            // Whoever blocks it lets it go when it ends, and wakes the workers.
            let payload = body_app.queue.seal(task.kind_if_blocked.unwrap_or(task.kind), &task)?;
            let has_owner = queue::insert_waiting(conn, &row, payload, None)?;
            return owner::give(&body_app, conn, &row, has_owner).map(|()| (false, false));
        }
        let started = now();
        let mut short = ShortTask::new(row.id, &task.cid, task.created_by);
        body_runs.store(true, Ordering::Relaxed);
        let result = short::run_body(&body_app, conn, run, &task.args, &mut short)?;
        body_runs.store(false, Ordering::Relaxed);
        let changes_domain = short.changes_domain();
        let ending = ending::ending(Outcome::Returned(Ok(result)), short.into_record(), &task.cid);
        let has_owner = queue::insert_finished(conn, &row, started, now(), &ending)?;
        owner::give(&body_app, conn, &row, has_owner).map(|()| (true, changes_domain))
    });
    let mut wrong = None;
    let has_run = match done.await {
        Ok((has_run, changes_domain)) => {
            if changes_domain {
                app.domain_changed();
            }
            if has_run {
                app.queue.note_end(&record.name, State::Completed, begun.elapsed());
            }
            has_run
        }
        Err(error) if in_body.load(Ordering::Relaxed) => {
            if let Error::Invalid(fields) = &error {
                wrong = Some(fields.clone());
            }
            record_failure(app, record, error, &cid, begun.elapsed()).await?;
            true
        }
        Err(error) => return Err(error),
    };
    if let Some(profile) = profile.filter(|_| has_run) {
        profile.keep(app, id).await;
    }
    if !has_run {
        app.queue.wake.notify_one();
    }
    if changes_what_is_served {
        app.served_content_changed();
    }
    Ok((id, wrong))
}

/// Records a task that failed with this error without having run.
pub async fn dispatch_failed(app: &Shared, task: &NewTask, error: Error) -> Result<Id> {
    let row = app.queue.row(app.domain, task);
    let id = row.id;
    record_failure(app, row, error, &task.cid, Duration::ZERO).await?;
    Ok(id)
}

async fn record_failure(app: &Shared, row: NewRow, error: Error, cid: &str, took: Duration) -> Result<()> {
    app.queue.note_end(&row.name, State::Failed, took);
    short::log_failure(row.id, cid, &error);
    let ending = ending::ending(Outcome::Returned(Err(error)), Record::default(), cid);
    let started = row.created;
    let body_app = app.clone();
    let add = move |conn: &mut Conn| {
        let has_owner = queue::insert_finished(conn, &row, started, now(), &ending)?;
        owner::give(&body_app, conn, &row, has_owner)
    };
    app.queue.parts.db.write(add).await
}
