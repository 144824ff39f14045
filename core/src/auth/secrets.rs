//! Secrets at rest: values of the database that must not be read from a backup are sealed with AES-256-GCM.
//!
//! A sealed value is text, `pith1:<key id>:<base64 of nonce, ciphertext and tag>`. The key file holds one key
//! a line (32 bytes in base64, `#` begins a remark), the newest first: it seals, all of them open.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::random;
use crate::config::ConfigError;
use crate::error::{Error, Result};

const VERSION: &str = "pith1";

/// Keys of many years fit; a device or a wrong file does not.
const LARGEST_FILE: u64 = 64 * 1024;

/// The keys of an installation. `Debug` shows their ids only.
pub struct Secrets(Vec<Key>);

struct Key {
    id: String,
    key: LessSafeKey,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl Secrets {
    /// Keys from the text of a key file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            // Both alphabets of base64 are in use for key files, with and without padding.
            let unpadded = line.trim_end_matches('=').replace('-', "+").replace('_', "/");
            let bytes = STANDARD_NO_PAD.decode(unpadded).unwrap_or_default();
            keys.push(Key::new(&bytes).ok_or_else(|| format!("line {number} is not 32 bytes in base64"))?);
        }
        if keys.is_empty() { Err("holds no key".into()) } else { Ok(Self(keys)) }
    }

    /// Reads the key file, or makes it with one fresh key, readable by its owner only. When several
    /// processes start at once, all get the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, ConfigError> {
        let error = |problem| ConfigError::for_key("secret_key_file", format!("{}: {problem}", path.display()));
        let text = match read(path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => create(path)
                .and_then(|()| read(path))
                .map_err(|cause| error(format!("cannot be made: {cause}; make its folder writable or name another")))?,
            Err(cause) => return Err(error(format!("cannot be read: {cause}"))),
        };
        warn_if_open_to_others(path);
        Self::parse(&text).map_err(error)
    }

    /// The sealed form of a value, different each time.
    pub fn seal(&self, value: &Value) -> Result<String> {
        let newest = self.0.first().ok_or_else(|| Error::internal("there is no key to seal with"))?;
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut sealed = value.to_string().into_bytes();
        newest
            .key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), newest.associated(), &mut sealed)
            .map_err(|_| Error::internal("a value is too long to be sealed"))?;
        let text = STANDARD.encode([nonce.as_slice(), &sealed].concat());
        Ok(format!("{VERSION}:{}:{text}", newest.id))
    }

    /// The value that was sealed. The error of a missing key tells what to do; no error repeats the value.
    pub fn open(&self, sealed: &str) -> Result<Value> {
        let damaged = || Error::internal("a sealed value of the database is damaged");
        let mut parts = sealed.splitn(3, ':');
        let (Some(VERSION), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(damaged());
        };
        let Some(key) = self.0.iter().find(|key| key.id == id) else { return Err(missing(id)) };
        let mut bytes = STANDARD.decode(text).map_err(|_| damaged())?;
        let (nonce, ciphertext) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let plain = key.key.open_in_place(nonce, key.associated(), ciphertext).map_err(|_| damaged())?;
        serde_json::from_slice(plain).map_err(|_| damaged())
    }

    /// Whether these are the keys of the database that keeps this sealed value, asked at the start so that a
    /// wrong key file shows then and not at the first sync.
    pub fn check(&self, sealed: &str) -> Result<(), ConfigError> {
        self.open(sealed).map(drop).map_err(|_| {
            let problem = "is not the key file of this database; put the one back that was used with it";
            ConfigError::for_key("secret_key_file", problem)
        })
    }

    /// Whether this was sealed with an older key, so that sealing it anew lets that key go.
    pub fn is_outdated(&self, sealed: &str) -> bool {
        !self.0.first().is_some_and(|newest| sealed.starts_with(&format!("{VERSION}:{}:", newest.id)))
    }
}

impl Key {
    fn new(bytes: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).ok()?;
        // Enough of a digest to tell keys apart; it says nothing about the key.
        let id = hex::encode(&digest(&SHA256, &[b"pith key id", bytes].concat()).as_ref()[..8]);
        Some(Self { id, key: LessSafeKey::new(key) })
    }

    fn associated(&self) -> Aad<String> {
        Aad::from(format!("{VERSION}:{}", self.id))
    }
}

fn missing(id: &str) -> Error {
    let id: String = id.chars().take(16).collect();
    Error::internal(format!(
        "a value of the database was sealed with key `{id}`, which `secret_key_file` does not hold; \
         put the file back that belongs to this database"
    ))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes beside the file, then links into place: a crash leaves no half key, and of two processes the
/// second finds the key of the first.
fn create(path: &Path) -> io::Result<()> {
    let random = random::<32>().map_err(io::Error::other)?;
    let beside = path.with_extension(format!("new-{}", hex::encode(&random[..4])));
    let key: [u8; 32] = self::random().map_err(io::Error::other)?;
    let written = write_private(&beside, &format!("{}\n", STANDARD.encode(key)));
    let linked = written.and_then(|()| match fs::hard_link(&beside, path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&beside);
    linked.and(removed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Mounted secrets are often readable by all inside their container, so this is no reason to refuse.
fn warn_if_open_to_others(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "the key file is open to others than its owner");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line() -> String {
        STANDARD.encode(random::<32>().unwrap())
    }

    #[test]
    fn a_value_survives_and_does_not_show() {
        let keys = Secrets::parse(&line()).unwrap();
        for value in [json!("s3cret-ü"), json!({"a": [1, null]}), json!("")] {
            let sealed = keys.seal(&value).unwrap();
            assert!(!sealed.contains("s3cret"));
            assert_ne!(sealed, keys.seal(&value).unwrap());
            assert_eq!(keys.open(&sealed).unwrap(), value);
        }
    }

    #[test]
    fn a_changed_text_is_refused() {
        let keys = Secrets::parse(&line()).unwrap();
        let sealed = keys.seal(&json!("value")).unwrap();
        let flipped: String = match sealed.strip_suffix('A') {
            Some(rest) => format!("{rest}B"),
            None => format!("{}A", &sealed[..sealed.len() - 1]),
        };
        let head = sealed.rsplit_once(':').unwrap().0;
        for wrong in ["", "value", "pith1:", &format!("{head}:"), &format!("{head}:AAAA"), &flipped, &sealed[1..]] {
            let told = keys.open(wrong).unwrap_err();
            assert_eq!(told.public_text(), "internal error");
        }
    }

    #[test]
    fn an_older_key_opens_and_a_missing_one_is_named() {
        let (old, new) = (line(), line());
        let sealed = Secrets::parse(&old).unwrap().seal(&json!(1)).unwrap();
        let both = Secrets::parse(&format!("# newest first\n{new}\n\n{old} # until 2030\n")).unwrap();
        assert_eq!(both.open(&sealed).unwrap(), json!(1));
        assert!(both.is_outdated(&sealed) && !both.is_outdated(&both.seal(&json!(1)).unwrap()));
        assert!(both.check(&sealed).is_ok());
        let told = Secrets::parse(&new).unwrap().check(&sealed).unwrap_err().to_string();
        assert!(told.starts_with("configuration key `secret_key_file`: is not the key file"), "{told}");
        let told = Secrets::parse(&new).unwrap().open(&sealed).unwrap_err().to_string();
        assert!(told.contains("`secret_key_file` does not hold"), "{told}");
    }

    #[test]
    fn the_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let rings: Vec<Secrets> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| Secrets::load_or_create(&path).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(rings.iter().all(|ring| ring.0[0].id == rings[0].0[0].id));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    }

    #[test]
    fn a_wrong_file_is_one_clear_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        for (text, expected) in [("", "holds no key"), ("abc", "line 1 is not 32 bytes"), ("# x\n\n?", "line 3")] {
            fs::write(&path, text).unwrap();
            let told = Secrets::load_or_create(&path).unwrap_err().to_string();
            assert!(told.starts_with("configuration key `secret_key_file`: ") && told.contains(expected), "{told}");
        }
        let told = Secrets::load_or_create(&folder.path().join("none/secret.key")).unwrap_err().to_string();
        assert!(told.contains("cannot be made"), "{told}");
    }
}
