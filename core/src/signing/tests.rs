//! Services of both forms.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::ops::fixture::Fixture;

/// Signs by copying a signature that lies beside it.
const GOOD: &str = r#"
case "$PWD" in "$(dirname "$1")") ;; *) exit 4 ;; esac
test -n "$CORRELATION_ID" -a -n "$PULP_SIGNING_KEY_FINGERPRINT" || exit 5
cp "$(dirname "$0")/signature" "$1.asc"
echo "{\"file\": \"$1\", \"signature\": \"$1.asc\", \"key\": \"public\"}"
"#;

/// Scripts are all written before the first one runs: a process that is started meanwhile would inherit a file that
/// is open for writing, which cannot be run.
static SCRIPTS: LazyLock<(tempfile::TempDir, SecretKey)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let key = SecretKey::generate_for_tests();
    fs::write(folder.path().join("signature"), key.sign_armored(&b"text"[..]).unwrap()).unwrap();
    let relative = GOOD.replace(r#""signature\": \"$1.asc"#, r#""signature\": \"data.asc"#);
    for (name, text) in [
        ("good", GOOD),
        ("relative", &relative),
        ("failing", "echo \"no card in the reader\" >&2; exit 3"),
        ("silent", "exit 0"),
        ("elsewhere", "echo '{\"signature\": \"/proc/self/mem\"}'"),
        ("plain", "echo text > sig; echo '{\"signature\": \"sig\"}'"),
        ("keyless", "echo '{\"file\": \"x\"}'"),
        ("endless", "yes"),
        ("daemon", "sleep 60 & cp \"$(dirname \"$0\")/signature\" sig; echo '{\"signature\": \"sig\"}'"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(folder.path().join("unexecutable"), "").unwrap();
    (folder, key)
});

fn script(name: &str) -> PathBuf {
    SCRIPTS.0.path().join(name)
}

fn row(script: &str, key: &PublicKey) -> SigningServiceRow {
    SigningServiceRow {
        id: Id::new(),
        name: "ours".into(),
        class: DETACHED.into(),
        public_key: key.armored().unwrap(),
        fingerprint: key.fingerprint(),
        script: script.to_owned(),
        secrets: None,
    }
}

struct World {
    runtime: tokio::runtime::Runtime,
    fixture: Fixture,
    signing: Signing,
}

impl World {
    fn new() -> Self {
        let fixture = Fixture::new();
        let signing = fixture.signing().under("0123");
        Self { runtime: tokio::runtime::Runtime::new().unwrap(), fixture, signing }
    }

    fn add(&self, row: SigningServiceRow) -> Id {
        let id = row.id;
        self.fixture.write(move |conn| signing_services::insert(conn, &row));
        id
    }

    fn sign(&self, service: Id, text: &'static str) -> Result<Signature> {
        self.runtime.block_on(self.signing.sign(service, &Bytes::from_static(text.as_bytes())))
    }

    fn told(&self, service: Id, text: &'static str) -> String {
        match self.sign(service, text) {
            Err(Error::Conflict(text)) => text,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_script_signs_and_leaves_nothing() {
    let world = World::new();
    let key = SCRIPTS.1.public();
    for name in ["good", "relative", "daemon"] {
        let mut row = row(script(name).to_str().unwrap(), key);
        row.name = name.into();
        let service = world.add(row);
        let signature = world.sign(service, "text").unwrap();
        assert_eq!(&signature.public_key[..], key.armored().unwrap().as_bytes());
        key.verify(&signature.armored, &b"text"[..]).unwrap();
        let told = world.told(service, "another text");
        assert!(told.starts_with(&format!("signing service `{name}`: the signature is not valid")), "{told}");
    }
    assert_eq!(fs::read_dir(world.fixture.folder.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_script_that_fails_is_told_with_its_reason() {
    let world = World::new();
    for (name, expected) in [
        ("failing", "no card in the reader"),
        ("silent", "printed no JSON"),
        ("elsewhere", "the signature cannot be read"),
        ("plain", "the signature is not in armour"),
        ("keyless", "has no path under `signature`"),
        ("endless", "prints more than 65536 bytes"),
        ("unexecutable", "is no executable file"),
        ("absent", "cannot be used"),
        ("../good", "executable"),
    ] {
        let path = if name.starts_with('.') { name.to_owned() } else { script(name).to_str().unwrap().to_owned() };
        let row = SigningServiceRow { name: name.into(), ..row(&path, SCRIPTS.1.public()) };
        let told = world.told(world.add(row), "text");
        let expected = if name.starts_with('.') { "is not named by an absolute path" } else { expected };
        assert!(told.starts_with(&format!("signing service `{name}`: ")) && told.contains(expected), "{told}");
    }
    assert!(world.told(Id::new(), "text").contains("was removed"));
}

#[test]
fn a_kept_key_signs() {
    let world = World::new();
    let key = SecretKey::generate_for_tests();
    let kept = KeptKey { key: key.armored().unwrap(), passphrase: None };
    let secrets = Secrets::load_or_create(&world.fixture.folder.path().join("secret.key")).unwrap();
    let sealed = secrets.seal(&json!(kept)).unwrap();
    let own = SigningServiceRow { class: String::new(), secrets: Some(sealed), ..row("", key.public()) };
    let service = world.add(own);
    let signature = world.sign(service, "text").unwrap();
    key.public().verify(&signature.armored, &b"text"[..]).unwrap();
    // A key that does not fit what the database says of it.
    let other = SigningServiceRow {
        id: Id::new(),
        name: "other".into(),
        public_key: SCRIPTS.1.public().armored().unwrap(),
        ..world.fixture.read(|conn| signing_services::by_id(conn, service)).unwrap()
    };
    assert!(world.told(world.add(other), "text").contains("the signature is not of the key"));
}

/// Files of a format whose signature is their first line.
struct Lines;

impl FileSigner for Lines {
    fn class(&self) -> &'static str {
        "toy:LineSigningService"
    }
    fn answer(&self) -> &'static str {
        "line"
    }
    fn file_name(&self) -> &'static str {
        "data"
    }
    fn content_type(&self) -> &'static str {
        "toy.toy"
    }
    fn wanted(&self, _: &serde_json::Value) -> Option<SignedBy> {
        None
    }
    fn sample(&self) -> Result<Bytes> {
        Ok(Bytes::from_static(b"\ntext"))
    }
    fn sign(&self, _: &mut File, key: &SecretKey, name: Option<&str>) -> Result<SignedHead> {
        let signed = key.sign_binary(name, &b"text"[..]);
        let (packet, _) = signed.map_err(|problem| Error::Conflict(problem.to_string()))?;
        Ok(SignedHead { head: hex::encode(packet).into(), rest: 0 })
    }
    fn is_signed(&self, file: &mut File, key: &PublicKey) -> Result<bool> {
        let text = std::io::read_to_string(file).map_err(Error::internal)?;
        let (head, rest) = text.split_once('\n').unwrap_or(("", &text));
        Ok(key.verify(&hex::decode(head).unwrap_or_default(), rest.as_bytes()).is_ok())
    }
}

#[test]
fn a_file_is_signed_once_and_with_the_key_that_is_asked_for() {
    let world = World::new();
    let key = SecretKey::generate_for_tests();
    let kept = KeptKey { key: key.armored().unwrap(), passphrase: None };
    let secrets = Secrets::load_or_create(&world.fixture.folder.path().join("secret.key")).unwrap();
    let sealed = secrets.seal(&json!(kept)).unwrap();
    let own = SigningServiceRow { class: String::new(), secrets: Some(sealed), ..row("", key.public()) };
    let signer: Arc<dyn FileSigner> = Arc::new(Lines);
    world.runtime.block_on(world.signing.try_out_on(own.clone(), &signer)).unwrap();
    let service = world.add(own);
    let file = world.fixture.folder.path().join("file");
    let sign = |key: Option<String>| {
        world.runtime.block_on(world.signing.sign_file(&signer, &SignedBy { service, key }, &file))
    };
    fs::write(&file, "\ntext").unwrap();
    let Ok(Some(SignedFile::Head(SignedHead { head, rest: 0 }))) = sign(Some(key.public().fingerprint())) else {
        panic!("it is not signed");
    };
    fs::write(&file, [&head[..], b"\ntext"].concat()).unwrap();
    assert!(matches!(sign(None), Ok(None)));
    assert!(matches!(sign(Some("0".repeat(40))), Err(Error::Conflict(text)) if text.contains("no secret part")));
}

#[test]
fn a_service_of_another_class_signs_no_file() {
    let world = World::new();
    let signer: Arc<dyn FileSigner> = Arc::new(Lines);
    let detached = row(script("good").to_str().unwrap(), SCRIPTS.1.public());
    let told = world.runtime.block_on(world.signing.try_out_on(detached, &signer)).unwrap_err().to_string();
    assert!(told.contains("is of the class `core:AsciiArmoredDetachedSigningService`"), "{told}");
    let lines =
        SigningServiceRow { class: Lines.class().into(), ..row(script("good").to_str().unwrap(), SCRIPTS.1.public()) };
    let told = world.runtime.block_on(world.signing.try_out_on(lines.clone(), &signer)).unwrap_err().to_string();
    assert!(told.contains("has no path under `line`"), "{told}");
    assert!(world.told(world.add(lines), "text").contains("makes no detached signatures"));
}
