//! Several processes on one database: whatever each is doing, every task runs once and in its turn.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::pulp::{PUBLICATIONS, text};
use crate::support::world::database_is_local;
use crate::support::{Server, Upstream, assert_completed};

/// Threads that ask, half of them each of the two processes.
const CLIENTS: usize = 6;
/// What each asks for.
const STEPS: usize = 15;

#[test]
fn two_processes_share_the_work_and_no_task_runs_twice() {
    if database_is_local() {
        // A database that is a file belongs to one process.
        return;
    }
    let first = Server::start_with(&[("PITH_WORKERS", "2")]);
    let second = first.beside();
    let upstream = Upstream::with_manifest(&[("x", b"xxxx"), ("y", b"yyyy"), ("z", b"zzzz")]);
    let shared = first.repository_with(json!({"autopublish": true}));
    let remote = first.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    let done = AtomicBool::new(false);
    let (tasks, workers) = thread::scope(|scope| {
        let workers = scope.spawn(|| workers_seen(&first, &done));
        let clients = (0..CLIENTS).map(|number| {
            let client = if number % 2 == 0 { &first } else { &second };
            let (shared, remote) = (&shared, &remote);
            scope.spawn(move || work(client, number, shared, remote))
        });
        let clients: Vec<_> = clients.collect();
        let tasks: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        done.store(true, Ordering::Relaxed);
        let tasks: Vec<Value> = tasks.into_iter().flat_map(|tasks| tasks.unwrap()).collect();
        (tasks, workers.join().unwrap())
    });
    tasks.iter().for_each(assert_completed);
    assert!(workers.len() >= 2, "one did all that was seen running: {workers:?}");
    check_versions(&first, &shared);
    // What every client put in last is there, and what upstream has.
    let latest = first.latest_version(&shared);
    assert_eq!(first.units_in(&latest), (CLIENTS * (STEPS / 3) + 3) as u64);
}

/// Who runs tasks until all is done; a finished task does not tell.
fn workers_seen(client: &Server, done: &AtomicBool) -> HashSet<String> {
    let mut seen = HashSet::new();
    while !done.load(Ordering::Relaxed) {
        let running = client.get("tasks/?state=running&fields=worker").expect(200).json();
        let workers = running["results"].as_array().unwrap().iter().filter_map(|task| task["worker"].as_str());
        seen.extend(workers.map(str::to_owned));
    }
    seen
}

/// Additions to one repository, synchronizations of it and publications of it, in turn.
fn work(client: &Server, number: usize, shared: &str, remote: &str) -> Vec<Value> {
    let step = |step: usize| match step % 3 {
        0 => {
            let path = format!("{number}/{step}");
            let unit = client.upload(&path, path.as_bytes());
            client.finished(client.post(&format!("{shared}modify/"), json!({"add_content_units": [unit]})))
        }
        1 => client.sync(shared, remote),
        _ => client.finished(client.post(PUBLICATIONS, json!({"repository": shared}))),
    };
    (0..STEPS).map(step).collect()
}

/// Every version but the first changed something, and its list agrees with its summary.
fn check_versions(client: &Server, repository: &str) {
    let versions = client.get(&format!("{repository}versions/?limit=1000&ordering=number")).expect(200).json();
    let versions = versions["results"].as_array().unwrap();
    assert_eq!(versions.len(), CLIENTS * (STEPS / 3) + 2, "one for each addition, one for upstream, and the empty one");
    for (number, version) in versions.iter().enumerate() {
        assert_eq!(version["number"], number, "no number is left out");
        client.units_in(&text(version, "pulp_href"));
    }
}
