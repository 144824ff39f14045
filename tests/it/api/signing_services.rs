//! Signing services: added by the command line, shown by the API, named by repositories.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::multipart::Multipart;
use crate::support::pulp::text;
use crate::support::random;
use crate::support::{Answer, Server, sha256};

const SERVICES: &str = "signing-services/";
const REPOSITORIES: &str = "repositories/rpm/rpm/";
const PACKAGES: &str = "content/rpm/packages/";
/// A key of GnuPG's with a signing subkey; its passphrase is `open`.
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core/src/openpgp/locked.asc");

/// The href of a service with a kept key.
pub fn kept(server: &Server, name: &str) -> String {
    let passphrase = server.data().join("passphrase");
    fs::write(&passphrase, "open\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    let told = server.command(&["signing-service", "add", name, "--key", KEY, "--passphrase-file", passphrase]);
    assert!(told.unwrap().starts_with(&format!("added the signing service `{name}` with the key ")));
    let found = server.get(&format!("{SERVICES}?name={name}")).expect(200).json();
    assert_eq!(found["count"], 1, "{found:#}");
    text(&found["results"][0], "pulp_href")
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
    assert_eq!(listed, format!("ours\t{}\tkey kept here\n", text(&service, "pubkey_fingerprint")));

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
