//! `pith backup` and `pith restore`.

mod domains;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, text};
use crate::support::wheel::Wheel;
use crate::support::world::database_is_local;
use crate::support::{Server, sha256};

fn backup(server: &Server, folder: &Path) -> String {
    server.command(&["backup", folder.to_str().unwrap()]).unwrap()
}

/// A backup with the key file.
fn whole_backup(server: &Server, folder: &Path) -> String {
    server.command(&["backup", folder.to_str().unwrap(), "--with-secret-key"]).unwrap()
}

fn restored(folder: &Path) -> Server {
    Server::restored(folder, &[]).unwrap_or_else(|told| panic!("{told}"))
}

/// The backups in a folder, oldest first.
fn backups(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.join("manifest.json").exists()).collect();
    found.sort();
    found
}

/// All that clients see of a server's content, in a form that can be compared.
fn shown(server: &Server) -> Value {
    let all = |path: &str| server.get(&format!("{path}?limit=1000")).expect(200).json()["results"].clone();
    let versions: Vec<Value> = all(REPOSITORIES)
        .as_array()
        .unwrap()
        .iter()
        .map(|repository| server.get(&format!("{}versions/", text(repository, "pulp_href"))).expect(200).json())
        .collect();
    let shown = json!({
        "repositories": all(REPOSITORIES), "versions": versions, "files": all(FILES), "remotes": all("remotes/file/file/"),
        "publications": all("publications/file/file/"), "users": all("users/"), "tasks": all("tasks/"),
        "packages": all("content/python/packages/"), "guards": all("contentguards/"), "groups": all("groups/"),
        "distributions": all("distributions/"), "access policies": all("access_policies/"),
    });
    // Addresses have the port of the server at hand, or of that which kept the result of a task.
    let ports = Regex::new(r"http://127\.0\.0\.1:\d+/pulp/").unwrap();
    serde_json::from_str(&ports.replace_all(&shown.to_string(), "http://host/pulp/")).unwrap()
}

/// A server with something of everything.
fn furnished() -> Server {
    let server = Server::start();
    let repository = server.repository_with(json!({"autopublish": true, "pulp_labels": {"a": "ü"}}));
    server.modify_many(&repository, &[("one", b"1"), ("two", b"22")]);
    server.modify_many(&repository, &[("three", b"333")]);
    server.modify(&repository, &[], &["*"]);
    server.modify_many(&repository, &[("four", b"4444")]);
    server.remote("http://127.0.0.1:1/", json!({"username": "ada", "password": "very secret", "rate_limit": 3}));
    server.post("users/", json!({"username": "ada", "password": "Yeech6ba"})).expect(201);
    server.post("groups/", json!({"name": "staff"})).expect(201);
    let guard = json!({"name": "guard", "header_name": "X-Key", "header_value": "open"});
    let guard = text(&server.post("contentguards/core/header/", guard).expect(201).json(), "pulp_href");
    server.distribute(json!({"repository": repository, "content_guard": guard, "name": "guarded"}));
    let wheel = Wheel::new("hello", "1.0");
    let form =
        Multipart::new().field("relative_path", &wheel.filename).named_file("file", &wheel.filename, &wheel.bytes);
    server.completed(server.request("POST", "content/python/packages/").multipart(form).send());
    server
}

#[test]
fn a_restored_server_shows_what_was_there_and_goes_on() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    let before = shown(&server);
    let told = whole_backup(&server, folder.path());
    assert!(!told.contains("key file") && !told.contains("did not make"), "{told}");
    let copy = restored(folder.path());
    assert!(copy.run("check").ends_with("\nsound\n"));
    assert_eq!(shown(&copy), before);
    copy.user("ada", "Yeech6ba").get("login/").expect(200);
    let anonymous = copy.anonymous();
    let guarded = || anonymous.request("GET", "/pulp/content/guarded/four");
    guarded().send().expect(403);
    // `open` in base64. A store that is a bucket is redirected to.
    let opened = guarded().header("X-Key", "b3Blbg==").send();
    assert!(matches!(opened.status, 200 | 302), "{}", opened.status);
    let repository = text(&before["repositories"][0], "pulp_href");
    copy.modify_many(&repository, &[("five", b"55555")]);
    let base = copy.distribute(json!({"repository": repository}));
    for (path, bytes) in [("four", &b"4444"[..]), ("five", b"55555")] {
        assert_eq!(copy.download(&format!("{base}{path}")).expect(200).body, bytes);
    }
}

#[test]
fn a_backup_made_while_clients_write_and_clean_up_is_whole() {
    let (server, folder) = (Server::start(), TempDir::new().unwrap());
    let repository = server.repository();
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let known = thread::scope(|scope| {
        for writer in 0..3 {
            let (server, repository, done, count) = (&server, &repository, &done, &count);
            scope.spawn(move || {
                for number in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    let name = format!("{writer}/{number}");
                    // Files in the store that are no orphans, and some that are.
                    server.artifact(format!("orphan {name}").as_bytes());
                    // Into the repository at once, so that no clean-up comes between.
                    let form = Multipart::new().field("relative_path", &name).field("repository", repository);
                    let form = form.file("file", name.repeat(2000).as_bytes());
                    server.completed(server.request("POST", FILES).multipart(form).send());
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let (server, done) = (&server, &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                server.finished(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
            }
        });
        let known: Vec<usize> = (0..3)
            .map(|_| {
                thread::sleep(Duration::from_millis(300));
                let known = count.load(Ordering::SeqCst);
                whole_backup(server, folder.path());
                known
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        known
    });
    let made = backups(folder.path());
    assert_eq!(made.len(), 3);
    for (backup, known) in made.iter().zip(known) {
        let name = backup.file_name().unwrap().to_str().unwrap();
        let copy = Server::restored(folder.path(), &["--backup", name]).unwrap();
        assert!(copy.run("check").ends_with("\nsound\n"), "{}", copy.run("check"));
        let units = copy.units_in(&copy.latest_version(&repository)) as usize;
        assert!(units >= known, "{units} of {known} that were there before");
    }
}

#[test]
fn a_further_backup_copies_only_what_is_new() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    let first = backup(&server, folder.path());
    assert!(!first.contains(" 0 of them new"), "{first}");
    assert!(backup(&server, folder.path()).contains(", 0 of them new\n"));
    server.artifact(b"one more");
    assert!(backup(&server, folder.path()).contains(", 1 of them new\n"));
    assert_eq!(backups(folder.path()).len(), 3);
}

#[test]
fn a_backup_that_was_cut_is_none() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    for number in 0..1000u32 {
        if number % 100 == 0 {
            server.modify_many(&server.repository(), &[("x", &vec![number as u8; 200_000])]);
        }
    }
    for millis in [5, 20, 60, 120] {
        let mut child = server.spawn(&["backup", folder.path().to_str().unwrap()], Stdio::null());
        thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let before = backups(folder.path());
    let finished = before.iter().filter(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    for made in finished {
        let name = made.file_name().unwrap().to_str().unwrap();
        let manifest: Value = serde_json::from_slice(&fs::read(made.join("manifest.json")).unwrap()).unwrap();
        assert_eq!(manifest["lost"], json!([]), "{name}");
    }
    whole_backup(&server, folder.path());
    let partial = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(".partial");
    assert!(!fs::read_dir(folder.path()).unwrap().any(|entry| partial(&entry.unwrap().path())));
    assert!(restored(folder.path()).run("check").ends_with("\nsound\n"));
    // What was held for a backup that was killed does not keep others from being released.
    server.completed(server.post("orphans/cleanup/", json!({"orphan_protection_time": 0})));
}

#[test]
fn lost_files_are_told_and_do_not_keep_the_rest_from_being_saved() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    fs::remove_file(server.stored(b"22")).unwrap();
    let path = folder.path().to_str().unwrap();
    let output = server.spawn(&["backup", path, "--with-secret-key"], Stdio::piped()).wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && told.contains(&format!("missing or damaged in the store: {}", sha256(b"22"))));
    let prepared = Server::prepared(&[]);
    assert!(prepared.command(&["restore", path]).is_err());
    let mut copy = prepared;
    copy.restart();
    assert_eq!(copy.count(FILES), 4);
}

#[test]
fn tables_of_others_are_told_and_left_out() {
    if database_is_local() {
        // For the file a test beside `db/dump.rs` says the same.
        return;
    }
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    let (_, address) = server.settings().iter().rev().find(|(key, _)| key == "PITH_DATABASE").unwrap();
    let mut database = postgres::Client::connect(address, postgres::NoTls).unwrap();
    database.batch_execute("CREATE TABLE guest_book (id INTEGER, line TEXT)").unwrap();
    let told = whole_backup(&server, folder.path());
    assert!(told.contains("that Pith did not make is not part of it: guest_book"), "{told}");
    assert_eq!(restored(folder.path()).count(FILES), 4);
}

#[test]
fn a_backup_moves_an_installation_from_one_database_to_the_other() {
    if database_is_local() {
        // There is one database only.
        return;
    }
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    let before = shown(&server);
    whole_backup(&server, folder.path());
    let file = TempDir::new().unwrap();
    let address = format!("sqlite:{}/pith.db", file.path().display());
    let embedded = Server::restored_with(folder.path(), &[], &[("PITH_DATABASE", &address)]).unwrap();
    assert_eq!(shown(&embedded), before);
    let repository = text(&before["repositories"][0], "pulp_href");
    embedded.modify_many(&repository, &[("five", b"55555")]);
    let before = shown(&embedded);
    let back = TempDir::new().unwrap();
    whole_backup(&embedded, back.path());
    let copy = restored(back.path());
    assert_eq!(shown(&copy), before);
    copy.modify_many(&repository, &[("six", b"666666")]);
    assert!(copy.run("check").ends_with("\nsound\n"));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
