//! Who runs when.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_free_short_task_is_done_when_dispatch_returns() {
    let world = world().await;
    let id = world.dispatch(task("note", json!({"name": "a"}), &["r"], &["s"])).await;
    let row = world.row(id).await;
    assert_eq!((row.state, row.result), (State::Completed, Some(json!({"name": "a"}))));
    assert!(row.unblocked_at.is_some() && row.started_at.is_some() && row.finished_at.is_some());
    let children = world.children(id).await;
    let domain = world.app.domain;
    assert_eq!(
        children.reserved_resources_record,
        ["r".to_owned(), "shared:s".to_owned(), format!("shared:prn:core.domain:{domain}")]
    );
    assert_eq!(children.created_resources.len(), 1);
    assert_eq!((children.progress_reports[0].done, children.progress_reports[0].state), (1, State::Completed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_holds_back_younger_ones_but_not_strangers() {
    let world = world().await;
    let first = world.hold(0, &["a"], &[]).await;
    let second = world.note("second", &["a", "b"]).await;
    let third = world.note("third", &["b"]).await;
    let stranger = world.note("stranger", &["c"]).await;
    assert_eq!(world.row(stranger).await.state, State::Completed);
    for id in [second, third] {
        let row = world.row(id).await;
        assert_eq!((row.state, row.unblocked_at), (State::Waiting, None));
    }
    let workers = world.workers();
    world.until(third, State::Completed).await;
    let (first, second, third) = (world.row(first).await, world.row(second).await, world.row(third).await);
    assert!(first.finished_at <= second.unblocked_at && second.finished_at <= third.unblocked_at);
    assert_eq!(world.names().await, ["stranger", "second", "third"]);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sharers_run_together_and_none_overtakes_who_wants_it_alone() {
    let world = world().await;
    let one = world.hold(400, &[], &["r"]).await;
    let two = world.hold(400, &[], &["r"]).await;
    let alone = world.hold(0, &["r"], &[]).await;
    let late = world.hold(0, &[], &["r"]).await;
    let workers = world.workers();
    world.until(two, State::Running).await;
    assert_eq!(world.row(one).await.state, State::Running);
    assert_eq!(world.row(late).await.unblocked_at, None);
    let late = world.until(late, State::Completed).await;
    let (one, two, alone) = (world.row(one).await, world.row(two).await, world.row(alone).await);
    assert!(alone.started_at > one.finished_at && alone.started_at > two.finished_at);
    assert!(late.unblocked_at >= alone.finished_at);
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_short_tasks_on_one_resource_keep_their_order() {
    let world = world().await;
    let blocker = world.hold(200, &["r"], &[]).await;
    let workers = world.workers();
    let notes = (0..200).map(|n| {
        let (app, new) = (world.app.clone(), task("note", json!({"name": format!("{n:03}")}), &["r"], &[]));
        async move { dispatch(&app, new).await.unwrap() }
    });
    let ids = futures_util::future::join_all(notes).await;
    let mut rows = Vec::new();
    for id in ids {
        rows.push(world.until(id, State::Completed).await);
    }
    rows.sort_by_key(|row| row.seq);
    assert!(rows[0].started_at > world.row(blocker).await.finished_at);
    assert!(rows.windows(2).all(|pair| pair[0].finished_at <= pair[1].started_at), "one after the other");
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_belongs_to_its_parent() {
    let world = world().await;
    let parent = world.note("parent", &[]).await;
    let child = world.dispatch(NewTask { parent: Some(parent), ..task("note", json!({"name": "c"}), &[], &[]) }).await;
    assert_eq!(world.children(parent).await.child_tasks, [child]);
}
