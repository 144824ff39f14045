//! Backups of installations with domains.

use std::fs;
use std::process::Stdio;

use serde_json::json;
use tempfile::TempDir;

use super::{backups, whole_backup};
use crate::domains::{FOLDER, domain, server as with_domains};
use crate::support::bucket::files_below;
use crate::support::http::Client;
use crate::support::pulp::text;
use crate::support::{Server, sha256};

/// A file that a client uploads, and where it is served.
fn served(client: &Client, bytes: &[u8]) -> String {
    let repository = client.repository();
    client.modify_many(&repository, &[("a", bytes)]);
    client.distribute(json!({"publication": client.publish(&repository)}))
}

#[test]
fn domains_come_back_with_the_files_of_their_own_stores() {
    let (mut server, place, folder) = (with_domains(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let (own, team) = domain(&server, place.path());
    let body = json!({
        "name": "sharing", "storage_class": FOLDER, "storage_settings": {"location": ""},
    });
    let clients = [server.within("default"), team];
    let mut files: Vec<(String, Vec<u8>)> =
        clients.iter().map(|client| (served(client, b"the same in both"), b"the same in both".to_vec())).collect();
    // A store that is the installation's own is no folder where that is a bucket.
    if server.store().starts_with(server.data()) {
        clients[0].post("domains/", body).expect(201);
        files.push((served(&server.within("sharing"), b"of the third"), b"of the third".to_vec()));
    }
    files.push((served(&clients[1], b"of one alone"), b"of one alone".to_vec()));
    let told = whole_backup(&server, folder.path());
    assert!(!told.contains("missing"), "{told}");
    server.stop();
    fs::remove_dir_all(place.path().join("artifact")).unwrap();
    let paths = json!([place.path()]).to_string();
    let refused = Server::restored_with(folder.path(), &[], &[("PITH_DOMAIN_ENABLED", "true")]).err().unwrap();
    assert!(
        refused.contains("cannot put the files of the domain") && refused.contains("domain_storage_paths"),
        "{refused}"
    );
    let settings = [("PITH_DOMAIN_ENABLED", "true"), ("PITH_DOMAIN_STORAGE_PATHS", paths.as_str())];
    let copy = Server::restored_with(folder.path(), &[], &settings).unwrap();
    copy.get(&own).expect(200);
    for (address, bytes) in &files {
        // The address names the port of the server that was.
        let path = &address[address.find("/pulp/").unwrap()..];
        assert_eq!(&copy.anonymous().download(&format!("{path}a")).expect(200).body, bytes, "{path}");
    }
    assert!(copy.run("check").ends_with("sound\n"), "{}", copy.run("check"));
}

#[test]
fn a_domain_whose_store_is_gone_keeps_no_others_from_being_saved() {
    let (server, place, folder) = (with_domains(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let at = place.path().join("store");
    let (href, team) = domain(&server, &at);
    let name = text(&server.within("default").get(&href).json(), "name");
    team.artifact(b"of the team");
    server.within("default").artifact(b"of the default");
    fs::remove_dir_all(&at).unwrap();
    fs::write(&at, "").unwrap();
    let path = folder.path().to_str().unwrap();
    let output = server.spawn(&["backup", path, "--with-secret-key"], Stdio::piped()).wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(told.contains(&format!("the store of the domain `{name}` cannot be read")), "{told}");
    assert!(told.contains(&format!("missing or damaged in the store: {name}/{}", sha256(b"of the team"))), "{told}");
    assert!(told.contains("2 artifacts") && told.contains(", 1 of them new"), "{told}");
    assert_eq!(backups(folder.path()).len(), 1);
}

#[test]
fn the_files_of_a_deleted_domain_stay_while_a_backup_needs_them() {
    let (server, place) = (with_domains(), TempDir::new().unwrap());
    let (href, team) = domain(&server, place.path());
    let root = server.within("default");
    team.artifact(b"an orphan of the team");
    // One that is killed while it is made needs them for as long as it may still be alive for all that is known.
    let is_cut = (0..20).any(|_| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_str().unwrap();
        let mut backup = server.spawn(&["backup", path], Stdio::null());
        let begun = || fs::read_dir(folder.path()).unwrap().flatten().any(|one| is_partial(&one.file_name()));
        while !begun() && backup.try_wait().unwrap().is_none() {}
        backup.kill().unwrap();
        backup.wait().unwrap();
        begun()
    });
    assert!(is_cut);
    root.completed(root.delete(&href));
    root.get(&href).expect(404);
    assert_eq!(files_below(place.path()), 1);
    assert!(server.run("check").ends_with("sound\n"));
}

fn is_partial(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(".partial-"))
}
