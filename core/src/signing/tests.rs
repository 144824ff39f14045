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
static SCRIPTS: LazyLock<(tempfile::TempDir, SecretKey, SecretKey)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (key, next) = (SecretKey::generate_for_tests(), SecretKey::generate_for_tests());
    fs::write(folder.path().join("signature"), key.sign_armored(&b"text"[..]).unwrap()).unwrap();
    for key in [&key, &next] {
        fs::write(folder.path().join(key.public().fingerprint()), key.sign_armored(&b"text"[..]).unwrap()).unwrap();
    }
    let relative = GOOD.replace(r#""signature\": \"$1.asc"#, r#""signature\": \"data.asc"#);
    for (name, text) in [
        ("good", GOOD),
        ("relative", &relative),
        ("of_both", &GOOD.replace("/signature\"", "/$PULP_SIGNING_KEY_FINGERPRINT\"")),
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
    (folder, key, next)
});

fn script(name: &str) -> PathBuf {
    SCRIPTS.0.path().join(name)
}

fn row(script: &str, key: &PublicKey) -> SigningServiceRow {
    SigningServiceRow {
        id: Id::new(),
        name: "ours".into(),
        class: DETACHED.into(),
        script: script.to_owned(),
        key: key_row(key),
        successor: None,
    }
}

fn key_row(key: &PublicKey) -> KeyRow {
    KeyRow { public_key: key.armored().unwrap(), fingerprint: key.fingerprint(), secrets: None }
}

/// A service with a key that is kept, and the one that it changes to.
fn kept(world: &World, key: &SecretKey, next: Option<&SecretKey>) -> SigningServiceRow {
    let secrets = Secrets::load_or_create(&world.fixture.folder.path().join("secret.key")).unwrap();
    let sealed = |key: &SecretKey| {
        let kept = KeptKey { key: key.armored().unwrap(), passphrase: None };
        KeyRow { secrets: Some(secrets.seal(&json!(kept)).unwrap()), ..key_row(key.public()) }
    };
    let (own, successor) = (sealed(key), next.map(sealed));
    SigningServiceRow { class: String::new(), key: own, successor, ..row("", key.public()) }
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
        self.fixture.write(move |conn| {
            signing_services::insert(conn, &row)?;
            signing_services::set_successor(conn, id, row.successor.as_ref())
        });
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
    let own = kept(&world, &key, None);
    let service = world.add(own);
    let signature = world.sign(service, "text").unwrap();
    key.public().verify(&signature.armored, &b"text"[..]).unwrap();
    // A key that does not fit what the database says of it.
    let mut other = world.fixture.read(|conn| signing_services::by_id(conn, service)).unwrap();
    (other.id, other.name) = (Id::new(), "other".into());
    other.key.public_key = SCRIPTS.1.public().armored().unwrap();
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
    let own = kept(&world, &key, None);
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

/// The parts of a text that begin like this.
fn blocks(text: &[u8], begin: &str) -> Vec<String> {
    let text = std::str::from_utf8(text).unwrap();
    text.split(begin).skip(1).map(|block| format!("{begin}{block}")).collect()
}

const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const PUBLIC_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

#[test]
fn a_service_that_changes_its_key_signs_with_both() {
    let world = World::new();
    let (old, next) = (SecretKey::generate_for_tests(), SecretKey::generate_for_tests());
    let kept = world.add(kept(&world, &old, Some(&next)));
    let Signature { armored, public_key } = world.sign(kept, "text").unwrap();
    let (signatures, keys) = (blocks(&armored, SIGNATURE), blocks(&public_key, PUBLIC_KEY));
    assert_eq!((signatures.len(), keys.len()), (2, 2));
    for ((signature, key), made_by) in signatures.iter().zip(&keys).zip([&old, &next]) {
        let public = PublicKey::parse(key.as_bytes()).unwrap();
        assert_eq!(public.fingerprint(), made_by.public().fingerprint());
        public.verify(signature.as_bytes(), &b"text"[..]).unwrap();
    }
    // A script is asked for one key after the other.
    let script = script("of_both").to_str().unwrap().to_owned();
    let (_, first, second) = &*SCRIPTS;
    let successor = Some(key_row(second.public()));
    let service = SigningServiceRow { name: "script".into(), successor, ..row(&script, first.public()) };
    let Signature { armored, .. } = world.sign(world.add(service), "text").unwrap();
    for (signature, made_by) in blocks(&armored, SIGNATURE).iter().zip([first, second]) {
        made_by.public().verify(signature.as_bytes(), &b"text"[..]).unwrap();
    }
    // Files take one signature.
    let signer: Arc<dyn FileSigner> = Arc::new(Lines);
    let file = world.fixture.folder.path().join("file");
    let (old, next) = (&old, &next);
    for (name, signs) in [(None, old), (Some(old), old), (Some(next), next)] {
        fs::write(&file, "\ntext").unwrap();
        let by = SignedBy { service: kept, key: name.map(|key| key.public().fingerprint()) };
        let signed = world.runtime.block_on(world.signing.sign_file(&signer, &by, &file)).unwrap();
        let Some(SignedFile::Head(SignedHead { head, .. })) = signed else { panic!("it is not signed") };
        signs.public().verify(&hex::decode(head).unwrap(), &b"text"[..]).unwrap();
    }
}

#[test]
fn a_key_that_has_ended_signs_nothing_and_says_since_when() {
    let world = World::new();
    let expired = PublicKey::parse(include_bytes!("../openpgp/expired.pub.asc")).unwrap();
    let revoked = PublicKey::parse(include_bytes!("../openpgp/revoked.asc")).unwrap();
    let script = script("good").to_str().unwrap().to_owned();
    for (public, since) in [(&expired, "expired on 2021-01-01"), (&revoked, "was revoked on 2026-11-29")] {
        let service = SigningServiceRow { name: since.into(), ..row(&script, public) };
        let told = world.told(world.add(service), "text");
        assert_eq!(told, format!("signing service `{since}`: the key {} {since}", public.fingerprint()));
    }
    // While there is another key, that signs.
    let key = SCRIPTS.1.public();
    let service =
        SigningServiceRow { name: "changing".into(), successor: Some(key_row(key)), ..row(&script, &expired) };
    let Signature { armored, public_key } = world.sign(world.add(service), "text").unwrap();
    assert_eq!((blocks(&armored, SIGNATURE).len(), blocks(&public_key, PUBLIC_KEY).len()), (1, 1));
    key.verify(&armored, &b"text"[..]).unwrap();
}

#[test]
fn it_is_told_when_a_key_ends() {
    let expired = key_row(&PublicKey::parse(include_bytes!("../openpgp/expired.pub.asc")).unwrap());
    let at = |text: &str| Ending::of(&expired, text.parse().unwrap());
    assert_eq!(at("2020-11-01T00:00:00Z"), Ending::Far("expires on 2021-01-01".into()));
    assert_eq!(at("2020-12-15T00:00:00Z"), Ending::Soon("expires on 2021-01-01".into()));
    assert_eq!(at("2021-02-01T00:00:00Z"), Ending::Past("expired on 2021-01-01".into()));
    let revoked = key_row(&PublicKey::parse(include_bytes!("../openpgp/revoked.asc")).unwrap());
    assert_eq!(Ending::of(&revoked, now()), Ending::Past("revoked on 2026-11-29".into()));
    let forever = key_row(SecretKey::generate_for_tests().public());
    assert_eq!(Ending::of(&forever, now()), Ending::Far("does not expire".into()));
}
