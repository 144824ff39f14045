//! Signing services: added by the command line, shown by the API, named by repositories.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::rpm::Rpm;
use crate::support::rpm_repository::RpmRepository;
use crate::support::{Answer, Server, assert_completed, random, sha256, until};

const SERVICES: &str = "signing-services/";
const REPOSITORIES: &str = "repositories/rpm/rpm/";
const PACKAGES: &str = "content/rpm/packages/";
/// A key of GnuPG's with a signing subkey; its passphrase is `open`.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core/src/openpgp/locked.asc");
/// One without a passphrase.
const UNLOCKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core/src/openpgp/next.asc");

/// The href of a service with a kept key.
fn kept(server: &Server, name: &str) -> String {
    let passphrase = server.data().join("passphrase");
    fs::write(&passphrase, "open\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    let told = server.command(&["signing-service", "add", name, "--key", KEY, "--passphrase-file", passphrase]);
    assert!(told.unwrap().starts_with(&format!("added the signing service `{name}` with the key ")));
    let found = server.get(&format!("{SERVICES}?name={name}")).expect(200).json();
    assert_eq!(found["count"], 1, "{found:#}");
    text(&found["results"][0], "pulp_href")
}

/// The same with a key that no passphrase locks: it takes no time to open.
pub fn unlocked(server: &Server) -> String {
    server.command(&["signing-service", "add", "packages", "--key", UNLOCKED]).unwrap();
    text(&server.get(SERVICES).expect(200).json()["results"][0], "pulp_href")
}

fn repository(server: &Server, fields: Value) -> Answer {
    let mut body = json!({"name": random::name()});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    server.post(REPOSITORIES, body)
}

fn upload(server: &Server, repository: &str, bytes: &[u8]) -> Value {
    let form = Multipart::new().field("repository", repository).named_file("file", "a.rpm", bytes);
    server.finished(server.request("POST", PACKAGES).multipart(form).send())
}

#[test]
fn a_service_is_added_shown_and_removed_when_nothing_names_it() {
    let server = Server::start();
    let href = kept(&server, "ours");
    let service = server.get(&href).expect(200).json();
    assert_eq!(service["name"], "ours");
    assert_eq!(service["script"], "");
    assert_eq!(text(&service, "pubkey_fingerprint").len(), 40);
    assert!(text(&service, "public_key").starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    assert!(!service.to_string().contains("PRIVATE"));
    let listed = server.command(&["signing-service", "list"]).unwrap();
    assert_eq!(listed, format!("ours\t{}\tkey kept here\tdoes not expire\n", text(&service, "pubkey_fingerprint")));

    let prn = text(&service, "prn");
    let made = repository(&server, json!({"metadata_signing_service": prn})).expect(201).json();
    assert_eq!(made["metadata_signing_service"], json!(href));
    assert_eq!(made["package_signing_service"], Value::Null);
    let told = server.command(&["signing-service", "remove", "ours"]).unwrap_err();
    assert!(told.contains(&format!("in use: RPM repository `{}` (metadata_signing_service)", text(&made, "name"))));
    let none = json!({"metadata_signing_service": null});
    server.completed(server.request("PATCH", &text(&made, "pulp_href")).json(&none).send());
    server.command(&["signing-service", "remove", "ours"]).unwrap();
    assert_eq!(server.get(&href).status, 404);
    let gone = repository(&server, json!({"metadata_signing_service": href})).expect(400).json();
    assert_eq!(gone, json!({"metadata_signing_service": ["Invalid hyperlink - Object does not exist."]}));
}

#[test]
fn a_service_that_cannot_sign_is_not_added() {
    let server = Server::start();
    let script = server.data().join("sign");
    fs::write(&script, "#!/bin/sh\necho no card >&2\nexit 1\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let public = server.data().join("public.asc");
    let key = server.get(&kept(&server, "kept")).expect(200).json();
    fs::write(&public, text(&key, "public_key")).unwrap();
    let [script, public] = [script, public].map(|path| path.to_str().unwrap().to_owned());
    let add = |arguments: &[&str]| {
        let arguments = [&["signing-service", "add", "x"], arguments].concat();
        server.command(&arguments).unwrap_err()
    };
    for (arguments, expected) in [
        (&["--script", &script, "--public-key", &public][..], "no card"),
        (&["--script", "sign", "--public-key", &public], "absolute path"),
        (&["--script", &script, "--public-key", &script], "no public OpenPGP key"),
        (&["--script", &script, "--public-key", &public, "--class", "a:B"], "none of: core:AsciiArmored"),
        (&["--script", &script], "--public-key"),
        (&["--key", KEY], "passphrase"),
        (&["--key", &script], "no armoured secret OpenPGP key"),
    ] {
        let told = add(arguments);
        assert!(told.starts_with("pith: ") && told.contains(expected), "{arguments:?}: {told}");
    }
    assert_eq!(server.count(SERVICES), 1);
}

#[test]
fn packages_are_signed_on_their_way_into_a_repository_that_wants_that() {
    let server = Server::start();
    let service = kept(&server, "packages");
    let package = pith_rpm::resign::sample().unwrap();
    let plain = text(&repository(&server, json!({})).expect(201).json(), "pulp_href");
    let signing = json!({"package_signing_service": service});
    let signing = text(&repository(&server, signing).expect(201).json(), "pulp_href");
    let wrong = json!({"package_signing_service": service, "package_signing_fingerprint": "0".repeat(40)});
    let wrong = text(&repository(&server, wrong).expect(201).json(), "pulp_href");

    let keys = |repository: &str| {
        let task = upload(&server, repository, &package);
        assert_eq!(task["state"], "completed", "{task:#}");
        let version = format!("{repository}versions/1/");
        let found = server.get(&format!("{PACKAGES}?repository_version={version}")).expect(200).json();
        assert_eq!(found["count"], 1, "{found:#}");
        found["results"][0]["signing_keys"].clone()
    };
    assert_eq!(keys(&plain), json!([]));
    let keys = keys(&signing);
    let key = keys[0].as_str().unwrap();
    assert!(key.starts_with("v4:") && key.len() == 43, "{keys}");
    let failed = upload(&server, &wrong, &package);
    assert_eq!(failed["state"], "failed");
    let told = text(&failed["error"], "description");
    assert!(told.contains("signing service `packages`") && told.contains("no secret part"), "{told}");
    let broken = upload(&server, &signing, b"no package");
    assert!(text(&broken["error"], "description").contains("no RPM package"), "{broken:#}");
    // What was put aside for the tasks is gone, whatever became of them.
    assert_eq!(server.count("uploads/"), 0);

    let found = server.get(&format!("artifacts/?sha256={}", sha256(&package))).expect(200).json();
    let artifact = &found["results"][0]["pulp_href"];
    let task = server.completed(server.post(PACKAGES, json!({"artifact": artifact, "repository": signing})));
    assert!(task["created_resources"].as_array().unwrap().len() > 1, "{task:#}");
    assert_eq!(server.count("uploads/"), 0);
}

/// A package without any signature, in no repository: the href.
fn unsigned(server: &Server, name: &str) -> String {
    let form = Multipart::new().field("pulp_labels", "{\"of\": \"us\"}").named_file(
        "file",
        "a.rpm",
        &Rpm::new(name, "1").bytes(),
    );
    let made = server.request("POST", &format!("{PACKAGES}upload/")).multipart(form).send().expect(201).json();
    assert_eq!(made["signing_keys"], json!([]), "{made:#}");
    text(&made, "pulp_href")
}

/// The packages of a version.
fn packages(server: &Server, version: &str) -> Vec<Value> {
    let found = server.get(&format!("{PACKAGES}?repository_version={version}&ordering=name")).expect(200).json();
    found["results"].as_array().unwrap().clone()
}

#[test]
fn packages_that_are_added_to_a_repository_that_signs_are_replaced_by_signed_ones() {
    let server = Server::start();
    let service = unlocked(&server);
    let signing = || {
        let body = json!({"package_signing_service": service, "autopublish": true});
        text(&repository(&server, body).expect(201).json(), "pulp_href")
    };
    let (one, other) = (signing(), signing());
    let units = ["ant", "bear"].map(|name| unsigned(&server, name));
    let add = |repository: &str, units: &[String], overwrite: bool| {
        let body = json!({"add_content_units": units, "overwrite": overwrite});
        server.completed(server.post(&format!("{repository}modify/"), body))
    };
    let created = |task: &Value, part: &str| {
        let created = task["created_resources"].as_array().unwrap().iter();
        created.filter(|href| href.as_str().unwrap().contains(part)).count()
    };
    let task = add(&one, &units, true);
    let counts = ["/versions/1/", "/packages/", "/publications/"].map(|part| created(&task, part));
    assert_eq!(counts, [1, 2, 1], "{task:#}");
    let signed = packages(&server, &format!("{one}versions/1/"));
    let hrefs: Vec<String> = signed.iter().map(|unit| text(unit, "pulp_href")).collect();
    assert_eq!(hrefs.len(), 2);
    for (unit, name) in signed.iter().zip(["ant", "bear"]) {
        assert_eq!((&unit["name"], &unit["pulp_labels"]), (&json!(name), &json!({"of": "us"})));
        assert!(!units.contains(&text(unit, "pulp_href")));
        assert_eq!(unit["signing_keys"].as_array().unwrap().len(), 1, "{unit:#}");
    }
    // Nothing is signed twice: not what was signed before, and not what came of it.
    for (units, overwrite) in [(&units[..], true), (&units, false), (&hrefs, false)] {
        assert_eq!(add(&one, units, overwrite)["created_resources"], json!([]));
    }
    for units in [&units[..1], &hrefs[1..]] {
        assert_eq!(created(&add(&other, units, true), "/packages/"), 0);
    }
    assert_eq!(packages(&server, &format!("{other}versions/2/")), signed);
    assert_eq!(server.count(PACKAGES), 4);

    // As many are in the version as were added, when there are more than are signed at once.
    let many: Vec<_> = (0..40).map(|at| unsigned(&server, &format!("many{at}"))).collect();
    add(&one, &many, true);
    let all = packages(&server, &server.latest_version(&one));
    assert_eq!(all.len(), 42);
    assert!(all.iter().all(|unit| unit["signing_keys"].as_array().unwrap().len() == 1));
    let published = server.latest_version(&one);
    let publications = server.get("publications/rpm/rpm/?ordering=-pulp_created").expect(200).json();
    assert_eq!(publications["results"][0]["repository_version"], json!(published));
}

#[test]
fn what_cannot_be_signed_is_not_added() {
    let server = Server::start();
    let service = unlocked(&server);
    let body = json!({"package_signing_service": service, "package_signing_fingerprint": "0".repeat(40)});
    let wrong = text(&repository(&server, body).expect(201).json(), "pulp_href");
    let body = json!({"package_signing_service": service});
    let signing = text(&repository(&server, body).expect(201).json(), "pulp_href");
    let add = |repository: &str, unit: &str| {
        server.post(&format!("{repository}modify/"), json!({"add_content_units": [unit]}))
    };
    let task = server.finished(add(&wrong, &unsigned(&server, "ant")));
    assert_eq!(task["state"], "failed", "{task:#}");
    assert!(text(&task["error"], "description").contains("signing service `packages`"), "{task:#}");
    assert_eq!((server.count(PACKAGES), server.latest_version(&wrong)), (1, format!("{wrong}versions/0/")));

    // One that only its upstream has.
    let upstream = RpmRepository::of(&["bear"]);
    let remote = json!({"url": upstream.url(), "policy": "on_demand"});
    let source = text(&repository(&server, json!({})).expect(201).json(), "pulp_href");
    assert_completed(&server.sync(&source, &server.made("remotes/rpm/rpm/", remote)));
    let lazy = text(&packages(&server, &server.latest_version(&source))[0], "pulp_href");
    let told = add(&signing, &lazy).expect(400).text();
    assert!(told.contains("Cannot add on-demand packages"), "{told}");
    server.completed(add(&source, &lazy));
}

#[test]
fn a_kill_while_units_are_signed_leaves_no_version_and_what_was_signed_is_used() {
    let mut server = Server::start();
    let body = json!({"package_signing_service": unlocked(&server)});
    let signing = text(&repository(&server, body).expect(201).json(), "pulp_href");
    let units: Vec<_> = (0..40).map(|at| unsigned(&server, &format!("many{at}"))).collect();
    let add = |server: &Server| server.post(&format!("{signing}modify/"), json!({"add_content_units": units}));
    let task = text(&add(&server).expect(202).json(), "task");
    until("some are signed", || (server.count(PACKAGES) > 40).then_some(()));
    server.kill();
    server.restart();
    let latest = server.latest_version(&signing);
    let here = packages(&server, &format!("{latest}&limit=1000")).len();
    let task = server.wait_for(&task);
    let is_named = task["created_resources"].as_array().unwrap().contains(&json!(latest));
    assert_eq!(here, if is_named { 40 } else { 0 }, "{task:#}");
    assert!(is_named || task["state"] == "failed", "{task:#}");
    server.completed(add(&server));
    let latest = server.latest_version(&signing);
    assert_eq!(packages(&server, &format!("{latest}&limit=1000")).len(), 40);
    assert_eq!(server.count(PACKAGES), 80, "none was signed twice");
}
