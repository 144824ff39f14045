//! `uploads/`: files in chunks.

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::{Answer, Client, Server, sha256};

fn begin(client: &Client, size: usize) -> String {
    text(&client.post("uploads/", json!({"size": size})).expect(201).json(), "pulp_href")
}

fn put(client: &Client, upload: &str, range: &str, bytes: &[u8]) -> Answer {
    let request = client.request("PUT", upload).header("Content-Range", range);
    request.multipart(Multipart::new().file("file", bytes)).send()
}

fn commit(client: &Client, upload: &str, digest: &str) -> Value {
    client.finished(client.post(&format!("{upload}commit/"), json!({"sha256": digest})))
}

#[test]
fn chunks_in_any_order_become_an_artifact_and_the_upload_is_gone() {
    let server = Server::start();
    let upload = begin(&server, 10);
    let second = put(&server, &upload, "bytes 5-9/10", b"67890").expect(200).json();
    assert!(second.get("chunks").is_none());
    put(&server, &upload, "bytes 0-4/10", b"12345").expect(200);
    let chunks = server.get(&upload).expect(200).json()["chunks"].clone();
    assert_eq!(chunks.as_array().unwrap().len(), 2);
    assert!(chunks.as_array().unwrap().contains(&json!({"offset": 5, "size": 5})));
    assert_eq!(server.get(&format!("{upload}?fields=chunks")).expect(200).json(), json!({"chunks": chunks}));
    assert!(server.get("uploads/").expect(200).json()["results"][0].get("chunks").is_none());
    let task = commit(&server, &upload, &sha256(b"1234567890"));
    assert_eq!(task["name"], "pulpcore.app.tasks.upload.commit");
    let artifact = server.get(task["created_resources"][0].as_str().unwrap()).expect(200).json();
    assert_eq!(artifact["sha256"], sha256(b"1234567890"));
    assert_eq!(server.get(&upload).expect(404).json(), json!({"detail": "No Upload matches the given query."}));
}

#[test]
fn a_chunk_sent_again_replaces_the_first() {
    let server = Server::start();
    let upload = begin(&server, 4);
    put(&server, &upload, "bytes 0-3/4", b"xxxx").expect(200);
    put(&server, &upload, "bytes 0-3/4", b"good").expect(200);
    assert_eq!(server.get(&upload).expect(200).json()["chunks"].as_array().unwrap().len(), 1);
    assert_eq!(commit(&server, &upload, &sha256(b"good"))["state"], "completed");
}

#[test]
fn a_chunk_that_does_not_fit_is_refused() {
    let server = Server::start();
    let upload = begin(&server, 10);
    let cases = [
        ("nonsense", &b"12345"[..], "Invalid or missing content range header."),
        ("bytes 0-9/10", b"12345", "Chunk size does not match content range."),
        ("bytes 5-9/10", b"12345678901234567890", "Chunk size does not match content range."),
        ("bytes 8-12/10", b"12345", "End byte is greater than upload size."),
    ];
    for (range, bytes, message) in cases {
        let answer = put(&server, &upload, range, bytes).expect(400).json();
        assert_eq!(answer, json!({"non_field_errors": [message]}), "{range}");
    }
    let form = Multipart::new().field("sha256", "zz").file("file", b"12345");
    let request = server.request("PUT", &upload).header("Content-Range", "bytes 5-9/10");
    assert_eq!(request.multipart(form).send().expect(400).json(), json!(["Checksum does not match chunk upload."]));
    assert_eq!(server.get(&upload).expect(200).json()["chunks"], json!([]));
}

#[test]
fn a_commit_of_other_bytes_fails_and_keeps_the_upload() {
    let server = Server::start();
    let upload = begin(&server, 10);
    put(&server, &upload, "bytes 0-4/10", b"12345").expect(200);
    let task = commit(&server, &upload, &"a".repeat(64));
    assert_eq!(task["state"], "failed");
    assert!(text(&task["error"], "description").contains("5 of 10 bytes"));
    server.get(&upload).expect(200);
    assert_eq!(server.count("artifacts/"), 0);
}

#[test]
fn an_upload_becomes_content_also_when_that_content_exists() {
    let server = Server::start();
    let mut hrefs = Vec::new();
    for _ in 0..2 {
        let upload = begin(&server, 4);
        put(&server, &upload, "bytes 0-3/4", b"file").expect(200);
        let body = json!({"upload": upload, "relative_path": "a/file"});
        hrefs.push(server.created(server.post("content/file/files/", body)));
        server.get(&upload).expect(404);
    }
    assert_eq!(hrefs[0], hrefs[1]);
}

#[test]
fn an_upload_becomes_content_at_once_when_asked_so() {
    let server = Server::start();
    let upload = begin(&server, 4);
    let at_once = || server.post("content/file/files/upload/", json!({"upload": upload, "relative_path": "a/file"}));
    put(&server, &upload, "bytes 0-1/4", b"fi").expect(200);
    assert!(at_once().expect(400).text().contains("2 of 4 bytes"));
    put(&server, &upload, "bytes 2-3/4", b"le").expect(200);
    assert_eq!(at_once().expect(201).json()["sha256"], sha256(b"file"));
    server.get(&upload).expect(404);
    at_once().expect(400);
}

#[test]
fn a_deleted_upload_is_gone() {
    let server = Server::start();
    let upload = begin(&server, 4);
    server.delete(&upload).expect(204);
    server.get(&upload).expect(404);
}

#[test]
fn an_upload_of_absurd_size_is_refused() {
    let server = Server::start();
    server
        .request("POST", "uploads/")
        .body("application/json", r#"{"size": 1180591620717411303424}"#)
        .send()
        .expect(400);
    server.post("uploads/", json!({"size": "abc"})).expect(400);
    assert_eq!(server.post("uploads/", json!({})).expect(400).json(), json!({"size": ["This field is required."]}));
}
