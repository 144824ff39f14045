//! The objects themselves: what can be one, what a change of them means.

use serde_json::{Value, json};

use super::{FILES, Nearby, SOURCES, files_asked};
use crate::support::pulp::text;
use crate::support::{Server, Upstream, assert_completed};

fn remotes(server: &Server) -> [String; 4] {
    let remote = |policy: &str| server.remote("http://localhost/PULP_MANIFEST", json!({"policy": policy}));
    let body = json!({"name": "packages", "url": "http://localhost/", "policy": "on_demand"});
    let rpm = server.made("remotes/rpm/rpm/", body);
    [remote("on_demand"), remote("immediate"), remote("streamed"), rpm]
}

#[test]
fn what_cannot_be_a_source_is_told_by_field() {
    let server = Server::start();
    let [lazy, immediate, streamed, rpm] = remotes(&server);
    server.post(SOURCES, json!({"name": "taken", "remote": lazy})).expect(201);
    let policy = "Remote used with alternate content source must have the 'on_demand' policy.";
    let gone = "/pulp/api/v3/remotes/file/file/01a1fe65-f11d-7279-bc62-9ba6227b67be/";
    let required = "This field is required.";
    for (fields, expected) in [
        (json!({}), json!({"name": [required], "remote": [required]})),
        (json!({"name": "x", "remote": immediate}), json!({"remote": [policy]})),
        (json!({"name": "x", "remote": streamed}), json!({"remote": [policy]})),
        (
            json!({"name": "x", "remote": rpm}),
            json!({"remote": ["Type for Remote 'packages' does not match ACS type."]}),
        ),
        (json!({"name": "x", "remote": gone}), json!({"remote": ["Invalid hyperlink - Object does not exist."]})),
        (json!({"name": "x", "remote": "blah"}), json!({"remote": ["Invalid hyperlink - No URL match."]})),
        (json!({"name": "x", "remote": null}), json!({"remote": ["This field may not be null."]})),
        (json!({"name": "taken", "remote": lazy}), json!({"name": ["This field must be unique."]})),
        (
            json!({"name": "x", "remote": immediate, "paths": ["a", "/a"]}),
            json!({"paths": ["Path cannot start with a slash."], "remote": [policy]}),
        ),
        (json!({"name": "x", "remote": lazy, "paths": null}), json!({"paths": ["This field may not be null."]})),
        (
            json!({"name": "x", "remote": lazy, "paths": "a"}),
            json!({"paths": ["Expected a list of items but got type \"str\"."]}),
        ),
        (
            json!({"name": "x", "remote": lazy, "paths": [null]}),
            json!({"paths": {"0": ["This field may not be null."]}}),
        ),
        (
            json!({"name": "x", "remote": lazy, "paths": ["a", " "]}),
            json!({"paths": {"1": ["This field may not be blank."]}}),
        ),
        (
            json!({"name": "x", "remote": lazy, "paths": ["a\u{0}"]}),
            json!({"paths": {"0": ["Null characters are not allowed."]}}),
        ),
    ] {
        assert_eq!(server.post(SOURCES, fields.clone()).expect(400).json(), expected, "{fields}");
    }
    assert_eq!(server.count(SOURCES), 1);
    server.get("acs/").expect(404);
    server.post(&format!("{SOURCES}01a1fe65-f11d-7279-bc62-9ba6227b67be/refresh/"), json!({})).expect(404);
}

#[test]
fn sources_are_shown_listed_and_changed() {
    let server = Server::start();
    let [lazy, immediate, ..] = remotes(&server);
    let made = server.post(SOURCES, json!({"name": "one", "remote": lazy})).expect(201).json();
    let href = text(&made, "pulp_href");
    assert!(href.starts_with("/pulp/api/v3/acs/file/file/"), "{href}");
    assert!(text(&made, "prn").starts_with("prn:file.filealternatecontentsource:"));
    assert_eq!((&made["paths"], &made["last_refreshed"], &made["remote"]), (&json!([""]), &Value::Null, &json!(lazy)));
    let change = |body: Value| server.completed(server.patch(&href, body));
    change(json!({"paths": ["a/PULP_MANIFEST", "b", "b"]}));
    server.completed(server.put(&href, json!({"name": "two", "remote": lazy})));
    let found = server.get(&href).expect(200).json();
    assert_eq!((&found["name"], &found["paths"]), (&json!("two"), &json!(["a/PULP_MANIFEST", "b"])));
    server.patch(&href, json!({"paths": ["b", "/b"]})).expect(400);
    server.patch(&href, json!({"remote": immediate})).expect(400);
    assert_eq!(
        server.put(&href, json!({"name": "two"})).expect(400).json(),
        json!({"remote": ["This field is required."]})
    );
    change(json!({"paths": []}));
    assert_eq!(server.get(&href).expect(200).json()["paths"], json!([""]));
    server.post(SOURCES, json!({"name": "other", "remote": lazy, "paths": ["x"]})).expect(201);
    assert_eq!(server.count(&format!("{SOURCES}?name__startswith=t")), 1);
    let ordered = server.get(&format!("{SOURCES}?ordering=-name&fields=name")).expect(200).json();
    assert_eq!(ordered["results"], json!([{"name": "two"}, {"name": "other"}]));
    server.get(&format!("{SOURCES}?pulp_label_select=a")).expect(400);
    assert_eq!(server.count("acs/rpm/rpm/"), 0);
}

#[test]
fn a_remote_that_a_source_reads_with_is_not_deleted() {
    let server = Server::start();
    let [lazy, ..] = remotes(&server);
    let source = server.made(SOURCES, json!({"name": "nearby", "remote": lazy}));
    let task = server.finished(server.delete(&lazy));
    assert_eq!(task["state"], "failed", "{task:#}");
    assert!(task["error"]["description"].as_str().unwrap().contains("`nearby`"), "{task:#}");
    server.get(&lazy).expect(200);
    server.completed(server.delete(&source));
    server.completed(server.delete(&lazy));
}

#[test]
fn what_a_source_does_not_name_any_more_does_not_count() {
    let other = Upstream::with_manifest(&[]);
    for change in ["paths", "remote", "delete", "name"] {
        let (upstream, nearby) = (Upstream::with_manifest(&FILES), Upstream::with_manifest(&FILES));
        let world = Nearby::at(&nearby.url("PULP_MANIFEST"), &[]);
        world.refreshed();
        let server = &world.server;
        match change {
            "delete" => server.completed(server.delete(&world.source)),
            "remote" => {
                let remote = server.remote(&other.url("PULP_MANIFEST"), json!({"policy": "on_demand"}));
                server.completed(server.patch(&world.source, json!({"remote": remote})))
            }
            "paths" => server.completed(server.patch(&world.source, json!({"paths": ["elsewhere"]}))),
            _ => server.completed(server.patch(&world.source, json!({"name": "renamed"}))),
        };
        assert_completed(&world.sync(&upstream, "immediate"));
        let expected = if change == "name" { (3, 0) } else { (0, 3) };
        assert_eq!((files_asked(&nearby).len(), files_asked(&upstream).len()), expected, "{change}");
    }
}

#[test]
fn a_refresh_is_a_group_of_a_task_for_each_path() {
    let nearby = Upstream::with_manifest(&FILES);
    let world = Nearby::at(&nearby.url(""), &["PULP_MANIFEST"]);
    let group = world.refresh();
    assert_eq!((&group["completed"], &group["tasks"].as_array().unwrap().len()), (&json!(1), &1), "{group:#}");
    let task = world.server.get(group["tasks"][0]["pulp_href"].as_str().unwrap()).expect(200).json();
    assert_eq!(task["name"], "pulp_file.app.tasks.synchronizing.synchronize");
    assert_eq!((&task["task_group"], &task["created_resources"]), (&group["pulp_href"], &json!([])));
    let source = world.server.get(&world.source).expect(200).json();
    let reserved = task["reserved_resources_record"].as_array().unwrap();
    assert!(reserved.contains(&json!(format!("shared:{}", text(&source, "prn")))), "{task:#}");
    let reports = task["progress_reports"].as_array().unwrap();
    let listed = reports.iter().find(|report| report["code"] == "acs.listed.files").unwrap();
    assert_eq!((&listed["done"], &listed["state"]), (&json!(3), &json!("completed")));
    // Again: what was listed is replaced.
    world.refreshed();
    let long = "x/".repeat(5000);
    world.server.completed(world.server.patch(&world.source, json!({"paths": [long, "PULP_MANIFEST"]})));
    let group = world.refresh();
    assert_eq!((&group["failed"], &group["completed"]), (&json!(1), &json!(1)), "{group:#}");
}
