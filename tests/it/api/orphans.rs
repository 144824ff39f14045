//! `orphans/cleanup/`

use serde_json::json;

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
