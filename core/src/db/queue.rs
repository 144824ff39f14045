//! How tasks move from one state to the next, and who may work on what: the reservations.
//!
//! A waiting or running task holds a *live* row in `task_resource` for each name it reserved. It may run when
//! no older live row conflicts with one of its own (`unblocked_at` says so). Whoever adds or releases live
//! rows holds the advisory locks of their names, so that nobody decides on what another is about to change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::tasks::{CreatedResource, ProgressRow, State};
use super::{Conn, Lock, Value};
use crate::error::Result;
use crate::id::{Id, Instant};
use crate::params;

/// The channel on which processes that share a PostgreSQL tell each other to look for tasks.
pub const CHANNEL: &str = "pith_tasks";

/// How many of those next in line are looked at per statement.
const LINE: i64 = 128;

/// What a task works on. A name is in one list only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservations {
    exclusive: Vec<String>,
    shared: Vec<String>,
}

impl Reservations {
    /// Keeps the order given; a name asked for both ways is exclusive.
    pub fn new(exclusive: Vec<String>, shared: Vec<String>) -> Self {
        let mut seen = BTreeSet::new();
        let mut fresh = |names: Vec<String>| -> Vec<String> {
            names.into_iter().filter(|name| seen.insert(name.clone())).collect()
        };
        Self { exclusive: fresh(exclusive), shared: fresh(shared) }
    }

    pub fn exclusive(&self) -> &[String] {
        &self.exclusive
    }

    pub fn shared(&self) -> &[String] {
        &self.shared
    }

    fn is_empty(&self) -> bool {
        self.exclusive.is_empty() && self.shared.is_empty()
    }

    fn names(&self) -> Vec<String> {
        self.exclusive.iter().chain(&self.shared).cloned().collect()
    }

    /// Takes the locks under which it is decided whether a task may run at once.
    pub fn lock(&self, conn: &mut Conn) -> Result<()> {
        let exclusive = self.exclusive.iter().map(|name| (name, false));
        let ordered: BTreeMap<_, _> = exclusive.chain(self.shared.iter().map(|name| (name, true))).collect();
        for (name, shared) in ordered {
            let lock = Lock::Resource(name.clone());
            if shared { conn.lock_shared(&lock)? } else { conn.lock(&lock)? }
        }
        Ok(())
    }

    /// Takes the locks under which reservations are released: all exclusive, because the line changes.
    fn lock_line(&self, conn: &mut Conn) -> Result<()> {
        let names: BTreeSet<_> = self.exclusive.iter().chain(&self.shared).collect();
        for name in names {
            conn.lock(&Lock::Resource(name.clone()))?;
        }
        Ok(())
    }

    /// Whether an unfinished task stands in the way of a new one.
    pub fn are_blocked(&self, conn: &mut Conn) -> Result<bool> {
        // The condition on `task_seq` is always true: it makes SQLite take the index of the live rows rather
        // than the one of all rows of that name, which are many.
        const ANY: &str = "SELECT 1 FROM task_resource WHERE live AND resource = ANY($1) AND task_seq > 0 LIMIT 1";
        const EXCLUSIVE: &str =
            "SELECT 1 FROM task_resource WHERE live AND resource = ANY($1) AND task_seq > 0 AND NOT shared LIMIT 1";
        for (names, sql) in [(&self.exclusive, ANY), (&self.shared, EXCLUSIVE)] {
            if !names.is_empty() && conn.query_opt(sql, params![names.clone()])?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Adds a name to what a running task holds alone. Only for names that no other task may have asked for yet.
pub fn reserve(conn: &mut Conn, seq: i64, name: &str) -> Result<()> {
    let next = "SELECT coalesce(max(position), 0) + 1, count(CASE WHEN resource = $2 THEN 1 END)
                FROM task_resource WHERE task_seq = $1";
    let row = conn.query_one(next, params![seq, name])?;
    let (position, held): (i64, i64) = (row.get(0)?, row.get(1)?);
    if held == 0 {
        conn.execute(
            "INSERT INTO task_resource (task_seq, position, resource, shared, live) VALUES ($1, $2, $3, FALSE, TRUE)",
            params![seq, position, name],
        )?;
    }
    Ok(())
}

/// Whether an unfinished task holds a name that ends like this.
pub fn is_held(conn: &mut Conn, ending: &str) -> Result<bool> {
    let rows = conn.query("SELECT resource FROM task_resource WHERE live AND task_seq > $1", params![0])?;
    let held = rows.iter().map(|row| row.get::<String>(0)).collect::<Result<Vec<_>>>()?;
    Ok(held.iter().any(|name| name.ends_with(ending)))
}

/// Lets tasks that are held back until some time, and that stand in the way of these, begin at once.
pub fn hasten(conn: &mut Conn, wanted: &Reservations) -> Result<()> {
    conn.execute(
        "UPDATE task SET not_before = NULL WHERE state = 'waiting' AND not_before IS NOT NULL AND seq IN
             (SELECT task_seq FROM task_resource WHERE live AND resource = ANY($1) AND task_seq > 0)",
        params![wanted.names()],
    )?;
    Ok(())
}

/// Holds a waiting task back until `instant`.
pub fn hold_back(conn: &mut Conn, task: Id, instant: Instant) -> Result<()> {
    conn.execute("UPDATE task SET not_before = $2 WHERE id = $1", params![task, instant])?;
    Ok(())
}

/// Whether a task that holds one of these exclusively has begun.
pub fn is_running(conn: &mut Conn, wanted: &Reservations) -> Result<bool> {
    let row = conn.query_opt(
        "SELECT 1 FROM task_resource r CROSS JOIN task t WHERE r.live AND r.resource = ANY($1) AND r.task_seq > 0
             AND NOT r.shared AND t.seq = r.task_seq AND t.state <> 'waiting' LIMIT 1",
        params![wanted.names()],
    )?;
    Ok(row.is_some())
}

/// A task about to become a row.
#[derive(Clone, Debug)]
pub struct NewRow {
    pub id: Id,
    pub domain: Id,
    pub created: Instant,
    pub name: String,
    pub cid: String,
    pub created_by: Option<i64>,
    pub parent: Option<Id>,
    pub group: Option<Id>,
    pub reservations: Reservations,
}

/// How a task ended.
#[derive(Clone, Debug)]
pub struct Ending {
    pub state: State,
    pub error: Option<Json>,
    pub result: Option<Json>,
    pub created: Vec<CreatedResource>,
    pub progress: Vec<ProgressRow>,
}

/// Adds a task that waits; `unblocked_at` is set when nothing stands in its way. Returns whether roles on it may have
/// to be given to somebody.
pub fn insert_waiting(conn: &mut Conn, new: &NewRow, payload: String, unblocked_at: Option<Instant>) -> Result<bool> {
    let nothing = || Value::Null;
    let fate = [State::Waiting.into(), unblocked_at.into(), nothing(), nothing(), nothing(), nothing(), payload.into()];
    insert(conn, new, fate, true).map(|(_, has_owner)| has_owner)
}

/// Adds a task that has run already; its reservations are a record only. Returns whether roles on it may have to be
/// given to somebody.
pub fn insert_finished(
    conn: &mut Conn,
    new: &NewRow,
    started: Instant,
    finished: Instant,
    ending: &Ending,
) -> Result<bool> {
    let fate = [
        ending.state.into(),
        started.into(),
        started.into(),
        finished.into(),
        ending.error.clone().into(),
        ending.result.clone().into(),
        Value::Null,
    ];
    let (seq, has_owner) = insert(conn, new, fate, false)?;
    insert_created(conn, seq, &ending.created)?;
    put_progress(conn, seq, &ending.progress)?;
    close_group(conn, new.group.filter(|_| new.parent.is_none()), finished)?;
    Ok(has_owner)
}

/// `fate`: state, unblocked_at, started_at, finished_at, error, result, payload.
fn insert(conn: &mut Conn, new: &NewRow, fate: [Value; 7], live: bool) -> Result<(i64, bool)> {
    let mut values: Vec<Value> = vec![
        new.id.into(),
        new.domain.into(),
        new.created.into(),
        new.name.as_str().into(),
        new.cid.as_str().into(),
        new.created_by.into(),
        new.parent.into(),
        new.group.into(),
    ];
    values.extend(fate);
    let row = conn.query_one(
        "INSERT INTO task (id, domain_id, created, updated, name, logging_cid, created_by, parent_task_id, \
         task_group_id, state, unblocked_at, started_at, finished_at, error, result, payload) \
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING seq, \
         EXISTS (SELECT 1 FROM auth_user u WHERE u.id = $6 AND NOT u.is_superuser) \
         OR EXISTS (SELECT 1 FROM access_policy p WHERE p.viewset_name = 'tasks' AND p.creation_hooks IS NOT NULL)",
        &values,
    )?;
    let seq = row.get(0)?;
    insert_reservations(conn, seq, new, live)?;
    Ok((seq, row.get(1)?))
}

/// Every task records that it shares its domain; nothing ever waits for that, so it is never live.
fn insert_reservations(conn: &mut Conn, seq: i64, new: &NewRow, live: bool) -> Result<()> {
    let domain = crate::id::prn("core", "domain", new.domain);
    let Reservations { exclusive, shared } = &new.reservations;
    let names = exclusive.iter().map(|name| (name, false, live)).chain(shared.iter().map(|name| (name, true, live)));
    let rows: Vec<Vec<Value>> = names
        .chain([(&domain, true, false)])
        .zip(0_i64..)
        .map(|((name, shared, live), position)| {
            vec![seq.into(), position.into(), name.into(), shared.into(), live.into()]
        })
        .collect();
    conn.insert_all("task_resource", &["task_seq", "position", "resource", "shared", "live"], &rows).map(drop)
}

fn insert_created(conn: &mut Conn, seq: i64, created: &[CreatedResource]) -> Result<()> {
    insert_created_from(conn, seq, 0, created)
}

/// Names what a task that runs has made, behind what it has named before.
pub fn add_created(conn: &mut Conn, seq: i64, created: &[CreatedResource]) -> Result<()> {
    let sql = "SELECT COALESCE(MAX(position) + 1, 0) FROM created_resource WHERE task_seq = $1";
    let first = conn.query_one(sql, params![seq])?.get(0)?;
    insert_created_from(conn, seq, first, created)
}

fn insert_created_from(conn: &mut Conn, seq: i64, first: i64, created: &[CreatedResource]) -> Result<()> {
    let rows: Vec<Vec<Value>> = created
        .iter()
        .zip(first..)
        .map(|(created, position)| {
            vec![seq.into(), position.into(), created.prn.as_str().into(), created.path.as_str().into()]
        })
        .collect();
    conn.insert_all("created_resource", &["task_seq", "position", "prn", "path"], &rows).map(drop)
}

/// Writes a task's progress reports, new ones and those written before.
pub fn put_progress(conn: &mut Conn, seq: i64, reports: &[ProgressRow]) -> Result<()> {
    for (report, position) in reports.iter().zip(0_i64..) {
        conn.execute(
            "INSERT INTO progress_report (task_seq, position, message, code, state, total, done, suffix) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (task_seq, position) DO UPDATE SET \
             message = excluded.message, state = excluded.state, total = excluded.total, done = excluded.done, \
             suffix = excluded.suffix",
            params![
                seq,
                position,
                report.message.as_str(),
                report.code.as_str(),
                report.state,
                report.total,
                report.done,
                report.suffix.clone(),
            ],
        )?;
    }
    Ok(())
}

/// A task that a worker has taken.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub seq: i64,
    pub id: Id,
    pub name: String,
    pub cid: String,
    pub created_by: Option<i64>,
    pub group: Option<Id>,
    pub domain: Id,
    /// Sealed.
    pub payload: String,
    /// By the clock of this process.
    pub claimed: std::time::Instant,
}

/// Takes the oldest task that may run; it is running then, and `worker`'s. It starts no earlier than it was let
/// go, whatever this host's clock and the delay of the statement say.
pub fn claim(conn: &mut Conn, worker: Id, now: Instant) -> Result<Option<Claimed>> {
    let row = conn.query_opt(
        "UPDATE task SET state = 'running', updated = $1, worker_id = $2, \
         started_at = CASE WHEN unblocked_at > $1 THEN unblocked_at ELSE $1 END WHERE state = 'waiting' \
         AND seq = (SELECT seq FROM task WHERE finished_at IS NULL AND state = 'waiting' \
         AND unblocked_at IS NOT NULL AND (not_before IS NULL OR not_before <= $1) \
         ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING seq, id, logging_cid, created_by, task_group_id, payload, name, domain_id",
        params![now, worker],
    )?;
    row.map(|row| {
        Ok(Claimed {
            seq: row.get(0)?,
            id: row.get(1)?,
            cid: row.get(2)?,
            created_by: row.get(3)?,
            group: row.get(4)?,
            payload: row.get::<Option<String>>(5)?.unwrap_or_default(),
            name: row.get(6)?,
            domain: row.get(7)?,
            claimed: std::time::Instant::now(),
        })
    })
    .transpose()
}

/// Whether `worker` still owns the running task and nobody asked to stop it. Within a transaction of
/// PostgreSQL the task's row stays as it is until the end, so that work behind this check is fenced.
pub fn is_owned(conn: &mut Conn, seq: i64, worker: Id) -> Result<bool> {
    let sql = "UPDATE task SET worker_id = $2 WHERE seq = $1 AND worker_id = $2 AND state = 'running'";
    Ok(conn.execute(sql, params![seq, worker])? == 1)
}

/// The task's state; none when it is gone.
pub fn state(conn: &mut Conn, seq: i64) -> Result<Option<State>> {
    conn.query_opt("SELECT state FROM task WHERE seq = $1", params![seq])?.map(|row| row.get(0)).transpose()
}

/// The live reservations of a task.
pub fn reservations(conn: &mut Conn, seq: i64) -> Result<Reservations> {
    let mut held = Reservations::default();
    let sql = "SELECT resource, shared FROM task_resource WHERE task_seq = $1 AND live ORDER BY position";
    for row in conn.query(sql, params![seq])? {
        if row.get(1)? { &mut held.shared } else { &mut held.exclusive }.push(row.get(0)?);
    }
    Ok(held)
}

/// Which tasks an ending applies to: those in one of these states, and of this worker if one is named.
#[derive(Clone, Copy, Debug)]
pub struct EndsFrom<'a> {
    pub states: &'a [State],
    pub worker: Option<Id>,
}

/// Locks the line of everything the task reserved. To be called first in a transaction that ends it.
pub fn lock_line(conn: &mut Conn, seq: i64) -> Result<Reservations> {
    let held = reservations(conn, seq)?;
    held.lock_line(conn)?;
    Ok(held)
}

/// Ends a task whose line is locked ([`lock_line`] gave `held`) and lets those behind it go; its group is complete then,
/// unless another task started it. False, and nothing has changed, when the task is not in a state to end `from`.
pub fn finish(
    conn: &mut Conn,
    seq: i64,
    from: EndsFrom<'_>,
    ending: &Ending,
    held: &Reservations,
    now: Instant,
) -> Result<bool> {
    let states: Vec<String> = from.states.iter().map(ToString::to_string).collect();
    let mut sql = "UPDATE task SET state = $2, finished_at = $3, updated = $3, error = $4, result = $5, \
                   payload = NULL WHERE seq = $1 AND state = ANY($6)"
        .to_owned();
    let mut values =
        vec![seq.into(), ending.state.into(), now.into(), ending.error.clone().into(), ending.result.clone().into()];
    values.push(states.into());
    if let Some(worker) = from.worker {
        sql.push_str(" AND worker_id = $7");
        values.push(worker.into());
    }
    // One at a time: of two that each hold back the same task, the later sees that the other is gone.
    conn.lock(&Lock::Queue)?;
    sql.push_str(" RETURNING CASE WHEN parent_task_id IS NULL THEN task_group_id END");
    let Some(ended) = conn.query_opt(&sql, &values)? else { return Ok(false) };
    close_group(conn, ended.get(0)?, now)?;
    insert_created(conn, seq, &ending.created)?;
    put_progress(conn, seq, &ending.progress)?;
    let unfinished = "UPDATE progress_report SET state = $2 WHERE task_seq = $1 AND state = 'running'";
    conn.execute(unfinished, params![seq, ending.state])?;
    release(conn, seq, held, now)?;
    Ok(true)
}

/// A task that nobody started but a client began its group: only that task, and those that it starts, join it.
fn close_group(conn: &mut Conn, group: Option<Id>, now: Instant) -> Result<()> {
    group.map_or(Ok(()), |group| super::tasks::close_group(conn, group, now))
}

fn release(conn: &mut Conn, seq: i64, held: &Reservations, now: Instant) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    conn.execute("UPDATE task_resource SET live = $2 WHERE task_seq = $1 AND live", params![seq, false])?;
    let mut next = BTreeSet::new();
    for name in held.names() {
        next_in_line(conn, &name, &mut next)?;
    }
    if unblock(conn, next.into_iter().collect(), now)? > 0 {
        announce(conn)?;
    }
    Ok(())
}

/// Those who may have `name` now: the oldest if it wants it alone, else all sharers before the next who does.
fn next_in_line(conn: &mut Conn, name: &str, next: &mut BTreeSet<i64>) -> Result<()> {
    let sql = "SELECT task_seq, shared FROM task_resource WHERE live AND resource = $1 AND task_seq > $2 \
               ORDER BY task_seq LIMIT $3";
    let mut after = i64::MIN;
    loop {
        let rows = conn.query(sql, params![name, after, LINE])?;
        for row in &rows {
            let (seq, shared): (i64, bool) = (row.get(0)?, row.get(1)?);
            let first = after == i64::MIN;
            if !shared && !first {
                return Ok(());
            }
            next.insert(seq);
            if !shared {
                return Ok(());
            }
            after = seq;
        }
        if i64::try_from(rows.len()).is_ok_and(|count| count < LINE) {
            return Ok(());
        }
    }
}

/// Marks those of `tasks` that nothing holds back any more; returns how many.
fn unblock(conn: &mut Conn, tasks: Vec<i64>, now: Instant) -> Result<u64> {
    if tasks.is_empty() {
        return Ok(0);
    }
    conn.execute(
        "UPDATE task SET unblocked_at = $1, updated = $1 WHERE seq = ANY($2) AND state = 'waiting' \
         AND unblocked_at IS NULL AND NOT EXISTS (SELECT 1 FROM task_resource mine JOIN task_resource older \
         ON older.resource = mine.resource AND older.task_seq < mine.task_seq AND older.live \
         AND NOT (older.shared AND mine.shared) WHERE mine.task_seq = task.seq AND mine.live)",
        params![now, tasks],
    )
}

/// Tells the workers of other hosts, once this transaction commits, that there may be something to do.
pub fn announce(conn: &mut Conn) -> Result<()> {
    if let Conn::Postgres(_) = conn {
        conn.query("SELECT pg_notify($1, '')", params![CHANNEL])?;
    }
    Ok(())
}

/// Unfinished tasks that a worker had begun which is not among those heard of since `heard_since`.
pub fn lost(conn: &mut Conn, heard_since: Instant) -> Result<Vec<i64>> {
    let rows = conn.query(
        "SELECT seq FROM task WHERE finished_at IS NULL AND state IN ('running', 'canceling') AND NOT EXISTS \
         (SELECT 1 FROM app_status WHERE app_status.id = task.worker_id AND last_heartbeat >= $1) ORDER BY seq",
        params![heard_since],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// How the queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub waiting: i64,
    pub running: i64,
    pub canceling: i64,
    /// When the oldest task was made that waits and is due.
    pub oldest_waiting: Option<Instant>,
}

/// Counts the unfinished tasks, of which there are few.
pub fn standing(conn: &mut Conn, now: Instant) -> Result<Standing> {
    let mut standing = Standing::default();
    for row in conn.query("SELECT state, count(*) FROM task WHERE finished_at IS NULL GROUP BY state", &[])? {
        let count = row.get(1)?;
        match row.get::<State>(0)? {
            State::Waiting => standing.waiting = count,
            State::Running => standing.running = count,
            State::Canceling => standing.canceling = count,
            _ => {}
        }
    }
    let oldest = conn.query_one(
        "SELECT min(created) FROM task WHERE finished_at IS NULL AND state = 'waiting'
             AND (not_before IS NULL OR not_before <= $1)",
        params![now],
    )?;
    standing.oldest_waiting = oldest.get(0)?;
    Ok(standing)
}
