//! `repositories/`

use serde_json::{Value, json};

use crate::support::pulp::{DISTRIBUTIONS, REPOSITORIES, text};
use crate::support::{Server, random};

#[test]
fn a_new_repository_has_version_zero_and_the_defaults() {
    let server = Server::start();
    let made = server.post(REPOSITORIES, json!({"name": "mine"})).expect(201);
    let body = made.json();
    let href = text(&body, "pulp_href");
    assert_eq!(made.header("Location"), Some(href.as_str()));
    let id = href.rsplit('/').nth(1).unwrap();
    assert_eq!(body["prn"], format!("prn:file.filerepository:{id}"));
    assert_eq!(body["versions_href"], format!("{href}versions/"));
    assert_eq!(body["latest_version_href"], format!("{href}versions/0/"));
    let expected = json!({
        "name": "mine", "description": null, "retain_repo_versions": null, "retain_checkpoints": null, "remote": null,
        "autopublish": false, "manifest": "PULP_MANIFEST", "pulp_labels": {},
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&body[key], value, "{key}");
    }
    assert_eq!(server.get(&href).expect(200).json(), body);
}

#[test]
fn a_name_is_taken_only_once() {
    let server = Server::start();
    server.post(REPOSITORIES, json!({"name": "mine"})).expect(201);
    let taken = json!({"name": ["This field must be unique."]});
    assert_eq!(server.post(REPOSITORIES, json!({"name": "mine"})).expect(400).json(), taken);
    let other = server.repository();
    assert_eq!(server.patch(&other, json!({"name": "mine"})).expect(400).json(), taken);
}

#[test]
fn wrong_fields_are_all_named_at_once() {
    let server = Server::start();
    let cases = [
        (json!({}), json!({"name": ["This field is required."]})),
        (json!({"name": ""}), json!({"name": ["This field may not be blank."]})),
        (json!({"name": null}), json!({"name": ["This field may not be null."]})),
        (json!({"name": [1]}), json!({"name": ["Not a valid string."]})),
        (json!({"name": true}), json!({"name": ["Not a valid string."]})),
        (json!([1]), json!({"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]})),
        (json!({"name": "x", "a": 1, "b": 2}), json!({"a": ["Unexpected field"], "b": ["Unexpected field"]})),
        (json!({"name": "x\0"}), json!({"name": ["Null characters are not allowed."]})),
        (json!({"name": "x", "description": ""}), json!({"description": ["This field may not be blank."]})),
        (
            json!({"name": "x", "retain_repo_versions": 3.7}),
            json!({"retain_repo_versions": ["A valid integer is required."]}),
        ),
        (
            json!({"name": "x", "retain_repo_versions": 0, "retain_checkpoints": "x", "remote": "abc", "autopublish": "maybe"}),
            json!({
                "retain_repo_versions": ["Ensure this value is greater than or equal to 1."],
                "retain_checkpoints": ["A valid integer is required."],
                "remote": ["Invalid hyperlink - No URL match."],
                "autopublish": ["Must be a valid boolean."],
            }),
        ),
    ];
    for (body, error) in cases {
        assert_eq!(server.post(REPOSITORIES, body.clone()).expect(400).json(), error, "{body}");
    }
    assert_eq!(server.count(REPOSITORIES), 0);
}

#[test]
fn texts_are_trimmed_and_numbers_become_texts() {
    let server = Server::start();
    assert_eq!(server.post(REPOSITORIES, json!({"name": " a "})).expect(201).json()["name"], "a");
    assert_eq!(server.post(REPOSITORIES, json!({"name": 5})).expect(201).json()["name"], "5");
    let body = server.post(REPOSITORIES, json!({"name": "b", "retain_repo_versions": "3", "autopublish": "true"}));
    assert_eq!(body.expect(201).json()["retain_repo_versions"], 3);
}

#[test]
fn an_update_that_changes_something_is_a_task_and_one_that_does_not_is_an_answer() {
    let server = Server::start();
    let repository = server.repository_with(json!({"name": "mine"}));
    server.patch(&repository, json!({})).expect(200);
    server.patch(&repository, json!({"name": "mine"})).expect(200);
    server.put(&repository, json!({"name": "mine"})).expect(200);
    let task = server.completed(server.patch(&repository, json!({"description": "new"})));
    assert_eq!(task["name"], "pulpcore.app.tasks.base.ageneral_update");
    assert_eq!(task["result"]["description"], "new");
    assert_eq!(task["created_resources"], json!([]));
    let whole = server.get(&repository).expect(200).json();
    server.put(&repository, whole).expect(200);
    server.put(&repository, json!({})).expect(400);
}

#[test]
fn a_whole_update_without_a_field_keeps_what_has_no_default() {
    let server = Server::start();
    let repository = server.repository_with(json!({"name": "mine", "description": "kept"}));
    server.put(&repository, json!({"name": "mine"})).expect(200);
    assert_eq!(server.get(&repository).expect(200).json()["description"], "kept");
}

#[test]
fn deleting_a_repository_takes_versions_and_publications_and_leaves_distributions() {
    let server = Server::start();
    let repository = server.repository();
    let publication = server.publish(&repository);
    let distribution = |fields: Value| {
        let mut body = fields;
        let name = random::name();
        body["name"] = json!(name);
        body["base_path"] = json!(name);
        server.created(server.post(DISTRIBUTIONS, body))
    };
    let of_repository = distribution(json!({"repository": repository}));
    let of_publication = distribution(json!({"publication": publication}));
    server.completed(server.delete(&repository));
    for gone in [&repository, &publication, &format!("{repository}versions/0/")] {
        server.get(gone).expect(404);
    }
    assert!(server.get(&of_repository).expect(200).json()["repository"].is_null());
    assert!(server.get(&of_publication).expect(200).json()["publication"].is_null());
}

#[test]
fn fields_are_chosen_and_left_out() {
    let server = Server::start();
    let repository = server.repository();
    let keys = |query: &str| {
        let body = server.get(&format!("{repository}?{query}")).expect(200).json();
        let mut keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys.join(" ")
    };
    assert_eq!(keys("fields=name,pulp_href"), "name pulp_href");
    assert_eq!(keys("fields=nonsense"), "");
    assert!(!keys("exclude_fields=name,nonsense").contains("name"));
    let listed = server.get(&format!("{REPOSITORIES}?fields=name")).expect(200).json();
    assert_eq!(listed["results"][0].as_object().unwrap().len(), 1);
}

#[test]
fn repositories_are_found_by_their_remote_and_content() {
    let server = Server::start();
    let remote = server.remote("http://127.0.0.1:1/", json!({}));
    let with_remote = server.repository_with(json!({"remote": remote}));
    let without = server.repository();
    let found = |query: String| {
        let listed = server.get(&format!("{REPOSITORIES}?{query}")).expect(200).json();
        listed["results"].as_array().unwrap().iter().map(|found| text(found, "pulp_href")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found(format!("remote={remote}")), with_remote);
    assert_eq!(found("remote=null".into()), without);
    assert_eq!(found("remote=/pulp/api/v3/remotes/file/file/".into()), with_remote);
    let unit = server.upload("a", b"bytes");
    server.modify(&without, &[&unit], &[]);
    assert_eq!(found(format!("latest_with_content={unit}")), without);
    server.modify(&without, &[], &[&unit]);
    assert_eq!(found(format!("with_content={unit}")), without);
    assert!(found(format!("latest_with_content={unit}")).is_empty());
}

#[test]
fn unknown_objects_methods_and_forms_are_told_apart() {
    let server = Server::start();
    let absent = server.get(&format!("{REPOSITORIES}00000000-0000-7000-8000-000000000000/")).expect(404).json();
    assert_eq!(absent, json!({"detail": "No FileRepository matches the given query."}));
    server.get(&format!("{REPOSITORIES}nonsense/")).expect(404);
    server.get("nonsense/").expect(404);
    let redirect = server.get("repositories/file/file").expect(301);
    assert_eq!(redirect.header("Location"), Some("/pulp/api/v3/repositories/file/file/"));
    server.delete(REPOSITORIES).expect(405);
    let xml = server.request("POST", REPOSITORIES).body("application/xml", "<a/>").send().expect(415).json();
    assert_eq!(xml, json!({"detail": "Unsupported media type \"application/xml\" in request."}));
    let asked = server.request("GET", REPOSITORIES).header("Accept", "application/xml").send().expect(406).json();
    assert_eq!(asked, json!({"detail": "Could not satisfy the request Accept header."}));
}

#[test]
fn forms_are_read_as_json_is() {
    let server = Server::start();
    let form = "name=from-a-form&autopublish=true";
    let answer = server.request("POST", REPOSITORIES).body("application/x-www-form-urlencoded", form).send();
    assert_eq!(answer.expect(201).json()["autopublish"], true);
}
