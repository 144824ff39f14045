//! The steps most tests take: make a repository, upload, sync, publish, distribute, wait.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::{Answer, Client};
use super::multipart::Multipart;
use super::random;

pub const REPOSITORIES: &str = "repositories/file/file/";
pub const REMOTES: &str = "remotes/file/file/";
pub const PUBLICATIONS: &str = "publications/file/file/";
pub const DISTRIBUTIONS: &str = "distributions/file/file/";
pub const FILES: &str = "content/file/files/";

/// That of every [`Client::new_user`].
pub const PASSWORD: &str = "Yeech6ba-of-tests";

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The text at this key of an object.
#[track_caller]
pub fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_else(|| panic!("no text `{key}` in {object}")).to_owned()
}

/// Fails the test, showing the task, unless it completed.
#[track_caller]
pub fn assert_completed(task: &Value) {
    assert_eq!(task["state"], "completed", "{task:#}");
}

impl Client {
    /// The task that a 202 names, once it is over.
    #[track_caller]
    pub fn finished(&self, answer: Answer) -> Value {
        let task = text(&answer.expect(202).json(), "task");
        self.wait_for(&task)
    }

    /// As [`Self::finished`], but the task must have completed.
    #[track_caller]
    pub fn completed(&self, answer: Answer) -> Value {
        let task = self.finished(answer);
        assert_completed(&task);
        task
    }

    #[track_caller]
    pub fn wait_for(&self, task: &str) -> Value {
        let over = ["completed", "failed", "canceled", "skipped"];
        self.shown_once(task, |task| over.iter().any(|state| task["state"] == *state))
    }

    /// The group of tasks that a 202 names, once all of them are over.
    #[track_caller]
    pub fn wait_for_group(&self, answer: Answer) -> Value {
        let group = text(&answer.expect(202).json(), "task_group");
        let unfinished = ["waiting", "running", "canceling"];
        self.shown_once(&group, |group| {
            group["all_tasks_dispatched"] == true && unfinished.iter().all(|state| group[state] == 0)
        })
    }

    /// An object as it is shown once it is over.
    #[track_caller]
    fn shown_once(&self, href: &str, is_over: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.get(href).expect(200).json();
            if is_over(&found) {
                return found;
            }
            assert!(Instant::now() < end, "not over after a minute: {found:#}");
            sleep(Duration::from_millis(10));
        }
    }

    /// The href of what a task made, of which there must be one.
    #[track_caller]
    pub fn created(&self, answer: Answer) -> String {
        let task = self.completed(answer);
        let created = task["created_resources"].as_array().unwrap();
        assert_eq!(created.len(), 1, "{task:#}");
        created[0].as_str().unwrap().to_owned()
    }

    /// The href of a new object of this list, with these fields beside a name.
    #[track_caller]
    pub fn made(&self, list: &str, fields: Value) -> String {
        text(&self.post(list, with_name(fields)).expect(201).json(), "pulp_href")
    }

    /// The href and the name of a new user, who may do nothing yet.
    #[track_caller]
    pub fn new_user(&self) -> (String, String) {
        let name = random::name();
        let made = self.post("users/", json!({"username": name, "password": PASSWORD})).expect(201).json();
        (text(&made, "pulp_href"), name)
    }

    #[track_caller]
    pub fn repository(&self) -> String {
        self.repository_with(json!({}))
    }

    /// With these fields beside a name.
    #[track_caller]
    pub fn repository_with(&self, fields: Value) -> String {
        self.made(REPOSITORIES, fields)
    }

    #[track_caller]
    pub fn remote(&self, url: &str, mut fields: Value) -> String {
        fields["url"] = json!(url);
        self.made(REMOTES, fields)
    }

    /// A content unit, uploaded at once; one without bytes by way of an artifact, since forms have no empty files.
    #[track_caller]
    pub fn upload(&self, path: &str, bytes: &[u8]) -> String {
        let form = Multipart::new().field("relative_path", path);
        let form = match bytes.is_empty() {
            true => form.field("artifact", &self.empty_artifact()),
            false => form.file("file", bytes),
        };
        let answer = self.request("POST", "content/file/files/upload/").multipart(form).send();
        text(&answer.expect(201).json(), "pulp_href")
    }

    #[track_caller]
    pub fn artifact(&self, bytes: &[u8]) -> String {
        let form = Multipart::new().file("file", bytes);
        let answer = self.request("POST", "artifacts/").multipart(form).send();
        text(&answer.expect(201).json(), "pulp_href")
    }

    /// The artifact without bytes, made when it is not there.
    #[track_caller]
    fn empty_artifact(&self) -> String {
        let known = self.get(&format!("artifacts/?sha256={}", sha256(b""))).expect(200).json();
        known["results"][0]["pulp_href"].as_str().map_or_else(|| self.artifact(b""), str::to_owned)
    }

    /// Adds and removes units; the finished task.
    #[track_caller]
    pub fn modify(&self, repository: &str, add: &[&str], remove: &[&str]) -> Value {
        let body = json!({"add_content_units": add, "remove_content_units": remove});
        self.completed(self.post(&format!("{repository}modify/"), body))
    }

    /// Uploads files and adds them.
    #[track_caller]
    pub fn modify_many(&self, repository: &str, files: &[(&str, &[u8])]) -> Value {
        let units: Vec<_> = files.iter().map(|(path, bytes)| self.upload(path, bytes)).collect();
        self.modify(repository, &units.iter().map(String::as_str).collect::<Vec<_>>(), &[])
    }

    #[track_caller]
    pub fn sync(&self, repository: &str, remote: &str) -> Value {
        self.finished(self.post(&format!("{repository}sync/"), json!({"remote": remote})))
    }

    #[track_caller]
    pub fn publish(&self, repository: &str) -> String {
        self.created(self.post(PUBLICATIONS, json!({"repository": repository})))
    }

    /// The address below which a new distribution with these fields serves.
    #[track_caller]
    pub fn distribute(&self, fields: Value) -> String {
        self.distribute_in(DISTRIBUTIONS, fields)
    }

    /// The same for one of this list.
    #[track_caller]
    pub fn distribute_in(&self, list: &str, fields: Value) -> String {
        let mut body = with_name(fields);
        body["base_path"] = body["name"].clone();
        let href = self.created(self.post(list, body));
        text(&self.get(&href).expect(200).json(), "base_url")
    }

    #[track_caller]
    pub fn latest_version(&self, repository: &str) -> String {
        text(&self.get(repository).expect(200).json(), "latest_version_href")
    }

    /// How many units a version has, by the list and by its summary, which must agree.
    #[track_caller]
    pub fn units_in(&self, version: &str) -> u64 {
        let listed = self.get(&format!("{FILES}?repository_version={version}&limit=1")).expect(200).json();
        let summary = &self.get(version).expect(200).json()["content_summary"]["present"]["file.file"]["count"];
        assert_eq!(listed["count"].as_u64(), Some(summary.as_u64().unwrap_or(0)), "{version}");
        listed["count"].as_u64().unwrap()
    }

    #[track_caller]
    pub fn count(&self, list: &str) -> u64 {
        self.get(list).expect(200).json()["count"].as_u64().unwrap()
    }
}

fn with_name(mut fields: Value) -> Value {
    if fields["name"].is_null() {
        fields["name"] = json!(random::name());
    }
    fields
}
