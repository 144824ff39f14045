//! `repair/` and `…/versions/N/repair/`

use std::fs;

use serde_json::{Value, json};

use crate::support::{Server, Upstream};

/// `(missing, corrupted, repaired)` of a finished repair.
fn found(task: &Value) -> (u64, u64, u64) {
    let done = |code: &str| {
        let reports = task["progress_reports"].as_array().unwrap();
        reports.iter().find(|report| report["code"] == code).unwrap()["done"].as_u64().unwrap()
    };
    (done("repair.missing"), done("repair.corrupted"), done("repair.repaired"))
}

#[test]
fn lost_and_rotten_files_are_fetched_again() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&[("a", b"aaaa"), ("b", b"bbbb"), ("c", b"cccc")]);
    let repository = server.repository();
    server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({})));
    let version = format!("{repository}versions/1/repair/");
    let repair =
        |path: &str, verify: bool| found(&server.completed(server.post(path, json!({"verify_checksums": verify}))));
    for path in ["repair/", &version] {
        fs::remove_file(server.stored(b"aaaa")).unwrap();
        fs::write(server.stored(b"bbbb"), b"rotten").unwrap();
        assert_eq!(repair(path, false), (1, 0, 1), "without digests only what is not there is seen");
        assert_eq!(repair(path, true), (0, 1, 1));
        assert_eq!(repair(path, true), (0, 0, 0));
        assert_eq!(fs::read(server.stored(b"bbbb")).unwrap(), b"bbbb");
    }
    server.post("repair/", json!({"verify_checksums": "x"})).expect(400);
}
