//! `pith signing-service`: options and what they come to.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{ArgGroup, Args, Subcommand};
use pith_core::config::{Config, StartError};
use pith_core::error::{Error, Result};
use pith_core::ops::signing::NewMeans;
use pith_core::server;

use crate::plugins;

/// No file with a key or a passphrase is larger, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

#[derive(Clone, Debug, Subcommand)]
pub enum SigningServiceVerb {
    /// Add a service: a key that the server keeps, or a script that has one. It is tried before it is added
    Add(Box<Add>),
    /// Show all services: name, fingerprint of the key, and what signs
    List,
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

/// Does it; the text is for standard output.
pub fn run(config: &Config, verb: SigningServiceVerb) -> Result<String, StartError> {
    let plugins = plugins::plugins(config);
    match verb {
        SigningServiceVerb::Add(add) => {
            let name = add.name.clone();
            let fingerprint = server::add_signing_service(config, plugins, &name, add.means()?)?;
            Ok(format!("added the signing service `{name}` with the key {fingerprint}\n"))
        }
        SigningServiceVerb::List => server::list_signing_services(config, &plugins),
        SigningServiceVerb::Remove { name } => {
            server::remove_signing_service(config, plugins, &name)?;
            Ok(format!("removed the signing service `{name}`\n"))
        }
    }
}

impl Add {
    fn means(self) -> Result<NewMeans> {
        if let Some(user) = self.generate {
            return Ok(NewMeans::Generated { user });
        }
        if let Some(key) = self.key {
            let passphrase = self.passphrase_file.map(|path| text(&path)).transpose()?;
            let passphrase = passphrase.map(|text| text.lines().next().unwrap_or_default().to_owned());
            return Ok(NewMeans::Key { armored: text(&key)?, passphrase });
        }
        let public_key = match (&self.public_key, &self.public_fingerprint) {
            (Some(path), _) => read(path)?,
            (None, Some(name)) => exported(name, self.gnupghome.as_deref(), self.keyring.as_deref())?,
            (None, None) => {
                return Err(Error::Malformed("a script needs `--public-key` or `--public-fingerprint`".into()));
            }
        };
        let path = self.script.unwrap_or_default();
        let path = path.to_str().ok_or_else(|| Error::Malformed("the script's path is no text".into()))?.to_owned();
        Ok(NewMeans::Script { path, class: self.class, public_key })
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
