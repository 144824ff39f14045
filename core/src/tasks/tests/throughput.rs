//! What short tasks cost. Run by hand, with optimization.

use super::*;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn short_tasks_per_second() {
    let world = world().await;
    let begun = std::time::Instant::now();
    let callers = (0..8).map(|caller| {
        let app = world.app.clone();
        tokio::spawn(async move {
            for n in 0..1000 {
                let name = format!("{caller}-{n}");
                let resource = format!("r{name}");
                dispatch(&app, task("note", json!({ "name": name }), &[&resource], &["d"])).await.unwrap();
            }
        })
    });
    futures_util::future::join_all(callers).await;
    let rate = 8000.0 / begun.elapsed().as_secs_f64();
    println!("{rate:.0} short tasks/s from 8 callers");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_crowd_on_few_resources_is_served() {
    let world = world().await;
    let workers = world.workers();
    let begun = std::time::Instant::now();
    let callers = (0..8_u64).map(|caller| {
        let app = world.app.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for n in 0..100_u64 {
                let (one, two) = (format!("r{}", (caller + n) % 5), format!("r{}", (caller * n + 1) % 5));
                let new = match (n * 7 + caller) % 5 {
                    0 => task("hold", json!({"ms": 3}), &[&one], &[&two]),
                    1 => task("hold", json!({"ms": 1}), &[], &[&one, &two]),
                    _ => task("note", json!({"name": format!("{caller}-{n}")}), &[&one, &two], &[]),
                };
                ids.push(dispatch(&app, new).await.unwrap());
            }
            ids
        })
    });
    for ids in futures_util::future::join_all(callers).await {
        for id in ids.unwrap() {
            world.until(id, State::Completed).await;
        }
    }
    println!("800 mixed tasks in {:?}", begun.elapsed());
    workers.stop().await;
}
