//! Stores and disks that fail in the middle of a write: who asked is told, nothing half-done stays, and the
//! server goes on when they work again.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::support::bucket::{Bucket, files_below};
use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, text};
use crate::support::world::database_is_local;
use crate::support::{Answer, Client, Server, Upstream, random};

/// Larger than a part of an upload to S3, so that it goes there in several.
const LARGE: usize = 20 << 20;

/// Files on their way into the store: the folder is the store's when that is local.
fn staged(server: &Server) -> usize {
    let folders = ["tmp", "store/tmp"].map(|folder| server.data().join(folder));
    assert!(folders.iter().any(|folder| folder.is_dir()));
    folders.iter().map(PathBuf::as_path).map(files_below).sum()
}

fn upload(client: &Client, bytes: &[u8]) -> Answer {
    client.request("POST", "artifacts/").multipart(Multipart::new().file("file", bytes)).send()
}

#[track_caller]
fn detail(answer: Answer) -> String {
    text(&answer.expect(503).json(), "detail")
}

#[test]
fn a_bucket_that_fails_in_the_middle_of_an_upload_holds_nothing_half_done() {
    let bucket = Bucket::start();
    let server = bucket.server(&[]);
    let large = random::Random::seeded().bytes(LARGE);
    // The first write opens the upload in parts, the second is a part.
    bucket.service.fail_writes_after(2);
    assert!(detail(upload(&server, &large)).starts_with("cannot store `"));
    let form = Multipart::new().field("relative_path", "a").file("file", b"small");
    let unit = server.request("POST", "content/file/files/upload/").multipart(form).send();
    assert!(detail(unit).starts_with("cannot store `"));
    assert_eq!((server.count("artifacts/"), server.count(FILES), bucket.artifacts()), (0, 0, 0));
    assert_eq!(staged(&server), 0);
    server.get("status/").expect(200);
    bucket.service.allow_writes().unwrap();
    upload(&server, &large).expect(201);
    server.upload("a", b"small");
    assert_eq!(bucket.artifacts(), 2);
}

#[test]
fn a_failing_bucket_fails_the_sync_and_a_later_one_completes_it() {
    let bucket = Bucket::start();
    let server = bucket.server(&[]);
    let upstream = Upstream::with_manifest(&[("a", b"aaaa"), ("b", b"bbbb"), ("c", b"cccc")]);
    let (repository, remote) = (server.repository(), server.remote(&upstream.url("PULP_MANIFEST"), json!({})));
    bucket.service.fail_writes_after(1);
    let task = server.sync(&repository, &remote);
    assert_eq!(task["state"], "failed", "{task:#}");
    assert!(text(&task["error"], "description").starts_with("cannot store `"), "{task:#}");
    assert_eq!(server.latest_version(&repository), format!("{repository}versions/0/"));
    bucket.service.allow_writes().unwrap();
    assert_eq!(server.sync(&repository, &remote)["state"], "completed");
    assert_eq!(server.units_in(&format!("{repository}versions/1/")), 3);
}

/// From now on the server can make no file larger, which to it looks like a full disk.
fn limit_files(server: &Server, bytes: &str) {
    let limit = format!("--fsize={bytes}:");
    let mut prlimit = Command::new("prlimit");
    assert!(prlimit.args(["--pid", &server.pid().to_string(), &limit]).status().unwrap().success());
}

#[test]
fn a_full_disk_refuses_the_upload_and_leaves_nothing_half_done() {
    let server = Server::start();
    let large = random::Random::seeded().bytes(LARGE);
    limit_files(&server, "8388608");
    assert!(detail(upload(&server, &large)).starts_with("cannot store"));
    assert_eq!((server.count("artifacts/"), files_below(&server.store().join("artifact"))), (0, 0));
    assert_eq!(staged(&server), 0);
    upload(&server, b"small").expect(201);
    limit_files(&server, "unlimited");
    upload(&server, &large).expect(201);
}

#[test]
fn a_database_that_cannot_grow_refuses_what_it_cannot_keep_and_keeps_the_rest() {
    let server = Server::start();
    if database_is_local() {
        limit_files(&server, "65536");
    }
    let mut kept = 0;
    for _ in 0..100 {
        let answer = server.post(REPOSITORIES, json!({"name": random::name()}));
        match answer.status {
            201 => kept += 1,
            _ => assert_eq!(detail(answer), "cannot write the database"),
        }
    }
    assert!(kept < 100 || !database_is_local(), "the limit is too high for this test");
    assert_eq!(server.count(REPOSITORIES), kept);
    limit_files(&server, "unlimited");
    server.repository();
    assert_eq!(server.count(REPOSITORIES), kept + 1);
}
