//! The access log: a line for each request, and no credential in any.

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::server::PASSWORD;

/// The lines of the log that tell of requests.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|line| line["target"] == "access").collect()
}

#[test]
fn a_line_tells_who_asked_for_what_and_how_it_went() {
    let server = Server::start_with(&[("PITH_ACCESS_LOG", "true"), ("PITH_LOG_FORMAT", "json")]);
    let cid = "0b0c4f5a3c7a4a0f9d1c2b3a4d5e6f70";
    let asked = server.request("GET", "tasks/?name=secret-query").header("Correlation-ID", cid).send().expect(200);
    server.user("admin", "wrong-password").get("tasks/").expect(401);
    let repository = server.repository_with(json!({"autopublish": true}));
    server.modify_many(&repository, &[("large", &vec![1; 1 << 20])]);
    let base = server.distribute(json!({"repository": repository}));
    let is_local = server.get(&format!("{base}large")).status == 200;
    let lines = lines(&server);
    let line = lines.iter().find(|line| line["cid"] == cid).unwrap();
    assert_eq!(line["message"], "request");
    for (field, expected) in [
        ("user", json!("admin")),
        ("method", json!("GET")),
        ("path", json!("/pulp/api/v3/tasks/")),
        ("face", json!("api")),
        ("operation", json!("tasks_list")),
        ("status", json!(200)),
        ("bytes", json!(asked.body.len())),
        ("client", json!("127.0.0.1")),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    assert!(line["milliseconds"].as_f64().unwrap() > 0.0);
    let refused = lines.iter().find(|line| line["status"] == 401).unwrap();
    assert_eq!((&refused["user"], refused["cid"].as_str().map(str::len)), (&Value::Null, Some(32)));
    let served = lines.iter().find(|line| line["face"] == "content").unwrap();
    assert!(!is_local || served["bytes"] == 1 << 20, "{served}");
    let log = server.log();
    for secret in [PASSWORD, "wrong-password", "secret-query", "Basic "] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn nothing_is_logged_unless_it_is_wanted() {
    let server = Server::start_with(&[("PITH_LOG_FORMAT", "json")]);
    server.get("status/").expect(200);
    assert!(lines(&server).is_empty());
}
