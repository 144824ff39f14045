//! Large files that a repository has pointers to (Git LFS).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Reader, expected};
use crate::support::git::{Project, backend};
use crate::support::{Reply, Upstream, sha256};

fn pointer(bytes: &[u8]) -> Vec<u8> {
    let oid = sha256(bytes);
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n", bytes.len()).into_bytes()
}

type Places = Arc<Mutex<HashMap<String, Value>>>;

/// A server of the project, and of large files: what it says about each, and the bytes of all.
fn serve(project: &Project, files: &[&'static [u8]]) -> (Upstream, Places) {
    let places = Places::default();
    let (said, root) = (places.clone(), project.path().parent().unwrap().to_owned());
    let bytes: HashMap<_, _> = files.iter().map(|bytes| (sha256(bytes), bytes.to_vec())).collect();
    let upstream = Upstream::answering(move |asked, _| {
        if asked.path == "/project.git/info/lfs/objects/batch" {
            let question: Value = serde_json::from_slice(&asked.body).unwrap();
            assert_eq!(asked.headers["accept"], "application/vnd.git-lfs+json");
            assert_eq!(asked.headers["content-type"], "application/vnd.git-lfs+json");
            assert_eq!(question["operation"], "download");
            let said = said.lock().unwrap();
            let answer = |object: &Value| said.get(object["oid"].as_str().unwrap()).cloned().unwrap_or(object.clone());
            let objects: Vec<_> = question["objects"].as_array().unwrap().iter().map(answer).collect();
            return Reply::Bytes(json!({"objects": objects}).to_string().into_bytes());
        }
        match asked.path.strip_prefix("/large/") {
            Some(oid) => bytes.get(oid).map_or(Reply::Status(404), |bytes| Reply::Bytes(bytes.clone())),
            None => backend(&root, asked),
        }
    });
    for bytes in files {
        say(&upstream, &places, bytes, json!({}));
    }
    (upstream, places)
}

fn say(upstream: &Upstream, places: &Places, bytes: &[u8], header: Value) {
    let oid = sha256(bytes);
    let href = upstream.url(&format!("large/{oid}"));
    let said = json!({"oid": oid, "size": bytes.len(), "actions": {"download": {"href": href, "header": header}}});
    places.lock().unwrap().insert(oid, said);
}

const LARGE: [&[u8]; 2] = [b"the first large file", b"the second large file"];

fn project() -> Project {
    let (first, second) = (pointer(LARGE[0]), pointer(LARGE[1]));
    Project::with(&[("a.bin", &first), ("b.bin", &second), ("again/a.bin", &first), ("text", b"text")])
}

const FILES: [(&str, &[u8]); 4] =
    [("a.bin", LARGE[0]), ("b.bin", LARGE[1]), ("again/a.bin", LARGE[0]), ("text", b"text")];

#[test]
fn pointers_become_the_files_they_point_to() {
    let project = project();
    let (upstream, places) = serve(&project, &LARGE);
    say(&upstream, &places, LARGE[1], json!({"Authorization": "RemoteAuth x", "Host": "elsewhere", "X-Ticket": "7"}));
    let reader = Reader::with(&upstream.url("project"), json!({"username": "me", "password": "secret"}));
    reader.synced();
    assert_eq!(reader.files(), expected(&FILES));
    let asked = upstream.take_asked();
    let header = |bytes: &[u8], name: &str| {
        let path = format!("/large/{}", sha256(bytes));
        let found: Vec<_> = asked.iter().filter(|asked| asked.path == path).collect();
        assert_eq!(found.len(), 1, "each is fetched once");
        found[0].headers.get(name).cloned()
    };
    assert_eq!(header(LARGE[0], "authorization").unwrap(), "Basic bWU6c2VjcmV0");
    assert_eq!(header(LARGE[1], "authorization").unwrap(), "RemoteAuth x");
    assert_eq!(header(LARGE[1], "x-ticket").unwrap(), "7");
    assert_ne!(header(LARGE[1], "host").unwrap(), "elsewhere");
    // What is here is not asked for again.
    project.commit(&[("new", b"new")]);
    reader.synced();
    assert!(upstream.take_asked().iter().all(|asked| !asked.path.contains("lfs") && !asked.path.contains("large")));
    assert_eq!(reader.files().len(), 5);
}

#[test]
fn tickets_of_large_files_stay_with_their_server() {
    let project = project();
    let (upstream, places) = serve(&project, &LARGE);
    let store = Upstream::answering(|asked, _| match asked.path.as_str() {
        path if path.ends_with(&sha256(LARGE[0])) => Reply::Bytes(LARGE[0].to_vec()),
        _ => Reply::Bytes(LARGE[1].to_vec()),
    });
    let target = store.url("");
    let redirecting = Upstream::answering(move |asked, _| Reply::Redirect(format!("{target}{}", &asked.path[1..])));
    LARGE.iter().for_each(|bytes| say(&redirecting, &places, bytes, json!({"X-Ticket": "7"})));
    let reader = Reader::with(&upstream.url("project"), json!({"username": "me", "password": "secret"}));
    reader.synced();
    assert_eq!(reader.files(), expected(&FILES));
    assert!(redirecting.asked().iter().all(|asked| asked.headers["x-ticket"] == "7"));
    let told = [redirecting.asked(), store.asked()].concat();
    assert!(told.iter().all(|asked| !asked.headers.contains_key("authorization")));
    assert!(store.asked().iter().all(|asked| !asked.headers.contains_key("x-ticket")));
}

#[test]
fn a_large_file_that_cannot_be_had_fails_the_synchronization() {
    let project = project();
    let (upstream, places) = serve(&project, &LARGE[..1]);
    let reader = Reader::with(&upstream.url("project"), json!({"max_retries": 0}));
    let oid = sha256(LARGE[1]);
    let with = |download: Value| json!({"oid": oid, "size": 21, "actions": {"download": download}});
    for (said, words) in [
        (json!({"oid": oid}), "does not tell where it is"),
        (json!({"oid": "another"}), "does not tell where"),
        (json!({"oid": oid, "error": {"code": 404, "message": "no such object"}}), "no such object"),
        (with(json!({"href": "file:///etc/hostname"})), "is not an http(s) address"),
        (with(json!({"href": upstream.url("large/absent")})), "404"),
        // The bytes of another file.
        (with(json!({"href": upstream.url(&format!("large/{}", sha256(LARGE[0])))})), "wrong size"),
        (with(json!({"href": upstream.url("large/x"), "header": {"a b": "c"}})), "not a valid header"),
    ] {
        places.lock().unwrap().insert(oid.clone(), said);
        let failure = reader.failure();
        assert!(failure.contains(words), "{failure}");
    }
}

#[test]
fn a_folder_of_this_host_has_its_large_files_beside_it() {
    let project = project();
    let reader = Reader::of(&format!("file://{}", project.path().display()));
    assert!(reader.failure().contains("lfs/objects"));
    for bytes in LARGE {
        let oid = sha256(bytes);
        project.write(&format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4]), bytes);
    }
    reader.synced();
    assert_eq!(reader.files(), expected(&FILES));
}
