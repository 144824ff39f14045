//! `distributions/`

use std::thread;

use serde_json::json;

use crate::support::Server;
use crate::support::pulp::{DISTRIBUTIONS, PASSWORD, text};

#[test]
fn a_distribution_is_made_changed_and_deleted_by_tasks() {
    let server = Server::start();
    let publication = server.publish(&server.repository());
    let body = json!({"name": "d", "base_path": "some/path", "publication": publication});
    let task = server.completed(server.post(DISTRIBUTIONS, body));
    let href = text(&json!(task["created_resources"][0]).as_str().map(|href| json!({"": href})).unwrap(), "");
    let distribution = server.get(&href).expect(200).json();
    assert_eq!(task["result"]["base_path"], "some/path");
    assert_eq!(distribution["base_url"], format!("http://{}/pulp/content/some/path/", server.address()));
    for key in ["repository", "repository_version", "content_guard", "content_guard_prn"] {
        assert!(distribution[key].is_null(), "{key}");
    }
    assert_eq!(server.get(&publication).expect(200).json()["distributions"], json!([href]));
    server.patch(&href, json!({"base_path": "some/path"})).expect(200);
    server.completed(server.patch(&href, json!({"hidden": true})));
    server.completed(server.delete(&href));
    server.get(&href).expect(404);
}

#[test]
fn artifacts_have_a_distribution_of_their_own_that_nobody_changes() {
    const ARTIFACTS: &str = "distributions/core/artifacts/";
    let server = Server::start();
    let list = server.get(ARTIFACTS).expect(200).json();
    let found = list["results"][0].clone();
    assert_eq!(list["count"], 1);
    let (href, name) = (text(&found, "pulp_href"), text(&found, "name"));
    assert!(name.len() == 65 && name.starts_with('a'), "{name}");
    assert_eq!(found["base_path"], name.as_str());
    assert!(text(&found, "prn").starts_with("prn:core.artifactdistribution:"));
    for key in ["repository", "publication", "remote", "checkpoint"] {
        assert!(found.get(key).is_none(), "{key}");
    }
    assert_eq!(server.get(&href).expect(200).json(), found);
    assert_eq!(server.count("distributions/?pulp_type=core.artifact"), 1);
    server.post(ARTIFACTS, json!({"name": "d", "base_path": "d"})).expect(405);
    for method in ["PUT", "PATCH", "DELETE"] {
        server.request(method, &href).json(&json!({"name": "d"})).send().expect(405);
    }
    let guard = server.get(&text(&found, "content_guard")).expect(200).json();
    assert_eq!(guard["name"], name.as_str());
    server.delete(&text(&guard, "pulp_href")).expect(400);
    let (_, user) = server.new_user();
    server.user(&user, PASSWORD).get(ARTIFACTS).expect(403);
    // Nothing of it is served without a signature, and no listing shows it.
    let root = server.anonymous().get("/pulp/content/").expect(200).text();
    assert!(!root.contains(&name), "{root}");
    let artifact = server.artifact(b"some bytes").rsplit('/').nth(1).unwrap().to_owned();
    let base = text(&found, "base_url");
    for path in ["", artifact.as_str(), "nothing", "?expires=99999999999&validate_token=00:00"] {
        server.get(&format!("{base}{path}")).expect(403);
    }
}

#[test]
fn an_installation_keeps_its_artifact_distribution() {
    let mut server = Server::start();
    let names = |server: &Server| server.get("distributions/core/artifacts/").expect(200).json()["results"].clone();
    let before = names(&server);
    server.kill();
    server.restart();
    let after = names(&server);
    assert_eq!((&before[0]["prn"], after.as_array().unwrap().len()), (&after[0]["prn"], 1));
}

#[test]
fn base_paths_that_are_no_paths_are_refused() {
    let server = Server::start();
    for path in ["/a", "a/", "a b", "a//b", "../a", "a/./b", "a/../b"] {
        let answer = server.post(DISTRIBUTIONS, json!({"name": "d", "base_path": path})).expect(400).json();
        assert_eq!(answer, json!({"base_path": [format!("Relative path is not in canonical form. {path}")]}));
    }
    server.post(DISTRIBUTIONS, json!({"name": "d", "base_path": ""})).expect(400);
    server.post(DISTRIBUTIONS, json!({"name": "d", "base_path": "a\0"})).expect(400);
}

#[test]
fn base_paths_do_not_overlap() {
    let server = Server::start();
    server.created(server.post(DISTRIBUTIONS, json!({"name": "first", "base_path": "a/b"})));
    let overlap = json!({"base_path": {"base_path": "Overlaps with an existing distribution."}});
    for path in ["a", "a/b/c"] {
        let answer = server.post(DISTRIBUTIONS, json!({"name": "second", "base_path": path})).expect(400).json();
        assert_eq!(answer, overlap, "{path}");
    }
    let same = server.post(DISTRIBUTIONS, json!({"name": "second", "base_path": "a/b"})).expect(400).json();
    assert_eq!(same, json!({"base_path": ["This field must be unique."]}));
    server.created(server.post(DISTRIBUTIONS, json!({"name": "second", "base_path": "a/bc"})));
}

#[test]
fn of_overlapping_base_paths_made_at_once_one_wins() {
    let server = Server::start();
    for round in 0..5 {
        let paths = [format!("r{round}"), format!("r{round}/x"), format!("r{round}/x/y")];
        let made: usize = thread::scope(|scope| {
            let attempts: Vec<_> = paths
                .iter()
                .map(|path| {
                    let client = &*server;
                    scope.spawn(move || {
                        let answer = client.post(DISTRIBUTIONS, json!({"name": path, "base_path": path}));
                        answer.status == 202 && client.finished(answer)["state"] == "completed"
                    })
                })
                .collect();
            attempts.into_iter().filter(|_| true).map(|attempt| usize::from(attempt.join().unwrap())).sum()
        });
        assert_eq!(made, 1);
        assert_eq!(server.count(&format!("{DISTRIBUTIONS}?base_path__contains=r{round}")), 1);
    }
}

#[test]
fn a_distribution_has_one_source_at_most() {
    let server = Server::start();
    let repository = server.repository();
    let (version, publication) = (format!("{repository}versions/0/"), server.publish(&repository));
    let message = |one: &str, two: &str| json!({"non_field_errors": [format!("Only one of the attributes '{one}' and '{two}' may be used simultaneously.")]});
    let cases = [
        (json!({"repository": repository, "publication": publication}), message("repository", "publication")),
        (json!({"repository": repository, "repository_version": version}), message("repository", "repository_version")),
        (
            json!({"publication": publication, "repository_version": version}),
            message("publication", "repository_version"),
        ),
        (
            json!({"checkpoint": true, "publication": publication}),
            json!({"non_field_errors": ["The 'checkpoint' attribute may only be used with the 'repository' attribute."]}),
        ),
    ];
    for (mut body, error) in cases {
        body["name"] = json!("d");
        body["base_path"] = json!("d");
        assert_eq!(server.post(DISTRIBUTIONS, body.clone()).expect(400).json(), error, "{body}");
    }
    let href =
        server.created(server.post(DISTRIBUTIONS, json!({"name": "d", "base_path": "d", "publication": publication})));
    let second = server.patch(&href, json!({"repository": repository})).expect(400).json();
    assert_eq!(second, message("repository", "publication"));
    server.completed(server.patch(&href, json!({"repository": repository, "publication": ""})));
}

#[test]
fn distributions_are_found_by_the_content_they_serve() {
    let server = Server::start();
    let (repository, empty) = (server.repository(), server.repository());
    let unit = server.upload("a", b"bytes");
    server.modify(&repository, &[&unit], &[]);
    let count = || server.count(&format!("{DISTRIBUTIONS}?with_content={unit}"));
    server.distribute(json!({"repository": repository}));
    server.distribute(json!({"publication": server.publish(&empty)}));
    assert_eq!(count(), 0, "nothing is published yet");
    let publication = server.publish(&repository);
    server.distribute(json!({"publication": publication}));
    assert_eq!(count(), 2);
    assert_eq!(server.count(&format!("{DISTRIBUTIONS}?repository={repository}")), 1);
    assert_eq!(server.count(&format!("{DISTRIBUTIONS}?repository__in={repository},{empty}")), 1);
}
