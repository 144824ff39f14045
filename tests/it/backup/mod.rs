//! `pith backup` and `pith restore`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, text};
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
    json!({
        "repositories": all(REPOSITORIES), "versions": versions, "files": all(FILES), "remotes": all("remotes/file/file/"),
        "publications": all("publications/file/file/"), "users": all("users/"), "tasks": all("tasks/"),
    })
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
    server
}

#[test]
fn a_restored_server_shows_what_was_there_and_goes_on() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    let before = shown(&server);
    let told = whole_backup(&server, folder.path());
    assert!(!told.contains("key file"), "{told}");
    let copy = restored(folder.path());
    assert!(copy.run("check").ends_with("\nsound\n"));
    assert_eq!(shown(&copy), before);
    copy.user("ada", "Yeech6ba").get("login/").expect(200);
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
fn secrets_come_back_only_with_their_key() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    let told = backup(&server, folder.path());
    assert!(told.contains("the key file is not part of it"), "{told}");
    let refused = Server::restored(folder.path(), &[]).err().unwrap();
    assert!(refused.contains("secret_key_file") && refused.contains("put the key file"), "{refused}");
    let found = |name: &str| walk(folder.path()).iter().any(|path| path.ends_with(name));
    assert!(!found("secret.key"));
    whole_backup(&server, folder.path());
    assert!(found("secret.key"));
    let copy = restored(folder.path());
    let remote = &copy.get("remotes/file/file/").expect(200).json()["results"][0];
    assert!(remote["hidden_fields"].to_string().contains(r#"{"name":"password","is_set":true}"#), "{remote}");
    for path in walk(folder.path()) {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"very secret"), "{}", path.display());
    }
}

#[test]
fn a_backup_goes_into_an_empty_installation_only() {
    let (mut server, folder) = (furnished(), TempDir::new().unwrap());
    backup(&server, folder.path());
    let path = folder.path().to_str().unwrap();
    let refused = server.command(&["restore", path]).unwrap_err();
    assert!(refused.contains("a server is running on this database"), "{refused}");
    server.stop();
    let refused = server.command(&["restore", path]).unwrap_err();
    assert!(refused.contains("the database is not empty"), "{refused}");
    server.restart();
    assert_eq!(server.count(FILES), 4);
}

#[test]
fn what_is_damaged_is_named_before_anything_is_restored() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    whole_backup(&server, folder.path());
    let made = backups(folder.path()).remove(0);
    let artifact = folder.path().join("artifact").join(&sha256(b"4444")[..2]).join(&sha256(b"4444")[2..]);
    for file in [made.join("tables/repository.jsonl.gz"), made.join("manifest.json"), artifact] {
        let whole = fs::read(&file).unwrap();
        let mut other = whole.clone();
        let middle = other.len() / 2;
        other[middle] ^= 0x20;
        for damaged in [&other, &whole[..middle]] {
            fs::write(&file, damaged).unwrap();
            let refused = Server::restored(folder.path(), &[]).err();
            // A letter of a manifest may be one that nobody reads.
            let is_manifest = file.ends_with("manifest.json") && damaged.len() == whole.len();
            assert!(is_manifest || refused.is_some_and(|told| told.contains("damaged")), "{}", file.display());
        }
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(restored(folder.path()).count(FILES), 4);
}

#[test]
fn a_restore_that_was_cut_starts_no_server_and_can_be_run_again() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    whole_backup(&server, folder.path());
    let artifact = folder.path().join("artifact").join(&sha256(b"4444")[..2]).join(&sha256(b"4444")[2..]);
    fs::rename(&artifact, folder.path().join("away")).unwrap();
    let half = Server::prepared(&[]);
    let path = folder.path().to_str().unwrap();
    let told = half.command(&["restore", path]).unwrap_err();
    assert!(told.contains("is missing or damaged"), "{told}");
    let told = half.try_start().unwrap_err();
    assert!(told.contains("was not finished; run it again"), "{told}");
    fs::rename(folder.path().join("away"), &artifact).unwrap();
    half.command(&["restore", path]).unwrap();
    let mut whole = half;
    whole.restart();
    assert_eq!(whole.count(FILES), 4);
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
fn folders_that_hold_no_backup_are_refused() {
    let folder = TempDir::new().unwrap();
    let prepared = Server::prepared(&[]);
    let path = folder.path().to_str().unwrap();
    for (arguments, expected) in [
        (&["restore", path][..], "there is no backup in"),
        (&["restore", path, "--backup", "../x"], "there is no backup `../x`"),
        (&["restore", "/nowhere/at/all"], "cannot be read"),
    ] {
        let told = prepared.command(arguments).unwrap_err();
        assert!(told.contains(expected), "{told}");
    }
    if database_is_local() {
        let told = prepared.command(&["backup", path]).unwrap_err();
        assert!(told.contains("there is no database"), "{told}");
    }
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
