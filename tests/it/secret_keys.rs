//! `pith secret-key`: the key that encrypts stored credentials is changed while the server runs.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Server;

const REMOTES: &str = "remotes/file/file/";

/// How many remotes have a password that can be decrypted.
fn readable(server: &Server) -> usize {
    let remotes = server.get(&format!("{REMOTES}?limit=1000")).expect(200).json();
    let results = remotes["results"].as_array().unwrap();
    let is_set = |remote: &&serde_json::Value| {
        remote["hidden_fields"].to_string().contains(r#"{"name":"password","is_set":true}"#)
    };
    results.iter().filter(is_set).count()
}

fn remote(server: &Server) {
    server.remote("http://127.0.0.1:1/", json!({"username": "ada", "password": "very secret"}));
}

fn keys(server: &Server) -> Vec<String> {
    let text = fs::read_to_string(server.data().join("secret.key")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_key_is_changed_while_the_server_encrypts_and_decrypts() {
    let mut server = Server::start();
    (0..120).for_each(|_| remote(&server));
    let old = keys(&server);
    let done = AtomicBool::new(false);
    let (told, made) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut made = 120;
            while !done.load(Ordering::Relaxed) {
                remote(&server);
                made += 1;
                assert_eq!(readable(&server), made);
                // A list has a thousand remotes at most.
                thread::sleep(Duration::from_millis(100));
            }
            made
        });
        let told = server.command(&["secret-key", "rotate", "--retire", "--settle", "4"]);
        done.store(true, Ordering::Relaxed);
        (told.unwrap(), writer.join().unwrap())
    });
    assert!(told.contains("values were encrypted anew") && told.contains("removed the key"), "{told}");
    let new = keys(&server);
    assert!(new.len() == 1 && new != old, "{new:?}");
    assert_eq!(readable(&server), made);
    remote(&server);
    let told = server.command(&["secret-key", "reseal"]).unwrap();
    assert!(told.contains("; 0 values were"), "the running server uses the new key: {told}");
    server.stop();
    server.restart();
    assert_eq!(readable(&server), made + 1);
}

#[test]
fn a_change_that_was_cut_is_finished() {
    let mut server = Server::start();
    (0..5).for_each(|_| remote(&server));
    let old = keys(&server).remove(0);
    // As if it had been killed when the file was written.
    let file = server.data().join("secret.key");
    let fresh = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    fs::write(&file, format!("{fresh}\n{old}\n")).unwrap();
    remote(&server);
    assert_eq!(readable(&server), 6);
    // Nothing is under way where no server runs, so nothing is waited for.
    server.stop();
    let begun = Instant::now();
    let told = server.command(&["secret-key", "reseal", "--retire"]).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    // The five of before, the probe by which a server knows its key, and what signs addresses of artifacts.
    assert!(told.contains("; 7 values were"), "{told}");
    assert_eq!(keys(&server), [fresh]);
    server.restart();
    assert_eq!(readable(&server), 6);
}

#[test]
fn a_key_on_standby_decrypts_first_and_encrypts_after_the_next_change() {
    let server = Server::start();
    remote(&server);
    let first = keys(&server).remove(0);
    let told = server.command(&["secret-key", "add"]).unwrap();
    assert!(told.starts_with("added the key "), "{told}");
    let [kept, standby] = keys(&server).try_into().unwrap();
    assert_eq!(kept, first);
    let next = standby.strip_suffix(" # standby").unwrap();
    let told = server.command(&["secret-key", "reseal", "--retire"]).unwrap();
    assert!(told.contains("; 0 values were"), "{told}");
    assert_eq!(keys(&server).len(), 2, "a key on standby stays");
    server.command(&["secret-key", "rotate"]).unwrap();
    assert_eq!(keys(&server), [next, &first]);
    assert_eq!(readable(&server), 1);
}

#[test]
fn a_value_whose_key_is_lost_is_told_and_left() {
    let server = Server::start();
    remote(&server);
    let lost = keys(&server).remove(0);
    let told = server.command(&["secret-key", "rotate"]).unwrap();
    assert!(!told.contains("cannot be decrypted"), "{told}");
    // A file without keys that are needed is not the file of this database.
    fs::write(server.data().join("secret.key"), format!("{lost}\n")).unwrap();
    let told = server.command(&["secret-key", "rotate"]).unwrap_err();
    assert!(told.contains("is not the key file of this database"), "{told}");
}

#[test]
fn a_value_that_no_key_decrypts_is_told_and_fails_the_verb() {
    let server = Server::start();
    remote(&server);
    let first = keys(&server).remove(0);
    let file = server.data().join("secret.key");
    fs::write(&file, format!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n{first}\n")).unwrap();
    remote(&server);
    // The probe of the database was encrypted with the key that is left.
    fs::write(&file, format!("{first}\n")).unwrap();
    let output = server.spawn(&["secret-key", "reseal"], Stdio::piped()).wait_with_output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && told.contains("1 values cannot be decrypted"), "{told}");
}
