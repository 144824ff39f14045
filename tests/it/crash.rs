//! `kill -9` at any moment leaves a server that starts, and kept what it promised.

mod publications;

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, text};
use crate::support::random::Random;
use crate::support::{Client, Server, Upstream, sha256};

/// How often the server is killed.
const ROUNDS: usize = 12;

/// A unit that the server acknowledged: its href and its bytes.
type Promise = (String, Vec<u8>);

#[test]
fn a_killed_server_starts_again_and_serves_every_byte_it_promised() {
    let mut random = Random::seeded();
    let upstream = Upstream::with_manifest(&[("x", &random.bytes(50_000)), ("y", &random.bytes(50_000)), ("z", b"z")]);
    // On a database for many hosts the tasks of a killed worker are given up when it was not heard of for so long.
    let mut server = Server::start_with(&[("PITH_WORKER_TTL", "3")]);
    let promises = Mutex::new(Vec::new());
    for round in 0..ROUNDS {
        let (client, pause) = (server.clone(), Duration::from_millis(random.below(700)));
        let seeds: Vec<_> = (0..3).map(|_| random.number()).collect();
        thread::scope(|scope| {
            for seed in seeds {
                scope.spawn({
                    let (client, promises, upstream) = (&client, &promises, &upstream);
                    move || work_until_the_server_is_gone(client, seed, promises, upstream)
                });
            }
            thread::sleep(pause);
            server.kill();
        });
        server.restart();
        check(&server, &promises.lock().unwrap(), round);
    }
}

/// Uploads, modifies, publishes, syncs, cleans up, in turn, until a request gets no answer.
fn work_until_the_server_is_gone(
    client: &Client,
    seed: u64,
    promises: &Mutex<Vec<Promise>>,
    upstream: &Upstream,
) -> Option<()> {
    let repository = ask(client, "POST", REPOSITORIES, json!({"name": format!("{seed}"), "autopublish": true}))?;
    let remote = json!({"name": format!("{seed}"), "url": upstream.url("PULP_MANIFEST")});
    let remote = ask(client, "POST", "remotes/file/file/", remote)?;
    for number in 0.. {
        let bytes = format!("{seed} {number}").into_bytes();
        let form = Multipart::new().field("relative_path", &format!("{seed}/{number}")).file("file", &bytes);
        let answer = client.request("POST", "content/file/files/upload/").multipart(form).try_send().ok()?;
        let unit = text(&answer.expect(201).json(), "pulp_href");
        ask(client, "POST", &format!("{repository}modify/"), json!({"add_content_units": [unit]}))?;
        promises.lock().unwrap().push((unit, bytes));
        match number % 4 {
            0 => ask(client, "POST", &format!("{repository}sync/"), json!({"remote": remote})),
            1 => ask(client, "POST", "publications/file/file/", json!({"repository": repository})),
            2 => ask(client, "POST", "orphans/cleanup/", json!({"orphan_protection_time": 60})),
            _ => ask(client, "POST", &format!("{repository}modify/"), json!({"remove_content_units": ["*"]})),
        }?;
    }
    Some(())
}

/// The href that is answered, also that of a task. `None` when there is no answer.
fn ask(client: &Client, method: &str, path: &str, body: serde_json::Value) -> Option<String> {
    let answer = client.request(method, path).json(&body).try_send().ok()?;
    assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
    let answer = answer.json();
    answer["pulp_href"].as_str().or(answer["task"].as_str()).map(str::to_owned)
}

fn check(server: &Server, promises: &[Promise], round: usize) {
    let unfinished = server.get("tasks/?state__in=waiting,running,canceling").expect(200).json();
    for task in unfinished["results"].as_array().unwrap() {
        server.wait_for(&text(task, "pulp_href"));
    }
    let failed = server.get("tasks/?state=failed&limit=1000").expect(200).json();
    for task in failed["results"].as_array().unwrap() {
        let reason = task["error"].to_string().to_lowercase();
        assert!(reason.contains("worker") && reason.contains("missing"), "round {round}: {task:#}");
    }
    for (unit, bytes) in promises {
        let found = server.get(unit).expect(200).json();
        assert_eq!(found["sha256"], sha256(bytes), "round {round}");
    }
    let repositories = server.get(&format!("{REPOSITORIES}?limit=1000")).expect(200).json();
    for repository in repositories["results"].as_array().unwrap() {
        check_repository(server, &text(repository, "pulp_href"), promises);
    }
}

/// Every version's summary agrees with its list, and all that is published is served whole.
fn check_repository(server: &Server, repository: &str, promises: &[Promise]) {
    let versions = server.get(&format!("{repository}versions/?limit=1000")).expect(200).json();
    for version in versions["results"].as_array().unwrap().iter().take(3) {
        server.units_in(&text(version, "pulp_href"));
    }
    let base = server.distribute(json!({"repository": repository}));
    let manifest = server.download(&format!("{base}PULP_MANIFEST"));
    if manifest.status == 404 {
        return;
    }
    for line in manifest.expect(200).text().lines() {
        let mut parts = line.rsplitn(3, ',');
        let (size, digest, path) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let served = server.download(&format!("{base}{path}")).expect(200).body;
        assert_eq!((served.len().to_string().as_str(), sha256(&served).as_str()), (size, digest), "{path}");
    }
    assert!(promises.is_empty() || server.count(FILES) >= 1);
}

#[test]
fn a_server_asked_to_end_finishes_what_it_does() {
    let mut server = Server::start();
    let repository = server.repository();
    server.modify_many(&repository, &[("a", b"bytes")]);
    assert!(server.stop(), "SIGTERM is no failure: {}", server.log());
    server.restart();
    assert_eq!(server.units_in(&server.latest_version(&repository)), 1);
}
