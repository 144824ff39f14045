//! Deleting domains: nothing of one in use changes, and no byte of one that went stays.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{bucket_settings, domain, domain_with, server};
use crate::support::bucket::{Bucket, files_below};
use crate::support::gate::Gate;
use crate::support::http::Client;
use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, text};
use crate::support::raw;
use crate::support::{Server, assert_completed, until};

/// What a deletion that was refused says.
#[track_caller]
fn refusal(root: &Client, href: &str) -> String {
    let refused = root.finished(root.delete(href));
    assert_eq!(refused["state"], "failed", "{refused:#}");
    assert_eq!(refused["error"]["error_code"], "PLP0029");
    text(&refused["error"], "description")
}

/// How much there is of what a deletion takes.
fn holdings(team: &Client) -> [u64; 3] {
    [FILES, "artifacts/", "tasks/"].map(|list| team.count(list))
}

#[test]
fn a_refused_deletion_changes_nothing() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, place.path());
    team.upload("orphan", b"in no repository");
    team.artifact(b"of no unit");
    let before = (holdings(&team), files_below(place.path()));
    assert!(before.0[0] > 0 && before.0[1] > 1, "{before:?}");
    let still = "[PLP0029] Cannot delete the object because it is still referenced by other objects";
    type Made = (&'static str, &'static str, Value);
    let occupants: [Made; 4] = [
        ("repositories/file/file/", "Repository", json!({"name": "x"})),
        ("remotes/file/file/", "Remote", json!({"name": "x", "url": "http://x/"})),
        ("contentguards/core/rbac/", "ContentGuard", json!({"name": "x"})),
        ("uploads/", "Upload", json!({"size": 10})),
    ];
    for (list, model, body) in occupants {
        let made = text(&team.post(list, body).expect(201).json(), "pulp_href");
        assert_eq!(refusal(&root, &href), format!("{still}: {model}"));
        let answer = team.delete(&made);
        if answer.status == 202 {
            team.completed(answer);
        }
    }
    let repository = team.repository();
    team.modify_many(&repository, &[("a", b"of the team")]);
    let refused = root.finished(root.delete(&href));
    assert_eq!(refused["error"]["error_code"], "PLP0007", "{refused:#}");
    team.completed(team.delete(&repository));
    let after = (holdings(&team), files_below(place.path()));
    assert_eq!((after.0[0], after.0[1], after.1), (before.0[0] + 1, before.0[1] + 1, before.1 + 1));
    assert!(after.0[2] >= before.0[2], "the record of tasks stays too");
    root.completed(root.delete(&href));
    assert_eq!(files_below(place.path()), 0);
}

#[test]
fn what_is_protected_elsewhere_goes_with_its_domain() {
    // Orphans are kept for a day, but not after their domain.
    let paths = json!([std::env::temp_dir()]).to_string();
    let server = Server::start_with(&[
        ("PITH_DOMAIN_ENABLED", "true"),
        ("PITH_DOMAIN_STORAGE_PATHS", paths.as_str()),
        ("PITH_ORPHAN_PROTECTION_TIME", "1440"),
    ]);
    let (root, bucket) = (server.within("default"), Bucket::start());
    let (href, team) = domain_with(&server, bucket_settings(&bucket.service.endpoint()));
    team.upload("young", b"young");
    let profile = team.request("POST", "repositories/file/file/").header("X-Task-Diagnostics", "memory");
    profile.json(&json!({"name": "x"})).send().expect(201);
    let repository = text(&team.get("repositories/?name=x").json()["results"][0], "pulp_href");
    let modified = team.request("POST", &format!("{repository}modify/")).header("X-Task-Diagnostics", "memory");
    team.completed(modified.json(&json!({"add_content_units": [team.upload("other", b"other")]})).send());
    team.completed(team.delete(&repository));
    assert!(bucket.artifacts() >= 2);
    root.completed(root.delete(&href));
    assert_eq!(bucket.artifacts(), 0);
    root.get(&href).expect(404);
}

#[test]
fn bytes_of_a_domain_that_went_are_removed_after_a_kill() {
    let (mut server, bucket) = (server(), Bucket::start());
    let gate = Gate::to(&bucket.service.endpoint());
    let root = server.within("default");
    let (href, team) = domain_with(&server, bucket_settings(&gate.endpoint()));
    for number in 0..3 {
        team.artifact(format!("artifact {number}").as_bytes());
    }
    assert_eq!(bucket.artifacts(), 3);
    gate.shut();
    let task = text(&root.delete(&href).expect(202).json(), "task");
    until("the domain is gone", || (root.get(&href).status == 404).then_some(()));
    server.kill();
    gate.open();
    assert!(bucket.artifacts() > 0, "they were removed before the kill");
    server.restart();
    until("the bytes are gone", || (bucket.artifacts() == 0).then_some(()));
    let root = server.within("default");
    root.get(&href).expect(404);
    assert_eq!(root.wait_for(&task)["state"], "failed", "its worker went missing");
}

#[test]
fn what_is_sent_to_a_domain_that_goes_meanwhile_is_told_so() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, _) = domain(&server, place.path());
    let path = format!("/pulp/{}/api/v3/artifacts/", text(&root.get(&href).json(), "name"));
    let form = Multipart::new().file("file", &[7; 100_000]);
    let line = raw::status_line_of_slow(server.address(), &path, form, || {
        // What is on its way has no name yet by which it could be seen.
        thread::sleep(Duration::from_millis(500));
        root.completed(root.delete(&href));
    });
    assert_eq!(line, "HTTP/1.1 404 Not Found");
    assert_eq!(files_below(place.path()), 0);
}

#[test]
fn a_bucket_that_refuses_keeps_no_domain() {
    let (server, bucket) = (server(), Bucket::start());
    let root = server.within("default");
    let (href, team) = domain_with(&server, bucket_settings(&bucket.service.endpoint()));
    team.artifact(b"stays for a while");
    bucket.service.fail_writes().unwrap();
    let task = root.finished(root.delete(&href));
    assert_completed(&task);
    assert_eq!(bucket.artifacts(), 1, "it goes later");
    root.get(&href).expect(404);
}
