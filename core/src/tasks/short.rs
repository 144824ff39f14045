//! Short tasks: one transaction, at once in the request or later on a worker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::sleep;

use super::ending::{self, Outcome, Record};
use super::memory::MemoryProfile;
use super::{RunShort, TaskKind};
use crate::app::{App, Shared};
use crate::db::Conn;
use crate::db::queue::{self, Claimed, EndsFrom};
use crate::db::tasks::{CreatedResource, ProgressRow, State};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::plugin::Rejected;

/// How often, and with what pauses, recording the end of a task is tried: the database may be away for a while.
const ATTEMPTS: usize = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// What the body of a short task knows and reports.
pub struct ShortTask {
    pub id: Id,
    pub cid: String,
    pub created_by: Option<i64>,
    record: Record,
    changes_domain: bool,
}

impl ShortTask {
    pub(super) fn new(id: Id, cid: &str, created_by: Option<i64>) -> Self {
        Self { id, cid: cid.to_owned(), created_by, record: Record::default(), changes_domain: false }
    }

    /// Notes an object the task made; `path` is below the API root.
    pub fn created(&mut self, prn: String, path: String) {
        self.record.created.push(CreatedResource { prn, path });
    }

    /// Notes work that is done.
    pub fn progress(&mut self, message: &str, code: &str, done: i64, total: Option<i64>) {
        self.record.progress.push(ProgressRow {
            message: message.to_owned(),
            code: code.to_owned(),
            state: State::Completed,
            total,
            done,
            suffix: None,
        });
    }

    /// Notes that a domain is another when the transaction has ended, so that what is remembered of domains goes then.
    pub fn domain_changed(&mut self) {
        self.changes_domain = true;
    }

    pub(super) fn changes_domain(&self) -> bool {
        self.changes_domain
    }

    /// Notes what the format left out of a version.
    pub fn rejected(&mut self, rejected: &[Rejected]) {
        for one in rejected {
            let done = i64::try_from(one.units.len()).unwrap_or(i64::MAX);
            self.progress(one.message, one.code, done, Some(done));
            if let Some(report) = self.record.progress.last_mut() {
                report.suffix = Some(one.suffix());
            }
        }
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }
}

/// Runs a body; a panic is an internal error.
pub(super) fn run_body(app: &App, conn: &mut Conn, run: RunShort, args: &Json, task: &mut ShortTask) -> Result<Json> {
    catch_unwind(AssertUnwindSafe(|| run(app, conn, args, task))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(Error::internal(format!("panic: {}", text.unwrap_or("without a message"))))
    })
}

/// Says once, in the log, why a task failed for a reason that its client is not told.
pub(super) fn log_failure(id: Id, cid: &str, error: &Error) {
    if matches!(error, Error::Internal(_) | Error::Storage { .. }) {
        tracing::error!(task = %id, cid, %error, "task failed");
    } else {
        tracing::info!(task = %id, cid, %error, "task failed");
    }
}

/// Runs a short task that a worker has claimed: body and completion in one transaction. Its profile appears just
/// after that.
pub(super) async fn run_claimed(
    app: &Shared,
    worker: Id,
    claimed: Claimed,
    run: RunShort,
    args: Json,
    profile: Option<MemoryProfile>,
) -> Result<()> {
    let body_app = app.clone();
    let taken = claimed.clone();
    let done = app.queue.parts.db.write(move |conn| {
        let held = queue::lock_line(conn, taken.seq)?;
        if !queue::is_owned(conn, taken.seq, worker)? {
            return Ok((false, false));
        }
        let mut task = ShortTask::new(taken.id, &taken.cid, taken.created_by);
        let result = run_body(&body_app, conn, run, &args, &mut task)?;
        let changes_domain = task.changes_domain();
        let ending = ending::ending(Outcome::Returned(Ok(result)), task.into_record(), &taken.cid);
        let from = EndsFrom { states: &[State::Running], worker: Some(worker) };
        Ok((queue::finish(conn, taken.seq, from, &ending, &held, now())?, changes_domain))
    });
    let done = done.await;
    if let Ok((true, true)) = &done {
        app.domain_changed();
    }
    if let Some(profile) = profile {
        profile.keep(app, claimed.id).await;
    }
    let outcome = match done {
        Ok((true, _)) => {
            app.queue.note_end(&claimed.name, State::Completed, claimed.claimed.elapsed());
            return Ok(());
        }
        Ok((false, _)) => Outcome::Stopped,
        Err(error) => {
            log_failure(claimed.id, &claimed.cid, &error);
            Outcome::Returned(Err(error))
        }
    };
    conclude(app, worker, &claimed, outcome, Record::default()).await
}

/// Ends a task of this worker. One that a client has canceled meanwhile, and that did not complete, ends so.
/// Does nothing when the task was given up as lost.
pub(super) async fn conclude(
    app: &Shared,
    worker: Id,
    claimed: &Claimed,
    outcome: Outcome,
    record: Record,
) -> Result<()> {
    let completed = matches!(outcome, Outcome::Returned(Ok(_)));
    let if_canceled = ending::canceled(record.clone());
    let ending = ending::ending(outcome, record, &claimed.cid);
    for _ in 0..ATTEMPTS {
        let (seq, ending, if_canceled) = (claimed.seq, ending.clone(), if_canceled.clone());
        let finish = move |conn: &mut Conn| {
            let held = queue::lock_line(conn, seq)?;
            let canceled = !completed && queue::state(conn, seq)? == Some(State::Canceling);
            let ending = if canceled { if_canceled } else { ending };
            let from = EndsFrom { states: &[State::Running, State::Canceling], worker: Some(worker) };
            let ended = queue::finish(conn, seq, from, &ending, &held, now())?;
            Ok(ended.then_some(ending.state))
        };
        match app.queue.parts.db.write(finish).await {
            Ok(ended) => {
                if let Some(state) = ended {
                    app.queue.note_end(&claimed.name, state, claimed.claimed.elapsed());
                }
                return Ok(());
            }
            Err(error) => tracing::warn!(task = %claimed.id, %error, "the end of a task is not recorded yet"),
        }
        sleep(PAUSE).await;
    }
    Err(Error::internal("the end of the task could not be recorded"))
}

/// What a task that waited is to do.
pub(super) struct Payload {
    pub kind: TaskKind,
    pub args: Json,
    pub measures_memory: bool,
}

/// # Errors
/// `Internal` when the payload is damaged or names no kind of task.
pub(super) fn open_payload(app: &App, payload: &str) -> Result<Payload> {
    let mut payload = (app.queue.parts.sealing.open)(payload)?;
    let key = payload["kind"].as_str().unwrap_or_default();
    let kind = app.queue.kinds.get(key).copied();
    let kind = kind.ok_or_else(|| Error::internal(format!("there is no kind of task `{key}`")))?;
    let measures_memory = payload["measures_memory"] == true;
    Ok(Payload { kind, args: payload["args"].take(), measures_memory })
}
