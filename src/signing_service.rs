//! `pith signing-service`: options and what they come to.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{ArgGroup, Args, Subcommand};
use pith_core::config::{Config, StartError};
use pith_core::error::{Error, Result};
use pith_core::ops::signing::{self, NewKey, NewMeans, Rotated, Workshop};
use pith_core::server;

use crate::plugins;

/// No file with a key or a passphrase is larger, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

#[derive(Clone, Debug, Subcommand)]
pub enum SigningServiceVerb {
    /// Add a service: a key that the server keeps, or a script that has one. It is tried before it is added
    Add(Box<Add>),
    /// Show all services: name, fingerprint of the key, what signs, and when the key expires
    List,
    /// Try all services, and tell which do not sign and whose key expires within a month
    Check,
    /// Change the key of a service: metadata is signed with both, until `--finish`
    Rotate(Box<Rotate>),
    /// Remove a service that no repository uses; a key that the server keeps is lost with it
    Remove {
        /// The service's name
        name: String,
    },
}

#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("means").required(true).args(["key", "generate", "script"])))]
pub struct Add {
    /// The service's name
    name: String,
    /// An OpenPGP secret key in ASCII armour, which the server keeps encrypted; `-` is standard input
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The passphrase of the key, in the first line of a file
    #[arg(long, value_name = "FILE", requires = "key")]
    passphrase_file: Option<PathBuf>,
    /// Make a new key for this user; the server keeps it encrypted
    #[arg(long, value_name = "NAME <MAIL>")]
    generate: Option<String>,
    /// A program that signs, by its absolute path
    #[arg(long, value_name = "PATH")]
    script: Option<PathBuf>,
    /// What the script signs: `core:AsciiArmoredDetachedSigningService` unless told otherwise
    #[arg(long, value_name = "CLASS", requires = "script")]
    class: Option<String>,
    /// The public key of what the script signs with, as a file
    #[arg(long, value_name = "FILE", requires = "script", conflicts_with = "public_fingerprint")]
    public_key: Option<PathBuf>,
    /// The same by fingerprint or key id, exported by `gpg`
    #[arg(long, value_name = "KEYID", requires = "script")]
    public_fingerprint: Option<String>,
    /// Folder of GnuPG's that has the public key
    #[arg(long, value_name = "DIR", requires = "public_fingerprint")]
    gnupghome: Option<PathBuf>,
    /// Keyring that has the public key
    #[arg(long, value_name = "FILE", requires = "public_fingerprint")]
    keyring: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("step").required(true)
    .args(["key", "generate", "public_key", "public_fingerprint", "finish", "cancel"])))]
pub struct Rotate {
    /// The service's name
    name: String,
    /// The next OpenPGP secret key in ASCII armour; `-` is standard input. The key that the service has, with another
    /// expiry say, takes its place at once
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The passphrase of the key, in the first line of a file
    #[arg(long, value_name = "FILE", requires = "key")]
    passphrase_file: Option<PathBuf>,
    /// Make the next key for this user
    #[arg(long, value_name = "NAME <MAIL>")]
    generate: Option<String>,
    /// For a script: the public key of the next key that it is asked to sign with, as a file
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// The same by fingerprint or key id, exported by `gpg`
    #[arg(long, value_name = "KEYID")]
    public_fingerprint: Option<String>,
    /// Folder of GnuPG's that has the public key
    #[arg(long, value_name = "DIR", requires = "public_fingerprint")]
    gnupghome: Option<PathBuf>,
    /// Keyring that has the public key
    #[arg(long, value_name = "FILE", requires = "public_fingerprint")]
    keyring: Option<PathBuf>,
    /// Sign with the next key alone from now on, and forget the other
    #[arg(long)]
    finish: bool,
    /// Forget the next key
    #[arg(long)]
    cancel: bool,
}

/// Does it; the text is for standard output. Also tells whether all is well, as far as it was looked.
pub fn run(config: &Config, verb: SigningServiceVerb) -> Result<(String, bool), StartError> {
    let plugins = plugins::plugins(config);
    let told = match verb {
        SigningServiceVerb::Add(add) => {
            let (name, means) = (add.name.clone(), add.means()?);
            let added = async |workshop: Workshop| signing::add(&workshop, &name, means).await;
            let fingerprint = server::with_signing_services(config, plugins, added)?;
            format!("added the signing service `{name}` with the key {fingerprint}\n")
        }
        SigningServiceVerb::List => server::list_signing_services(config, &plugins)?,
        SigningServiceVerb::Check => {
            let checked = async |workshop: Workshop| signing::check(&workshop).await;
            return server::with_signing_services(config, plugins, checked);
        }
        SigningServiceVerb::Rotate(rotate) => {
            server::with_signing_services(config, plugins, async |workshop: Workshop| rotate.run(&workshop).await)?
        }
        SigningServiceVerb::Remove { name } => {
            let removed = async |workshop: Workshop| signing::remove(&workshop, &name).await;
            server::with_signing_services(config, plugins, removed)?;
            format!("removed the signing service `{name}`\n")
        }
    };
    Ok((told, true))
}

impl Rotate {
    async fn run(self, workshop: &Workshop) -> Result<String> {
        let name = self.name.clone();
        if self.finish {
            let fingerprint = signing::finish(workshop, &name).await?;
            return Ok(format!("the signing service `{name}` signs with the key {fingerprint} alone\n"));
        }
        if self.cancel {
            let fingerprint = signing::cancel(workshop, &name).await?;
            return Ok(format!("the signing service `{name}` does not change to the key {fingerprint} any more\n"));
        }
        Ok(match signing::rotate(workshop, &name, self.key()?).await? {
            Rotated::Begun(fingerprint) => format!(
                "the signing service `{name}` changes to the key {fingerprint}: publish anew, let clients have \
                 that key, then `pith signing-service rotate {name} --finish`\n"
            ),
            Rotated::Renewed(fingerprint) => {
                format!("the signing service `{name}` uses the key {fingerprint} as it is given\n")
            }
        })
    }

    fn key(self) -> Result<NewKey> {
        match (self.generate, self.key) {
            (Some(user), _) => Ok(NewKey::Generated { user }),
            (None, Some(key)) => {
                let (armored, passphrase) = secret(&key, self.passphrase_file.as_deref())?;
                Ok(NewKey::Kept { armored, passphrase })
            }
            (None, None) => public(&PublicOptions {
                file: self.public_key,
                name: self.public_fingerprint,
                home: self.gnupghome,
                keyring: self.keyring,
            })
            .map(NewKey::Public),
        }
    }
}

impl Add {
    fn means(self) -> Result<NewMeans> {
        if let Some(user) = self.generate {
            return Ok(NewMeans::Generated { user });
        }
        if let Some(key) = self.key {
            let (armored, passphrase) = secret(&key, self.passphrase_file.as_deref())?;
            return Ok(NewMeans::Key { armored, passphrase });
        }
        let public_key = public(&PublicOptions {
            file: self.public_key,
            name: self.public_fingerprint,
            home: self.gnupghome,
            keyring: self.keyring,
        })?;
        let path = self.script.unwrap_or_default();
        let path = path.to_str().ok_or_else(|| Error::Malformed("the script's path is no text".into()))?.to_owned();
        Ok(NewMeans::Script { path, class: self.class, public_key })
    }
}

/// A secret key in armour and its passphrase.
fn secret(key: &Path, passphrase_file: Option<&Path>) -> Result<(String, Option<String>)> {
    let passphrase = passphrase_file.map(text).transpose()?;
    let passphrase = passphrase.map(|text| text.lines().next().unwrap_or_default().to_owned());
    Ok((text(key)?, passphrase))
}

/// Where a public key is.
struct PublicOptions {
    file: Option<PathBuf>,
    name: Option<String>,
    home: Option<PathBuf>,
    keyring: Option<PathBuf>,
}

fn public(PublicOptions { file, name, home, keyring }: &PublicOptions) -> Result<Vec<u8>> {
    match (file, name) {
        (Some(path), _) => read(path),
        (None, Some(name)) => exported(name, home.as_deref(), keyring.as_deref()),
        (None, None) => Err(Error::Malformed("a script needs `--public-key` or `--public-fingerprint`".into())),
    }
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| Error::Malformed(format!("`{}` is no text", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        let input: Box<dyn Read> =
            if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(fs::File::open(path)?) };
        input.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST_FILE { Err(io::Error::other("it is too large")) } else { Ok(bytes) }
    };
    read().map_err(|cause| Error::Malformed(format!("`{}` cannot be read: {cause}", path.display())))
}

/// A public key out of a keyring of GnuPG's.
fn exported(name: &str, home: Option<&Path>, keyring: Option<&Path>) -> Result<Vec<u8>> {
    let refused = |why: String| Error::Malformed(format!("`gpg` does not give the public key `{name}`: {why}"));
    if name.starts_with('-') {
        return Err(refused("it is no key id".into()));
    }
    let mut gpg = Command::new("gpg");
    gpg.stdin(Stdio::null()).arg("--batch");
    if let Some(home) = home {
        gpg.arg("--homedir").arg(home);
    }
    if let Some(keyring) = keyring {
        gpg.arg("--no-default-keyring").arg("--keyring").arg(keyring);
    }
    let output = gpg.args(["--armor", "--export", name]).output().map_err(|cause| refused(cause.to_string()))?;
    if !output.status.success() || output.stdout.is_empty() {
        return Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(output.stdout)
}
