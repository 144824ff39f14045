//! Traces: what a collector is sent, and that nothing is sent to nobody.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::pulp::text;
use crate::support::{Reply, Server, Upstream};

/// A span, as far as tests look at it.
#[derive(Clone, Debug)]
struct Span {
    name: String,
    trace: String,
    id: String,
    parent: String,
    kind: i64,
    attributes: HashMap<String, Value>,
}

/// All spans that a collector was sent.
fn spans(collector: &Upstream) -> Vec<Span> {
    let mut found = Vec::new();
    for asked in collector.asked() {
        assert_eq!(asked.path, "/v1/traces");
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        for resource in body["resourceSpans"].as_array().unwrap() {
            let attributes = resource["resource"]["attributes"].to_string();
            assert!(attributes.contains("service.name") && attributes.contains("pith"), "{attributes}");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                found.extend(scope["spans"].as_array().unwrap().iter().map(span));
            }
        }
    }
    found
}

fn span(value: &Value) -> Span {
    let value_of = |attribute: &Value| attribute["value"].as_object().unwrap().values().next().unwrap().clone();
    let attributes = value["attributes"].as_array().unwrap();
    Span {
        name: text(value, "name"),
        trace: text(value, "traceId"),
        id: text(value, "spanId"),
        parent: value["parentSpanId"].as_str().unwrap_or_default().to_owned(),
        kind: value["kind"].as_i64().unwrap(),
        attributes: attributes.iter().map(|one| (text(one, "key"), value_of(one))).collect(),
    }
}

/// Waits until the collector has spans of all these names in the trace.
fn wait_for(collector: &Upstream, trace: &str, names: &[&str]) -> Vec<Span> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let found: Vec<_> = spans(collector).into_iter().filter(|span| span.trace == trace).collect();
        if names.iter().all(|name| found.iter().any(|span| span.name == *name)) {
            return found;
        }
        assert!(Instant::now() < end, "no {names:?} among {found:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn collector() -> Upstream {
    Upstream::answering(|_, _| Reply::Bytes(b"{}".to_vec()))
}

#[test]
fn a_sync_is_one_trace_from_the_request_to_the_upstream() {
    let collector = collector();
    let server = Server::start_with(&[("PITH_OTLP_TRACES_URL", &collector.url("v1/traces"))]);
    let upstream = Upstream::with_manifest(&[("a", b"aaa")]);
    let repository = server.repository();
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({"username": "ada", "password": "very-secret"}));
    let cid = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = server.request("POST", &format!("{repository}sync/")).header("Correlation-ID", cid);
    server.completed(request.json(&json!({"remote": remote})).send());
    let task = "pulp_file.app.tasks.synchronizing.synchronize";
    let found = wait_for(&collector, cid, &["repositories_file_file_sync", task, "upstream"]);
    let named = |name: &str| found.iter().find(|span| span.name == name).unwrap();
    let (request, task) = (named("repositories_file_file_sync"), named(task));
    assert_eq!((request.kind, request.parent.as_str()), (2, ""));
    assert_eq!(request.attributes["http.request.method"], "POST");
    assert_eq!(request.attributes["http.response.status_code"].to_string().trim_matches('"'), "202");
    assert_eq!(request.attributes["enduser.id"], "admin");
    assert_eq!(task.attributes["pith.correlation_id"], cid);
    let upstreams: Vec<_> = found.iter().filter(|span| span.name == "upstream").collect();
    assert!(upstreams.iter().all(|span| span.parent == task.id && span.kind == 3), "{found:#?}");
    assert!(upstreams.iter().any(|span| span.attributes["url.full"].as_str().unwrap().ends_with("PULP_MANIFEST")));
    let sent: Vec<_> =
        collector.asked().iter().map(|asked| String::from_utf8_lossy(&asked.body).into_owned()).collect();
    assert!(!sent.concat().contains("very-secret"));
}

#[test]
fn a_client_that_is_in_a_trace_sees_the_server_in_it() {
    let collector = collector();
    let mut server = Server::start_with(&[("PITH_OTLP_TRACES_URL", &collector.url("v1/traces"))]);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let header = format!("00-{trace}-{parent}-01");
    let answer = server.request("GET", "status/?secret-query=1").header("traceparent", &header).send().expect(200);
    assert_eq!(answer.header("Correlation-ID"), Some(trace));
    server.request("GET", "/pypi/none/simple/").header("traceparent", &header).send().expect(404);
    server.request("GET", "status/").header("traceparent", "00-nonsense").send().expect(200);
    let name = "modifying";
    let repository = server.repository_with(json!({"name": name}));
    let unit = server.upload("a", b"a");
    let change = server.request("POST", &format!("{repository}modify/")).header("traceparent", &header);
    server.completed(change.json(&json!({"add_content_units": [unit]})).send());
    // What was not sent yet is sent when it ends.
    server.stop();
    let task = "pulpcore.app.tasks.repository.add_and_remove";
    let found = wait_for(&collector, trace, &["status_read", "none", "repositories_file_file_modify", task]);
    for span in found.iter().filter(|span| span.name != task) {
        assert_eq!(span.parent, parent, "{span:?}");
    }
    let modify = found.iter().find(|span| span.name == "repositories_file_file_modify").unwrap();
    assert_eq!(found.iter().find(|span| span.name == task).unwrap().parent, modify.id);
    let sent: Vec<_> =
        collector.asked().iter().map(|asked| String::from_utf8_lossy(&asked.body).into_owned()).collect();
    assert!(!sent.concat().contains("secret-query"));
}

#[test]
fn a_collector_that_is_away_or_refuses_harms_nothing() {
    let refusing = Upstream::answering(|_, _| Reply::Status(500));
    for url in ["http://127.0.0.1:1/v1/traces".to_owned(), refusing.url("v1/traces")] {
        let mut server = Server::start_with(&[("PITH_OTLP_TRACES_URL", &url)]);
        for _ in 0..20 {
            server.get("status/").expect(200);
        }
        assert!(server.stop());
        assert!(server.log().contains("collector"), "{}", server.log());
    }
}
