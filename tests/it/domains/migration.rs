//! `domains/migrate/`: a domain's files go to another store, are served all the while, and survive a kill.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{BUCKET, FOLDER, bucket_settings, domain, domain_with, folder, server};
use crate::support::bucket::{Bucket, files_below};
use crate::support::gate::Gate;
use crate::support::http::Client;
use crate::support::pulp::{PASSWORD, sha256, text};
use crate::support::{Server, until};

/// Files that differ, some of them large.
fn files(count: usize) -> Vec<(String, Vec<u8>)> {
    let file = |number: usize| {
        let mut bytes = number.to_string().into_bytes();
        bytes.resize(if number.is_multiple_of(10) { 300_000 } else { 10 }, b'.');
        (format!("{number}.iso"), bytes)
    };
    (0..count).map(file).collect()
}

/// Publishes files, and returns where they are served.
fn serve(client: &Client, files: &[(String, Vec<u8>)]) -> String {
    let repository = client.repository();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    client.modify_many(&repository, &files);
    client.distribute(json!({"publication": client.publish(&repository)}))
}

#[track_caller]
fn check_all(server: &Server, address: &str, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        assert_eq!(&server.anonymous().download(&format!("{address}{path}")).expect(200).body, bytes, "{path}");
    }
}

/// What a task that migrated reported, by code.
fn done(task: &Value, code: &str) -> (i64, i64) {
    let reports = task["progress_reports"].as_array().unwrap();
    let report = reports.iter().find(|report| report["code"] == code).unwrap();
    (report["done"].as_i64().unwrap(), report["total"].as_i64().unwrap())
}

#[test]
fn a_domain_moves_while_it_serves_and_takes_in() {
    let (server, place, bucket) = (server(), TempDir::new().unwrap(), Bucket::start());
    let root = server.within("default");
    let (href, team) = domain(&server, place.path());
    let files = files(60);
    let address = serve(&team, &files);
    let artifacts = team.count("artifacts/");
    // An upload that goes on when all is elsewhere.
    let upload = text(&team.post("uploads/", json!({"size": 10})).expect(201).json(), "pulp_href");
    put_chunk(&team, &upload, 0, b"01234");
    let over = AtomicBool::new(false);
    let (task, uploaded) = thread::scope(|scope| {
        let served = scope.spawn(|| {
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) || rounds == 0 {
                check_all(&server, &address, &files[..20]);
                rounds += 1;
            }
        });
        let uploads = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) || count == 0 {
                team.artifact(format!("while it moves {count}").as_bytes());
                count += 1;
            }
            count
        });
        let task = team.completed(team.post("domains/migrate/", bucket_settings(&bucket.service.endpoint())));
        over.store(true, Ordering::Relaxed);
        served.join().unwrap();
        (task, uploads.join().unwrap())
    });
    assert_eq!(task["name"], "pulpcore.app.tasks.migrate.migrate_backend");
    let (copied, total) = done(&task, "migrate");
    assert!(copied == total && copied >= artifacts as i64, "{task:#}");
    assert_eq!(done(&task, "update"), (1, 1));
    let domain = root.get(&href).expect(200).json();
    assert_eq!(domain["storage_class"], BUCKET);
    assert_eq!(domain["storage_settings"]["bucket_name"], "bucket");
    check_all(&server, &address, &files);
    // Old files stay; all that the domain has is in the new place, what came last too.
    assert!(files_below(place.path()) >= artifacts as usize);
    let after = bucket.artifacts();
    assert!(after >= artifacts as usize, "{after} of {artifacts}");
    team.artifact(b"after the move");
    assert_eq!(bucket.artifacts(), after + 1);
    put_chunk(&team, &upload, 5, b"56789");
    team.created(team.post(&format!("{upload}commit/"), json!({"sha256": sha256(b"0123456789")})));
    assert!(team.count("artifacts/") >= artifacts + uploaded + 2);
    let checked = server.run("check");
    assert!(checked.ends_with("sound\n"), "{checked}");
    // Once more is no work, and finds nothing missing.
    let again = team.completed(team.post("domains/migrate/", bucket_settings(&bucket.service.endpoint())));
    assert_eq!(done(&again, "migrate").0 as u64, team.count("artifacts/"));
    assert_eq!(bucket.artifacts() as u64, team.count("artifacts/"));
}

fn put_chunk(client: &Client, upload: &str, start: usize, bytes: &[u8]) {
    let range = format!("bytes {start}-{}/10", start + bytes.len() - 1);
    let form = crate::support::multipart::Multipart::new().file("file", bytes);
    client.request("PUT", upload).header("Content-Range", &range).multipart(form).send().expect(200);
}

#[test]
fn a_killed_migration_is_taken_up_again() {
    let (mut server, place, bucket) = (server(), TempDir::new().unwrap(), Bucket::start());
    let gate = Gate::to(&bucket.service.endpoint());
    let (href, team) = domain(&server, place.path());
    let name = text(&server.within("default").get(&href).json(), "name");
    let files = files(40);
    let address = serve(&team, &files);
    let artifacts = team.count("artifacts/") as usize;
    let target = bucket_settings(&gate.endpoint());
    let task = text(&team.post("domains/migrate/", target.clone()).expect(202).json(), "task");
    until("some files are there", || (bucket.artifacts() > 0).then_some(()));
    gate.shut();
    thread::sleep(Duration::from_millis(200));
    server.kill();
    gate.open();
    server.restart();
    let (root, team) = (server.within("default"), server.within(&name));
    check_all(&server, &address.replacen(&host(&address), &server.address().to_string(), 1), &files);
    let state = team.wait_for(&task)["state"].clone();
    if state == "failed" {
        assert_eq!(root.get(&href).json()["storage_class"], FOLDER);
    }
    team.artifact(b"between the two");
    let task = team.completed(team.post("domains/migrate/", target));
    assert_eq!(done(&task, "migrate").0 as usize, artifacts + 1);
    assert_eq!((root.get(&href).json()["storage_class"].clone(), bucket.artifacts()), (json!(BUCKET), artifacts + 1));
    check_all(&server, &address.replacen(&host(&address), &server.address().to_string(), 1), &files);
    assert!(server.run("check").ends_with("sound\n"));
}

/// The host and the port of an address.
fn host(address: &str) -> String {
    address.split('/').nth(2).unwrap_or_default().to_owned()
}

#[test]
fn a_domain_may_go_back_to_where_it_came_from() {
    let (server, first, second) = (server(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, first.path());
    let files = files(5);
    let address = serve(&team, &files);
    team.completed(team.post("domains/migrate/", folder(second.path())));
    let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
    let artifacts = |place: &Path| files_below(&place.join("artifact").join(id));
    assert_eq!((artifacts(first.path()), artifacts(second.path())), (6, 6));
    team.artifact(b"in the second alone");
    assert_eq!((artifacts(first.path()), artifacts(second.path())), (6, 7));
    // A third place has to wait, until nothing can be on its way into the first.
    let third = TempDir::new().unwrap();
    let wrong = team.post("domains/migrate/", folder(third.path())).expect(400).json();
    assert!(wrong["storage_settings"][0].as_str().unwrap().contains("have been moved lately"), "{wrong}");
    root.completed(root.patch(&href, folder(first.path())));
    check_all(&server, &address, &files);
    let found = team.get("artifacts/?ordering=-pulp_created&limit=1").json();
    assert_eq!(found["results"][0]["sha256"], sha256(b"in the second alone"));
    assert!(server.run("check").ends_with("sound\n"), "{}", server.run("check"));
    // What is deleted goes from both.
    team.completed(team.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
    assert_eq!((artifacts(first.path()), artifacts(second.path())), (6, 6));
    team.completed(team.post("domains/migrate/", folder(second.path())));
    assert_eq!(text(&root.get(&href).json()["storage_settings"], "location"), second.path().to_str().unwrap());
    check_all(&server, &address, &files);
}

#[test]
fn a_migration_that_cannot_be_is_refused_and_changes_nothing() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, place.path());
    team.artifact(b"stays");
    let refused = json!(["Default domain can not be migrated."]);
    for body in [folder(place.path()), json!({"storage_class": FOLDER, "storage_settings": {}})] {
        assert_eq!(root.post("domains/migrate/", body).expect(400).json(), refused);
    }
    let before = root.get(&href).json();
    let migrate = |settings: Value| {
        let body = json!({"storage_class": FOLDER, "storage_settings": settings});
        team.post("domains/migrate/", body).expect(400).json()["storage_settings"].clone()
    };
    assert_eq!(migrate(json!({})), json!({"location": ["This field is required."]}));
    let random = json!({"location": place.path(), "random": "random"});
    assert_eq!(migrate(random), json!({"random": "Unexpected field"}));
    for outside in ["/etc/pith", "relative", "/tmp/../etc"] {
        assert!(migrate(json!({"location": outside}))["location"].is_array(), "{outside}");
    }
    assert!(migrate(json!({"location": place.path().join("x")}))["location"].is_array(), "inside its own place");
    assert_eq!(migrate(json!(5)), json!(["Storage settings should be a JSON object."]));
    let required = json!({
        "storage_class": ["This field is required."], "storage_settings": ["This field is required."],
    });
    assert_eq!(team.post("domains/migrate/", json!({})).expect(400).json(), required);
    let unreachable = bucket_settings("http://127.0.0.1:1");
    assert!(team.post("domains/migrate/", unreachable).expect(400).json()["storage_settings"].is_array());
    let azure = json!({"storage_class": "storages.backends.azure_storage.AzureStorage", "storage_settings": {}});
    team.post("domains/migrate/", azure).expect(400);
    // Who may not change domains may not move one.
    let (_, user) = root.new_user();
    let name = text(&before, "name");
    server.user(&user, PASSWORD).within(&name).post("domains/migrate/", folder(place.path())).expect(403);
    server.anonymous().within(&name).post("domains/migrate/", folder(place.path())).expect(401);
    assert_eq!(root.get(&href).json(), before);
    let empty = TempDir::new().unwrap();
    let (_, nothing) = domain_with(&server, folder(empty.path()));
    let task = nothing.completed(nothing.post("domains/migrate/", folder(empty.path())));
    assert_eq!(done(&task, "migrate"), (0, 0));
}

#[test]
fn a_migration_stops_at_a_file_that_is_missing() {
    let (server, first, second) = (server(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let root = server.within("default");
    let (href, team) = domain(&server, first.path());
    let artifact = team.artifact(b"lost");
    let digest = sha256(b"lost");
    let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
    let file = first.path().join("artifact").join(id).join(&digest[..2]).join(&digest[2..]);
    std::fs::remove_file(&file).unwrap();
    let task = team.finished(team.post("domains/migrate/", folder(second.path())));
    assert_eq!(task["state"], "failed");
    assert!(text(&task["error"], "description").contains(&digest), "{task:#}");
    assert_eq!(text(&root.get(&href).json()["storage_settings"], "location"), first.path().to_str().unwrap());
    team.get(&artifact).expect(200);
    // Another place may be tried at once.
    let third = TempDir::new().unwrap();
    std::fs::write(&file, b"lost").unwrap();
    team.completed(team.post("domains/migrate/", folder(third.path())));
    assert_eq!(files_below(&third.path().join("artifact")), 1);
}
