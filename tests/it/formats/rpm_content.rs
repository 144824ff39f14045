//! What RPM repositories hold beside packages: advisories and modules as clients make them, and the rules for
//! advisories of one id.

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::{Answer, Client, Server};

const REPOSITORIES: &str = "repositories/rpm/rpm/";
const ADVISORIES: &str = "content/rpm/advisories/";
const MODULEMDS: &str = "content/rpm/modulemds/";
const DEFAULTS: &str = "content/rpm/modulemd_defaults/";
const OBSOLETES: &str = "content/rpm/modulemd_obsoletes/";

const MODULE: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: duck\n  stream: \"0\"\n  version: 7\n  context: \
                      deadbeef\n  arch: noarch\n  summary: A duck\n...\n";

fn advisory(id: &str, date: &str, packages: &[&str]) -> Value {
    let package = |name: &&str| json!({"name": name, "version": "1", "release": "1", "arch": "noarch", "epoch": "0"});
    json!({
        "id": id, "issued": date, "type": "security", "severity": "Low", "status": "final", "version": "1",
        "pkglist": [{"name": "base", "packages": packages.iter().map(package).collect::<Vec<_>>()}],
        "references": [{"href": "https://example.org/1", "id": "1", "type": "bugzilla", "title": "A bug"}],
    })
}

fn upload(client: &Client, advisory: &Value, repository: Option<&str>) -> Answer {
    let form = Multipart::new().file("file", advisory.to_string().as_bytes());
    let form = match repository {
        Some(repository) => form.field("repository", repository),
        None => form,
    };
    client.request("POST", ADVISORIES).multipart(form).send()
}

/// The advisories of a repository's newest version.
fn listed(client: &Client, repository: &str) -> Vec<Value> {
    let list = format!("{ADVISORIES}?repository_version={}", client.latest_version(repository));
    client.get(&list).expect(200).json()["results"].as_array().unwrap().clone()
}

fn names(advisory: &Value) -> Vec<String> {
    let collections = advisory["pkglist"].as_array().unwrap().iter();
    let mut names: Vec<String> = collections
        .flat_map(|collection| collection["packages"].as_array().unwrap())
        .map(|package| text(package, "name"))
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn an_advisory_is_made_of_a_file_that_is_not_kept() {
    let server = Server::start();
    let sent = advisory("A-1", "2024-01-02 03:04:05", &["bear"]);
    let href = server.created(upload(&server, &sent, None));
    let shown = server.get(&href).expect(200).json();
    assert_eq!((shown["id"].as_str(), shown["issued_date"].as_str()), (Some("A-1"), Some("2024-01-02 03:04:05")));
    assert!(text(&shown, "prn").starts_with("prn:rpm.updaterecord:"));
    assert_eq!(shown["pkglist"][0]["packages"][0]["sum_type"], "unknown");
    assert_eq!(shown["references"][0]["ref_type"], "bugzilla");
    assert_eq!(server.count("artifacts/"), 0);
    // The same again changes nothing, which fails, but in a repository that lacks it.
    let again = server.finished(upload(&server, &sent, None));
    assert!(again["error"]["description"].as_str().unwrap().contains("duplicate key"), "{again:#}");
    let repository = server.made(REPOSITORIES, json!({}));
    let task = server.completed(upload(&server, &sent, Some(&repository)));
    assert_eq!(task["created_resources"].as_array().unwrap().len(), 2, "{task:#}");
    assert_eq!(server.finished(upload(&server, &sent, Some(&repository)))["state"], "failed");
    assert_eq!(server.count(ADVISORIES), 1);
    let found = |filter: &str| server.count(&format!("{ADVISORIES}?{filter}"));
    assert_eq!(
        (found("id=A-1"), found("severity=Low"), found("type__ne=security"), found("id__in=A-2,A-3")),
        (1, 1, 0, 0)
    );
    // Without what is read of the element, nothing is.
    let fields = server.get(&format!("{href}?fields=id")).expect(200).json();
    assert_eq!(fields, json!({"id": "A-1"}));
}

#[test]
fn files_that_are_no_advisories_fail_with_the_field() {
    let server = Server::start();
    let task = server.finished(upload(&server, &json!([1]), None));
    assert_eq!(task["state"], "failed", "{task:#}");
    assert!(task["error"]["description"].as_str().unwrap().contains("file"), "{task:#}");
    for (sent, named) in [
        (json!({"title": "no id"}), "id"),
        (json!({"id": "A-1", "issued": "yesterday"}), "issued_date"),
        (json!({"id": "A-1", "pkglist": [{"packages": [{"version": "1"}]}]}), "pkglist"),
    ] {
        let said = upload(&server, &sent, None).expect(400).json();
        assert!(said.get(named).is_some(), "{said}");
    }
    server.post(ADVISORIES, json!({})).expect(400);
    assert_eq!(server.count(ADVISORIES), 0);
}

#[test]
fn of_two_advisories_the_newer_stays_or_both_become_one() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({}));
    let add = |id: &str, date: &str, packages: &[&str]| {
        server.completed(upload(&server, &advisory(id, date, packages), Some(&repository)))
    };
    add("A-1", "2024-01-01", &["bear"]);
    add("A-1", "2024-01-02", &["bear", "cat"]);
    let [newer] = &listed(&server, &repository)[..] else { panic!("not one") };
    assert_eq!((names(newer), newer["issued_date"].as_str()), (vec!["bear".into(), "cat".into()], Some("2024-01-02")));

    let version = server.latest_version(&repository);
    add("A-1", "2024-01-01", &["bear", "dog"]);
    assert_eq!(server.latest_version(&repository), version, "an older one changes nothing");

    add("A-1", "2024-01-02", &["dog"]);
    let [merged] = &listed(&server, &repository)[..] else { panic!("not one") };
    assert_eq!(names(merged), ["bear", "cat", "dog"]);

    let wrong = upload(&server, &advisory("A-1", "2024-01-02", &["dog", "elk"]), Some(&repository));
    let task = server.finished(wrong);
    assert_eq!(task["state"], "failed", "{task:#}");
    let description = text(&task["error"], "description");
    assert!(description.contains("[RPM0001]") && description.contains("`A-1`"), "{task:#}");
    assert_eq!(listed(&server, &repository).len(), 1);
}

#[test]
fn several_new_advisories_of_one_id_are_settled_at_once() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({}));
    let dates = ["2024-01-01", "2024-01-03", "2024-01-02"];
    let units = dates.map(|date| server.created(upload(&server, &advisory("A-1", date, &["bear"]), None)));
    let other = server.created(upload(&server, &advisory("A-2", "2024-01-01", &["bear"]), None));
    let all: Vec<&str> = units.iter().chain([&other]).map(String::as_str).collect();
    server.modify(&repository, &all, &[]);
    let mut left: Vec<String> = listed(&server, &repository).iter().map(|one| text(one, "issued_date")).collect();
    left.sort_unstable();
    assert_eq!(left, ["2024-01-01", "2024-01-03"]);
}

fn module() -> Value {
    json!({
        "name": "duck", "stream": "0", "version": "7", "context": "deadbeef", "arch": "noarch",
        "artifacts": ["duck-0:0.6-1.noarch"], "dependencies": [{"platform": ["f33"]}],
        "profiles": {"default": ["duck"]}, "description": "A duck.", "snippet": MODULE,
    })
}

#[test]
fn modules_are_made_of_fields() {
    let server = Server::start();
    let repository = server.made(REPOSITORIES, json!({}));
    let mut sent = module();
    sent["repository"] = json!(repository);
    let task = server.completed(server.post(MODULEMDS, sent));
    assert_eq!(task["created_resources"].as_array().unwrap().len(), 2, "{task:#}");
    let found = server.get(&format!("{MODULEMDS}?name=duck&arch__in=noarch&version=7")).expect(200).json();
    let shown = &found["results"][0];
    assert_eq!(shown["artifacts"], json!(["duck-0:0.6-1.noarch"]));
    assert_eq!((&shown["packages"], &shown["static_context"]), (&json!([]), &Value::Null));
    assert!(shown.get("snippet").is_none());
    let sha256 = crate::support::pulp::sha256(MODULE.as_bytes());
    assert_eq!(server.count(&format!("{MODULEMDS}?sha256={sha256}")), 1);
    // Another document of the same module takes the place of the first.
    let mut other = module();
    other["snippet"] = json!(MODULE.replace("A duck", "Another"));
    other["repository"] = json!(repository);
    server.completed(server.post(MODULEMDS, other));
    assert_eq!(server.count(MODULEMDS), 2);
    let again = server.finished(server.post(MODULEMDS, module()));
    assert!(text(&again["error"], "description").contains("duplicate key"), "{again:#}");
    let version = server.latest_version(&repository);
    assert_eq!(server.count(&format!("{MODULEMDS}?repository_version={version}")), 1);
}

#[test]
fn what_is_wrong_with_a_module_is_said_at_once_by_field() {
    let server = Server::start();
    for (field, value) in [
        ("name", Value::Null),
        ("artifacts", json!({"a": 1})),
        ("profiles", json!([1])),
        ("snippet", json!("no: [YAML")),
        ("snippet", json!("document: modulemd-defaults\nversion: 1\ndata: {module: duck}\n")),
        ("file", json!("a file")),
    ] {
        let mut sent = module();
        sent[field] = value;
        let answer = server.post(MODULEMDS, sent).expect(400).json();
        assert!(answer.get(field).is_some(), "{field}: {answer}");
    }
    let form = Multipart::new().field("name", "duck").file("file", b"bytes");
    let answer = server.request("POST", MODULEMDS).multipart(form).send().expect(400).json();
    assert!(answer.get("file").is_some() && answer.get("snippet").is_some(), "{answer}");
}

#[test]
fn defaults_and_obsoletes_are_made_of_fields() {
    let server = Server::start();
    let snippet = "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: duck\n  stream: \"0\"\n...\n";
    let sent = json!({"module": "duck", "stream": "0", "profiles": {"0": ["default"]}, "snippet": snippet});
    let shown = server.get(&server.created(server.post(DEFAULTS, sent))).expect(200).json();
    assert_eq!((&shown["stream"], &shown["profiles"]), (&json!("0"), &json!({"0": ["default"]})));

    let snippet = "---\ndocument: modulemd-obsoletes\nversion: 1\ndata:\n  modified: 2022-01-24T08:54Z\n  module: duck\n  \
                   stream: \"0\"\n  message: gone\n...\n";
    let sent = json!({
        "modified": "2022-01-24T08:54Z", "module_name": "duck", "module_stream": "0", "message": "gone",
        "override_previous": null, "module_context": null, "eol_date": null, "obsoleted_by_module_name": "goose",
        "obsoleted_by_module_stream": "1", "snippet": snippet,
    });
    let shown = server.get(&server.created(server.post(OBSOLETES, sent))).expect(200).json();
    assert_eq!((&shown["obsoleted_by_module_name"], &shown["eol_date"]), (&json!("goose"), &Value::Null));
}

#[test]
fn what_clients_do_not_make_is_listed_only() {
    let server = Server::start();
    for name in [
        "packagegroups",
        "packagecategories",
        "packageenvironments",
        "packagelangpacks",
        "distribution_trees",
        "repo_metadata_files",
    ] {
        let path = format!("content/rpm/{name}/");
        assert_eq!(server.count(&format!("{path}?ordering=-pk")), 0);
        server.post(&path, json!({})).expect(405);
    }
}
