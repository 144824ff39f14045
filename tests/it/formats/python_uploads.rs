//! Packages put into an index one by one, as twine and uv do: each can be installed when its request is answered,
//! and many of them are few versions.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::{PASSWORD, text};
use crate::support::random::name;
use crate::support::wheel::{Wheel, listed};
use crate::support::{Answer, Client, Server, raw, sha256};

const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A repository and the distribution that serves it.
pub struct Index {
    pub repository: String,
    pub distribution: String,
    pub base_path: String,
}

impl Index {
    #[track_caller]
    pub fn new(client: &Client) -> Self {
        Self::at(client, &name())
    }

    #[track_caller]
    pub fn at(client: &Client, base_path: &str) -> Self {
        let made = client.post("repositories/python/python/", json!({"name": name()})).expect(201).json();
        let repository = text(&made, "pulp_href");
        let fields = json!({"name": name(), "base_path": base_path, "repository": repository});
        let distribution = client.created(client.post("distributions/python/pypi/", fields));
        Self { repository, distribution, base_path: base_path.to_owned() }
    }

    pub fn path(&self, below: &str) -> String {
        format!("/pypi/{}/{below}", self.base_path)
    }

    pub fn file(&self, filename: &str) -> String {
        format!("/pulp/content/{}/{filename}", self.base_path)
    }

    pub fn send(&self, client: &Client, wheel: &Wheel) -> Answer {
        client.request("POST", &self.path("legacy/")).multipart(wheel.form()).send()
    }

    #[track_caller]
    pub fn page(&self, client: &Client, project: &str) -> Value {
        json_page(client, &self.path(&format!("simple/{project}/"))).expect(200).json()
    }

    /// The number of the newest version.
    #[track_caller]
    pub fn newest(&self, client: &Client) -> i64 {
        let shown = client.get(&self.repository).expect(200).json();
        text(&shown, "latest_version_href").trim_end_matches('/').rsplit('/').next().unwrap().parse().unwrap()
    }

    /// How many packages the newest version has.
    #[track_caller]
    pub fn present(&self, client: &Client) -> i64 {
        let shown = client.get(&self.repository).expect(200).json();
        let version = client.get(&text(&shown, "latest_version_href")).expect(200).json();
        version["content_summary"]["present"]["python.python"]["count"].as_i64().unwrap_or(0)
    }
}

#[track_caller]
pub fn json_page(client: &Client, path: &str) -> Answer {
    client.request("GET", path).header("Accept", SIMPLE_JSON).send()
}

#[test]
fn a_package_can_be_installed_when_its_upload_is_answered() {
    let server = Server::start();
    let index = Index::new(&server);
    let anybody = server.anonymous();
    for version in ["1.0", "1.1", "1.2"] {
        let wheel = Wheel::with("some.Project", version, "Requires-Python: >=3.6\n", "");
        let task = text(&index.send(&server, &wheel).expect(202).json(), "task");
        let page = index.page(&anybody, "some-project");
        let file = listed(&page, &wheel.filename);
        assert_eq!(file["requires-python"], ">=3.6");
        assert_eq!(server.download(&text(file, "url")).expect(200).body, wheel.bytes);
        assert!(anybody.get(&index.path("simple/")).expect(200).text().contains(">some.Project</a>"));
        let task = server.wait_for(&task);
        assert_eq!(task["state"], "completed", "{task:#}");
        let made: Vec<_> = task["created_resources"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(made.iter().any(|made| made.contains("/versions/")), "{made:?}");
        assert!(made.iter().any(|made| made.contains("content/python/packages/")), "{made:?}");
    }
    assert_eq!(index.present(&server), 3);
}

#[test]
fn many_uploads_are_few_versions_and_none_is_lost() {
    const UPLOADS: usize = 200;
    let server = Server::start();
    let index = Index::new(&server);
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= UPLOADS {
                        return;
                    }
                    let wheel = Wheel::new(&format!("project-{}", at % 50), &format!("1.{at}"));
                    index.send(&server, &wheel).expect(202);
                    // At every moment, with whatever else is on its way.
                    let page = index.page(&server, &format!("project-{}", at % 50));
                    listed(&page, &wheel.filename);
                    assert_eq!(server.download(&index.file(&wheel.filename)).expect(200).body, wheel.bytes);
                }
            });
        }
    });
    println!("{UPLOADS} uploads in {:?}", started.elapsed());
    let end = Instant::now() + Duration::from_secs(20);
    while index.present(&server) < UPLOADS as i64 {
        assert!(Instant::now() < end, "only {} are in a version", index.present(&server));
        thread::sleep(Duration::from_millis(50));
    }
    let versions = index.newest(&server);
    assert!((1..20).contains(&versions), "{versions} versions");
    let summary = server.get(&index.path("")).expect(200).json();
    assert_eq!(summary, json!({"projects": 50, "releases": 200, "files": 200}));
}

#[test]
fn a_file_name_is_given_once() {
    let server = Server::start();
    let index = Index::new(&server);
    let (first, other) = (Wheel::new("once", "1.0"), Wheel::with("once", "1.0", "", "another"));
    index.send(&server, &first).expect(202);
    let second = Wheel::new("once", "1.1");
    index.send(&server, &second).expect(202);
    // The first is in a version, the second waits for one.
    for wheel in [&first, &other, &second] {
        let refused = index.send(&server, wheel).expect(400);
        assert!(refused.text().contains(&format!("Package {} already exists in index", wheel.filename)));
    }
    assert_eq!(server.download(&index.file(&first.filename)).expect(200).body, first.bytes);
}

#[test]
fn of_uploads_of_one_file_name_at_the_same_moment_one_wins() {
    let server = Server::start();
    let index = Index::new(&server);
    for round in 0..5 {
        let wheels: Vec<Wheel> =
            (0..6).map(|at| Wheel::with("race", &format!("{round}"), "", &format!("by {at}"))).collect();
        let answers: Vec<u16> = thread::scope(|scope| {
            let senders: Vec<_> =
                wheels.iter().map(|wheel| scope.spawn(|| index.send(&server, wheel).status)).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..6).filter(|at| answers[*at] == 202).collect();
        assert!(answers.iter().all(|status| [202, 400].contains(status)), "{answers:?}");
        assert_eq!(winners.len(), 1, "{answers:?}");
        let winner = &wheels[winners[0]];
        let served = server.download(&index.file(&winner.filename)).expect(200);
        assert_eq!(served.body, winner.bytes);
    }
}

#[test]
fn an_answered_upload_survives_the_end_of_the_process() {
    let mut server = Server::start();
    let index = Index::new(&server);
    let wheels: Vec<Wheel> = (0..6).map(|at| Wheel::new("kept", &format!("1.{at}"))).collect();
    for wheel in &wheels {
        index.send(&server, wheel).expect(202);
    }
    server.kill();
    server.restart();
    let page = index.page(&server, "kept");
    for wheel in &wheels {
        listed(&page, &wheel.filename);
        assert_eq!(server.download(&index.file(&wheel.filename)).expect(200).body, wheel.bytes);
    }
    let end = Instant::now() + Duration::from_secs(20);
    while index.present(&server) < wheels.len() as i64 {
        assert!(Instant::now() < end, "no version has them");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(server.run("check").contains("sound") || server.run("check").contains("0"), "{}", server.run("check"));
}

#[test]
fn what_waits_comes_before_what_is_asked_for_later() {
    let server = Server::start();
    let index = Index::new(&server);
    let (first, second) = (Wheel::new("before", "1"), Wheel::new("before", "2"));
    index.send(&server, &first).expect(202);
    let task = text(&index.send(&server, &second).expect(202).json(), "task");
    let begun = Instant::now();
    let body = json!({"remove_content_units": ["*"]});
    server.completed(server.post(&format!("{}modify/", index.repository), body));
    // The task that waits for more uploads does not hold others up.
    assert!(begun.elapsed() < Duration::from_millis(1400), "{:?}", begun.elapsed());
    assert_eq!(server.wait_for(&task)["state"], "completed");
    assert_eq!((index.newest(&server), index.present(&server)), (3, 0));
    json_page(&server, &index.path("simple/before/")).expect(404);
}

#[test]
fn who_may_not_change_the_repository_may_not_upload() {
    let server = Server::start();
    let index = Index::new(&server);
    let wheel = Wheel::new("mine", "1");
    let refused = index.send(&server.anonymous(), &wheel).expect(401);
    assert_eq!(refused.header("WWW-Authenticate"), Some("Basic realm=\"api\""));
    index.send(&server.user("admin", "wrong"), &wheel).expect(401);
    let (_, guest) = server.new_user();
    index.send(&server.user(&guest, PASSWORD), &wheel).expect(403);
    server.completed(server.patch(&index.distribution, json!({"allow_uploads": false})));
    let refused = index.send(&server, &wheel).expect(403);
    assert!(refused.text().contains("Index is not allowing uploads"));
    let fields = json!({"repository": null, "allow_uploads": true});
    server.completed(server.patch(&index.distribution, fields));
    let refused = index.send(&server, &wheel).expect(400);
    assert!(refused.text().contains("Index is not pointing to a repository"));
    server.request("POST", "/pypi/nowhere/legacy/").multipart(wheel.form()).send().expect(404);
}

#[test]
fn a_form_that_is_wrong_is_told_by_field() {
    let server = Server::start();
    let index = Index::new(&server);
    let wheel = Wheel::new("form", "1.0");
    let send = |form| server.request("POST", &index.path("legacy/")).multipart(form).send();
    let check = |form, field: &str, message: &str| {
        let body = send(form).expect(400).json();
        let told = body[field].to_string();
        assert!(told.contains(message), "{field}: {body}");
    };
    let empty = server.request("POST", &index.path("legacy/")).body("application/x-www-form-urlencoded", "").send();
    let expected = json!({"content": ["No file was submitted."], "sha256_digest": ["This field is required."]});
    assert_eq!(empty.expect(400).json(), expected);
    let file = |form: Multipart, name: &str| form.named_file("content", name, &wheel.bytes);
    let digest = || Multipart::new().field("sha256_digest", &sha256(&wheel.bytes));
    check(file(Multipart::new(), &wheel.filename), "sha256_digest", "This field is required.");
    let other = Multipart::new().field("sha256_digest", &sha256(b"other"));
    check(file(other, &wheel.filename), "sha256_digest", "did not match");
    check(file(digest().field("protocol_version", "2"), &wheel.filename), "protocol_version", "is not a valid choice");
    check(
        file(digest().field("metadata_version", "3.0"), &wheel.filename),
        "metadata_version",
        "is not a valid choice",
    );
    let message = format!("filetype sdist does not match found filetype bdist_wheel for file {}", wheel.filename);
    check(file(digest().field("filetype", "sdist"), &wheel.filename), "filetype", &message);
    check(file(digest().field("name", "other"), &wheel.filename), "name", "other");
    check(file(digest().field("version", "2.0"), &wheel.filename), "version", "2.0");
    check(file(digest().field(":action", "remove"), &wheel.filename), "non_field_errors", "remove");
    for name in ["form-1.0.txt", "../form-1.0-py3-none-any.whl", "form.whl", "", "form-1.0-py3-none-any.whl\u{7f}"] {
        send(file(digest(), name)).expect(400);
    }
    // The metadata inside is of another version than the name says.
    send(file(digest(), "form-2.0-py3-none-any.whl")).expect(400);
    let broken = b"PK\x03\x04 no archive";
    let form = Multipart::new().field("sha256_digest", &sha256(broken));
    send(form.named_file("content", &wheel.filename, broken)).expect(400);
    assert_eq!((index.newest(&server), index.present(&server)), (0, 0));
    json_page(&server, &index.path("simple/form/")).expect(404);
    send(wheel.form().field("attestations", "no json")).expect(400);
    // A field that nobody knows is no trouble, however often it is there.
    let odd = wheel.form().field("classifiers", "a").field("classifiers", "b").field("comment", "ü");
    send(odd).expect(202);
}

#[test]
fn uploads_into_several_indexes_of_one_repository_meet() {
    let server = Server::start();
    let index = Index::new(&server);
    let fields =
        json!({"name": name(), "base_path": format!("{}/deeper/still", name()), "repository": index.repository});
    let second = server.created(server.post("distributions/python/pypi/", fields.clone()));
    let second = Index { distribution: second, base_path: text(&fields, "base_path"), repository: String::new() };
    let mut expected = BTreeSet::new();
    for at in 0..6 {
        let wheel = Wheel::new("meeting", &format!("{at}"));
        [&index, &second][at % 2].send(&server, &wheel).expect(202);
        expected.insert(wheel.filename);
        for index in [&index, &second] {
            let page = index.page(&server, "meeting");
            let found = page["files"].as_array().unwrap().iter().map(|file| text(file, "filename"));
            assert_eq!(found.collect::<BTreeSet<_>>(), expected);
        }
    }
}

/// Some clients show a person nothing but the status line.
#[test]
fn the_status_line_says_why_an_upload_is_refused() {
    let server = Server::start();
    let index = Index::new(&server);
    let path = index.path("legacy/");
    let wheel = Wheel::new("told", "1.0");
    let check = |path: &str, form: Multipart, expected: &str| {
        let line = raw::status_line_of(server.address(), path, form);
        assert!(line.starts_with(&format!("HTTP/1.1 {expected}")), "expected `{expected}`: {line}");
        assert!(line.len() < 220 && line.is_ascii() && !line.contains(char::is_control), "{line}");
    };
    let digest = |bytes: &[u8]| Multipart::new().field("sha256_digest", &sha256(bytes));
    let file = |form: Multipart, name: &str| form.named_file("content", name, &wheel.bytes);
    let broken = b"PK\x03\x04 no archive";
    check(
        &path,
        digest(broken).named_file("content", &wheel.filename, broken),
        "400 `told-1.0-py3-none-any.whl`: the zip archive is",
    );
    let other = "told-2.0-py3-none-any.whl";
    let disagree = format!("400 `{other}`: the folder `told-1.0.dist-info` in the wheel does not fit its file name");
    check(&path, file(digest(&wheel.bytes), other), &disagree);
    check(&path, file(digest(b"other"), &wheel.filename), "400 sha256_digest: The sha256 checksum did not match.");
    check(
        &path,
        file(digest(&wheel.bytes).field("metadata_version", "9"), &wheel.filename),
        "400 metadata_version: \"9\" is not a valid choice.",
    );
    check(&path, file(digest(&wheel.bytes).field("name", "\u{fc}\r\n\tx"), &wheel.filename), "400 name: `? x` is not");
    check(&path, file(digest(&wheel.bytes).field("version", &"9".repeat(5000)), &wheel.filename), "400 version: `999");
    let old = Wheel::new("told", "2004d");
    check(&path, old.form(), "400 version: `2004d` is not a valid version (PEP 440)");
    check("/pypi/nowhere/legacy/", wheel.form(), "404 no distribution has this path");
    check(&index.path("yank/"), Multipart::new().field("name", "a").field("version", "1"), "404 a==1 not found");
    index.send(&server, &wheel).expect(202);
    check(&path, wheel.form(), &format!("400 Package {} already exists in index", wheel.filename));
    server.completed(server.patch(&index.distribution, json!({"allow_uploads": false})));
    check(&path, wheel.form(), "403 Index is not allowing uploads");
}

#[test]
fn a_blocklist_is_read_by_version() {
    let server = Server::start();
    let entries = format!("{}blocklist_entries/", Index::new(&server).repository);
    for entry in [
        json!({"name": "a"}),
        json!({"name": "a", "version": "1.0"}),
        json!({"name": "b", "version": "1.0"}),
        json!({"filename": "c-1.0.tar.gz"}),
    ] {
        server.post(&entries, entry).expect(201);
    }
    for (query, expected) in [
        ("name=a&version__isnull=true", 1),
        ("name=a&version__isnull=false", 1),
        ("name=a", 2),
        ("version__isnull=True", 2),
        ("version=1.0", 2),
        ("version=1.0&name=b", 1),
        ("version=2.0", 0),
    ] {
        let found = server.get(&format!("{entries}?{query}")).expect(200).json();
        assert_eq!(found["count"], expected, "{query}: {found}");
    }
}
