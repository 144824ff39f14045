//! Signatures inside files, where a format has them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use super::script::Run;
use super::work_folder::WorkFolder;
use super::{Key, Means, Service, Signing, failure};
use crate::db::signing_services::SigningServiceRow;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::openpgp::{PublicKey, SecretKey};

/// How files of a format carry signatures. What reads files runs on blocking threads.
pub trait FileSigner: Send + Sync + 'static {
    /// The class of the services whose scripts sign such files, in Pulp's words: `<component>:<Model>`.
    fn class(&self) -> &'static str;

    /// Under which key a script's answer has the path of the signed file.
    fn answer(&self) -> &'static str;

    /// What a file to sign is called.
    fn file_name(&self) -> &'static str;

    /// The type of content whose files are signed.
    fn content_type(&self) -> &'static str;

    /// The columns of a unit that its signed form has from it, since no file says them.
    fn carried(&self) -> &'static [&'static str] {
        &[]
    }

    /// Who signs what is brought into a repository with these details; none where files stay as they are.
    fn wanted(&self, repository: &Json) -> Option<SignedBy>;

    /// A small file to try services on.
    fn sample(&self) -> Result<Bytes>;

    /// Signs a file with a key, or with that part of it which a fingerprint or key id names.
    ///
    /// # Errors
    /// `Invalid` under `file` when it is none of the format's; `Conflict` when the key cannot sign it.
    fn sign(&self, file: &mut File, key: &SecretKey, name: Option<&str>) -> Result<SignedHead>;

    /// Whether a file carries a valid signature of a key.
    ///
    /// # Errors
    /// `Invalid` under `file` when it is none of the format's.
    fn is_signed(&self, file: &mut File, key: &PublicKey) -> Result<bool>;
}

/// Who shall sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    pub service: Id,
    /// The fingerprint or id of the key, in hexadecimal; none: that of the service.
    pub key: Option<String>,
}

/// A signed file, told by what differs from the one that was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// What it begins with.
    pub head: Bytes,
    /// From which byte of the file on it is the same.
    pub rest: u64,
}

/// A file with its signature.
pub(crate) enum SignedFile {
    Head(SignedHead),
    /// The file is removed with the folder.
    Whole {
        path: PathBuf,
        folder: WorkFolder,
    },
}

impl Signing {
    /// Signs a file; none when it has been signed by this key before.
    ///
    /// # Errors
    /// `Invalid` under `file` when it is none of the format's; `Conflict` naming the service when that is gone, not made
    /// for this, or fails.
    pub(crate) async fn sign_file(
        &self,
        signer: &Arc<dyn FileSigner>,
        by: &SignedBy,
        file: &Path,
    ) -> Result<Option<SignedFile>> {
        let service = self.service(by.service).await?;
        self.sign_file_with(service, signer, by.key.as_deref(), file).await
    }

    /// Tries a service that is not in the database yet on a file of a format.
    pub(crate) async fn try_out_on(&self, row: SigningServiceRow, signer: &Arc<dyn FileSigner>) -> Result<()> {
        let service = self.opened(row).await?;
        let (folder, name, sample) = (self.folder.clone(), signer.file_name(), signer.sample()?);
        let made = spawn_blocking(move || {
            let folder = WorkFolder::new(&folder)?;
            let path = folder.path().join(name);
            std::fs::write(&path, sample)?;
            Ok::<_, std::io::Error>((folder, path))
        });
        let (_folder, path) = made.await.map_err(Error::internal)?.map_err(Error::internal)?;
        self.sign_file_with(service, signer, None, &path).await.map(drop)
    }

    async fn sign_file_with(
        &self,
        service: Service,
        signer: &Arc<dyn FileSigner>,
        key: Option<&str>,
        file: &Path,
    ) -> Result<Option<SignedFile>> {
        let Service { name, class, keys, .. } = service;
        if !class.is_empty() && class != signer.class() {
            return Err(failure(&name, format!("is of the class `{class}`, not `{}`", signer.class())));
        }
        let Key { public, means } = chosen(keys, key).ok_or_else(|| Error::internal("a signing service has no key"))?;
        // A script may have more keys than those that it was added with; of them nothing is known.
        let is_known = key.is_none_or(|key| public.is_named(key));
        let public = Arc::new(public);
        if is_known && is_signed(signer, &public, file).await? {
            return Ok(None);
        }
        match means {
            Means::Kept(secret) => {
                let (signer, key, file) = (signer.clone(), key.map(str::to_owned), file.to_owned());
                let signed = spawn_blocking(move || signer.sign(&mut open(&file)?, &secret, key.as_deref()));
                match signed.await.map_err(Error::internal)? {
                    Err(Error::Conflict(problem)) => Err(failure(&name, problem)),
                    signed => Ok(Some(SignedFile::Head(signed?))),
                }
            }
            Means::Script(script) => {
                let own = public.fingerprint();
                let run = Run { folder: &self.folder, cid: &self.cid, fingerprint: key.unwrap_or(&own) };
                let signed = script.sign_file(&run, file, signer.file_name(), signer.answer()).await;
                let (folder, path) = signed.map_err(|problem| failure(&name, problem))?;
                if is_known && !is_signed(signer, &public, &path).await? {
                    return Err(failure(&name, format!("the file of its script has no valid signature of {own}")));
                }
                Ok(Some(SignedFile::Whole { path, folder }))
            }
        }
    }
}

/// The key that is named, or the one that clients know: a file has room for one signature, and those who have not heard
/// of the next key yet would refuse it.
fn chosen(keys: Vec<Key>, name: Option<&str>) -> Option<Key> {
    let named = keys.iter().position(|key| name.is_some_and(|name| key.public.is_named(name)));
    keys.into_iter().nth(named.unwrap_or(0))
}

async fn is_signed(signer: &Arc<dyn FileSigner>, key: &Arc<PublicKey>, file: &Path) -> Result<bool> {
    let (signer, key, file) = (signer.clone(), key.clone(), file.to_owned());
    spawn_blocking(move || signer.is_signed(&mut open(&file)?, &key)).await.map_err(Error::internal)?
}

fn open(file: &Path) -> Result<File> {
    File::open(file).map_err(|cause| Error::storage("the file to sign cannot be read", cause))
}
