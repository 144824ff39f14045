//! Python repositories synchronized from indexes: what is asked for, what is taken, what survives a bad upstream.

mod hostile;
mod pull;
mod taken;

use serde_json::{Value, json};

use crate::formats::python_uploads::Index;
use crate::support::multipart::Multipart;
use crate::support::package_index::{IndexFile, PackageIndex, Project, Style};
use crate::support::pulp::text;
use crate::support::wheel::Wheel;
use crate::support::{Reply, Server, assert_completed, random, sha256};

const REPOSITORIES: &str = "repositories/python/python/";
const REMOTES: &str = "remotes/python/python/";
const PACKAGES: &str = "content/python/packages/";

/// A server with a repository and a remote of an index.
struct Mirror {
    server: Server,
    repository: String,
    remote: String,
}

impl Mirror {
    fn of(index: &PackageIndex, fields: Value) -> Self {
        let server = Server::start();
        let repository =
            text(&server.post(REPOSITORIES, json!({"name": random::name()})).expect(201).json(), "pulp_href");
        let remote = python_remote(&server, index, fields);
        Self { server, repository, remote }
    }

    fn sync(&self, mirror: bool) -> Value {
        let body = json!({"remote": self.remote, "mirror": mirror});
        self.server.finished(self.server.post(&format!("{}sync/", self.repository), body))
    }

    /// As a mirror; the task must have completed.
    fn mirrored(&self) -> Value {
        let task = self.sync(true);
        assert_completed(&task);
        task
    }

    /// The packages of the newest version, by their file names.
    fn packages(&self) -> Vec<Value> {
        let version = self.server.latest_version(&self.repository);
        let list = self.server.get(&format!("{PACKAGES}?repository_version={version}&limit=1000")).expect(200).json();
        let mut packages = list["results"].as_array().unwrap().clone();
        packages.sort_by_key(|package| package["filename"].as_str().unwrap().to_owned());
        packages
    }

    fn filenames(&self) -> Vec<String> {
        self.packages().iter().map(|package| text(package, "filename")).collect()
    }

    /// How many units of a type the newest version has.
    fn count(&self, content_type: &str) -> u64 {
        let version = self.server.get(&self.server.latest_version(&self.repository)).expect(200).json();
        version["content_summary"]["present"][content_type]["count"].as_u64().unwrap_or(0)
    }

    fn distribute(&self, fields: Value) -> String {
        let mut body = fields;
        let name = random::name();
        (body["name"], body["base_path"]) = (json!(name), json!(name));
        self.server.created(self.server.post("distributions/python/pypi/", body));
        format!("/pulp/content/{name}/")
    }
}

fn python_remote(server: &Server, index: &PackageIndex, fields: Value) -> String {
    let mut body = json!({"name": random::name(), "url": index.url(), "policy": "on_demand", "max_retries": 0});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    text(&server.post(REMOTES, body).expect(201).json(), "pulp_href")
}

fn report(task: &Value, code: &str) -> Option<u64> {
    let reports = task["progress_reports"].as_array().unwrap();
    reports.iter().find(|report| report["code"] == code).map(|report| report["done"].as_u64().unwrap())
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("project-{number:02}")).collect()
}

fn of_names(style: Style, names: &[String]) -> PackageIndex {
    PackageIndex::of(style, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn by_serials_an_unchanged_index_costs_one_request_and_each_change_one_more() {
    let names = names(30);
    let index = of_names(Style::Serials, &names);
    let mirror = Mirror::of(&index, json!({}));
    let task = mirror.mirrored();
    assert_eq!(report(&task, "sync.fetching.project"), Some(30));
    assert_eq!(mirror.count("python.python"), 30);
    index.asked();

    let task = mirror.mirrored();
    assert_eq!((index.asked(), &task["created_resources"]), (vec!["/simple/".to_owned()], &json!([])));
    assert_eq!(report(&task, "sync.was_skipped"), Some(0));

    index.release(&names[3], "2.0");
    index.release("project-99", "1.0");
    {
        let mut state = index.state();
        state.projects.remove(&names[5]);
        // Backwards: somebody restored a backup.
        let project = state.projects.get_mut(&names[7]).unwrap();
        project.serial -= 50;
        project.files = vec![IndexFile::of(Wheel::new(&names[7], "0.9"))];
    }
    mirror.mirrored();
    assert_eq!(index.asked(), ["/simple/", "/simple/project-03/", "/simple/project-07/", "/simple/project-99/"]);
    assert_eq!(mirror.count("python.python"), 31);
    let filenames = mirror.filenames();
    assert!(filenames.contains(&"project_03-2.0-py3-none-any.whl".to_owned()), "{filenames:?}");
    assert!(filenames.contains(&"project_07-0.9-py3-none-any.whl".to_owned()), "{filenames:?}");
    assert!(!filenames.iter().any(|name| name.starts_with("project_05-") || name == "project_07-1.0-py3-none-any.whl"));
}

#[test]
fn without_serials_each_project_is_asked_for_whether_it_changed() {
    for style in [Style::Json, Style::Bare] {
        let index = PackageIndex::of(style, &["a", "b", "c"]);
        let mirror = Mirror::of(&index, json!({}));
        mirror.mirrored();
        assert_eq!(mirror.count("python.python"), 3);
        index.asked();
        let task = mirror.mirrored();
        assert_eq!(task["created_resources"], json!([]), "{style:?}");
        let asked = index.asked();
        assert_eq!(asked, ["/simple/", "/simple/a/", "/simple/b/", "/simple/c/"], "{style:?}");
        index.release("b", "2.0");
        index.state().projects.remove("c");
        mirror.mirrored();
        let expected = ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl", "b-2.0-py3-none-any.whl"];
        assert_eq!(mirror.filenames(), expected, "{style:?}");
    }
}

#[test]
fn named_projects_are_asked_for_without_the_list() {
    let index = PackageIndex::of(Style::Serials, &["a", "b", "c"]);
    let mirror = Mirror::of(&index, json!({"includes": ["A", "c", "not-there"]}));
    mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl", "c-1.0-py3-none-any.whl"]);
    assert!(!index.asked().contains(&"/simple/".to_owned()));
    index.state().projects.remove("c");
    assert_completed(&mirror.sync(false));
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl", "c-1.0-py3-none-any.whl"], "additive");
    mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl"]);
}

#[test]
fn other_settings_mean_another_look() {
    let index = PackageIndex::of(Style::Serials, &["a", "b"]);
    index.release("a", "2.0rc1");
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"]);
    mirror.server.completed(mirror.server.patch(&mirror.remote, json!({"prereleases": true, "excludes": ["b"]})));
    mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl", "a-2.0rc1-py3-none-any.whl"]);
    index.asked();
    // Files are fetched when the policy says so.
    mirror.server.completed(mirror.server.patch(&mirror.remote, json!({"policy": "immediate"})));
    let task = mirror.mirrored();
    assert_eq!(report(&task, "sync.downloading.artifacts"), Some(2));
    assert_eq!(task["created_resources"], json!([]));
}

#[test]
fn what_a_client_took_out_comes_back() {
    let index = PackageIndex::of(Style::Serials, &["a", "b", "c"]);
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    let victim = text(&mirror.packages()[1], "pulp_href");
    mirror.server.modify(&mirror.repository, &[], &[&victim]);
    assert_eq!(mirror.count("python.python"), 2);
    index.asked();
    mirror.mirrored();
    assert_eq!(index.asked(), ["/simple/", "/simple/b/"]);
    assert_eq!(mirror.count("python.python"), 3);
}

#[test]
fn a_file_that_fails_is_reported_and_tried_again() {
    let index = PackageIndex::of(Style::Serials, &["a", "b", "c"]);
    index.release("a", "2.0");
    {
        let mut state = index.state();
        state.answers.insert("/files/a-2.0-py3-none-any.whl".into(), Reply::Status(404));
        state.answers.insert("/files/b-1.0-py3-none-any.whl".into(), Reply::Bytes(b"wrong".to_vec()));
    }
    let mirror = Mirror::of(&index, json!({"policy": "immediate"}));
    let task = mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl", "c-1.0-py3-none-any.whl"]);
    assert_eq!(task["result"]["failures"], 2, "{task:#}");
    let failed = task["result"]["failed"].as_array().unwrap();
    let reason = |name: &str| {
        let one = failed.iter().find(|one| one["file"].as_str().unwrap().ends_with(name)).unwrap();
        text(one, "reason")
    };
    assert!(reason("/a-2.0-py3-none-any.whl").contains("404"), "{failed:?}");
    assert!(reason("/b-1.0-py3-none-any.whl").contains("PLP0004"), "{failed:?}");
    assert_eq!(report(&task, "sync.failed.files"), Some(2));

    index.asked();
    index.state().answers.clear();
    let task = mirror.mirrored();
    assert_eq!(task["result"]["failures"], Value::Null);
    assert_eq!(
        index.asked(),
        ["/files/a-2.0-py3-none-any.whl", "/files/b-1.0-py3-none-any.whl", "/simple/", "/simple/a/", "/simple/b/"]
    );
    assert_eq!(mirror.count("python.python"), 4);
    mirror.mirrored();
    assert_eq!(index.asked(), ["/simple/"]);
}

#[test]
fn a_project_without_a_page_is_gone() {
    let index = PackageIndex::of(Style::Serials, &["a", "b"]);
    let mirror = Mirror::of(&index, json!({}));
    mirror.mirrored();
    {
        let mut state = index.state();
        state.projects.get_mut("b").unwrap().serial += 1;
        state.answers.insert("/simple/b/".into(), Reply::Status(404));
    }
    mirror.mirrored();
    assert_eq!(mirror.filenames(), ["a-1.0-py3-none-any.whl"]);
    index.asked();
    mirror.mirrored();
    assert_eq!(index.asked(), ["/simple/"], "it is not asked for again and again");
}

#[test]
fn an_index_none_of_whose_projects_can_be_read_fails() {
    let index = PackageIndex::of(Style::Serials, &["a", "b", "c"]);
    {
        let mut state = index.state();
        for name in ["a", "b", "c"] {
            state.answers.insert(format!("/simple/{name}/"), Reply::Status(500));
        }
    }
    let mirror = Mirror::of(&index, json!({}));
    let task = mirror.sync(true);
    assert_eq!(task["state"], "failed", "{task:#}");
    let told = text(&task["error"], "description");
    assert!(told.contains("3 of 3 projects could not be read; the first reason:") && told.contains("500"), "{told}");
    assert_eq!(mirror.count("python.python"), 0);

    // One that can be read is enough, and so is one that is as it was.
    index.state().answers.remove("/simple/a/");
    assert_eq!(mirror.mirrored()["result"]["failures"], 2);
    let task = mirror.mirrored();
    assert_eq!(task["result"]["failures"], 2, "{task:#}");
    index.state().answers.clear();
    mirror.mirrored();
    assert_eq!(mirror.count("python.python"), 3);

    // Named projects are asked for each time.
    let named = Mirror::of(&index, json!({"includes": ["a", "b"]}));
    named.mirrored();
    for name in ["a", "b"] {
        index.state().answers.insert(format!("/simple/{name}/"), Reply::Status(503));
    }
    assert_eq!(named.sync(true)["state"], "failed");
    assert_eq!(named.count("python.python"), 2, "what was there stays");
}

#[test]
fn versions_of_old_are_mirrored_but_not_uploaded() {
    let index = PackageIndex::new(Style::Json);
    let wheel = Wheel::new("old", "2004d");
    let form = wheel.form();
    let bytes = wheel.bytes.clone();
    index.add("old", IndexFile::of(wheel));
    let mirror = Mirror::of(&index, json!({"policy": "immediate"}));
    mirror.mirrored();
    assert_eq!(mirror.packages()[0]["version"], "2004d");
    let task = mirror.server.post(&format!("{}repair_metadata/", mirror.repository), json!({}));
    assert_eq!(report(&mirror.server.completed(task), "repair.metadata.failed"), Some(0));
    let server = Server::start();
    let uploads = Index::new(&server);
    let refused = server.request("POST", &uploads.path("legacy/")).multipart(form).send().expect(400);
    assert!(refused.json()["version"][0].as_str().unwrap().contains("`2004d` is not a valid version"));
    let form = Multipart::new().named_file("file", "old-2004d-py3-none-any.whl", &bytes);
    let form = form.field("relative_path", "old-2004d-py3-none-any.whl");
    let task = server.finished(server.request("POST", PACKAGES).multipart(form).send());
    assert_eq!(task["state"], "failed");
    assert!(task["error"].to_string().contains("version: `2004d` is not a valid version"), "{task:#}");
    let form = Multipart::new().named_file("file", "old-2004d-py3-none-any.whl", &bytes);
    let refused = server.request("POST", &format!("{PACKAGES}upload/")).multipart(form).send().expect(400);
    assert!(refused.json()["version"].is_array(), "{}", refused.text());
}

#[test]
fn metadata_read_again_is_reported() {
    let index = PackageIndex::new(Style::Json);
    index.add("a", IndexFile::of(Wheel::with("a", "1.0", "Summary: from the file\n", "")));
    index.add("a", IndexFile { bytes: b"no archive".to_vec(), ..IndexFile::of(Wheel::new("a", "2.0")) });
    let mirror = Mirror::of(&index, json!({"policy": "immediate"}));
    mirror.mirrored();
    let work =
        || mirror.server.completed(mirror.server.post(&format!("{}repair_metadata/", mirror.repository), json!({})));
    let task = work();
    assert_eq!(task["result"], Value::Null, "{task:#}");
    let counts =
        |task: &Value| ["packages", "repaired", "failed"].map(|of| report(task, &format!("repair.metadata.{of}")));
    assert_eq!(counts(&task), [Some(2), Some(1), Some(1)]);
    let reports = task["progress_reports"].as_array().unwrap();
    let failed = reports.iter().find(|report| report["code"] == "repair.metadata.failed").unwrap();
    assert!(text(failed, "suffix").starts_with("a-2.0-py3-none-any.whl: "), "{failed:#}");
    assert_eq!(mirror.packages()[0]["summary"], "from the file");
    assert_eq!(counts(&work()), [Some(2), Some(0), Some(1)]);
}
