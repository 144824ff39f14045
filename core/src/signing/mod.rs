//! Signing in the name of the installation's signing services: by a key that is kept here, or by an administrator's
//! script. What was signed is verified before it is used.

mod file;
mod script;
mod work_folder;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::auth::Secrets;
use crate::db::Db;
use crate::db::signing_services::{self, SigningServiceRow};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::openpgp::{OpenPgpError, PublicKey, SecretKey};

pub(crate) use file::SignedFile;
pub use file::{FileSigner, SignedBy, SignedHead};
use script::{Run, Script};

/// The class of services whose scripts make detached signatures, in Pulp's words.
pub const DETACHED: &str = "core:AsciiArmoredDetachedSigningService";

/// A detached signature in armour, and the key that verifies it.
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

/// What a service signs with.
enum Means {
    Key(Box<SecretKey>),
    Script(Script),
}

/// A service, ready to sign.
struct Service {
    name: String,
    class: String,
    public: PublicKey,
    public_key: Bytes,
    means: Means,
}

/// The signing services of the installation; cheap to clone.
#[derive(Clone)]
pub struct Signing {
    db: Db,
    secrets: Arc<Secrets>,
    /// Where scripts get folders to work in.
    folder: PathBuf,
    cid: String,
}

impl Signing {
    pub fn new(db: Db, secrets: Arc<Secrets>, folder: PathBuf) -> Self {
        Self { db, secrets, folder, cid: String::new() }
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
        let Service { name, class, public, public_key, means } = service;
        if !class.is_empty() && class != DETACHED {
            return Err(failure(&name, format!("is of the class `{class}` and makes no detached signatures")));
        }
        let armored = match means {
            Means::Script(script) => {
                let run = Run { folder: &self.folder, cid: &self.cid, fingerprint: &public.fingerprint() };
                script.sign(&run, bytes).await.map_err(|problem| failure(&name, problem))?
            }
            Means::Key(key) => {
                let bytes = bytes.clone();
                let signed = spawn_blocking(move || key.sign_armored(&bytes[..])).await.map_err(Error::internal)?;
                signed.map_err(|problem| failure(&name, problem))?
            }
        };
        let (signature, bytes) = (armored.clone(), bytes.clone());
        let verified = spawn_blocking(move || public.verify(&signature, &bytes[..])).await.map_err(Error::internal)?;
        verified.map_err(|problem| failure(&name, problem))?;
        Ok(Signature { armored, public_key })
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
    let SigningServiceRow { name, class, public_key, script, secrets: sealed, .. } = row;
    let fail = |problem: OpenPgpError| failure(&name, format!("has a key that {problem}"));
    let public = PublicKey::parse(public_key.as_bytes()).map_err(fail)?;
    let means = match sealed {
        None => Means::Script(Script::new(&script).map_err(|problem| failure(&name, problem))?),
        Some(sealed) => {
            let kept: KeptKey = serde_json::from_value(secrets.open(&sealed)?).map_err(Error::internal)?;
            let key = SecretKey::parse(&kept.key, kept.passphrase.as_deref());
            Means::Key(Box::new(key.map_err(|problem| failure(&name, problem))?))
        }
    };
    Ok(Service { name, class, public, public_key: public_key.into(), means })
}

/// What a client reads in the task that failed.
fn failure(name: &str, problem: impl std::fmt::Display) -> Error {
    Error::Conflict(format!("signing service `{name}`: {problem}"))
}
