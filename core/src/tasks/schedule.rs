//! Dispatching tasks over and over. A schedule is a row, so a restart forgets none, and its due time moves in the
//! transaction that makes the task: of many hosts one dispatches it, and whoever is killed has dispatched or has not.

use std::time::Duration;

use chrono::TimeDelta;

use super::{NewTask, enqueue, reserve, wake_at};
use crate::app::{App, Shared};
use crate::db::task_schedules::{self, Wanted};
use crate::db::{Conn, domains};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};

/// A task to dispatch over and over.
#[derive(Clone, Copy)]
pub struct Schedule {
    /// Unique, and shown.
    pub name: &'static str,
    /// Zero: never.
    pub interval: fn(&App) -> Duration,
    /// The task in the domain with this id; each domain gets one.
    pub task: fn(&App, Id) -> NewTask,
}

impl Schedule {
    /// Whole seconds.
    fn seconds(&self, app: &App) -> Option<i64> {
        i64::try_from((self.interval)(app).as_secs()).ok().filter(|seconds| *seconds > 0)
    }
}

/// Makes the rows of schedules as they are configured now. A new one is due after its interval for the first time.
pub async fn keep_schedules(app: &Shared, schedules: &'static [Schedule]) -> Result<()> {
    let shared = app.clone();
    let keep = move |conn: &mut Conn| {
        for schedule in schedules {
            let interval = schedule.seconds(&shared);
            let first = interval.and_then(TimeDelta::try_seconds).and_then(|delta| now().checked_add_signed(delta));
            let task_name = (schedule.task)(&shared, shared.domain).name;
            let wanted = Wanted { domain: shared.domain, name: schedule.name, task_name, interval };
            task_schedules::keep(conn, &wanted, first)?;
        }
        Ok(())
    };
    app.queue.parts.db.write(keep).await
}

/// Dispatches what is due at this moment; the tasks. What was due more than once, since nobody was there, is dispatched
/// once.
pub async fn dispatch_due(app: &Shared, schedules: &'static [Schedule], at: Instant) -> Result<Vec<Id>> {
    let db = &app.queue.parts.db;
    let mut tasks = vec![];
    for schedule in schedules {
        if db.read(move |conn| task_schedules::due(conn, schedule.name, at)).await?.is_none() {
            continue;
        }
        let shared = app.clone();
        tasks.extend(db.write(move |conn| dispatch_one(&shared, conn, schedule, at)).await?);
    }
    if !tasks.is_empty() {
        wake_at(app, now());
    }
    Ok(tasks)
}

/// The tasks, one for each domain. The schedule shows that of the domain which it belongs to.
fn dispatch_one(app: &App, conn: &mut Conn, schedule: &Schedule, at: Instant) -> Result<Vec<Id>> {
    // By id, so that all hosts lock what the tasks reserve in one order.
    let domains = domains::all(conn)?.into_iter().map(|domain| domain.id);
    let tasks: Vec<_> = domains.map(|domain| (domain, (schedule.task)(app, domain))).collect();
    for (_, task) in &tasks {
        reserve(conn, task)?;
    }
    let Some((due, interval)) = task_schedules::due(conn, schedule.name, at)? else { return Ok(vec![]) };
    let next = next_after(due, interval, at).ok_or_else(|| Error::internal("a schedule leads out of time"))?;
    if !task_schedules::advance(conn, schedule.name, due, next)? {
        return Ok(vec![]);
    }
    let mut dispatched = Vec::with_capacity(tasks.len());
    for (domain, task) in &tasks {
        let id = enqueue(app, conn, *domain, task, at.min(now()))?;
        if *domain == app.domain {
            task_schedules::dispatched(conn, schedule.name, id)?;
        }
        dispatched.push(id);
    }
    Ok(dispatched)
}

/// The first moment after `at` that lies a whole number of intervals after `due`.
fn next_after(due: Instant, interval: i64, at: Instant) -> Option<Instant> {
    let passed = (at - due).num_seconds().max(0) / interval.max(1) + 1;
    due.checked_add_signed(TimeDelta::try_seconds(interval.max(1).checked_mul(passed)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_not_caught_up_with() {
        let due = now();
        let after = |seconds: i64| due + TimeDelta::seconds(seconds);
        for (at, expected) in [(0, 60), (59, 60), (60, 120), (61, 120), (3600, 3660)] {
            assert_eq!(next_after(due, 60, after(at)), Some(after(expected)), "{at}");
        }
        assert_eq!(next_after(due, i64::MAX, due), None);
    }
}
