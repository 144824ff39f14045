//! `/livez` and `/readyz`: what those ask who watch a process from outside.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Server;

/// What `/readyz` says, and with which status.
fn ready(server: &Server) -> (u16, Value) {
    let answer = server.anonymous().get("/readyz");
    (answer.status, answer.json())
}

#[test]
fn a_process_that_can_work_says_so() {
    let server = Server::start();
    assert_eq!(server.anonymous().get("/livez").expect(200).text(), "alive\n");
    let components = json!({"database": "ok", "schema": "ok", "store": "ok", "worker": "ok"});
    assert_eq!(ready(&server), (200, json!({"ready": true, "components": components})));
    assert!(server.anonymous().head("/readyz").expect(200).body.is_empty());
    server.anonymous().request("POST", "/livez").send().expect(405);
}

#[test]
fn every_process_is_asked_for_what_it_does() {
    for (role, has_worker) in [("api", false), ("content", false), ("worker", true)] {
        let server = Server::start_with(&[("PITH_ROLES", &json!([role]).to_string())]);
        let (status, told) = ready(&server);
        assert_eq!((status, told["components"].get("worker").is_some()), (200, has_worker), "{role}: {told}");
        server.anonymous().get("/livez").expect(200);
    }
}

#[test]
fn a_store_that_is_gone_is_named_soon_and_found_again() {
    let server = Server::start();
    if !server.store().starts_with(server.data()) {
        // The store of another service is not ours to take away.
        return;
    }
    let away = server.data().join("away");
    fs::rename(server.store(), &away).unwrap();
    // An answer is repeated for a second.
    sleep(Duration::from_millis(1100));
    let asked = Instant::now();
    let (status, told) = ready(&server);
    assert_eq!((status, &told["ready"], &told["components"]["database"]), (503, &json!(false), &json!("ok")));
    assert_eq!(told["components"]["store"], "cannot write to the store");
    assert!(asked.elapsed() < Duration::from_secs(2));
    server.anonymous().get("/livez").expect(200);
    fs::rename(&away, server.store()).unwrap();
    sleep(Duration::from_millis(1100));
    assert_eq!(ready(&server).0, 200);
}
