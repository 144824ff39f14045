//! Runs one long task: its body, its progress, and the end of its patience.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::ending::Outcome;
use super::memory::MemoryProfile;
use super::{RunLong, TaskContext, short};
use crate::app::Shared;
use crate::db::queue::{self, Claimed};
use crate::db::tasks::State;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::trace;

/// How often progress is written, and read whether another process asked the task to stop.
const TICK: Duration = Duration::from_secs(1);

pub(super) async fn run_claimed(
    app: &Shared,
    worker: Id,
    claimed: Claimed,
    run: RunLong,
    args: Json,
    mut profile: Option<MemoryProfile>,
) -> Result<()> {
    let stop = CancellationToken::new();
    app.queue.running().insert(claimed.id, stop.clone());
    let context = TaskContext::new(app, worker, &claimed, stop.clone());
    let body = tokio::spawn(trace::inherit(run(app.clone(), args, context.clone())));
    let work = attend(app, body, &context, claimed.seq, &stop);
    let result = match &mut profile {
        Some(profile) => profile.during(work).await,
        None => work.await,
    };
    app.queue.running().remove(&claimed.id);
    let outcome = match result {
        Err(Error::Canceled) if stop.is_cancelled() => Outcome::Stopped,
        other => Outcome::Returned(other),
    };
    if let Outcome::Returned(Err(error)) = &outcome {
        short::log_failure(claimed.id, &claimed.cid, error);
    }
    // Before the end is recorded: who sees the task ended finds its profile.
    if let Some(profile) = profile {
        profile.keep(app, claimed.id).await;
    }
    short::conclude(app, worker, &claimed, outcome, context.record()).await
}

/// Waits for the body. One that was asked to stop and does not is dropped after the grace time.
async fn attend(
    app: &Shared,
    mut body: JoinHandle<Result<Json>>,
    context: &TaskContext,
    seq: i64,
    stop: &CancellationToken,
) -> Result<Json> {
    let ended = tokio::select! {
        joined = &mut body => Some(joined),
        () = report(app, context, seq, stop) => None,
    };
    if let Some(joined) = ended {
        return joined.unwrap_or_else(unwound);
    }
    let patience = app.queue.hurry.run_until_cancelled(timeout(app.queue.parts.grace, &mut body));
    if let Some(Ok(joined)) = patience.await {
        return joined.unwrap_or_else(unwound);
    }
    body.abort();
    body.await.unwrap_or_else(unwound)
}

fn unwound(error: JoinError) -> Result<Json> {
    Err(if error.is_cancelled() { Error::Canceled } else { Error::internal(error) })
}

/// Writes progress until the task is asked to stop.
async fn report(app: &Shared, context: &TaskContext, seq: i64, stop: &CancellationToken) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    while next(&mut ticks, stop).await {
        if let Err(error) = context.flush().await {
            tracing::warn!(task = %context.id(), %error, "progress is not written at present");
        }
        let asked = app.queue.parts.db.read(move |conn| queue::state(conn, seq)).await;
        // Gone or ended by someone else counts too: what it reserved is not its own any more.
        if matches!(asked, Ok(state) if state != Some(State::Running)) {
            stop.cancel();
        }
    }
}

async fn next(ticks: &mut tokio::time::Interval, stop: &CancellationToken) -> bool {
    stop.run_until_cancelled(async { ticks.tick().await }).await.is_some()
}
