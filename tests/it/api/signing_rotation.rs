//! Signing services that change their keys, and keys that end; GnuPG verifies what is served.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::gpg::{Gpg, Verified};
use crate::support::pulp::text;
use crate::support::random;
use crate::support::{Answer, Server, until};

const SERVICES: &str = "signing-services/";
const REPOSITORIES: &str = "repositories/rpm/rpm/";
const DISTRIBUTIONS: &str = "distributions/rpm/rpm/";
/// Keys of GnuPG's; the first has a signing subkey and the passphrase `open`.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core/src/openpgp/locked.asc");
const NEXT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core/src/openpgp/next.asc");
const PUBLIC_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

fn verb(server: &Server, arguments: &[&str]) -> Result<String, String> {
    server.command(&[&["signing-service"], arguments].concat())
}

/// The service of that name, as the API shows it.
fn service(server: &Server, name: &str) -> Value {
    server.get(&format!("{SERVICES}?name={name}")).expect(200).json()["results"][0].clone()
}

/// Adds a service with a key that is kept.
fn add(server: &Server, name: &str) -> Value {
    let passphrase = server.data().join("passphrase");
    fs::write(&passphrase, "open\n").unwrap();
    verb(server, &["add", name, "--key", KEY, "--passphrase-file", passphrase.to_str().unwrap()]).unwrap();
    service(server, name)
}

/// A repository whose metadata the service signs.
fn repository(server: &Server, service: &Value) -> String {
    let service = text(service, "pulp_href");
    server.made(REPOSITORIES, json!({"metadata_signing_service": service}))
}

fn publish(server: &Server, repository: &str) -> Answer {
    server.post("publications/rpm/rpm/", json!({"repository": repository}))
}

/// What is served of a publication, and what GnuPG with some keys says of it.
struct Served {
    index: Vec<u8>,
    signatures: Vec<u8>,
    keys: Vec<u8>,
}

impl Served {
    fn anew(server: &Server, repository: &str) -> Self {
        let publication = server.created(publish(server, repository));
        let base = server.distribute_in(DISTRIBUTIONS, json!({"publication": publication}));
        let [index, signatures, keys] = ["repomd.xml", "repomd.xml.asc", "repomd.xml.key"]
            .map(|file| server.download(&format!("{base}repodata/{file}")).expect(200).body);
        Self { index, signatures, keys }
    }

    fn verified_with(&self, keys: &[u8]) -> Verified {
        let gpg = Gpg::new();
        gpg.import(keys);
        gpg.verify(&self.signatures, &self.index)
    }
}

#[test]
fn while_a_key_is_changed_metadata_has_the_signatures_of_both() {
    let mut server = Server::start();
    let shown = add(&server, "ours");
    let old = text(&shown, "public_key");
    let repository = repository(&server, &shown);
    let before = Served::anew(&server, &repository);
    assert_eq!(before.keys, old.as_bytes());
    assert!(before.verified_with(&before.keys).all);

    let told = verb(&server, &["rotate", "ours", "--key", NEXT]).unwrap();
    assert!(told.starts_with("the signing service `ours` changes to the key "), "{told}");
    // A power cut between the steps changes nothing.
    server.kill();
    server.restart();
    let shown = service(&server, "ours");
    let both = text(&shown, "public_key");
    let next = both.strip_prefix(&old).unwrap().to_owned();
    assert!(next.starts_with(PUBLIC_KEY) && both.matches(PUBLIC_KEY).count() == 2, "{both}");
    let during = Served::anew(&server, &repository);
    assert_eq!(during.keys, both.as_bytes());
    let all = during.verified_with(&during.keys);
    assert!(all.all && all.good.len() == 2, "{all:?}");
    for (keys, at) in [(&old, 0), (&next, 1)] {
        let one = during.verified_with(keys.as_bytes());
        assert_eq!((&one.good, one.unknown.len()), (&vec![all.good[at].clone()], 1), "{one:?}");
    }

    verb(&server, &["rotate", "ours", "--finish"]).unwrap();
    let shown = service(&server, "ours");
    assert_eq!(text(&shown, "public_key"), next);
    let after = Served::anew(&server, &repository);
    assert_eq!(after.keys, next.as_bytes());
    let last = after.verified_with(next.as_bytes());
    assert!(last.all && last.good == [all.good[1].clone()] && last.good[0].len() == 16, "{last:?}");
    assert!(text(&shown, "pubkey_fingerprint").ends_with(&last.good[0]));
    let left = after.verified_with(old.as_bytes());
    assert!(!left.all && left.good.is_empty(), "{left:?}");
}

#[test]
fn a_change_is_listed_given_up_and_not_begun_twice() {
    let server = Server::start();
    let shown = add(&server, "ours");
    let fingerprint = text(&shown, "pubkey_fingerprint");
    let line = format!("ours\t{fingerprint}\tkey kept here\tdoes not expire\n");
    assert_eq!(verb(&server, &["list"]).unwrap(), line);
    for step in ["--finish", "--cancel"] {
        let told = verb(&server, &["rotate", "ours", step]).unwrap_err();
        assert!(told.contains("`ours` does not change its key"), "{told}");
    }
    verb(&server, &["rotate", "ours", "--key", NEXT]).unwrap();
    let listed = verb(&server, &["list"]).unwrap();
    let next = listed.strip_prefix(&line).unwrap();
    assert!(next.starts_with("ours\t") && next.ends_with("\tthe next key\tdoes not expire\n"), "{listed}");
    // The same again, as after a cut of which nobody knows whether it came before or behind.
    let told = verb(&server, &["rotate", "ours", "--key", NEXT]).unwrap();
    assert!(told.contains("uses the key") && verb(&server, &["list"]).unwrap() == listed, "{told}");
    let told = verb(&server, &["rotate", "ours", "--generate", "Third <third@example.org>"]).unwrap_err();
    assert!(told.contains("already; finish or cancel that"), "{told}");
    let told = verb(&server, &["check"]).unwrap();
    assert_eq!(told, "ours\tsigns; its key does not expire\n");
    verb(&server, &["rotate", "ours", "--cancel"]).unwrap();
    assert_eq!(verb(&server, &["list"]).unwrap(), line);
    assert_eq!(text(&service(&server, "ours"), "public_key"), text(&shown, "public_key"));
    let told = verb(&server, &["rotate", "others", "--key", NEXT]).unwrap_err();
    assert!(told.contains("No SigningService matches the given query."), "{told}");
}

#[test]
fn a_service_of_one_form_is_not_given_a_key_of_the_other() {
    let server = Server::start();
    let shown = add(&server, "ours");
    let public = server.data().join("public.asc");
    fs::write(&public, text(&shown, "public_key")).unwrap();
    let public = public.to_str().unwrap();
    let told = verb(&server, &["rotate", "ours", "--public-key", public]).unwrap_err();
    assert!(told.contains("give a secret key"), "{told}");
    for (arguments, expected) in [
        (&["--key", public][..], "no armoured secret OpenPGP key"),
        (&[], "--finish"),
        (&["--finish", "--cancel"], "cannot be used"),
    ] {
        let told = verb(&server, &[&["rotate", "ours"], arguments].concat()).unwrap_err();
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

#[test]
fn nothing_is_published_with_a_key_that_has_expired() {
    let (mut server, gpg) = (Server::start(), Gpg::new());
    // A slow host takes longer to add the service; then the key has to last longer.
    let added = [8, 16, 32, 64].into_iter().find(|seconds| {
        let key = gpg.new_key(&random::name(), *seconds);
        verb(&server, &["add", "short", "--key", key.to_str().unwrap()]).is_ok()
    });
    let seconds = added.expect("the service is added before its key ends");
    let repository = repository(&server, &service(&server, "short"));
    let listed = verb(&server, &["list"]).unwrap();
    assert!(listed.contains("\texpires on ") || listed.contains("\texpired on "), "{listed}");
    std::thread::sleep(Duration::from_secs(seconds + 1));
    let publications = server.count("publications/rpm/rpm/");
    let task = server.finished(publish(&server, &repository));
    assert_eq!(task["state"], "failed", "{task:#}");
    let told = text(&task["error"], "description");
    assert!(told.contains("signing service `short`: the key ") && told.contains(" expired on 20"), "{told}");
    assert_eq!(server.count("publications/rpm/rpm/"), publications);
    let told = verb(&server, &["check"]).unwrap_err();
    assert!(told.contains("signing services need care"), "{told}");
    // A server that starts tells it, and so does one that runs, each day.
    server.stop();
    server.restart();
    until("the log tells it", || server.log().contains("the key of a signing service expired on ").then_some(()));
    // The key that comes after it signs alone.
    verb(&server, &["rotate", "short", "--key", NEXT]).unwrap();
    let served = Served::anew(&server, &repository);
    let last = served.verified_with(&served.keys);
    assert!(last.all && last.good.len() == 1, "{last:?}");
}
