//! Files: `PULP_MANIFEST` synced, published, served.

use serde_json::{Value, json};

use crate::support::pulp::{FILES, PUBLICATIONS, text};
use crate::support::upstream::manifest;
use crate::support::{Reply, Server, Upstream, assert_completed, sha256};

const THREE: [(&str, &[u8]); 3] = [("1.iso", b"one"), ("2.iso", b"two"), ("below/3,with comma.iso", b"three")];

fn report(task: &Value, code: &str) -> Value {
    let reports = task["progress_reports"].as_array().unwrap();
    reports.iter().find(|report| report["code"] == code).unwrap_or_else(|| panic!("no {code} in {task:#}")).clone()
}

#[test]
fn a_manifest_is_mirrored_published_and_served() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&THREE);
    let repository = server.repository();
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    let body = json!({"remote": remote, "mirror": true});
    let task = server.completed(server.post(&format!("{repository}sync/"), body));
    assert_eq!(task["name"], "pulp_file.app.tasks.synchronizing.synchronize");
    assert_eq!(task["created_resources"][0], format!("{repository}versions/1/"));
    let publication = task["created_resources"][1].as_str().unwrap();
    assert!(publication.contains("/publications/"));
    let done = |code: &str| report(&task, code)["done"].clone();
    assert_eq!(done("sync.downloading.metadata"), 1);
    assert_eq!(done("sync.parsing.metadata"), 3);
    assert_eq!(done("sync.downloading.artifacts"), 3);
    assert_eq!(done("associating.content"), 3);
    let base = server.distribute(json!({"publication": publication}));
    let served = server.download(&format!("{base}PULP_MANIFEST")).expect(200).text();
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&served), sorted(&manifest(&THREE)));
    assert_eq!(server.download(&format!("{base}below/3,with%20comma.iso")).expect(200).body, b"three");
}

#[test]
fn a_second_sync_of_the_same_makes_no_version() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&THREE);
    let repository = server.repository();
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    assert_completed(&server.sync(&repository, &remote));
    let again = server.sync(&repository, &remote);
    assert_completed(&again);
    assert_eq!(again["created_resources"], json!([]));
    assert_eq!(
        upstream.paths().iter().filter(|path| *path == "/1.iso").count(),
        1,
        "known files are not fetched again"
    );
}

#[test]
fn lazy_content_has_no_artifact_until_an_immediate_sync() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&THREE);
    let repository = server.repository();
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"}));
    assert_completed(&server.sync(&repository, &remote));
    assert_eq!(upstream.paths(), ["/PULP_MANIFEST"]);
    let artifacts = || {
        let units = server.get(&format!("{FILES}?repository_version={repository}")).expect(200).json();
        units["results"].as_array().unwrap().iter().filter(|unit| unit["artifact"].is_string()).count()
    };
    assert_eq!(artifacts(), 0);
    server.completed(server.patch(&remote, json!({"policy": "immediate"})));
    let task = server.sync(&repository, &remote);
    assert_completed(&task);
    assert_eq!((artifacts(), task["created_resources"].clone()), (3, json!([])));
}

#[test]
fn additive_syncs_keep_and_mirrors_remove_what_upstream_lost() {
    let server = Server::start();
    let (full, less) = (Upstream::with_manifest(&THREE), Upstream::with_manifest(&THREE[..1]));
    let repository = server.repository();
    let remote = |upstream: &Upstream| server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"}));
    let (full, less) = (remote(&full), remote(&less));
    assert_completed(&server.sync(&repository, &full));
    assert_eq!(server.sync(&repository, &less)["created_resources"], json!([]));
    server.completed(server.post(&format!("{repository}sync/"), json!({"remote": less, "mirror": true})));
    assert_eq!(server.units_in(&format!("{repository}versions/2/")), 1);
}

#[test]
fn a_file_that_changed_upstream_replaces_the_old_one() {
    let server = Server::start();
    let repository = server.repository();
    for bytes in [&b"old"[..], b"new"] {
        let upstream = Upstream::with_manifest(&[("a", bytes)]);
        assert_completed(&server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({}))));
    }
    assert_eq!(server.units_in(&format!("{repository}versions/2/")), 1);
}

#[test]
fn a_download_that_fails_is_tried_again_three_times() {
    let bytes = vec![1; 1000];
    let wrong = [vec![1; 999], vec![2]].concat();
    let line = format!("a,{},1000\n", sha256(&bytes));
    let upstream = Upstream::answering(move |asked, before| match (asked.path.as_str(), before) {
        ("/PULP_MANIFEST", _) => Reply::Bytes(line.clone().into_bytes()),
        (_, 0) => Reply::Short { promised: 1000, sent: vec![1; 500] },
        (_, 1) => Reply::Bytes(wrong.clone()),
        (_, 2) => Reply::Status(429),
        _ => Reply::Bytes(bytes.clone()),
    });
    let server = Server::start();
    let repository = server.repository();
    assert_completed(&server.sync(&repository, &server.remote(&upstream.url("PULP_MANIFEST"), json!({}))));
    assert_eq!(upstream.paths().len(), 5);
}

#[test]
fn headers_of_a_remote_are_sent_upstream() {
    let upstream = Upstream::with_manifest(&THREE);
    let server = Server::start();
    let fields = json!({"headers": [{"X-Some": "value"}], "username": "me", "password": "secret"});
    server.sync(&server.repository(), &server.remote(&upstream.url("PULP_MANIFEST"), fields));
    for asked in upstream.asked() {
        assert_eq!(asked.headers["x-some"], "value");
        assert_eq!(asked.headers["authorization"], "Basic bWU6c2VjcmV0");
    }
}

#[test]
fn autopublish_publishes_each_new_version_and_excludes_mirroring() {
    let server = Server::start();
    let upstream = Upstream::with_manifest(&THREE);
    let repository = server.repository_with(json!({"autopublish": true, "manifest": "LIST"}));
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({"policy": "on_demand"}));
    let task = server.sync(&repository, &remote);
    assert_eq!(task["created_resources"].as_array().unwrap().len(), 2);
    server.modify_many(&repository, &[("more", b"more")]);
    assert_eq!(server.count(&format!("{PUBLICATIONS}?repository={repository}")), 2);
    let base = server.distribute(json!({"repository": repository}));
    assert_eq!(server.download(&format!("{base}LIST")).expect(200).text().lines().count(), 4);
    let mirror = server.post(&format!("{repository}sync/"), json!({"remote": remote, "mirror": true})).expect(400);
    assert!(mirror.text().contains("Cannot use mirror mode with autopublished repository."));
}

#[test]
fn a_publication_may_go_without_manifest() {
    let server = Server::start();
    let repository = server.repository();
    server.modify_many(&repository, &[("a", b"bytes")]);
    let publication = server.created(server.post(PUBLICATIONS, json!({"repository": repository, "manifest": null})));
    let base = server.distribute(json!({"publication": publication}));
    server.download(&format!("{base}a")).expect(200);
    server.anonymous().get(&format!("{base}PULP_MANIFEST")).expect(404);
}

#[test]
fn a_sync_needs_a_remote() {
    let server = Server::start();
    let repository = server.repository();
    let sync = |body: Value| server.post(&format!("{repository}sync/"), body).expect(400).json();
    assert_eq!(
        sync(json!({})),
        json!({"remote": ["This field is required since a remote is not set on the repository."]})
    );
    assert_eq!(sync(json!({"remote": "abc"})), json!({"remote": ["Invalid hyperlink - No URL match."]}));
    assert_eq!(sync(json!({"remote": repository})), json!({"remote": ["Invalid hyperlink - Incorrect URL match."]}));
    let upstream = Upstream::with_manifest(&THREE);
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    server.completed(server.patch(&repository, json!({"remote": remote})));
    server.completed(server.post(&format!("{repository}sync/"), json!({})));
}

#[test]
fn files_are_synced_from_a_folder_of_the_server() {
    let folder = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    std::fs::write(folder.path().join("a"), b"bytes").unwrap();
    std::fs::write(folder.path().join("PULP_MANIFEST"), manifest(&[("a", b"bytes")])).unwrap();
    let server = Server::start();
    let repository = server.repository();
    let remote = server.remote(&format!("file://{}/PULP_MANIFEST", folder.path().display()), json!({}));
    assert_completed(&server.sync(&repository, &remote));
    assert!(folder.path().join("a").exists());
    assert_eq!(server.units_in(&format!("{repository}versions/1/")), 1);
}

#[test]
fn one_upload_serves_two_repositories() {
    let server = Server::start();
    let unit = server.upload("a", b"bytes");
    for repository in [server.repository(), server.repository()] {
        let task = server.modify(&repository, &[&unit], &[]);
        assert_eq!(text(&task["result"], "repository"), repository);
    }
    assert_eq!(server.count("artifacts/"), 1);
}
