//! Where the stores of domains may be, and what their settings do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{BUCKET, FOLDER, bucket_settings, domain, domain_with, folder, server};
use crate::support::bucket::Bucket;
use crate::support::http::{Answer, Client};
use crate::support::pulp::{sha256, text};
use crate::support::random;
use crate::support::world::store_is_local;

fn make(root: &Client, mut body: Value) -> Answer {
    body["name"] = json!(random::name());
    root.post("domains/", body)
}

#[test]
fn no_store_lies_inside_the_place_of_another() {
    let (server, home) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let at = |path: &str| folder(&home.path().join(path));
    let (href, team) = domain(&server, &home.path().join("a/b"));
    let entangled = json!({"storage_settings": {"location": ["lies inside the place of other files, or around it"]}});
    let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
    let below = format!("a/b/artifact/{id}");
    for path in ["a", "a/b/c", &below] {
        assert_eq!(make(&root, at(path)).expect(400).json(), entangled, "{path}");
    }
    std::os::unix::fs::symlink(home.path().join("a/b"), home.path().join("link")).unwrap();
    assert_eq!(make(&root, at("link/c")).expect(400).json(), entangled);
    if store_is_local() {
        assert_eq!(make(&root, folder(&server.data())).expect(400).json(), entangled, "around the default one");
    }
    // Beside it, or in the very same.
    for path in ["a/bc", "a/b"] {
        make(&root, at(path)).expect(201);
    }
    let (other, _) = domain(&server, &home.path().join("d"));
    assert_eq!(root.patch(&other, at("a/b/c")).expect(400).json(), entangled);
    root.completed(root.patch(&other, at("e")));
    // For some hours it may still be looked for what was on its way to the former place.
    assert_eq!(make(&root, at("d/x")).expect(400).json(), entangled);
    drop(team);
}

#[test]
fn no_bucket_of_a_domain_lies_inside_that_of_another() {
    let (server, bucket) = (server(), Bucket::start());
    let root = server.within("default");
    let at = |location: &str| {
        let mut settings = bucket_settings(&bucket.service.endpoint());
        settings["storage_settings"]["location"] = json!(location);
        settings
    };
    domain_with(&server, at("a/b"));
    for location in ["", "a", "/a/b/c/"] {
        let wrong = make(&root, at(location)).expect(400).json();
        assert!(wrong["storage_settings"]["location"].is_array(), "{location}: {wrong}");
    }
    for location in ["a/bc", "a/b", "ab"] {
        make(&root, at(location)).expect(201);
    }
}

#[test]
fn settings_of_a_store_are_obeyed_or_refused() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let local = |settings: Value| {
        let mut body = folder(place.path());
        body["storage_settings"].as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        body
    };
    let remote = |settings: Value| {
        let mut body = bucket_settings("http://127.0.0.1:1");
        body["storage_settings"].as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        body
    };
    for (name, body) in [
        ("base_url", local(json!({"base_url": "http://files/"}))),
        ("file_permissions_mode", local(json!({"file_permissions_mode": 0}))),
        ("file_permissions_mode", local(json!({"file_permissions_mode": 4095}))),
        ("directory_permissions_mode", local(json!({"directory_permissions_mode": 0o600}))),
        ("querystring_expire", remote(json!({"querystring_expire": 604_801}))),
        ("addressing_style", remote(json!({"addressing_style": "virtual"}))),
        ("custom_domain", remote(json!({"custom_domain": "files"}))),
    ] {
        let wrong = make(&root, body).expect(400).json();
        assert!(wrong["storage_settings"][name].is_array(), "{name}: {wrong}");
    }
    let modes = json!({"file_permissions_mode": 0o640, "directory_permissions_mode": 0o750});
    let (href, team) = domain_with(&server, local(modes));
    team.artifact(b"of a mode");
    let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
    let digest = sha256(b"of a mode");
    let folder = place.path().join("artifact").join(id).join(&digest[..2]);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder.join(&digest[2..])), mode(&folder)), (0o640, 0o750));
}

#[test]
fn addresses_of_a_bucket_are_good_for_as_long_as_it_says() {
    let (server, bucket) = (server(), Bucket::start());
    let mut body = bucket_settings(&bucket.service.endpoint());
    body["storage_settings"]["querystring_expire"] = json!(77);
    let (_, team) = domain_with(&server, body);
    let repository = team.repository();
    team.modify_many(&repository, &[("a.iso", b"signed")]);
    let address = team.distribute(json!({"publication": team.publish(&repository)}));
    let answer = server.anonymous().get(&format!("{address}a.iso")).expect(302);
    let location = answer.header("Location").unwrap();
    assert!(location.contains("X-Amz-Expires=77"), "{location}");
}

#[test]
fn the_place_of_files_does_not_change_under_them() {
    let (server, first, second) = (server(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, first.path());
    team.artifact(b"here");
    let refused = json!({"storage_settings": ["the store holds files, and they would not be in the new place"]});
    assert_eq!(root.patch(&href, folder(second.path())).expect(400).json(), refused);
    let bucket = Bucket::start();
    let elsewhere = bucket_settings(&bucket.service.endpoint());
    assert_eq!(root.patch(&href, elsewhere).expect(400).json(), refused);
    // How the same place is reached may change, in other words too.
    let same = json!({
        "storage_class": FOLDER,
        "storage_settings": {"location": format!("{}/./", first.path().display()), "file_permissions_mode": 0o600},
    });
    root.completed(root.patch(&href, same));
    let found = team.get("artifacts/").expect(200).json();
    assert_eq!(found["count"], 1);
    assert_eq!(text(&root.get(&href).json(), "storage_class"), FOLDER);
    assert_ne!(FOLDER, BUCKET);
}
