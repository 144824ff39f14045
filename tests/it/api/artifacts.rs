//! `artifacts/`

use serde_json::json;

use crate::support::multipart::Multipart;
use crate::support::{Answer, Client, Server, sha256};

fn upload(client: &Client, bytes: &[u8], fields: &[(&str, &str)]) -> Answer {
    let form = fields.iter().fold(Multipart::new().file("file", bytes), |form, (name, value)| form.field(name, value));
    client.request("POST", "artifacts/").multipart(form).send()
}

#[test]
fn an_uploaded_artifact_reads_back_as_it_was_answered() {
    let server = Server::start();
    let made = upload(&server, b"some bytes", &[("sha256", &sha256(b"some bytes")), ("size", "10")]).expect(201);
    assert_eq!(made.header("Content-Type"), Some("application/json"));
    let body = made.json();
    assert_eq!(body["size"], 10);
    assert_eq!(body["sha256"], sha256(b"some bytes"));
    assert!(body["md5"].is_null(), "md5 is not among the allowed checksums");
    let digest = sha256(b"some bytes");
    assert_eq!(body["file"], format!("artifact/{}/{}", &digest[..2], &digest[2..]));
    assert_eq!(server.get(body["pulp_href"].as_str().unwrap()).expect(200).json(), body);
}

#[test]
fn an_empty_file_is_an_artifact() {
    let server = Server::start();
    let body = upload(&server, b"", &[("sha256", &sha256(b"")), ("size", "0")]).expect(201).json();
    assert_eq!(body["size"], 0);
}

#[test]
fn a_file_that_is_not_what_was_promised_is_refused_and_forgotten() {
    let server = Server::start();
    let cases = [
        (("sha256", "zz"), json!({"non_field_errors": ["The sha256 checksum did not match."]})),
        (("size", "5"), json!({"non_field_errors": ["The size did not match actual size of file."]})),
        (("size", "abc"), json!({"size": ["A valid integer is required."]})),
        (
            ("md5", "00000000000000000000000000000000"),
            json!({"non_field_errors": ["Checksum algorithms ['md5'] forbidden for this Pulp instance."]}),
        ),
        (("nonsense", "x"), json!({"nonsense": ["Unexpected field"]})),
    ];
    for (field, error) in cases {
        assert_eq!(upload(&server, b"some bytes", &[field]).expect(400).json(), error);
    }
    assert_eq!(server.count("artifacts/"), 0);
    let no_file = server.post("artifacts/", json!({})).expect(400).json();
    assert_eq!(no_file, json!({"file": ["No file was submitted."]}));
}

#[test]
fn the_same_bytes_are_refused_the_second_time_until_cleaned_up() {
    let server = Server::start();
    upload(&server, b"twice", &[]).expect(201);
    let message = format!("Artifact with sha256 checksum of '{}' already exists.", sha256(b"twice"));
    assert_eq!(upload(&server, b"twice", &[]).expect(400).json(), json!({"non_field_errors": [message]}));
    server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    upload(&server, b"twice", &[]).expect(201);
}

#[test]
fn artifacts_cannot_be_changed_or_deleted_by_anybody() {
    let server = Server::start();
    let href = server.artifact(b"here to stay");
    server.delete(&href).expect(403);
    server.patch(&href, json!({})).expect(405);
    server.put(&href, json!({})).expect(405);
    server.get(&href).expect(200);
}

#[test]
fn artifacts_are_found_by_digest_and_by_version() {
    let server = Server::start();
    server.artifact(b"alone");
    let unit = server.upload("a", b"in a repository");
    let repository = server.repository();
    server.modify(&repository, &[&unit], &[]);
    let version = server.latest_version(&repository);
    assert_eq!(server.count(&format!("artifacts/?sha256={}", sha256(b"alone"))), 1);
    assert_eq!(server.count(&format!("artifacts/?repository_version={version}")), 1);
    let absent = server.get(&format!("artifacts/?repository_version={repository}versions/5/")).expect(400);
    assert_eq!(absent.json(), json!([format!("URI {repository}versions/5/ not found for repositoryversion.")]));
}
