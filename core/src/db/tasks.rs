//! Tasks as rows: what clients read of them and of task groups. How tasks move from one state to the next
//! is in `db/queue.rs`.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::{Conn, FromValue, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Instant};
use crate::params;

/// Where a task stands; the text is what clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Waiting,
    Running,
    Canceling,
    Completed,
    Failed,
    Canceled,
}

impl State {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Running, Self::Canceling, Self::Completed, Self::Failed, Self::Canceled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Canceling => "canceling",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing happens to the task any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a task")]
pub struct NoState;

impl FromStr for State {
    type Err = NoState;
    fn from_str(text: &str) -> Result<Self, NoState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(NoState)
    }
}

impl FromValue for State {
    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value)?.parse().ok()
    }
}

impl From<State> for Value {
    fn from(state: State) -> Self {
        state.as_str().into()
    }
}

/// One task without what hangs off it ([`TaskChildren`]).
#[derive(Clone, Debug)]
pub struct TaskRow {
    pub seq: i64,
    pub id: Id,
    pub created: Instant,
    pub updated: Instant,
    pub name: String,
    pub state: State,
    pub logging_cid: String,
    pub unblocked_at: Option<Instant>,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    pub error: Option<Json>,
    pub result: Option<Json>,
    pub worker_id: Option<Id>,
    pub created_by: Option<i64>,
    pub parent_task_id: Option<Id>,
    pub task_group_id: Option<Id>,
}

impl TaskRow {
    /// The columns [`TaskRow::read`] expects, in its order.
    pub const COLUMNS: &str = "seq, id, created, updated, name, state, logging_cid, unblocked_at, started_at, \
                               finished_at, error, result, worker_id, created_by, parent_task_id, task_group_id";

    pub fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            created: row.get(2)?,
            updated: row.get(3)?,
            name: row.get(4)?,
            state: row.get(5)?,
            logging_cid: row.get(6)?,
            unblocked_at: row.get(7)?,
            started_at: row.get(8)?,
            finished_at: row.get(9)?,
            error: row.get(10)?,
            result: row.get(11)?,
            worker_id: row.get(12)?,
            created_by: row.get(13)?,
            parent_task_id: row.get(14)?,
            task_group_id: row.get(15)?,
        })
    }
}

/// One progress report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressRow {
    pub message: String,
    pub code: String,
    pub state: State,
    pub total: Option<i64>,
    pub done: i64,
    pub suffix: Option<String>,
}

/// An object that a task made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedResource {
    pub prn: String,
    /// Below the API root.
    pub path: String,
}

/// What hangs off a task, each list in its order of creation.
#[derive(Clone, Debug, Default)]
pub struct TaskChildren {
    pub progress_reports: Vec<ProgressRow>,
    pub created_resources: Vec<CreatedResource>,
    /// `prn:…` for exclusive ones, then `shared:prn:…`.
    pub reserved_resources_record: Vec<String>,
    pub child_tasks: Vec<Id>,
}

/// The task with this id.
pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<TaskRow>> {
    let sql = format!("SELECT {} FROM task WHERE id = $1", TaskRow::COLUMNS);
    conn.query_opt(&sql, params![id])?.as_ref().map(TaskRow::read).transpose()
}

/// The tasks with these ids, oldest first; unknown ids are left out.
pub fn by_ids(conn: &mut Conn, ids: &[Id]) -> Result<Vec<TaskRow>> {
    let sql = format!("SELECT {} FROM task WHERE id = ANY($1) ORDER BY seq", TaskRow::COLUMNS);
    conn.query(&sql, params![ids.to_vec()])?.iter().map(TaskRow::read).collect()
}

/// What hangs off the tasks with these `seq` and ids, by `seq`, in four statements however many they are.
pub fn children(conn: &mut Conn, tasks: &[(i64, Id)]) -> Result<HashMap<i64, TaskChildren>> {
    let mut all: HashMap<i64, TaskChildren> = tasks.iter().map(|(seq, _)| (*seq, TaskChildren::default())).collect();
    let seqs: Vec<i64> = all.keys().copied().collect();
    each(conn, PROGRESS, &seqs, &mut all, |children, row| {
        children.progress_reports.push(progress(row)?);
        Ok(())
    })?;
    each(conn, CREATED, &seqs, &mut all, |children, row| {
        children.created_resources.push(CreatedResource { prn: row.get(1)?, path: row.get(2)? });
        Ok(())
    })?;
    each(conn, RESERVED, &seqs, &mut all, |children, row| {
        let (resource, shared): (String, bool) = (row.get(1)?, row.get(2)?);
        children.reserved_resources_record.push(if shared { format!("shared:{resource}") } else { resource });
        Ok(())
    })?;
    let by_id: HashMap<Id, i64> = tasks.iter().map(|(seq, id)| (*id, *seq)).collect();
    let ids: Vec<Id> = by_id.keys().copied().collect();
    for row in conn.query(CHILD_TASKS, params![ids])? {
        if let Some(children) = by_id.get(&row.get(0)?).and_then(|seq| all.get_mut(seq)) {
            children.child_tasks.push(row.get(1)?);
        }
    }
    Ok(all)
}

const PROGRESS: &str = "SELECT task_seq, message, code, state, total, done, suffix FROM progress_report \
                        WHERE task_seq = ANY($1) ORDER BY task_seq, position";
const CREATED: &str =
    "SELECT task_seq, prn, path FROM created_resource WHERE task_seq = ANY($1) ORDER BY task_seq, position";
const RESERVED: &str =
    "SELECT task_seq, resource, shared FROM task_resource WHERE task_seq = ANY($1) ORDER BY task_seq, position";
const CHILD_TASKS: &str = "SELECT parent_task_id, id FROM task WHERE parent_task_id = ANY($1) ORDER BY seq";

fn each(
    conn: &mut Conn,
    sql: &str,
    seqs: &[i64],
    all: &mut HashMap<i64, TaskChildren>,
    mut add: impl FnMut(&mut TaskChildren, &Row) -> Result<()>,
) -> Result<()> {
    for row in conn.query(sql, params![seqs.to_vec()])? {
        if let Some(children) = all.get_mut(&row.get(0)?) {
            add(children, &row)?;
        }
    }
    Ok(())
}

fn progress(row: &Row) -> Result<ProgressRow> {
    Ok(ProgressRow {
        message: row.get(1)?,
        code: row.get(2)?,
        state: row.get(3)?,
        total: row.get(4)?,
        done: row.get(5)?,
        suffix: row.get(6)?,
    })
}

/// Tasks that belong together.
#[derive(Clone, Debug)]
pub struct TaskGroup {
    pub id: Id,
    pub created: Instant,
    pub updated: Instant,
    pub description: String,
    pub all_tasks_dispatched: bool,
    pub tasks: Vec<TaskRow>,
}

impl TaskGroup {
    /// How many of its tasks are in `state`.
    pub fn count(&self, state: State) -> usize {
        self.tasks.iter().filter(|task| task.state == state).count()
    }
}

pub fn insert_group(conn: &mut Conn, domain: Id, description: &str, now: Instant) -> Result<Id> {
    let id = Id::new();
    conn.execute(
        "INSERT INTO task_group (id, domain_id, created, updated, description, all_tasks_dispatched) \
         VALUES ($1, $2, $3, $3, $4, $5)",
        params![id, domain, now, description, false],
    )?;
    Ok(id)
}

/// Says that no further task will join the group.
pub fn close_group(conn: &mut Conn, id: Id, now: Instant) -> Result<()> {
    let sql =
        "UPDATE task_group SET all_tasks_dispatched = $2, updated = $3 WHERE id = $1 AND NOT all_tasks_dispatched";
    conn.execute(sql, params![id, true, now]).map(drop)
}

/// The groups with these ids and their tasks, oldest first; unknown ids are left out.
pub fn groups(conn: &mut Conn, ids: &[Id]) -> Result<Vec<TaskGroup>> {
    let mut groups = conn
        .query(
            "SELECT id, created, updated, description, all_tasks_dispatched FROM task_group \
             WHERE id = ANY($1) ORDER BY created, id",
            params![ids.to_vec()],
        )?
        .iter()
        .map(group)
        .collect::<Result<Vec<_>>>()?;
    let sql = format!("SELECT {} FROM task WHERE task_group_id = ANY($1) ORDER BY seq", TaskRow::COLUMNS);
    for row in conn.query(&sql, params![ids.to_vec()])? {
        let task = TaskRow::read(&row)?;
        if let Some(group) = groups.iter_mut().find(|group| Some(group.id) == task.task_group_id) {
            group.tasks.push(task);
        }
    }
    Ok(groups)
}

fn group(row: &Row) -> Result<TaskGroup> {
    Ok(TaskGroup {
        id: row.get(0)?,
        created: row.get(1)?,
        updated: row.get(2)?,
        description: row.get(3)?,
        all_tasks_dispatched: row.get(4)?,
        tasks: Vec::new(),
    })
}

/// The progress of a group's tasks, summed by code; without those that a task of the group started, whose progress
/// is a part of that task's.
pub fn group_progress(conn: &mut Conn, group: &TaskGroup) -> Result<Vec<ProgressRow>> {
    let mut sums: Vec<ProgressRow> = Vec::new();
    let members: HashSet<Id> = group.tasks.iter().map(|task| task.id).collect();
    let started = |task: &&TaskRow| task.parent_task_id.is_some_and(|parent| members.contains(&parent));
    let seqs: Vec<i64> = group.tasks.iter().filter(|task| !started(task)).map(|task| task.seq).collect();
    for row in conn.query(PROGRESS, params![seqs])? {
        let report = progress(&row)?;
        match sums.iter_mut().find(|sum| sum.code == report.code) {
            Some(sum) => {
                sum.done += report.done;
                sum.total = sum.total.zip(report.total).map(|(a, b)| a + b);
            }
            None => sums.push(report),
        }
    }
    Ok(sums)
}

/// Which tasks a purge takes.
#[derive(Clone, Debug)]
pub struct Purged {
    pub finished_before: Instant,
    pub states: Vec<State>,
    /// Only tasks that this user started; none: everybody's.
    pub created_by: Option<i64>,
    /// Only tasks of this domain; none: of all.
    pub domain: Option<Id>,
}

/// How many rows of each table a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurgeCount {
    pub tasks: u64,
    pub created_resources: u64,
    pub progress_reports: u64,
}

/// Removes up to `limit` finished tasks, oldest first, with what hangs off them; call it until it
/// removes no task.
pub fn purge(conn: &mut Conn, purged: &Purged, limit: i64) -> Result<PurgeCount> {
    let states: Vec<String> = purged.states.iter().filter(|state| state.is_final()).map(ToString::to_string).collect();
    let mut sql = "SELECT seq, id FROM task WHERE finished_at < $1 AND state = ANY($2) AND created < $1".to_owned();
    let mut values = vec![purged.finished_before.into(), states.into(), limit.into()];
    let conditions =
        [("created_by", purged.created_by.map(Value::from)), ("domain_id", purged.domain.map(Value::from))];
    for (column, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {column} = ${}", values.len()));
        }
    }
    sql.push_str(" ORDER BY created LIMIT $3");
    let rows = conn.query(&sql, &values)?;
    let ids = rows.iter().map(|row| row.get(1)).collect::<Result<Vec<Id>>>()?;
    let seqs = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<i64>>>()?;
    conn.execute("UPDATE task SET parent_task_id = NULL WHERE parent_task_id = ANY($1)", params![ids])?;
    let mut delete = |table: &str, column: &str| {
        conn.execute(&format!("DELETE FROM {table} WHERE {column} = ANY($1)"), params![seqs.clone()])
    };
    Ok(PurgeCount {
        created_resources: delete("created_resource", "task_seq")?,
        progress_reports: delete("progress_report", "task_seq")?,
        tasks: delete("task", "seq")?,
    })
}

/// Removes one finished task.
///
/// # Errors
/// `NotFound`, or `Conflict` when it has not finished.
pub fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    let task = by_id(conn, id)?.ok_or_else(|| Error::not_found("Task"))?;
    if !task.state.is_final() {
        return Err(Error::Conflict("the task has not finished".into()));
    }
    conn.execute("UPDATE task SET parent_task_id = NULL WHERE parent_task_id = $1", params![id])?;
    conn.execute("DELETE FROM task WHERE seq = $1", params![task.seq]).map(drop)
}
