//! Tasks that are dispatched over and over.

use chrono::TimeDelta;

use super::*;
use crate::tasks::schedule::{Schedule, dispatch_due, keep_schedules};

static SCHEDULES: &[Schedule] = &[
    Schedule {
        name: "each hour",
        interval: |_| Duration::from_secs(3600),
        task: |_, _| task("hold", json!({}), &["a"], &[]),
    },
    Schedule { name: "never", interval: |_| Duration::ZERO, task: |_, _| task("hold", json!({}), &[], &[]) },
];
static SOONER: &[Schedule] = &[Schedule {
    name: "each hour",
    interval: |_| Duration::from_secs(60),
    task: |_, _| task("hold", json!({}), &["a"], &[]),
}];

async fn due_in(world: &World, hours: i64, schedules: &'static [Schedule]) -> Vec<Id> {
    dispatch_due(&world.app, schedules, now() + TimeDelta::hours(hours)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_dispatched_once_for_each_time_it_is_due() {
    let world = world().await;
    keep_schedules(&world.app, SCHEDULES).await.unwrap();
    // Started again, it is as it was.
    keep_schedules(&world.app, SCHEDULES).await.unwrap();
    assert!(due_in(&world, 0, SCHEDULES).await.is_empty());
    // As many hosts as like, at the same moment.
    let at = now() + TimeDelta::hours(1);
    let hosts = (0..8).map(|_| {
        let app = world.app.clone();
        tokio::spawn(async move { dispatch_due(&app, SCHEDULES, at).await.unwrap() })
    });
    let mut tasks = vec![];
    for host in hosts.collect::<Vec<_>>() {
        tasks.extend(host.await.unwrap());
    }
    assert_eq!(tasks.len(), 1);
    let workers = world.workers();
    assert_eq!(world.until(tasks[0], State::Completed).await.name, "test.hold");
    workers.stop().await;
    // Nobody was there for a day: that is one dispatch.
    assert_eq!(due_in(&world, 25, SCHEDULES).await.len(), 1);
    assert!(due_in(&world, 25, SCHEDULES).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_interval_counts_from_now() {
    let world = world().await;
    keep_schedules(&world.app, SCHEDULES).await.unwrap();
    keep_schedules(&world.app, SOONER).await.unwrap();
    let at = now() + TimeDelta::seconds(61);
    assert_eq!(dispatch_due(&world.app, SOONER, at).await.unwrap().len(), 1);
    assert!(dispatch_due(&world.app, SOONER, at).await.unwrap().is_empty());
}
