//! Repository versions: `…/versions/`, `…/modify/`, `repository_versions/`.

use serde_json::{Value, json};

use crate::support::pulp::{DISTRIBUTIONS, FILES, PUBLICATIONS, text};
use crate::support::{Client, Server, random};

fn units(client: &Client, paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| client.upload(path, path.as_bytes())).collect()
}

fn numbers(client: &Client, repository: &str) -> Vec<u64> {
    let listed = client.get(&format!("{repository}versions/?fields=number")).expect(200).json();
    listed["results"].as_array().unwrap().iter().map(|version| version["number"].as_u64().unwrap()).collect()
}

/// `(added, removed, present)` of a version.
fn counts(client: &Client, version: &str) -> (u64, u64, u64) {
    let summary = client.get(version).expect(200).json()["content_summary"].clone();
    let count = |part: &str| match &summary[part]["file.file"] {
        Value::Null => {
            assert_eq!(summary[part], json!({}));
            0
        }
        found => found["count"].as_u64().unwrap(),
    };
    (count("added"), count("removed"), count("present"))
}

#[test]
fn a_change_makes_a_version_that_the_task_returns() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "b"]);
    let task = server.modify(&repository, &[&units[0], &units[1]], &[]);
    let version = format!("{repository}versions/1/");
    assert_eq!(task["name"], "pulpcore.app.tasks.repository.add_and_remove");
    assert_eq!(task["created_resources"], json!([version]));
    assert_eq!(task["result"]["pulp_href"], version);
    assert_eq!(task["result"]["number"], 1);
    assert_eq!(task["result"]["repository"], repository);
    assert_eq!(task["result"]["prn"], task["created_resource_prns"][0]);
    let found = server.get(&version).expect(200).json();
    assert_eq!(found["base_version"], Value::Null);
    let added = &found["content_summary"]["added"]["file.file"];
    assert_eq!(added["count"], 2);
    assert_eq!(added["href"], format!("/pulp/api/v3/{FILES}?repository_version_added={version}"));
    let present = &found["content_summary"]["present"]["file.file"]["href"];
    assert_eq!(*present, format!("/pulp/api/v3/{FILES}?repository_version={version}"));
}

#[test]
fn a_change_of_nothing_makes_no_version() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "b"]);
    server.modify(&repository, &[&units[0]], &[]);
    let again = server.modify(&repository, &[&units[0]], &[&units[1]]);
    assert_eq!(again["created_resources"], json!([]));
    assert_eq!(again["result"], Value::Null);
    assert_eq!(numbers(&server, &repository), [1, 0]);
}

#[test]
fn the_star_removes_everything() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "b", "c"]);
    server.modify(&repository, &[&units[0], &units[1]], &[]);
    server.modify(&repository, &[&units[2]], &["*"]);
    assert_eq!(counts(&server, &format!("{repository}versions/2/")), (1, 2, 1));
    let both = json!({"remove_content_units": ["*", units[0]]});
    let error = server.post(&format!("{repository}modify/"), both).expect(400).json();
    assert_eq!(error, json!({"remove_content_units": ["Cannot supply content units and '*'."]}));
}

#[test]
fn a_change_may_start_from_any_version_also_of_another_repository() {
    let server = Server::start();
    let (repository, other) = (server.repository(), server.repository());
    let units = units(&server, &["a", "b", "c"]);
    server.modify(&repository, &[&units[0], &units[1]], &[]);
    server.modify(&repository, &[&units[2]], &[]);
    let base = format!("{repository}versions/1/");
    server.completed(server.post(&format!("{repository}modify/"), json!({"base_version": base})));
    assert_eq!(counts(&server, &format!("{repository}versions/3/")), (0, 1, 2));
    let body = json!({"base_version": base, "add_content_units": [units[2]], "remove_content_units": [units[0]]});
    server.completed(server.post(&format!("{other}modify/"), body));
    let copied = format!("{other}versions/1/");
    assert_eq!(server.get(&copied).expect(200).json()["base_version"], base);
    assert_eq!(counts(&server, &copied), (2, 0, 2));
    let absent =
        server.post(&format!("{repository}modify/"), json!({"base_version": format!("{repository}versions/9/")}));
    assert_eq!(absent.expect(400).json(), json!({"base_version": ["Invalid hyperlink - Object does not exist."]}));
}

#[test]
fn changes_that_cannot_be_read_are_refused() {
    let server = Server::start();
    let repository = server.repository();
    let absent = format!("/pulp/api/v3/{FILES}00000000-0000-7000-8000-000000000000/");
    let unknown = format!("Could not find the following content units: ['{absent}']");
    let cases = [
        (json!({"add_content_units": [absent]}), json!({"add_content_units": [unknown]})),
        (json!({"remove_content_units": [absent]}), json!({"remove_content_units": [unknown]})),
        (json!({"add_content_units": ["abc"]}), json!({"add_content_units": ["URI not valid: abc"]})),
        (
            json!({"add_content_units": "abc"}),
            json!({"add_content_units": ["Expected a list of items but got type \"str\"."]}),
        ),
        (json!({"base_version": repository}), json!({"base_version": ["Invalid hyperlink - Incorrect URL match."]})),
        (json!([1]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        (json!({"foo": 1}), json!({"foo": ["Unexpected field"]})),
    ];
    for (body, error) in cases {
        assert_eq!(server.post(&format!("{repository}modify/"), body.clone()).expect(400).json(), error, "{body}");
    }
}

#[test]
fn two_units_for_one_path_are_refused_together() {
    let server = Server::start();
    let repository = server.repository();
    let (one, two) = (server.upload("a", b"one"), server.upload("a", b"two"));
    let task = server.finished(server.post(&format!("{repository}modify/"), json!({"add_content_units": [one, two]})));
    assert_eq!(task["state"], "failed");
    assert_eq!(task["error"]["error_code"], "PLP0022");
    assert_eq!(numbers(&server, &repository), [0]);
}

#[test]
fn a_file_cannot_be_below_another_file() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "a/b"]);
    let task = server.finished(server.post(&format!("{repository}modify/"), json!({"add_content_units": units})));
    assert_eq!(task["state"], "failed");
    assert!(text(&task["error"], "description").contains("overlaps"), "{task:#}");
}

#[test]
fn overwriting_may_be_forbidden() {
    let server = Server::start();
    let repository = server.repository();
    let (one, two) = (server.upload("a", b"one"), server.upload("a", b"two"));
    server.modify(&repository, &[&one], &[]);
    let modify = |body: Value| server.finished(server.post(&format!("{repository}modify/"), body));
    let refused = modify(json!({"add_content_units": [two], "overwrite": false}));
    assert!(text(&refused["error"], "description").starts_with("[PLP0023]"), "{refused:#}");
    assert_eq!(modify(json!({"add_content_units": [one], "overwrite": false}))["created_resources"], json!([]));
    let swapped = modify(json!({"add_content_units": [two], "remove_content_units": [one], "overwrite": false}));
    assert_eq!(swapped["state"], "completed");
    let artifact = server.artifact(b"three");
    let body = json!({"artifact": artifact, "relative_path": "a", "repository": repository, "overwrite": false});
    assert_eq!(server.finished(server.post(FILES, body))["error"]["error_code"], "PLP0023");
}

#[test]
fn deleting_a_version_keeps_its_content_in_the_next() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "b", "c", "d"]);
    server.modify(&repository, &[&units[0], &units[1]], &[]);
    server.modify(&repository, &[&units[2]], &[&units[0]]);
    server.modify(&repository, &[&units[0], &units[3]], &[&units[1]]);
    let (second, third) = (format!("{repository}versions/2/"), format!("{repository}versions/3/"));
    server.completed(server.delete(&second));
    server.get(&second).expect(404);
    assert_eq!(counts(&server, &third), (2, 1, 3), "compared with the version before the deleted one");
    assert_eq!(server.units_in(&third), 3);
}

#[test]
fn a_deleted_number_is_never_used_again() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "b"]);
    server.modify(&repository, &[&units[0]], &[]);
    server.completed(server.delete(&format!("{repository}versions/1/")));
    assert_eq!(server.latest_version(&repository), format!("{repository}versions/0/"));
    server.modify(&repository, &[&units[1]], &[]);
    assert_eq!(numbers(&server, &repository), [2, 0]);
    assert_eq!(counts(&server, &format!("{repository}versions/2/")), (1, 0, 1));
}

#[test]
fn the_last_version_cannot_be_deleted() {
    let server = Server::start();
    let repository = server.repository();
    let task = server.finished(server.delete(&format!("{repository}versions/0/")));
    assert_eq!(task["state"], "failed");
    assert_eq!(task["error"]["error_code"], "PLP0011");
    let message = "[PLP0011] Cannot delete repository version. Repositories must have at least one repository version.";
    assert_eq!(task["error"]["description"], message);
}

#[test]
fn a_version_that_is_served_cannot_be_deleted() {
    let server = Server::start();
    let repository = server.repository();
    let unit = server.upload("a", b"bytes");
    server.modify(&repository, &[&unit], &[]);
    let (version, publication) = (server.latest_version(&repository), server.publish(&repository));
    let name = random::name();
    let distribution = json!({"name": name, "base_path": name, "publication": publication});
    let distribution = server.created(server.post(DISTRIBUTIONS, distribution));
    let refused = || text(&json!({"": server.delete(&version).expect(400).json()[0]}), "");
    assert!(refused().starts_with("The repository version cannot be deleted because it"));
    server.completed(server.patch(&distribution, json!({"publication": "", "repository_version": version})));
    refused();
    server.completed(server.patch(&distribution, json!({"repository_version": ""})));
    server.completed(server.delete(&version));
    server.get(&publication).expect(404);
}

#[test]
fn only_so_many_versions_are_retained_besides_those_that_are_served() {
    let server = Server::start();
    let repository = server.repository_with(json!({"retain_repo_versions": 1}));
    let units = units(&server, &["a", "b", "c", "d"]);
    let publication = server.publish(&repository);
    server.distribute(json!({"publication": publication}));
    for unit in &units[..3] {
        server.modify(&repository, &[unit], &[]);
    }
    assert_eq!(numbers(&server, &repository), [3, 0]);
    assert_eq!(counts(&server, &format!("{repository}versions/3/")), (3, 0, 3));
    let other = server.repository();
    for unit in &units {
        server.modify(&other, &[unit], &[]);
    }
    server.completed(server.patch(&other, json!({"retain_repo_versions": 2})));
    assert_eq!(numbers(&server, &other), [4, 3]);
}

#[test]
fn versions_are_found_by_number_time_and_content() {
    let server = Server::start();
    let repository = server.repository();
    let units = units(&server, &["a", "b", "c"]);
    for unit in &units {
        server.modify(&repository, &[unit], &[]);
    }
    let count = |query: String| server.count(&format!("{repository}versions/?{query}"));
    assert_eq!(count("number=-1".into()), 0);
    assert_eq!(count("number__range=1,2".into()), 2);
    assert_eq!(count("number__gt=0&number__lt=3".into()), 2);
    assert_eq!(count(format!("content={}", units[1])), 2);
    assert_eq!(count(format!("content__in={},{}", units[1], units[2])), 2);
    let created = text(&server.get(&format!("{repository}versions/1/")).expect(200).json(), "pulp_created");
    assert_eq!(count(format!("pulp_created={created}")), 1);
    assert_eq!(count(format!("pulp_created__gte={created}")), 3);
    assert_eq!(server.count(&format!("repository_versions/?content={}", units[0])), 3);
    server.get(&format!("{repository}versions/?number=abc")).expect(400);
    server
        .get(&format!("repository_versions/?content=/pulp/api/v3/{FILES}00000000-0000-7000-8000-000000000000/"))
        .expect(400);
}

#[test]
fn pages_lead_to_each_other() {
    let server = Server::start();
    let repository = server.repository();
    for unit in units(&server, &["a", "b", "c", "d"]) {
        server.modify(&repository, &[&unit], &[]);
    }
    let first = server.get(&format!("{repository}versions/?limit=2")).expect(200).json();
    assert_eq!((first["count"].clone(), first["previous"].clone()), (json!(5), Value::Null));
    let second = server.get(&text(&first, "next")).expect(200).json();
    let third = server.get(&text(&second, "next")).expect(200).json();
    assert_eq!(third["results"].as_array().unwrap().len(), 1);
    assert_eq!(third["next"], Value::Null);
    assert_eq!(server.get(&text(&second, "previous")).expect(200).json()["results"], first["results"]);
}

#[test]
fn checkpoints_protect_their_versions() {
    let server = Server::start();
    let repository = server.repository_with(json!({"retain_repo_versions": 1}));
    let units = units(&server, &["a", "b", "c"]);
    server.distribute(json!({"repository": repository, "checkpoint": true}));
    server.modify(&repository, &[&units[0]], &[]);
    server.created(server.post(PUBLICATIONS, json!({"repository": repository, "checkpoint": true})));
    server.modify(&repository, &[&units[1]], &[]);
    server.modify(&repository, &[&units[2]], &[]);
    assert_eq!(numbers(&server, &repository), [3, 1]);
}
