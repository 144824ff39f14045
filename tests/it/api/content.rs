//! `content/`: the units of all formats, tried on files.

use std::fs;
use std::thread;

use serde_json::json;

use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, text};
use crate::support::{Server, Upstream, sha256};

#[test]
fn a_unit_made_of_an_artifact_reads_back() {
    let server = Server::start();
    let artifact = server.artifact(b"bytes");
    let body = json!({"artifact": artifact, "relative_path": "a/b", "pulp_labels": {"k": "v"}});
    let task = server.completed(server.post(FILES, body));
    assert_eq!(task["name"], "pulpcore.app.tasks.base.general_create");
    let unit = server.get(task["created_resources"][0].as_str().unwrap()).expect(200).json();
    assert_eq!(unit["artifact"], artifact);
    assert_eq!(unit["relative_path"], "a/b");
    assert_eq!(unit["sha256"], sha256(b"bytes"));
    assert_eq!(unit["pulp_labels"], json!({"k": "v"}));
    let generic = &server.get("content/").expect(200).json()["results"][0];
    assert_eq!(generic["artifacts"], json!({"a/b": artifact}));
}

#[test]
fn the_same_file_at_the_same_path_is_the_same_unit() {
    let server = Server::start();
    let first = server.upload("a", b"bytes");
    assert_eq!(server.upload("a", b"bytes"), first);
    assert_ne!(server.upload("b", b"bytes"), first);
    let artifact = text(&server.get(&first).expect(200).json(), "artifact");
    let body = json!({"artifact": artifact, "relative_path": "a"});
    assert_eq!(server.created(server.post(FILES, body)), first);
}

#[test]
fn four_uploads_of_one_file_at_once_share_the_artifact() {
    let server = Server::start();
    let units: Vec<_> = thread::scope(|scope| {
        let uploads: Vec<_> = (0..4)
            .map(|number| {
                scope.spawn({
                    let client = &*server;
                    move || client.upload(&format!("{number}"), b"same")
                })
            })
            .collect();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    });
    let artifacts: Vec<_> = units.iter().map(|unit| text(&server.get(unit).expect(200).json(), "artifact")).collect();
    assert!(artifacts.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(server.count(FILES), 4);
    assert_eq!(server.count("artifacts/"), 1);
}

#[test]
fn content_made_for_a_repository_makes_a_version_of_it() {
    let server = Server::start();
    let repository = server.repository();
    let artifact = server.artifact(b"bytes");
    let body = json!({"artifact": artifact, "relative_path": "a", "repository": repository});
    let first = server.completed(server.post(FILES, body.clone()));
    assert_eq!(first["created_resources"][0], format!("{repository}versions/1/"));
    let unit = first["created_resources"][1].clone();
    let second = server.completed(server.post(FILES, body));
    assert_eq!(second["created_resources"], json!([unit]), "no change, no version");
}

#[test]
fn a_second_unit_at_the_same_path_replaces_the_first() {
    let server = Server::start();
    let repository = server.repository();
    for bytes in [&b"one"[..], b"two"] {
        let artifact = server.artifact(bytes);
        let body = json!({"artifact": artifact, "relative_path": "a", "repository": repository});
        server.completed(server.post(FILES, body));
    }
    assert_eq!(server.units_in(&format!("{repository}versions/2/")), 1);
}

#[test]
fn content_is_fetched_from_an_address() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&[("a", b"bytes")]);
    let body = json!({"file_url": upstream.url("a"), "relative_path": "x", "downloader_config": {"total_timeout": 5}});
    let unit = server.created(server.post(FILES, body));
    assert_eq!(server.get(&unit).expect(200).json()["sha256"], sha256(b"bytes"));
}

#[test]
fn an_upload_at_once_takes_an_address_too() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&[("a", b"bytes")]);
    let upload = format!("{FILES}upload/");
    let mut body = json!({"file_url": upstream.url("a"), "relative_path": "x", "overwrite": false});
    body["downloader_config"] = json!({"total_timeout": 5});
    assert_eq!(server.post(&upload, body.clone()).expect(201).json()["sha256"], sha256(b"bytes"));
    body["downloader_config"] = json!({"nonsense": 5});
    assert!(server.post(&upload, body.clone()).expect(400).json()["downloader_config"].is_array());
    body["downloader_config"] = json!({"max_retries": 0});
    for url in [upstream.url("nothing"), "http://127.0.0.1:9/a".into(), "file:///etc/passwd".into(), "nonsense".into()]
    {
        body["file_url"] = json!(url);
        let told = server.post(&upload, body.clone()).expect(400).json();
        assert!(told["file_url"].is_array(), "{url}: {told}");
    }
}

#[test]
fn an_empty_file_is_refused_and_an_empty_artifact_is_not() {
    let server = Server::start();
    for path in [FILES.to_owned(), format!("{FILES}upload/"), "content/rpm/packages/".into()] {
        let form = Multipart::new().field("relative_path", "x").file("file", b"");
        let told = server.request("POST", &path).multipart(form).send().expect(400).json();
        assert_eq!(told["file"], json!(["The submitted file is empty."]), "{path}");
    }
    server.upload("x", b"");
}

#[test]
fn bodies_that_name_no_file_or_two_are_refused() {
    let server = Server::start();
    let artifact = server.artifact(b"bytes");
    let choice = json!({"non_field_errors": ["Exactly one of file, file_url, artifact, upload must be specified."]});
    assert_eq!(server.post(FILES, json!({"relative_path": "x"})).expect(400).json(), choice);
    let form = Multipart::new().field("relative_path", "x").field("artifact", &artifact).file("file", b"y");
    assert_eq!(server.request("POST", FILES).multipart(form).send().expect(400).json(), choice);
    let required = json!({"relative_path": ["This field is required."]});
    assert_eq!(server.post(FILES, json!({"artifact": artifact})).expect(400).json(), required);
}

#[test]
fn references_that_lead_nowhere_are_named() {
    let server = Server::start();
    let repository = server.repository();
    let cases = [
        ("abc".to_owned(), "Invalid hyperlink - No URL match."),
        (repository, "Invalid hyperlink - Incorrect URL match."),
        (
            "/pulp/api/v3/artifacts/00000000-0000-7000-8000-000000000000/".to_owned(),
            "Invalid hyperlink - Object does not exist.",
        ),
    ];
    for (artifact, message) in cases {
        let answer = server.post(FILES, json!({"artifact": artifact, "relative_path": "x"})).expect(400).json();
        assert_eq!(answer, json!({"artifact": [message]}));
    }
    server.post(FILES, json!({"artifact": 5, "relative_path": "x"})).expect(400);
    server.post(FILES, json!({"artifact": "prn:core.artifact:nonsense", "relative_path": "x"})).expect(400);
}

#[test]
fn units_are_never_changed_or_deleted_by_hand() {
    let server = Server::start();
    let unit = server.upload("a", b"bytes");
    for method in ["DELETE", "PATCH", "PUT"] {
        let answer = server.request(method, &unit).send().expect(405).json();
        assert_eq!(answer, json!({"detail": format!("Method \"{method}\" not allowed.")}));
    }
    let absent = server.get("content/file/files/00000000-0000-7000-8000-000000000000/").expect(404).json();
    assert_eq!(absent, json!({"detail": "No FileContent matches the given query."}));
}

#[test]
fn units_are_found_by_path_version_and_change_between_versions() {
    let server = Server::start();
    let repository = server.repository();
    let units: Vec<_> = ["a", "b", "c", "d"].iter().map(|path| server.upload(path, path.as_bytes())).collect();
    server.modify(&repository, &[&units[0], &units[1]], &[]);
    server.modify(&repository, &[&units[2]], &[&units[0]]);
    server.modify(&repository, &[&units[3]], &[&units[1]]);
    let version = |number: u32| format!("{repository}versions/{number}/");
    let paths = |query: String| {
        let listed =
            server.get(&format!("{FILES}?ordering=relative_path&fields=relative_path&{query}")).expect(200).json();
        let units = listed["results"].as_array().unwrap().iter();
        units.map(|unit| text(unit, "relative_path")).collect::<Vec<_>>().join("")
    };
    assert_eq!(paths(format!("repository_version={}", version(2))), "bc");
    assert_eq!(paths(format!("repository_version={repository}")), "cd");
    assert_eq!(paths(format!("repository_version_added={}", version(3))), "d");
    assert_eq!(paths(format!("repository_version_removed={}", version(3))), "b");
    assert_eq!(paths(format!("added_between={},{}", version(1), version(3))), "cd");
    assert_eq!(paths(format!("removed_between={},{}", version(1), version(3))), "ab");
    assert_eq!(paths(format!("removed_between={},{}", version(3), version(1))), "cd");
    assert_eq!(paths("relative_path=a".into()), "a");
    assert_eq!(paths("relative_path__in=a,d".into()), "ad");
    assert_eq!(paths("orphaned_for=0".into()), "");
    let one = server.get(&format!("{FILES}?added_between={}", version(1))).expect(400).json();
    assert_eq!(one, json!({"added_between": ["Range query expects two values."]}));
}

#[test]
fn uploading_again_restores_a_file_that_the_store_lost() {
    let server = Server::start();
    server.upload("a", b"precious");
    let file = server.stored(b"precious");
    fs::remove_file(&file).unwrap();
    server.upload("a", b"precious");
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}
