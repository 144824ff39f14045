//! Files that wait for one repository, tried on a repository that publishes by itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, assert_completed, text};
use crate::support::{Reply, Server, Upstream};

/// A repository that publishes by itself, the hrefs of a task that keeps others from it until it is canceled, and of
/// uploads that wait behind that.
fn waiting(server: &Server, files: &[(&str, &str)]) -> (String, String, Vec<String>) {
    let repository = server.repository_with(json!({"autopublish": true}));
    let upstream = Box::leak(Box::new(Upstream::answering(|_, _| Reply::Hang(Duration::from_secs(60)))));
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    let answer = server.post(&format!("{repository}sync/"), json!({"remote": remote})).expect(202);
    let before = text(&answer.json(), "task");
    let upload = |(path, bytes): &(&str, &str)| {
        let form = Multipart::new().field("repository", &repository).field("relative_path", path);
        let form = form.field("pulp_labels", &json!({"of": bytes}).to_string()).file("file", bytes.as_bytes());
        text(&server.request("POST", FILES).multipart(form).send().expect(202).json(), "task")
    };
    let uploads = files.iter().map(upload).collect();
    (repository, before, uploads)
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
