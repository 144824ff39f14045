//! Files that wait for one repository, tried on a repository that publishes by itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::signing_services::unlocked;
use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, PUBLICATIONS, REMOTES, assert_completed, text};
use crate::support::rpm::Rpm;
use crate::support::{Client, Reply, Server, Upstream, random, until};

/// A task that keeps others from a repository until it is canceled.
fn hold(server: &Server, repository: &str, remotes: &str) -> String {
    let upstream = Box::leak(Box::new(Upstream::answering(|_, _| Reply::Hang(Duration::from_secs(60)))));
    let body = json!({"name": random::name(), "url": upstream.url("PULP_MANIFEST"), "policy": "on_demand"});
    let remote = text(&server.post(remotes, body).expect(201).json(), "pulp_href");
    text(&server.post(&format!("{repository}sync/"), json!({"remote": remote})).expect(202).json(), "task")
}

/// The task of an upload.
fn upload(client: &Client, repository: &str, (path, bytes): (&str, &str), fields: &[(&str, &str)]) -> String {
    let form = Multipart::new().field("repository", repository).field("relative_path", path);
    let form = fields.iter().fold(form, |form, (name, value)| form.field(name, value));
    let form = form.file("file", bytes.as_bytes());
    text(&client.request("POST", FILES).multipart(form).send().expect(202).json(), "task")
}

/// A repository that publishes by itself, the hrefs of a task that keeps others from it until it is canceled, and of
/// uploads that wait behind that.
fn waiting(server: &Server, files: &[(&str, &str)]) -> (String, String, Vec<String>) {
    let repository = server.repository_with(json!({"autopublish": true}));
    let before = hold(server, &repository, REMOTES);
    let upload = |(path, bytes): &(&str, &str)| {
        let labels = json!({"of": bytes}).to_string();
        upload(server, &repository, (path, bytes), &[("pulp_labels", &labels)])
    };
    let uploads = files.iter().map(upload).collect();
    (repository, before, uploads)
}

/// The number of the version that each of these made, once they are over.
fn versions(server: &Server, uploads: &[String]) -> Vec<u64> {
    let number = |task: &String| {
        let task = server.wait_for(task);
        assert_completed(&task);
        server.get(&created(&task, "/versions/")).expect(200).json()["number"].as_u64().unwrap()
    };
    uploads.iter().map(number).collect()
}

fn cancel(server: &Server, task: &str) {
    server.patch(task, json!({"state": "canceled"})).expect(200);
}

/// What a task created, by what is in the path.
fn created(task: &Value, part: &str) -> String {
    let mut created = task["created_resources"].as_array().unwrap().iter().map(|href| href.as_str().unwrap());
    created.find(|href| href.contains(part)).unwrap_or_else(|| panic!("no {part} in {task:#}")).to_owned()
}

#[test]
fn uploads_that_wait_for_one_repository_become_one_version() {
    let server = Server::start();
    let files = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
    let (repository, before, uploads) = waiting(&server, &files);
    cancel(&server, &uploads[2]);
    cancel(&server, &before);
    let tasks: Vec<Value> = uploads.iter().map(|task| server.wait_for(task)).collect();
    assert_eq!(tasks[2]["state"], "canceled");
    for (task, (path, bytes)) in tasks.iter().zip(files).filter(|(_, (path, _))| *path != "c") {
        assert_completed(task);
        assert_eq!(created(task, "/versions/"), format!("{repository}versions/1/"));
        assert!(task["started_at"].is_string(), "{task:#}");
        let unit = server.get(&created(task, "/content/")).expect(200).json();
        assert_eq!((&unit["relative_path"], &unit["pulp_labels"]), (&json!(path), &json!({"of": bytes})));
        assert_eq!(task["result"]["relative_path"], path);
        let publication = server.get(&created(task, "/publications/")).expect(200).json();
        assert_eq!(publication["repository_version"], format!("{repository}versions/1/"));
    }
    assert_eq!(server.count("publications/"), 1);
    assert_eq!(server.latest_version(&repository), format!("{repository}versions/1/"));
    assert_eq!(server.units_in(&format!("{repository}versions/1/")), 3);
}

#[test]
fn uploads_of_which_one_pushes_out_another_are_taken_one_by_one() {
    let server = Server::start();
    let (repository, before, uploads) = waiting(&server, &[("a", "1"), ("a", "2"), ("b", "3")]);
    cancel(&server, &before);
    for task in &uploads {
        let task = server.wait_for(task);
        assert_completed(&task);
        // Each was to be seen when its task had ended.
        let unit = created(&task, "/content/");
        let version = created(&task, "/versions/");
        assert_eq!(server.count(&format!("{FILES}?repository_version={version}&pulp_href__in={unit}")), 1);
    }
    let latest = server.latest_version(&repository);
    assert_eq!(server.units_in(&latest), 2);
    let listed = server.get(&format!("{FILES}?repository_version={latest}&relative_path=a")).expect(200).json();
    assert_eq!(listed["results"][0]["pulp_labels"], json!({"of": "2"}), "the later one stays");
}

#[test]
fn an_upload_that_is_refused_does_not_hold_up_the_others() {
    let server = Server::start();
    // A file where another needs a folder.
    let (repository, before, uploads) = waiting(&server, &[("a", "1"), ("a/b", "2"), ("c", "3")]);
    cancel(&server, &before);
    let states: Vec<Value> = uploads.iter().map(|task| server.wait_for(task)["state"].clone()).collect();
    assert_eq!(states, ["completed", "failed", "completed"]);
    assert_eq!(server.units_in(&server.latest_version(&repository)), 2);
}

#[test]
fn those_before_one_that_is_refused_are_taken_together() {
    let server = Server::start();
    let (repository, before, uploads) = waiting(&server, &[("a", "1"), ("b", "2"), ("a/x", "3"), ("c", "4")]);
    cancel(&server, &before);
    assert_eq!(server.wait_for(&uploads[2])["state"], "failed");
    let others = [&uploads[..2], &uploads[3..]].concat();
    assert_eq!(versions(&server, &others), [1, 1, 2]);
    assert_eq!(server.count(PUBLICATIONS), 2);
    assert_eq!(server.units_in(&server.latest_version(&repository)), 3);
}

#[test]
fn uploads_of_different_users_are_published_apart() {
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true}));
    let user = || {
        let name = random::name();
        let body = json!({"username": name, "password": "Yeech6ba-of-tests"});
        let href = text(&server.post("users/", body).expect(201).json(), "pulp_href");
        let role = json!({"role": "file.filerepository_owner", "content_object": repository});
        server.post(&format!("{href}roles/"), role).expect(201);
        server.user(&name, "Yeech6ba-of-tests")
    };
    let (one, other) = (user(), user());
    let before = hold(&server, &repository, REMOTES);
    let lines = [(&one, "a"), (&one, "b"), (&other, "c"), (&other, "d"), (&one, "e")];
    let uploads: Vec<_> = lines.iter().map(|(client, path)| upload(client, &repository, (path, path), &[])).collect();
    cancel(&server, &before);
    assert_eq!(versions(&server, &uploads), [1, 1, 2, 2, 3]);
    // Who uploaded owns what came of it.
    assert_eq!((server.count(PUBLICATIONS), one.count(PUBLICATIONS), other.count(PUBLICATIONS)), (3, 2, 1));
}

#[test]
fn uploads_that_are_to_overwrite_and_those_that_are_not_are_apart() {
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true}));
    let before = hold(&server, &repository, REMOTES);
    let lines = [("a", "true"), ("b", "false"), ("c", "false"), ("d", "true")];
    let upload =
        |(path, overwrite): &(&str, &str)| upload(&server, &repository, (path, path), &[("overwrite", overwrite)]);
    let uploads: Vec<_> = lines.iter().map(upload).collect();
    cancel(&server, &before);
    assert_eq!(versions(&server, &uploads), [1, 2, 2, 3]);
}

#[test]
fn no_more_than_some_are_taken_together() {
    let server = Server::start();
    let paths: Vec<String> = (0..70).map(|at| format!("f{at}")).collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), path.as_str())).collect();
    let (_, before, uploads) = waiting(&server, &files);
    cancel(&server, &before);
    let versions = versions(&server, &uploads);
    assert_eq!((versions[64], versions[65], versions[69]), (1, 2, 2), "{versions:?}");
}

#[test]
fn a_version_that_was_never_published_is_published_with_the_next_upload_of_its_units() {
    let server = Server::start();
    let (repository, before, uploads) = waiting(&server, &[("a", "1"), ("b", "2")]);
    cancel(&server, &before);
    assert_eq!(versions(&server, &uploads), [1, 1]);
    // As a crash between the version and its publication leaves it.
    let publication = created(&server.wait_for(&uploads[0]), "/publications/");
    server.delete(&publication).expect(204);
    let before = hold(&server, &repository, REMOTES);
    let again = [("a", "1"), ("b", "2")].map(|file| upload(&server, &repository, file, &[]));
    cancel(&server, &before);
    for task in again {
        assert_completed(&server.wait_for(&task));
    }
    let published = server.get(PUBLICATIONS).expect(200).json();
    assert_eq!(published["count"], 1, "{published:#}");
    assert_eq!(published["results"][0]["repository_version"], format!("{repository}versions/1/"));
}

#[test]
fn packages_that_wait_for_one_repository_become_one_version() {
    let server = Server::start();
    let body = json!({"name": "r", "autopublish": true});
    let repository = text(&server.post("repositories/rpm/rpm/", body).expect(201).json(), "pulp_href");
    let before = hold(&server, &repository, "remotes/rpm/rpm/");
    let upload = |name: &str| {
        let form = Multipart::new().field("repository", &repository);
        let form = form.named_file("file", "any.rpm", &Rpm::new(name, "1").bytes());
        let answer = server.request("POST", "content/rpm/packages/").multipart(form).send();
        text(&answer.expect(202).json(), "task")
    };
    let uploads = ["bear", "cat", "dog"].map(upload);
    cancel(&server, &before);
    assert_eq!(versions(&server, &uploads), [1; 3]);
    let published = server.get("publications/rpm/rpm/").expect(200).json();
    assert_eq!(published["count"], 1, "{published:#}");
    for task in &uploads {
        assert_eq!(json!(created(&server.wait_for(task), "/publications/")), published["results"][0]["pulp_href"]);
    }
    let version = server.get(&format!("{repository}versions/1/")).expect(200).json();
    assert_eq!(version["content_summary"]["added"]["rpm.package"]["count"], 3);
}

const PACKAGES: &str = "content/rpm/packages/";

/// A repository of packages that signs and publishes by itself, and a task that keeps others from it.
fn signing(server: &Server) -> (String, String) {
    let body = json!({"autopublish": true, "package_signing_service": unlocked(server)});
    let repository = server.made("repositories/rpm/rpm/", body);
    let before = hold(server, &repository, "remotes/rpm/rpm/");
    (repository, before)
}

/// The task of an upload of a package in one part.
fn upload_package(server: &Server, repository: &str, bytes: &[u8]) -> String {
    let form = Multipart::new().field("repository", repository).named_file("file", "any.rpm", bytes);
    text(&server.request("POST", PACKAGES).multipart(form).send().expect(202).json(), "task")
}

/// The same in chunks, of which all have come.
fn upload_package_in_chunks(server: &Server, repository: &str, bytes: &[u8]) -> String {
    let upload = text(&server.post("uploads/", json!({"size": bytes.len()})).expect(201).json(), "pulp_href");
    let form = Multipart::new().named_file("file", "chunk", bytes);
    let range = format!("bytes 0-{}/*", bytes.len() - 1);
    server.request("PUT", &upload).header("Content-Range", &range).multipart(form).send().expect(200);
    text(&server.post(PACKAGES, json!({"upload": upload, "repository": repository})).expect(202).json(), "task")
}

#[test]
fn packages_that_are_signed_become_one_version_whichever_way_they_come() {
    let server = Server::start();
    let (repository, before) = signing(&server);
    let bytes = |name: &str| Rpm::new(name, "1").bytes();
    let uploads: Vec<_> = ["ant", "bear", "cat", "dog", "eel", "fox"]
        .iter()
        .enumerate()
        .map(|(at, name)| match at % 3 {
            1 => upload_package_in_chunks(&server, &repository, &bytes(name)),
            _ => upload_package(&server, &repository, &bytes(name)),
        })
        .collect();
    cancel(&server, &uploads[3]);
    cancel(&server, &before);
    let rest = [&uploads[..3], &uploads[4..]].concat();
    assert_eq!(versions(&server, &rest), [1; 5]);
    assert_eq!(server.wait_for(&uploads[3])["state"], "canceled");
    let published = server.get("publications/rpm/rpm/").expect(200).json();
    assert_eq!(published["count"], 1, "{published:#}");
    for task in &rest {
        let task = server.wait_for(task);
        let unit = server.get(&created(&task, "/packages/")).expect(200).json();
        assert_eq!(unit["signing_keys"].as_array().unwrap().len(), 1, "{unit:#}");
        assert_eq!(json!(created(&task, "/publications/")), published["results"][0]["pulp_href"]);
    }
    // That of the canceled one waits for the clean-up of uploads.
    assert_eq!(server.count("uploads/"), 1);
}

#[test]
fn one_that_cannot_be_signed_fails_alone_and_is_signed_no_second_time() {
    let server = Server::start();
    let (repository, before) = signing(&server);
    let one = upload_package(&server, &repository, &Rpm::new("ant", "1").bytes());
    // No package, which only the task finds out; and what pushes out the first, so that it needs a version of its own.
    let broken = upload_package_in_chunks(&server, &repository, b"no package");
    let again = upload_package(&server, &repository, &Rpm::new("ant", "1").built(5).bytes());
    let last = upload_package(&server, &repository, &Rpm::new("bear", "1").bytes());
    cancel(&server, &before);
    let failed = server.wait_for(&broken);
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(versions(&server, &[one, again, last]), [1, 2, 2]);
    let latest = server.latest_version(&repository);
    assert_eq!(server.count(&format!("{PACKAGES}?repository_version={latest}")), 2);
}

#[test]
fn those_that_are_not_taken_along_go_on_with_what_was_signed() {
    let server = Server::start();
    let (repository, before) = signing(&server);
    // Each pushes out the one before it.
    let uploads = [1, 2, 3].map(|at| upload_package(&server, &repository, &Rpm::new("ant", "1").built(at).bytes()));
    cancel(&server, &before);
    assert_eq!(versions(&server, &uploads), [1, 2, 3]);
    assert_eq!((server.count(PACKAGES), server.count("uploads/")), (3, 0));
    let latest = server.latest_version(&repository);
    assert_eq!(server.count(&format!("{PACKAGES}?repository_version={latest}")), 1);
}

#[test]
fn a_kill_while_uploads_are_signed_together_loses_none_that_wait() {
    let mut server = Server::start();
    let (repository, before) = signing(&server);
    let uploads: Vec<_> =
        (0..12).map(|at| upload_package(&server, &repository, &Rpm::new(&format!("p{at}"), "1").bytes())).collect();
    cancel(&server, &before);
    until("the first runs", || (server.get(&uploads[0]).expect(200).json()["state"] != "waiting").then_some(()));
    server.kill();
    server.restart();
    let tasks: Vec<Value> = uploads.iter().map(|task| server.wait_for(task)).collect();
    // The one that ran may have been cut short.
    tasks[1..].iter().for_each(assert_completed);
    let latest = server.latest_version(&repository);
    let completed = tasks.iter().filter(|task| task["state"] == "completed").count() as u64;
    let here = server.count(&format!("{PACKAGES}?repository_version={latest}"));
    assert!(here == completed || here == completed + 1, "{here} of {completed}");
    let published = server.get("publications/rpm/rpm/?ordering=-pulp_created").expect(200).json();
    assert_eq!(published["results"][0]["repository_version"], json!(latest));
}
