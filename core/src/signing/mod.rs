//! Signing in the name of the installation's signing services: by a key that is kept here, or by an administrator's
//! script. What was signed is verified before it is used.

mod ending;
mod file;
mod script;
mod work_folder;

#[cfg(test)]
mod tests;

use std::iter;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::auth::Secrets;
use crate::db::Db;
use crate::db::signing_services::{self, KeyRow, SigningServiceRow};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::openpgp::{OpenPgpError, PublicKey, SecretKey, Validity};

pub(crate) use ending::{Ending, warn_of_endings};
pub(crate) use file::SignedFile;
pub use file::{FileSigner, SignedBy, SignedHead};
use script::{Run, Script};

/// The class of services whose scripts make detached signatures, in Pulp's words.
pub const DETACHED: &str = "core:AsciiArmoredDetachedSigningService";

/// Detached signatures in armour, and the keys that verify them: one, or two while a service changes its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub armored: Bytes,
    pub public_key: Bytes,
}

/// A key that is kept here; sealed in the database.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptKey {
    /// In armour, as locked as it came.
    pub key: String,
    pub passphrase: Option<String>,
}

/// What a key of a service signs with.
enum Means {
    Kept(Box<SecretKey>),
    Script(Script),
}

/// A key of a service, ready to sign.
struct Key {
    public: PublicKey,
    means: Means,
}

/// A service, ready to sign.
struct Service {
    name: String,
    class: String,
    /// The one that clients know first; behind it the one that the service changes to.
    keys: Vec<Key>,
    /// Of all keys, in armour one behind the other.
    public_keys: Bytes,
}

/// The signing services of the installation; cheap to clone.
#[derive(Clone)]
pub struct Signing {
    db: Db,
    secrets: Arc<Secrets>,
    /// Where scripts get folders to work in.
    folder: PathBuf,
    cid: String,
    /// The day on which it was told last which keys end.
    spoke: Arc<Mutex<Option<NaiveDate>>>,
}

impl Signing {
    pub fn new(db: Db, secrets: Arc<Secrets>, folder: PathBuf) -> Self {
        Self { db, secrets, folder, cid: String::new(), spoke: Arc::default() }
    }

    /// For work under this correlation id, which scripts are told.
    pub fn under(&self, cid: &str) -> Self {
        Self { cid: cid.to_owned(), ..self.clone() }
    }

    /// Signs bytes with a service.
    ///
    /// # Errors
    /// `Conflict` naming the service when it is gone, not made for this, or fails.
    pub async fn sign(&self, service: Id, bytes: &Bytes) -> Result<Signature> {
        self.sign_with(self.service(service).await?, bytes).await
    }

    /// Tries a service that is not in the database yet.
    pub(crate) async fn try_out(&self, row: SigningServiceRow) -> Result<()> {
        let service = self.opened(row).await?;
        self.sign_with(service, &Bytes::from_static(b"A text to try a signing service on.\n")).await.map(drop)
    }

    async fn sign_with(&self, service: Service, bytes: &Bytes) -> Result<Signature> {
        let Service { name, class, keys, public_keys } = service;
        if !class.is_empty() && class != DETACHED {
            return Err(failure(&name, format!("is of the class `{class}` and makes no detached signatures")));
        }
        // Each in an armour of its own: GnuPG reads them all, and clients that know of one signature only read the
        // first, where they would refuse an armour with two.
        let mut armored = Vec::new();
        for key in keys {
            armored.extend_from_slice(&self.sign_with_key(&name, key, bytes).await?);
        }
        Ok(Signature { armored: armored.into(), public_key: public_keys })
    }

    /// A verified signature in armour.
    async fn sign_with_key(&self, name: &str, Key { public, means }: Key, bytes: &Bytes) -> Result<Bytes> {
        let armored = match means {
            Means::Script(script) => {
                let run = Run { folder: &self.folder, cid: &self.cid, fingerprint: &public.fingerprint() };
                script.sign(&run, bytes).await.map_err(|problem| failure(name, problem))?
            }
            Means::Kept(key) => {
                let bytes = bytes.clone();
                let signed = spawn_blocking(move || key.sign_armored(&bytes[..])).await.map_err(Error::internal)?;
                signed.map_err(|problem| failure(name, problem))?
            }
        };
        let (signature, bytes) = (armored.clone(), bytes.clone());
        let verified = spawn_blocking(move || public.verify(&signature, &bytes[..])).await.map_err(Error::internal)?;
        verified.map_err(|problem| failure(name, problem))?;
        Ok(armored)
    }

    async fn service(&self, id: Id) -> Result<Service> {
        let row = self.db.read(move |conn| signing_services::by_id(conn, id)).await?;
        self.opened(row.ok_or_else(|| Error::Conflict("the signing service was removed".into()))?).await
    }

    /// Unseals and reads keys, which takes its time where a passphrase locks them.
    async fn opened(&self, row: SigningServiceRow) -> Result<Service> {
        let secrets = self.secrets.clone();
        spawn_blocking(move || open(&secrets, row)).await.map_err(Error::internal)?
    }
}

fn open(secrets: &Secrets, row: SigningServiceRow) -> Result<Service> {
    let SigningServiceRow { name, class, script, key, successor, .. } = row;
    let rows = that_sign(&name, key, successor);
    let public_keys = in_one_file(rows.iter().map(|row| row.public_key.as_str())).into();
    let keys = rows.into_iter().map(|row| open_key(secrets, &name, &script, row)).collect::<Result<_>>()?;
    Ok(Service { name, class, keys, public_keys })
}

/// The keys that sign; what has room for one signature gets that of the first.
fn that_sign(service: &str, key: KeyRow, successor: Option<KeyRow>) -> Vec<KeyRow> {
    // A signature of a key that has ended is of no use to anybody; while there is another, work goes on with that.
    if successor.is_some() && key.has_ended() {
        let key = key.fingerprint;
        tracing::warn!(service, key, "the key of a signing service has ended, the next one signs alone");
        return successor.into_iter().collect();
    }
    iter::once(key).chain(successor).collect()
}

/// The fingerprint of the key that signs files now, in capital hexadecimal.
pub(crate) fn key_of_files(row: SigningServiceRow) -> Option<String> {
    that_sign(&row.name, row.key, row.successor).into_iter().next().map(|key| key.fingerprint)
}

fn open_key(secrets: &Secrets, name: &str, script: &str, row: KeyRow) -> Result<Key> {
    let fail = |problem: OpenPgpError| failure(name, problem);
    let public = PublicKey::parse(row.public_key.as_bytes());
    let public = public.map_err(|problem| failure(name, format!("has a key that {problem}")))?;
    public.check_validity().map_err(fail)?;
    let means = match row.secrets {
        None => Means::Script(Script::new(script).map_err(|problem| failure(name, problem))?),
        Some(sealed) => {
            let kept: KeptKey = serde_json::from_value(secrets.open(&sealed)?).map_err(Error::internal)?;
            Means::Kept(Box::new(SecretKey::parse(&kept.key, kept.passphrase.as_deref()).map_err(fail)?))
        }
    };
    Ok(Key { public, means })
}

impl KeyRow {
    /// How long the key signs; none when it cannot be read.
    pub(crate) fn validity(&self) -> Option<Validity> {
        PublicKey::parse(self.public_key.as_bytes()).ok().map(|key| key.validity())
    }

    fn has_ended(&self) -> bool {
        self.validity().is_some_and(|validity| validity.has_ended(now()))
    }
}

/// Armoured keys one behind the other, as clients import them together.
pub(crate) fn in_one_file<'a>(keys: impl IntoIterator<Item = &'a str>) -> String {
    let line = |key: &str| if key.ends_with('\n') { key.to_owned() } else { format!("{key}\n") };
    keys.into_iter().map(line).collect()
}

/// What a client reads in the task that failed.
fn failure(name: &str, problem: impl std::fmt::Display) -> Error {
    Error::Conflict(format!("signing service `{name}`: {problem}"))
}
