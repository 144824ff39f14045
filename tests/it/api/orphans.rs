//! `orphans/cleanup/`

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::pulp::{FILES, text};

#[test]
fn what_no_repository_holds_is_deleted_with_its_files() {
    let server = Server::start();
    let repository = server.repository();
    let (kept, orphan) = (server.upload("kept", b"kept"), server.upload("orphan", b"orphan"));
    server.artifact(b"alone");
    server.modify(&repository, &[&kept], &[]);
    server.modify(&repository, &[], &[&kept]);
    let task = server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    assert_eq!(task["name"], "pulpcore.app.tasks.orphan.orphan_cleanup");
    let report = |code: &str| {
        let reports = task["progress_reports"].as_array().unwrap();
        reports.iter().find(|report| report["code"] == code).unwrap()["done"].clone()
    };
    assert_eq!((report("clean-up.content"), report("clean-up.artifacts")), (json!(1), json!(2)));
    server.get(&orphan).expect(404);
    server.get(&kept).expect(200);
    assert_eq!(server.count("artifacts/"), 1);
}

#[test]
fn young_orphans_are_spared() {
    let server = Server::start();
    let unit = server.upload("a", b"bytes");
    server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 10})));
    server.get(&unit).expect(200);
    server.completed(server.delete("orphans/"));
    server.get(&unit).expect(404);
}

#[test]
fn only_the_named_units_are_deleted() {
    let server = Server::start();
    let (named, other) = (server.upload("a", b"a"), server.upload("b", b"b"));
    let (artifact, alone) = (text(&server.get(&named).expect(200).json(), "artifact"), server.artifact(b"alone"));
    let body = json!({"content_hrefs": [named], "orphan_protection_time": 0});
    server.completed(server.post("orphans/cleanup/", body));
    server.get(&named).expect(404);
    server.get(&artifact).expect(404);
    server.get(&other).expect(200);
    server.get(&alone).expect(200);
}

#[test]
fn a_cleanup_of_nonsense_is_refused() {
    let server = Server::start();
    let absent = format!("/pulp/api/v3/{FILES}00000000-0000-7000-8000-000000000000/");
    let cases = [
        (json!({"content_hrefs": []}), json!({"content_hrefs": ["Must not be []."]})),
        (json!({"content_hrefs": ["abc"]}), json!({"content_hrefs": ["URI not valid: abc"]})),
        (
            json!({"content_hrefs": [absent]}),
            json!({"content_hrefs": [format!("URI {absent} not found for content.")]}),
        ),
        (json!({"content_hrefs": "abc"}), json!({"content_hrefs": ["Expected a list of items but got type \"str\"."]})),
        (
            json!({"orphan_protection_time": -1}),
            json!({"orphan_protection_time": ["Ensure this value is greater than or equal to 0."]}),
        ),
        (json!({"orphan_protection_time": "x"}), json!({"orphan_protection_time": ["A valid integer is required."]})),
    ];
    for (body, error) in cases {
        assert_eq!(server.post("orphans/cleanup/", body.clone()).expect(400).json(), error, "{body}");
    }
}

/// What a dry run answers.
fn told(server: &Server, mut body: Value) -> Value {
    body["dry_run"] = json!(true);
    let task = server.completed(server.post("orphans/cleanup/", body));
    assert_eq!(task["name"], "pulpcore.app.tasks.orphan.orphan_cleanup_dry_run");
    task["result"].clone()
}

#[test]
fn a_dry_run_counts_what_would_go_and_deletes_nothing() {
    let server = Server::start();
    let repository = server.repository();
    let (kept, orphan) = (server.upload("kept", b"kept"), server.upload("orphan", b"an orphan"));
    let shared = server.upload("shared", b"kept");
    let alone = server.artifact(b"alone");
    server.modify(&repository, &[&kept], &[]);
    let all = told(&server, json!({"orphan_protection_time": 0}));
    assert_eq!(all, json!({"content": 2, "artifacts": 2, "bytes": 14, "kept": []}));
    let named = told(&server, json!({"orphan_protection_time": 0, "content_hrefs": [shared, orphan]}));
    assert_eq!(named, json!({"content": 2, "artifacts": 1, "bytes": 9, "kept": []}));
    for there in [&kept, &orphan, &shared, &alone] {
        server.get(there).expect(200);
    }
    let task =
        server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0, "dry_run": false})));
    assert_eq!((task["result"].clone(), server.count("artifacts/"), server.count(FILES)), (Value::Null, 1, 1));
}

#[test]
fn a_dry_run_says_why_units_are_kept() {
    let server = Server::start();
    let prn = |href: &str| text(&server.get(href).expect(200).json(), "prn");
    let repository = server.repository();
    let (removed, young) = (server.upload("removed", b"removed"), server.upload("young", b"young"));
    server.modify(&repository, &[&removed], &[]);
    server.modify(&repository, &[], &[&removed]);

    let reasons = |result: &Value, href: &str| {
        let (name, kept) = (prn(href), result["kept"].as_array().unwrap());
        kept.iter().find(|unit| unit["content"] == json!(name)).map(|unit| unit["reasons"].clone())
    };
    let repository_name = text(&server.get(&repository).expect(200).json(), "name");
    let held = json!([
        {"kind": "repository_version", "repository": prn(&repository), "name": repository_name, "version": 1},
    ]);
    // Without names what is in no newest version is told of.
    let all = told(&server, json!({"orphan_protection_time": 0}));
    assert_eq!((all["content"].clone(), reasons(&all, &removed)), (json!(1), Some(held.clone())), "{all:#}");
    assert_eq!(reasons(&all, &young), None);
    let named = told(&server, json!({"orphan_protection_time": 60, "content_hrefs": [young, removed]}));
    assert_eq!((named["content"].clone(), named["artifacts"].clone()), (json!(0), json!(0)));
    let young = reasons(&named, &young).unwrap();
    assert_eq!(young[0]["kind"], "protection_time", "{young}");
    assert!(young[0]["until"].as_str().unwrap().ends_with('Z'), "{young}");
    let removed = reasons(&named, &removed).unwrap();
    assert_eq!(removed.as_array().unwrap()[..1], held.as_array().unwrap()[..]);
}

#[test]
fn a_dry_run_is_asked_for_with_a_boolean() {
    let server = Server::start();
    let refused = server.post("orphans/cleanup/", json!({"dry_run": "perhaps"})).expect(400).json();
    assert_eq!(refused, json!({"dry_run": ["Must be a valid boolean."]}));
    assert_eq!(server.count("tasks/"), 0);
}
