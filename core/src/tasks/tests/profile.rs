//! The memory profiles of tasks.

use futures_util::TryStreamExt;

use super::*;
use crate::db::{artifact_bytes, artifact_distribution, task_profiles};
use crate::tasks::memory::MEMORY_PROFILE;

fn measured(task: NewTask) -> NewTask {
    NewTask { measures_memory: true, ..task }
}

impl World {
    /// The lines of the profile, once there is one.
    async fn profile(&self, id: Id) -> Vec<String> {
        for _ in 0..1000 {
            let found = self.app.db.read(move |conn| task_profiles::of_task(conn, id)).await.unwrap();
            if let [(name, artifact)] = &found[..] {
                assert_eq!(name, MEMORY_PROFILE);
                let artifact = *artifact;
                let stored =
                    self.app.db.read(move |conn| artifact_distribution::artifact(conn, artifact)).await.unwrap();
                let stream = self.app.storage.stream(&stored.unwrap().0.sha256, None).await.unwrap();
                let bytes = stream.try_collect::<Vec<_>>().await.unwrap().concat();
                return String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no profile");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_run_is_measured() {
    let world = world().await;
    let at_once = world.dispatch(measured(task("note", json!({"name": "a"}), &["r"], &[]))).await;
    let failed = world.dispatch(measured(task("note", json!({"name": "b", "then": "fail"}), &[], &[]))).await;
    let long = world.dispatch(measured(task("hold", json!({"ms": 1300}), &["r"], &[]))).await;
    let waiting = world.dispatch(measured(task("note", json!({"name": "c"}), &["r"], &[]))).await;
    let unmeasured = world.note("d", &[]).await;
    let workers = world.workers();
    world.until(waiting, State::Completed).await;
    for (id, samples) in [(at_once, 2), (failed, 2), (long, 3), (waiting, 2)] {
        let lines = world.profile(id).await;
        assert_eq!(lines.len(), if cfg!(target_os = "linux") { samples } else { 0 }, "{lines:?}");
        for line in lines {
            let (seconds, mebibytes) = line.split_once('\t').unwrap();
            assert!(seconds.parse::<f64>().unwrap() < 60.0 && mebibytes.parse::<f64>().unwrap() > 0.0, "{line}");
        }
    }
    let none = world.app.db.read(move |conn| task_profiles::of_task(conn, unmeasured)).await.unwrap();
    assert!(none.is_empty());
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_in_use_until_its_task_goes() {
    let world = world().await;
    let id = world.dispatch(measured(task("note", json!({"name": "a"}), &[], &[]))).await;
    let domain = world.app.domain;
    let unused = move |conn: &mut Conn| artifact_bytes::unused(conn, domain, None, now(), 10);
    assert!(world.app.db.read(unused).await.unwrap().is_empty());
    world.app.db.write(move |conn| tasks::delete(conn, id)).await.unwrap();
    assert_eq!(world.app.db.read(unused).await.unwrap().len(), 1);
}
