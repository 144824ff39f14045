//! Keyrings: a key becomes units, grows, is served put together again; what is no public key is refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::{PASSWORD, text};
use crate::support::{Answer, Client, Server};

const KEYRINGS: &str = "repositories/core/openpgp_keyring/";
const DISTRIBUTIONS: &str = "distributions/core/openpgp/";
const KEYS: &str = "content/core/openpgp_publickey/";
const SUBKEYS: &str = "content/core/openpgp_publicsubkey/";
const USER_IDS: &str = "content/core/openpgp_userid/";
const ATTRIBUTES: &str = "content/core/openpgp_userattribute/";
const SIGNATURES: &str = "content/core/openpgp_signature/";

/// A key with two subkeys, of which one lived for a month of 2020.
const ADA: &[u8] = include_bytes!("openpgp/ada.asc");
/// The same with a second user id; Grace has signed both.
const ADA_CERTIFIED: &[u8] = include_bytes!("openpgp/ada-certified.asc");
const GRACE: &[u8] = include_bytes!("openpgp/grace.asc");
const SECRET: &[u8] = include_bytes!("openpgp/secret.asc");

const FINGERPRINT: &str = "b0b231a34ac35b49277f6cf19a4808cb9f1e85ee";
const FILE: &str = "9A4808CB9F1E85EE.pub";

fn upload(client: &Client, bytes: &[u8], keyring: Option<&str>) -> Answer {
    let form = Multipart::new().file("file", bytes);
    let form = match keyring {
        Some(keyring) => form.field("repository", keyring),
        None => form,
    };
    client.request("POST", KEYS).multipart(form).send()
}

/// What a failed task says.
fn refusal(client: &Client, bytes: &[u8]) -> String {
    let task = client.finished(upload(client, bytes, None));
    assert_eq!(task["state"], "failed", "{task:#}");
    text(&task["error"], "description")
}

/// The bytes in armour.
fn packets(armored: &str) -> Vec<u8> {
    let body = armored.split("\n\n").nth(1).unwrap();
    let lines = body.lines().take_while(|line| !line.starts_with('=') && !line.starts_with('-'));
    BASE64.decode(lines.collect::<String>()).unwrap()
}

/// The tags of packets whose headers are of the new format.
fn tags(mut bytes: &[u8]) -> Vec<u8> {
    let mut tags = vec![];
    while let [tag, first, rest @ ..] = bytes {
        let (length, rest) = match (*first, rest) {
            (short @ 0..192, rest) => (usize::from(short), rest),
            (long, [second, rest @ ..]) => (((usize::from(long) - 192) << 8) + usize::from(*second) + 192, rest),
            _ => panic!("a header is cut"),
        };
        tags.push(tag & 0x3f);
        bytes = &rest[length..];
    }
    tags
}

/// A packet of the new format.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 0xff][..], &length, body].concat()
}

fn served(client: &Client, path: &str) -> Answer {
    client.download(&format!("/pulp/content/{path}"))
}

fn user_ids(key: &Value) -> Vec<(String, usize)> {
    let list = key["user_ids"].as_array().unwrap().iter();
    list.map(|one| (text(one, "user_id"), one["signatures"].as_array().unwrap().len())).collect()
}

#[test]
fn a_key_becomes_units() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({}));
    let task = server.completed(upload(&server, ADA, Some(&keyring)));
    // The parts of a key can be thousands, and are not named.
    let made: Vec<_> = task["created_resources"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(made.len(), 2, "{task:#}");
    assert!(made[0].ends_with("/versions/1/") && made[1].contains(KEYS), "{made:?}");
    let key = server.get(made[1]).expect(200).json();
    assert_eq!((text(&key, "fingerprint"), text(&key, "created")), (FINGERPRINT.into(), "2020-03-01T12:00:00Z".into()));
    assert_eq!(user_ids(&key), [("Ada <ada@example.org>".to_owned(), 1)]);
    let subkeys = key["public_subkeys"].as_array().unwrap();
    assert_eq!((subkeys.len(), &key["user_attributes"]), (2, &json!([])));
    let signature = &subkeys[0]["signatures"][0];
    let expected = json!({
        "issuer": "9a4808cb9f1e85ee", "created": "2020-03-01T12:00:00Z", "expiration_time": null,
        "signers_user_id": null, "key_expiration_time": "30 00:00:00", "expired": null, "key_expired": true,
    });
    assert_eq!(*signature, expected);
    assert_eq!(subkeys[1]["signatures"][0]["key_expired"], Value::Null);
    for (list, count) in [(KEYS, 1), (SUBKEYS, 2), (USER_IDS, 1), (ATTRIBUTES, 0), (SIGNATURES, 3)] {
        assert_eq!(server.count(list), count, "{list}");
    }
    assert_eq!(server.count(&format!("content/?repository_version={}", server.latest_version(&keyring))), 7);
    assert_eq!(server.count("artifacts/"), 0);
    // Each part names its key, each signature what it is of.
    let user_id = server.get(USER_IDS).expect(200).json()["results"][0].clone();
    assert_eq!(
        (text(&user_id, "public_key"), &user_id["signatures"][0]["issuer"]),
        (text(&key, "pulp_href"), &json!("9a4808cb9f1e85ee"))
    );
    let signatures = server.get(&format!("{SIGNATURES}?issuer=9a4808cb9f1e85ee")).expect(200).json();
    let of: Vec<_> = signatures["results"].as_array().unwrap().iter().map(|one| text(one, "signed_content")).collect();
    assert!(of.contains(&text(&user_id, "pulp_href")), "{of:?}");
    assert_eq!(server.count(&format!("{KEYS}?fingerprint={FINGERPRINT}")), 1);
    assert_eq!(server.count(&format!("{KEYS}?fingerprint=00")), 0);
    server.post(&format!("{}set_label/", text(&user_id, "pulp_href")), json!({"key": "of", "value": "ada"}));
    assert_eq!(server.count(&format!("{USER_IDS}?pulp_label_select=of=ada")), 1);
}

#[test]
fn a_key_that_comes_again_grows() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({}));
    server.completed(upload(&server, ADA, Some(&keyring)));
    server.completed(upload(&server, ADA_CERTIFIED, Some(&keyring)));
    let key = server.get(KEYS).expect(200).json()["results"][0].clone();
    let expected = [("Ada <ada@example.org>".to_owned(), 2), ("Ada at work <ada@example.com>".to_owned(), 2)];
    assert_eq!(user_ids(&key), expected);
    assert_eq!((server.count(KEYS), server.count(SIGNATURES)), (1, 6));
    // What is known already changes nothing, less of it neither.
    let version = server.latest_version(&keyring);
    for known in [ADA, ADA_CERTIFIED, &packets(std::str::from_utf8(ADA).unwrap())] {
        server.completed(upload(&server, known, Some(&keyring)));
    }
    assert_eq!(server.latest_version(&keyring), version);
}

#[test]
fn a_distribution_serves_each_key_of_a_keyring() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({}));
    let fields = json!({"repository": keyring, "base_path": "keys", "name": "keys"});
    let distribution = server.distribute_in(DISTRIBUTIONS, fields);
    let shown = server.get(DISTRIBUTIONS).expect(200).json()["results"][0].clone();
    assert!(
        shown.get("publication").is_none() && text(&shown, "base_url").ends_with("/keys/"),
        "{shown:#} {distribution}"
    );
    served(&server, &format!("keys/{FILE}")).expect(404);
    server.completed(upload(&server, ADA, Some(&keyring)));
    server.completed(upload(&server, GRACE, Some(&keyring)));
    let page = served(&server, "keys/").expect(200).text();
    assert!(page.contains(FILE) && page.contains("3119B4F1D572C643.pub"), "{page}");
    let answer = served(&server, &format!("keys/{FILE}")).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/pgp-keys; charset=us-ascii"));
    assert!(answer.text().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"));
    // Key, user id, its signature, twice a subkey and its signature.
    assert_eq!(tags(&packets(&answer.text())), [6, 13, 2, 14, 2, 14, 2]);
    for nothing in [&FILE.to_lowercase(), "9A4808CB9F1E85EE", "index.html", "a/b"] {
        served(&server, &format!("keys/{nothing}")).expect(404);
    }
    // What was served is what came: it comes again as the same.
    let before = server.count("content/");
    server.completed(upload(&server, answer.text().as_bytes(), None));
    assert_eq!(server.count("content/"), before);
}

#[test]
fn what_a_version_lacks_is_not_served() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({}));
    server.completed(upload(&server, ADA_CERTIFIED, Some(&keyring)));
    let first = server.latest_version(&keyring);
    let subkey = text(&server.get(SUBKEYS).expect(200).json()["results"][0], "pulp_href");
    server.modify(&keyring, &[], &[&subkey]);
    server.distribute_in(DISTRIBUTIONS, json!({"repository": keyring, "base_path": "new", "name": "new"}));
    server.distribute_in(DISTRIBUTIONS, json!({"repository_version": first, "base_path": "old", "name": "old"}));
    let of = |path: &str| tags(&packets(&served(&server, &format!("{path}/{FILE}")).expect(200).text()));
    assert_eq!(of("old"), [6, 13, 2, 2, 13, 2, 2, 14, 2, 14, 2]);
    // Without the subkey its signature has nothing to be of.
    assert_eq!(of("new"), [6, 13, 2, 2, 13, 2, 2, 14, 2]);
    // Parts that other keyrings of the domain brought do not get into this one.
    let other = server.made(KEYRINGS, json!({}));
    let key = text(&server.get(KEYS).expect(200).json()["results"][0], "pulp_href");
    server.modify(&other, &[&key], &[]);
    server.distribute_in(DISTRIBUTIONS, json!({"repository": other, "base_path": "bare", "name": "bare"}));
    assert_eq!(of("bare"), [6]);
}

#[test]
fn a_guard_stands_before_a_keyring() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({}));
    server.completed(upload(&server, ADA, Some(&keyring)));
    let guard = server.made("contentguards/core/rbac/", json!({}));
    let fields = json!({"repository": keyring, "base_path": "keys", "name": "keys", "content_guard": guard});
    server.distribute_in(DISTRIBUTIONS, fields);
    for path in ["keys/", &format!("keys/{FILE}")] {
        served(&server.anonymous(), path).expect(403);
    }
}

#[test]
fn a_secret_key_is_never_kept() {
    let server = Server::start();
    let binary = packets(std::str::from_utf8(SECRET).unwrap());
    let disguised = String::from_utf8(SECRET.to_vec()).unwrap().replace("PRIVATE", "PUBLIC");
    // Behind a public key, too.
    let grace = packets(std::str::from_utf8(GRACE).unwrap());
    for secret in [SECRET, &binary, disguised.as_bytes(), &[grace, binary.clone()].concat()] {
        let told = refusal(&server, secret);
        assert!(told.contains("secret key"), "{told}");
    }
    assert_eq!((server.count("content/"), server.count("artifacts/")), (0, 0));
}

#[test]
fn what_is_no_public_key_is_refused() {
    let server = Server::start();
    let ada = packets(std::str::from_utf8(ADA).unwrap());
    let grace = packets(std::str::from_utf8(GRACE).unwrap());
    let many: Vec<u8> = (0..10_000).flat_map(|at| packet(13, format!("user {at}").as_bytes())).collect();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("garbage", b"garbage".to_vec(), "OpenPGP key"),
        ("cut inside a packet", ada[..ada.len() - 7].to_vec(), "OpenPGP key"),
        ("cut inside a header", [&ada[..], &[0xc2]].concat(), "broken off"),
        ("cut inside armour", ADA[..ADA.len() / 2].to_vec(), "OpenPGP key"),
        ("two keys", [&ada[..], &grace].concat(), "several keys"),
        ("two blocks", [ADA, GRACE].concat(), "several keys"),
        ("signatures without a key", packet(2, b"x"), "no public OpenPGP key"),
        ("a message", [&ada[..], &packet(11, b"b\0\0\0\0\0text")].concat(), "LiteralData"),
        ("ten thousand user ids", [&ada[..], &many].concat(), "packets"),
    ];
    for (what, bytes, expected) in cases {
        let told = refusal(&server, &bytes);
        assert!(told.contains(expected), "{what}: {told}");
    }
    assert!(refusal(&server, &vec![b'a'; 3 << 20]).contains("larger than"));
    upload(&server, b"", None).expect(400);
    assert_eq!(server.count("content/"), 0);
}

#[test]
fn odd_keys_are_kept_as_they_are() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({}));
    // A wrong checksum of armour means nothing (RFC 9580, 6.1); a user id need be no text; what is bound by no
    // signature is for readers to judge.
    let wrong = String::from_utf8(ADA.to_vec()).unwrap();
    let at = wrong.rfind("\n=").unwrap();
    let wrong = format!("{}\n=AAAA{}", &wrong[..at], &wrong[at + 6..]);
    server.completed(upload(&server, wrong.as_bytes(), Some(&keyring)));
    let grace = packets(std::str::from_utf8(GRACE).unwrap());
    let length = usize::from(grace[1]);
    let subkey = packet(14, &grace[2..2 + length]);
    let odd = [&grace[..], &packet(13, b"\xffno\0text"), &packet(17, b"\x02\x01x"), &subkey].concat();
    server.completed(upload(&server, &odd, Some(&keyring)));
    let key = server.get(&format!("{KEYS}?fingerprint=d9cbe6521e75f538e8fd77273119b4f1d572c643")).expect(200).json();
    let key = &key["results"][0];
    assert_eq!(key["user_ids"][1]["user_id"], "\u{fffd}no\u{fffd}text");
    assert_eq!(key["user_attributes"].as_array().unwrap().len(), 1);
    assert_eq!(key["public_subkeys"][0]["signatures"], json!([]));
    server.distribute_in(DISTRIBUTIONS, json!({"repository": keyring, "base_path": "odd", "name": "odd"}));
    let answer = served(&server, "odd/3119B4F1D572C643.pub").expect(200).text();
    assert_eq!(tags(&packets(&answer)), [6, 13, 2, 13, 17, 14]);
}

#[test]
fn keyrings_are_repositories_with_roles_and_rights() {
    let server = Server::start();
    let keyring = server.made(KEYRINGS, json!({"description": "of releases", "pulp_labels": {"a": "b"}}));
    let (_, name) = server.new_user();
    let user = server.user(&name, PASSWORD);
    assert!(upload(&user, ADA, Some(&keyring)).expect(403).json()["detail"].is_string());
    let role = json!({"role": "core.openpgpkeyring_owner", "users": [name]});
    server.post(&format!("{keyring}add_role/"), role).expect(201);
    user.completed(upload(&user, ADA, Some(&keyring)));
    // A keyring holds keys and nothing else, and nothing else holds keys.
    let file = server.upload("a", b"a");
    let task = server.finished(server.post(&format!("{keyring}modify/"), json!({"add_content_units": [file]})));
    assert_eq!(task["state"], "failed", "{task:#}");
    let files = server.repository();
    upload(&server, ADA, Some(&files)).expect(400);
    let versions = server.get("status/").expect(200).json()["versions"].clone();
    let cores = versions.as_array().unwrap().iter().filter(|one| one["component"] == "core");
    assert_eq!(cores.count(), 1);
    server.completed(server.delete(&keyring));
}
