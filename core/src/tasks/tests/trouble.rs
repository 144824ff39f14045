//! What goes wrong, and what clients then see.

use super::*;
use crate::db::queue;
use crate::db::tasks::CreatedResource;
use crate::db::workers::{self, AppType};

#[tokio::test(flavor = "multi_thread")]
async fn the_error_of_a_short_task_leaves_no_trace() {
    let world = world().await;
    for then in ["fail", "panic"] {
        let id = world.dispatch(task("note", json!({"name": then, "then": then}), &["r"], &[])).await;
        let row = world.row(id).await;
        assert_eq!(row.state, State::Failed);
        let description = match then {
            "fail" => json!({"traceback": null, "error_code": "PLP0011", "description": "[PLP0011] no"}),
            _ => json!({"traceback": null, "description": "internal error, correlation id cid"}),
        };
        assert_eq!(row.error, Some(description));
        assert!(world.children(id).await.created_resources.is_empty());
    }
    assert!(world.names().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_lets_the_next_one_go() {
    let world = world().await;
    let long = world.dispatch(task("panic", json!({}), &["r"], &[])).await;
    let failing = world.dispatch(task("note", json!({"name": "x", "then": "fail"}), &["r"], &[])).await;
    let last = world.note("last", &["r"]).await;
    let workers = world.workers();
    world.until(last, State::Completed).await;
    assert_eq!(world.row(long).await.state, State::Failed);
    assert_eq!(world.row(failing).await.state, State::Failed);
    assert_eq!(world.names().await, ["last"]);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_is_canceled_at_once() {
    let world = world().await;
    let blocker = world.hold(0, &["r"], &[]).await;
    let waiting = world.note("never", &["r"]).await;
    assert_eq!(cancel(&world.app, waiting).await.unwrap(), CancelOutcome::Canceled);
    assert_eq!(cancel(&world.app, waiting).await.unwrap(), CancelOutcome::Finished);
    let row = world.row(waiting).await;
    assert_eq!((row.state, row.started_at), (State::Canceled, None));
    assert!(row.finished_at.is_some());
    assert_eq!(cancel(&world.app, blocker).await.unwrap(), CancelOutcome::Canceled);
    world.note("free", &["r"]).await;
    assert_eq!(world.names().await, ["free"]);
    assert!(matches!(cancel(&world.app, Id::new()).await, Err(Error::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_task_is_stopped_whether_it_hears_or_not() {
    let world = world().await;
    let workers = world.workers();
    for new in [task("hold", json!({"ms": 60_000}), &["r"], &[]), task("stubborn", json!({}), &["r"], &[])] {
        let id = world.dispatch(new).await;
        world.until(id, State::Running).await;
        let behind = world.note(&id.to_string(), &["r"]).await;
        assert_eq!(cancel(&world.app, id).await.unwrap(), CancelOutcome::Canceling);
        assert_eq!(world.until(id, State::Canceled).await.error, None);
        world.until(behind, State::Completed).await;
        let reports = world.children(id).await.progress_reports;
        assert!(reports.iter().all(|report| report.state == State::Canceled));
    }
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_canceled_as_a_whole() {
    let world = world().await;
    let domain = world.app.domain;
    let db = &world.app.queue.parts.db;
    let group = db.write(move |conn| tasks::insert_group(conn, domain, "many", now())).await.unwrap();
    for _ in 0..3 {
        let member = NewTask { group: Some(group), ..task("hold", json!({"ms": 60_000}), &["r"], &[]) };
        world.dispatch(member).await;
    }
    cancel_group(&world.app, group).await.unwrap();
    let found = db.read(move |conn| tasks::groups(conn, &[group])).await.unwrap().remove(0);
    assert_eq!((found.count(State::Canceled), found.all_tasks_dispatched), (3, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tasks_of_a_missing_worker_fail_and_others_go_on() {
    let world = world().await;
    let db = &world.app.queue.parts.db;
    let long_ago = now() - Duration::from_secs(3600);
    let gone = db.write(move |conn| workers::insert(conn, AppType::Worker, "1@gone", &json!({}), long_ago)).await;
    let gone = gone.unwrap();
    let lost = world.hold(0, &["r"], &[]).await;
    let claimed = db.write(move |conn| queue::claim(conn, gone, now())).await.unwrap().unwrap();
    assert_eq!(claimed.id, lost);
    let named = ["one", "another"].map(|name| CreatedResource { prn: name.to_owned(), path: format!("{name}/") });
    for one in named.clone() {
        db.write(move |conn| queue::add_created(conn, claimed.seq, &[one])).await.unwrap();
    }
    let behind = world.note("behind", &["r"]).await;
    let workers = world.workers();
    let row = world.until(lost, State::Failed).await;
    assert_eq!(row.error, Some(json!({"reason": "Worker has gone missing."})));
    assert_eq!(world.children(lost).await.created_resources, named, "what it had made");
    world.until(behind, State::Completed).await;
    let online = db.read(|conn| workers::online(conn, AppType::Worker, now() - Duration::from_secs(30))).await.unwrap();
    assert_eq!(online.len(), 1);
    workers.stop().await;
    let online = db.read(|conn| workers::online(conn, AppType::Worker, now() - Duration::from_secs(30))).await.unwrap();
    assert!(online.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_gives_up_what_ran_and_keeps_what_waited() {
    let world = world().await;
    let db = &world.app.queue.parts.db;
    if !db.is_embedded() {
        return;
    }
    let former = db.write(|conn| workers::insert(conn, AppType::Worker, "1@here", &json!({}), now())).await.unwrap();
    let ran = world.hold(0, &["r"], &[]).await;
    db.write(move |conn| queue::claim(conn, former, now())).await.unwrap().unwrap();
    let waited = world.note("waited", &["r"]).await;
    recover(&world.app).await.unwrap();
    assert_eq!(world.row(ran).await.state, State::Failed);
    let workers = world.workers();
    world.until(waited, State::Completed).await;
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_stops_long_tasks_and_leaves_waiting_ones() {
    let world = world().await;
    let workers = world.workers();
    let running = world.hold(60_000, &["r"], &[]).await;
    world.until(running, State::Running).await;
    let waiting = world.hold(0, &["r"], &[]).await;
    workers.stop().await;
    let row = world.row(running).await;
    assert_eq!(row.state, State::Failed);
    assert_eq!(row.error.unwrap()["reason"], "Worker was shut down while the task was running.");
    assert_eq!(world.row(waiting).await.state, State::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_removes_what_finished_before() {
    let world = world().await;
    let old = world.note("old", &[]).await;
    let failed = world.dispatch(task("note", json!({"name": "x", "then": "fail"}), &[], &[])).await;
    let options = PurgeOptions { finished_before: now(), states: vec!["completed".into()], created_by: None };
    let purge = world.dispatch(task("purge", serde_json::to_value(options).unwrap(), &[], &[])).await;
    let workers = world.workers();
    world.until(purge, State::Completed).await;
    let gone = world.app.queue.parts.db.read(move |conn| tasks::by_id(conn, old)).await.unwrap();
    assert!(gone.is_none());
    assert_eq!(world.row(failed).await.state, State::Failed);
    let reports = world.children(purge).await.progress_reports;
    let shown: Vec<_> = reports.iter().map(|report| (report.code.as_str(), report.done, report.total)).collect();
    assert_eq!(shown[0], ("purge.tasks.key.core.Task", 1, Some(1)));
    assert_eq!(shown[1], ("purge.tasks.total", 3, Some(3)));
    assert_eq!(shown[2], ("purge.tasks.error", 0, Some(0)));
    workers.stop().await;
}
