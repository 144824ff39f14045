//! What is not restored, or not backed up into, and why.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{backup, backups, furnished, restored, walk, whole_backup};
use crate::support::pulp::FILES;
use crate::support::world::database_is_local;
use crate::support::{Server, sha256};

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
fn backups_that_cannot_be_read_are_named() {
    let (server, folder) = (furnished(), TempDir::new().unwrap());
    whole_backup(&server, folder.path());
    let made = backups(folder.path()).remove(0);
    let refused = |expected: &str| {
        let told = Server::restored(folder.path(), &[]).err().unwrap_or_default();
        assert!(told.contains(expected), "{expected}: {told}");
    };
    let table = made.join("tables/artifact.jsonl.gz");
    fs::rename(&table, folder.path().join("away")).unwrap();
    refused("artifact.jsonl.gz` cannot be read");
    fs::create_dir(&table).unwrap();
    refused("artifact.jsonl.gz` cannot be read");
    fs::remove_dir(&table).unwrap();
    fs::rename(folder.path().join("away"), &table).unwrap();
    let manifest = made.join("manifest.json");
    let whole: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut other = whole.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        fs::write(&manifest, other.to_string()).unwrap();
    };
    changed("/format", json!(99));
    refused("is of a form that this version does not know");
    changed("/migrations/0/1", json!("9999_later"));
    refused("`core/9999_later`, which this one does not know");
    changed("/tables/0/name", json!("../../x"));
    refused("is damaged");
    changed("/tables/0/columns/0", json!("a; DROP TABLE x"));
    refused("is damaged");
    fs::write(&manifest, whole.to_string()).unwrap();
    assert_eq!(restored(folder.path()).count(FILES), 4);
}

#[test]
fn a_folder_that_others_can_read_is_closed_or_refused() {
    let (server, home) = (Server::start(), TempDir::new().unwrap());
    let folder = home.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let open = || fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    open();
    backup(&server, &folder);
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    open();
    fs::write(folder.join("letter"), "").unwrap();
    let told = server.command(&["backup", folder.to_str().unwrap()]).unwrap_err();
    assert!(told.contains("is open to other users and has other things in it"), "{told}");
    assert_eq!(backups(&folder).len(), 1);
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
