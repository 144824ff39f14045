//! Upstreams that lie, do not end, or lead elsewhere: the task fails and says why, and nothing here has changed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{UPSTREAMS, failure, names, publish};
use crate::support::upstream::Asked;
use crate::support::{Reply, Server, Upstream};

const STATUS: &str = "/pulp/api/v3/status/";
const LIST: &str = "/pulp/api/v3/distributions/file/file/";

fn row(number: usize) -> Value {
    json!({"name": format!("n{number}"), "base_path": format!("p{number}"),
           "base_url": format!("http://127.0.0.1:9/{number}/"), "no_content_change_since": null})
}

fn page(count: usize, next: Value, rows: Vec<Value>) -> Reply {
    Reply::Bytes(json!({"count": count, "next": next, "previous": null, "results": rows}).to_string().into_bytes())
}

/// An upstream that has files, and whose list answers so.
fn listing(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Upstream {
    Upstream::answering(move |asked, _| match asked.path.split('?').next().unwrap() {
        STATUS => Reply::Bytes(br#"{"versions": [{"component": "file", "version": "3"}]}"#.to_vec()),
        LIST => answer(asked),
        _ => Reply::Status(404),
    })
}

fn offset(asked: &Asked) -> usize {
    asked.path.split("offset=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap()
}

/// What the failed tasks say of a replication of this upstream, on this server.
#[track_caller]
fn told(server: &Server, upstream: &Upstream) -> String {
    let fields = json!({"base_url": upstream.url("").trim_end_matches('/'), "api_root": "/pulp/", "max_retries": 0,
                        "username": "u", "password": "p", "sock_read_timeout": 1});
    let href = server.made(UPSTREAMS, fields);
    let group = server.wait_for_group(server.post(&format!("{href}replicate/"), json!({})));
    failure(server, &group)
}

fn changed(number: usize, field: &str, value: Value) -> Value {
    let mut row = row(number);
    row[field] = value;
    row
}

#[test]
fn an_upstream_that_lies_changes_nothing() {
    let elsewhere = Arc::new(Upstream::answering(|_, _| page(0, json!(null), vec![])));
    let (leads, link) = (elsewhere.clone(), elsewhere.url("pulp/api/v3/distributions/file/file/?offset=100"));
    type Answer = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;
    let rows = |rows: Vec<Value>| -> Answer { Box::new(move |_| page(rows.len(), json!(null), rows.clone())) };
    let cases: Vec<(&str, Answer, &str)> = vec![
        ("the same page for ever", Box::new(|_| page(2, json!("next"), vec![row(1), row(2)])), "does not end"),
        (
            "ever new pages",
            Box::new(|asked| {
                let at = offset(asked);
                page(3, json!("next"), (at..at + 100).map(row).collect())
            }),
            "more than 50000 distributions",
        ),
        ("empty pages", Box::new(|_| page(2, json!("next"), vec![])), "does not end"),
        ("a page elsewhere", Box::new(move |_| page(1, json!(link), vec![row(1)])), "does not end"),
        (
            "a wrong count",
            Box::new(|_| page(7, json!(null), vec![row(1)])),
            "says that there are 7 distributions and has 1",
        ),
        ("a redirect elsewhere", Box::new(move |asked| Reply::Redirect(leads.url(&asked.path[1..]))), "another server"),
        ("too much", Box::new(|_| Reply::Bytes(vec![b' '; 10 << 20])), "larger than the allowed"),
        ("without end", Box::new(|_| Reply::Endless), "larger than the allowed"),
        ("no JSON", Box::new(|_| Reply::Bytes(b"<html>".to_vec())), "not what is expected"),
        ("another shape", Box::new(|_| Reply::Bytes(b"[[[]]]".to_vec())), "not what is expected"),
        ("deep", Box::new(|_| Reply::Bytes(vec![b'['; 1 << 20])), "not what is expected"),
        ("an error", Box::new(|_| Reply::Status(500)), "500"),
        ("nothing there", Box::new(|_| Reply::Status(404)), "404"),
        ("silence", Box::new(|_| Reply::Hang(Duration::from_secs(20))), "distributions/file/file"),
        ("one name twice", rows(vec![row(1), changed(2, "name", json!("n1"))]), "two distributions are called `n1`"),
        ("one path twice", rows(vec![row(1), changed(2, "base_path", json!("p1"))]), "same base_path `p1`"),
        ("a path up", rows(vec![changed(1, "base_path", json!("../up"))]), "base_path"),
        ("a path from the root", rows(vec![changed(1, "base_path", json!("/etc"))]), "base_path"),
        ("no name", rows(vec![changed(1, "name", json!(""))]), "name"),
        ("a nul", rows(vec![changed(1, "name", json!("a\u{0}b"))]), "a name with a null character"),
        ("a long name", rows(vec![changed(1, "name", json!("n".repeat(100_000)))]), "a name of 100000 bytes"),
        ("paths inside one another", rows(vec![row(1), changed(2, "base_path", json!("p1/below"))]), "base_path"),
        ("a file", rows(vec![changed(1, "base_url", json!("file:///etc/"))]), "is not of http or https"),
        ("credentials", rows(vec![changed(1, "base_url", json!("http://u:p@h/"))]), "has credentials"),
        ("a number as a name", rows(vec![changed(1, "name", json!(7))]), "not what is expected"),
    ];
    let server = Server::start();
    publish(&server, "own", b"own");
    for (what, answer, expected) in cases {
        let begun = Instant::now();
        let told = told(&server, &listing(answer));
        assert!(told.contains(expected), "{what}: {told}");
        assert!(told.len() < 3000, "{what}: {} bytes", told.len());
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} took {:?}", begun.elapsed());
        for list in ["distributions/", "repositories/"] {
            assert_eq!(names(&server, list), ["own"], "{what}");
        }
        assert_eq!(server.count("remotes/"), 0, "{what}");
    }
    let headers = elsewhere.asked().into_iter().filter(|asked| asked.headers.contains_key("authorization"));
    assert_eq!(headers.count(), 0, "nobody else is told the password");
}

#[test]
fn credentials_are_for_the_host_of_the_upstream_alone() {
    let server = Server::start();
    let own = listing(|asked| {
        let host = asked.headers["host"].clone();
        page(
            2,
            json!(null),
            vec![changed(1, "base_url", json!(format!("http://{host}/c/"))), row(2)]
                .into_iter()
                .map(|mut row| {
                    if row["name"] == "n2" {
                        row["base_url"] = json!("http://localhost:9/c/");
                    }
                    row
                })
                .collect(),
        )
    });
    told(&server, &own);
    for (name, knows) in [("n1", true), ("n2", false)] {
        let found = server.get(&format!("remotes/file/file/?name={name}")).expect(200).json();
        let hidden = found["results"][0]["hidden_fields"].as_array().unwrap();
        assert_eq!(hidden.iter().find(|one| one["name"] == "password").unwrap()["is_set"], knows, "{name}");
    }
}
