//! The worker role: takes tasks in order, as many at once as configured.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::ending::{Outcome, Record};
use super::memory::MemoryProfile;
use super::short::Payload;
use super::{Presence, TaskKind, long, short};
use crate::app::Shared;
use crate::db::listen::listen;
use crate::db::queue::{self, CHANNEL, Claimed};
use crate::error::Result;
use crate::id::{Id, now};
use crate::trace::{Span, SpanKind};

/// How long an announcement that got lost can delay a task.
const POLL: Duration = Duration::from_secs(2);

/// Runs tasks as the announced worker until `shutdown`, then lets those running finish for a while, then
/// stops them; they fail and say why. Tasks that have not begun stay for others. Wants a runtime with several
/// threads.
///
/// # Errors
/// When PostgreSQL cannot be listened to, or the worker not be taken off the list; troubles of the database
/// between are waited out.
pub async fn run_workers(app: Shared, presence: Presence, shutdown: impl Future<Output = ()>) -> Result<()> {
    let heard = app.clone();
    let _listener = listen(&app.queue.parts.address, CHANNEL, move || heard.queue.wake.notify_one())?;
    let mut turns = JoinSet::new();
    {
        let shutdown = pin!(shutdown);
        tokio::select! {
            () = shutdown => {}
            () = take_turns(&app, presence.id(), &mut turns) => {}
        }
    }
    wind_down(&app, turns).await;
    presence.end().await
}

/// Starts tasks for ever.
async fn take_turns(app: &Shared, worker: Id, turns: &mut JoinSet<()>) {
    let slots = Arc::new(Semaphore::new(app.queue.parts.workers.max(1)));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        while turns.try_join_next().is_some() {}
        let (tell, claimed) = oneshot::channel();
        turns.spawn(turn(app.clone(), worker, slot, tell));
        if !claimed.await.unwrap_or(false) {
            look_again_later(app).await;
        }
    }
}

/// Claims a task and runs it. One turn is never dropped half-way: a task once claimed is also ended.
async fn turn(app: Shared, worker: Id, slot: OwnedSemaphorePermit, tell: oneshot::Sender<bool>) {
    let claimed =
        app.queue.parts.db.write(move |conn| queue::claim(conn, worker, now())).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "no task can be claimed at present");
            None
        });
    // Nobody listens any more once the worker winds down; the task runs all the same.
    let _ = tell.send(claimed.is_some());
    let Some(claimed) = claimed else { return };
    let id = claimed.id;
    if let Err(error) = run(&app, worker, claimed).await {
        tracing::error!(task = %id, %error, "the end of a task could not be recorded");
    }
    drop(slot);
    app.queue.wake.notify_one();
}

/// In the trace of the request that asked for it.
async fn run(app: &Shared, worker: Id, claimed: Claimed) -> Result<()> {
    let mut span = Span::root("task", SpanKind::Consumer, &claimed.cid, None);
    if span.is_recorded() {
        span.rename(claimed.name.clone());
        span.set("pith.task.id", claimed.id.to_string());
        span.set("pith.correlation_id", claimed.cid.clone());
    }
    span.around(run_traced(app, worker, claimed)).await
}

async fn run_traced(app: &Shared, worker: Id, claimed: Claimed) -> Result<()> {
    let done = match prepared(app, &claimed).await {
        Ok((app, Payload { kind, args, measures_memory })) => {
            let profile = measures_memory.then(MemoryProfile::begin);
            match kind {
                TaskKind::Short { run, .. } => short::run_claimed(&app, worker, claimed, run, args, profile).await,
                TaskKind::Long { run, .. } => long::run_claimed(&app, worker, claimed, run, args, profile).await,
            }
        }
        Err(error) => {
            short::log_failure(claimed.id, &claimed.cid, &error);
            short::conclude(app, worker, &claimed, Outcome::Returned(Err(error)), Record::default()).await
        }
    };
    app.served_content_changed();
    done
}

/// What the task is to do, and the process as seen from its domain.
async fn prepared(app: &Shared, claimed: &Claimed) -> Result<(Shared, Payload)> {
    let payload = short::open_payload(app, &claimed.payload)?;
    Ok((app.of_domain(claimed.domain).await?, payload))
}

/// Waits for the turns under way, then asks their tasks to stop.
async fn wind_down(app: &Shared, mut turns: JoinSet<()>) {
    if !have_ended(app, &mut turns).await {
        app.queue.running().values().for_each(CancellationToken::cancel);
        if !have_ended(app, &mut turns).await {
            app.queue.hurry.cancel();
            while turns.join_next().await.is_some() {}
        }
    }
}

async fn have_ended(app: &Shared, turns: &mut JoinSet<()>) -> bool {
    let all = async { while turns.join_next().await.is_some() {} };
    timeout(app.queue.parts.shutdown_grace, all).await.is_ok()
}

async fn look_again_later(app: &Shared) {
    tokio::select! {
        () = app.queue.wake.notified() => {}
        () = sleep(POLL) => {}
    }
}
