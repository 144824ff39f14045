//! Secrets at rest: values of the database that must not be read from a backup are sealed with AES-256-GCM.
//!
//! A sealed value is text, `pith1:<key id>:<base64 of nonce, ciphertext and tag>`. Of the keys in the key file one
//! seals, all of them open; the file may change while the server runs (`key_file.rs`).

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::key_file::{self, Stamp};
use super::random;
use crate::config::ConfigError;
use crate::error::{Error, Result};

const VERSION: &str = "pith1";

/// The keys of an installation. `Debug` shows their ids only.
pub struct Secrets {
    /// None for keys that are in no file.
    path: Option<PathBuf>,
    read: Mutex<(Option<Stamp>, Arc<Keys>)>,
}

/// The one that seals comes first.
struct Keys(Vec<Key>);

struct Key {
    id: String,
    key: LessSafeKey,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Secrets {
    /// Keys from the text of a key file.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { path: None, read: Mutex::new((None, Arc::new(Keys::parse(text)?))) })
    }

    /// Reads the key file, or makes it with one fresh key, readable by its owner only. When several
    /// processes start at once, all get the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, ConfigError> {
        if let Err(cause) = fs::metadata(path)
            && cause.kind() == io::ErrorKind::NotFound
        {
            let made = key_file::fresh().map_err(io::Error::other);
            made.and_then(|key| key_file::create(path, &format!("{key}\n"))).map_err(|cause| {
                wrong(path, &format!("cannot be made: {cause}; make its folder writable or name another"))
            })?;
        }
        Self::load(path)
    }

    /// Reads the key file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let cannot = |cause: io::Error| wrong(path, &format!("cannot be read: {cause}"));
        let stamp = key_file::stamp(path).map_err(cannot)?;
        let text = key_file::read(path).map_err(cannot)?;
        warn_if_open_to_others(path);
        let keys = Arc::new(Keys::parse(&text).map_err(|problem| wrong(path, &problem))?);
        Ok(Self { path: Some(path.to_owned()), read: Mutex::new((Some(stamp), keys)) })
    }

    /// The sealed form of a value, different each time.
    pub fn seal(&self, value: &Value) -> Result<String> {
        let keys = self.keys();
        let newest = keys.0.first().ok_or_else(|| Error::internal("there is no key to seal with"))?;
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
        let mut keys = self.read.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        if keys.find(id).is_none() {
            keys = self.keys();
        }
        let Some(key) = keys.find(id) else { return Err(missing(id)) };
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

    /// The ids of the keys, the one that seals first.
    pub fn ids(&self) -> Vec<String> {
        self.keys().0.iter().map(|key| key.id.clone()).collect()
    }

    /// How sealed values begin, and how those do that were sealed with the key that seals now.
    pub fn beginnings(&self) -> Result<(String, String)> {
        let keys = self.keys();
        let newest = keys.0.first().ok_or_else(|| Error::internal("there is no key to seal with"))?;
        Ok((format!("{VERSION}:"), format!("{VERSION}:{}:", newest.id)))
    }

    /// The keys as they are in the file now. One that cannot be read is as good as one that did not change.
    fn keys(&self) -> Arc<Keys> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.path
            && let Ok(stamp) = key_file::stamp(path)
            && read.0 != Some(stamp)
        {
            match key_file::read(path).map_err(|cause| cause.to_string()).and_then(|text| Keys::parse(&text)) {
                Ok(keys) => *read = (Some(stamp), Arc::new(keys)),
                Err(problem) => {
                    tracing::error!(path = %path.display(), problem, "the key file was changed to what is none")
                }
            }
        }
        read.1.clone()
    }
}

impl Keys {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut keys, mut standby) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            let line = key_file::line(line).map_err(|problem| format!("line {number} {problem}"))?;
            let Some(line) = line else { continue };
            let key = Key::new(&line.bytes).ok_or_else(|| format!("line {number} is no key"))?;
            if line.is_standby { &mut standby } else { &mut keys }.push(key);
        }
        if keys.is_empty() {
            return Err("holds no key".into());
        }
        keys.extend(standby);
        Ok(Self(keys))
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

/// The id of a key, in 16 digits.
pub fn key_id(bytes: &[u8]) -> String {
    // Enough of a digest to tell keys apart; it says nothing about the key.
    hex::encode(&digest(&SHA256, &[b"pith key id", bytes].concat()).as_ref()[..8])
}

impl Key {
    fn new(bytes: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).ok()?;
        Some(Self { id: key_id(bytes), key: LessSafeKey::new(key) })
    }

    fn associated(&self) -> Aad<String> {
        Aad::from(format!("{VERSION}:{}", self.id))
    }
}

fn wrong(path: &Path, problem: &str) -> ConfigError {
    ConfigError::for_key("secret_key_file", format!("{}: {problem}", path.display()))
}

fn missing(id: &str) -> Error {
    let id: String = id.chars().take(16).collect();
    Error::internal(format!(
        "a value of the database was sealed with key `{id}`, which `secret_key_file` does not hold; \
         put the file back that belongs to this database"
    ))
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
        let (_, newest) = both.beginnings().unwrap();
        assert!(!sealed.starts_with(&newest) && both.seal(&json!(1)).unwrap().starts_with(&newest));
        assert!(both.check(&sealed).is_ok());
        let told = Secrets::parse(&new).unwrap().check(&sealed).unwrap_err().to_string();
        assert!(told.starts_with("configuration key `secret_key_file`: is not the key file"), "{told}");
        let told = Secrets::parse(&new).unwrap().open(&sealed).unwrap_err().to_string();
        assert!(told.contains("`secret_key_file` does not hold"), "{told}");
    }

    #[test]
    fn a_changed_file_is_noticed_and_a_standby_key_opens_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let running = Secrets::load_or_create(&path).unwrap();
        let [first] = running.ids().try_into().unwrap();
        let next = line();
        key_file::change(&path, |text| Ok(key_file::with_standby(text, &next))).unwrap();
        let [sealing, standby] = running.ids().try_into().unwrap();
        assert_eq!(sealing, first);
        // Another host promoted it first.
        let ahead = Secrets::parse(&next).unwrap().seal(&json!(2)).unwrap();
        assert_eq!(running.open(&ahead).unwrap(), json!(2));
        let sealed = running.seal(&json!(1)).unwrap();
        key_file::change(&path, |text| Ok(key_file::promoted(text, &line()))).unwrap();
        assert_eq!(running.ids(), [standby.clone(), first]);
        assert!(running.seal(&json!(1)).unwrap().contains(&standby));
        assert_eq!(running.open(&sealed).unwrap(), json!(1));
        fs::write(&path, "nonsense").unwrap();
        assert_eq!(running.open(&sealed).unwrap(), json!(1), "what is no key file changes nothing");
    }

    #[test]
    fn the_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let rings: Vec<Secrets> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| Secrets::load_or_create(&path).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(rings.iter().all(|ring| ring.ids() == rings[0].ids()));
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
