//! `workers/`

use serde_json::json;

use crate::support::Server;
use crate::support::pulp::text;

#[test]
fn the_worker_of_this_process_is_listed_and_alive() {
    let server = Server::start();
    let workers = server.get("workers/").expect(200).json();
    let worker = workers["results"][0].clone();
    let href = text(&worker, "pulp_href");
    assert_eq!(text(&server.get(&href).expect(200).json(), "name"), text(&worker, "name"));
    assert!(worker["versions"]["core"].is_string());
    assert!(worker["last_heartbeat"].is_string());
    let count = |query: &str| server.count(&format!("workers/?{query}"));
    assert_eq!(count("missing=true"), 0);
    assert!(count("online=true") >= 1);
    assert_eq!(count("last_heartbeat__gte=2999-01-01"), 0);
    assert_eq!(count("name__contains=nobody"), 0);
    server.delete(&href).expect(405);
    server.patch(&href, json!({})).expect(405);
}
