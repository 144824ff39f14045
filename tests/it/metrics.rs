//! `/metrics`: who may read it, and whether it tells what happened.

use std::collections::HashSet;
use std::net::TcpListener;

use serde_json::json;

use crate::support::pulp::PASSWORD;
use crate::support::{Client, Server};

/// The value of the sample with this name and these labels, as they stand in the text.
fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

fn scrape(server: &Server) -> String {
    let answer = server.get("/metrics").expect(200);
    assert_eq!(answer.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text()
}

#[test]
fn requests_are_counted_by_operation_and_never_by_path() {
    let server = Server::start();
    for name in ["one", "two", "three"] {
        server.get(&format!("repositories/file/file/?name={name}")).expect(200);
    }
    let repository = server.repository();
    server.get(&repository).expect(200);
    server.anonymous().get("repositories/file/file/").expect(401);
    server.get("no/such/path/").expect(404);
    server.anonymous().get("/pypi/none/simple/").expect(404);
    let text = scrape(&server);
    let list = "face=\"api\",operation=\"repositories_file_file_list\",method=\"GET\"";
    assert_eq!(value(&text, &format!("pith_http_requests_total{{{list},status=\"200\"}}")), Some(3.0));
    assert_eq!(value(&text, &format!("pith_http_requests_total{{{list},status=\"401\"}}")), Some(1.0));
    assert_eq!(value(&text, &format!("pith_http_request_duration_seconds_count{{{list}}}")), Some(4.0));
    assert!(value(&text, &format!("pith_http_response_bytes_total{{{list}}}")).unwrap() > 100.0);
    let lost = "pith_http_requests_total{face=\"api\",operation=\"none\",method=\"any\",status=\"404\"}";
    assert_eq!(value(&text, lost), Some(1.0));
    let native = "pith_http_requests_total{face=\"pypi\",operation=\"none\",method=\"any\",status=\"404\"}";
    assert_eq!(value(&text, native), Some(1.0));
    let id = repository.trim_end_matches('/').rsplit('/').next().unwrap();
    assert!(!text.contains(id) && !text.contains("no/such/path"));
}

#[test]
fn every_sample_is_told_once_and_belongs_to_a_described_name() {
    let server = Server::start();
    server.get("docs/").expect(200);
    server.get("status/").expect(200);
    let (mut samples, mut names) = (HashSet::new(), HashSet::new());
    for line in scrape(&server).lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            assert!(names.insert(described.split(' ').next().unwrap().to_owned()), "{line} stands twice");
        } else if !line.starts_with('#') {
            let (sample, number) = line.rsplit_once(' ').unwrap();
            number.parse::<f64>().unwrap();
            assert!(samples.insert(sample.to_owned()), "{sample} stands twice");
            let name = sample.split('{').next().unwrap();
            let plain = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            assert!(names.contains(name) || plain.is_some_and(|plain| names.contains(plain)), "{line}");
        }
    }
    for name in ["process_open_fds", "process_resident_memory_bytes", "pith_database_connections", "pith_build_info"] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn bytes_tasks_and_the_store_are_counted() {
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true}));
    let bytes = vec![7; 3 << 20];
    server.modify_many(&repository, &[("large", &bytes)]);
    let base = server.distribute(json!({"repository": repository}));
    let is_local = server.get(&format!("{base}large")).status == 200;
    let failed = server.finished(server.post(
        &format!("{repository}sync/"),
        json!({"remote": server.remote("http://127.0.0.1:1/", json!({"max_retries": 0}))}),
    ));
    assert_eq!(failed["state"], "failed");
    let text = scrape(&server);
    let content = "pith_http_response_bytes_total{face=\"content\",operation=\"content_get\",method=\"GET\"}";
    let sent = value(&text, content).unwrap();
    assert_eq!(sent >= bytes.len() as f64, is_local, "{sent}");
    let modify = "name=\"pulpcore.app.tasks.repository.add_and_remove\",state=\"completed\"";
    assert_eq!(value(&text, &format!("pith_task_duration_seconds_count{{{modify}}}")), Some(1.0), "{text}");
    let sync = "name=\"pulp_file.app.tasks.synchronizing.synchronize\",state=\"failed\"";
    assert_eq!(value(&text, &format!("pith_task_duration_seconds_count{{{sync}}}")), Some(1.0), "{text}");
    for sample in ["pith_tasks{state=\"waiting\"}", "pith_tasks_oldest_waiting_seconds", "pith_database_waiting"] {
        assert_eq!(value(&text, sample), Some(0.0), "{sample}");
    }
    assert!(value(&text, "pith_storage_operations_total{operation=\"keep\"}").unwrap() >= 1.0);
    assert_eq!(value(&text, "pith_storage_failures_total{operation=\"keep\"}"), Some(0.0));
    assert_eq!(value(&text, "pith_database_up"), Some(1.0));
}

#[test]
fn a_download_that_is_given_up_counts_what_was_sent() {
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true}));
    let bytes = vec![7; 64 << 20];
    server.modify_many(&repository, &[("large", &bytes)]);
    let base = server.distribute(json!({"repository": repository}));
    if server.head(&format!("{base}large")).status != 200 {
        // The object store sends it.
        return;
    }
    {
        use std::io::{Read, Write};
        let path = base.split_once("//").unwrap().1.split_once('/').unwrap().1.to_owned();
        let mut connection = std::net::TcpStream::connect(server.address()).unwrap();
        write!(connection, "GET /{path}large HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        connection.read_exact(&mut [0; 4096]).unwrap();
    }
    let content = "face=\"content\",operation=\"content_get\",method=\"GET\"";
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let text = loop {
        let text = scrape(&server);
        if value(&text, &format!("pith_http_requests_total{{{content},status=\"200\"}}")) == Some(2.0) {
            break text;
        }
        assert!(std::time::Instant::now() < end, "{text}");
    };
    let sent = value(&text, &format!("pith_http_response_bytes_total{{{content}}}")).unwrap();
    assert!(sent > 0.0 && sent < bytes.len() as f64, "{sent}");
}

#[test]
fn only_those_read_it_whom_the_configuration_names() {
    let server = Server::start();
    server.anonymous().get("/metrics").expect(401);
    server.user("admin", "wrong").get("/metrics").expect(401);
    let (_, name) = server.new_user();
    server.user(&name, PASSWORD).get("/metrics").expect(403);
    let server = Server::start_with(&[("PITH_METRICS", "everybody")]);
    server.anonymous().get("/metrics").expect(200);
    let server = Server::start_with(&[("PITH_METRICS", "nobody")]);
    server.get("/metrics").expect(404);
}

#[test]
fn an_address_of_its_own_answers_only_those_who_watch() {
    let apart = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = Server::start_with(&[("PITH_METRICS_LISTEN", &apart.to_string()), ("PITH_METRICS", "nobody")]);
    let watcher = Client::new(apart, None);
    assert!(watcher.get("/metrics").expect(200).text().contains("pith_build_info"));
    watcher.get("/readyz").expect(200);
    watcher.get("/livez").expect(200);
    watcher.get("status/").expect(404);
    let other = Server::prepared(&[("PITH_METRICS_LISTEN", &server.address().to_string())]);
    let taken = other.try_start().unwrap_err();
    assert!(taken.contains("configuration key `metrics_listen`") && taken.contains("is taken"), "{taken}");
    assert!(!other.data().join("pith.db").exists(), "nothing had begun");
    assert!(server.stop(), "both end together");
}
