//! The command line: options and verbs, nothing else. An option that sets a configuration key has its name.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pith_core::config::Overrides;
use pith_core::installation::SETTLES;

use crate::signing_service::SigningServiceVerb;

/// A server for software repositories that speaks Pulp's API. Without a verb it serves.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalOptions,
    #[command(flatten)]
    serve: ServeOptions,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What every verb understands.
#[derive(Args, Debug)]
pub struct GlobalOptions {
    /// Configuration file, instead of `pith.toml` in the data folder
    #[arg(long, global = true, value_name = "FILE", env = "PITH_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the installation
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Folder of the files, or `s3://BUCKET/PREFIX`
    #[arg(long, global = true, value_name = "URL")]
    storage: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
pub struct ServeOptions {
    /// Address and port to answer on
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// What this process does: api, content, worker
    #[arg(long, value_name = "ROLE,…", value_delimiter = ',')]
    roles: Option<Vec<String>>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Answer requests and run tasks until told to stop
    Serve(ServeOptions),
    /// Bring the database to this version's form
    Migrate,
    /// Write the OpenAPI document to standard output
    Openapi,
    /// Manage users
    #[command(subcommand)]
    User(UserVerb),
    /// Manage what signs metadata and packages
    #[command(subcommand)]
    SigningService(SigningServiceVerb),
    /// Compare the database with the store and report, changing nothing
    Check,
    /// Copy all of this installation into a folder, while it runs or not
    Backup {
        /// The folder; it may hold any number of backups, which share what they have in common
        folder: PathBuf,
        /// Copy the key file too, which opens the secrets in the backup
        #[arg(long)]
        with_secret_key: bool,
    },
    /// Put a backup into an installation that has nothing yet
    Restore {
        /// The folder of the backups
        folder: PathBuf,
        /// The name of the backup, instead of the newest
        #[arg(long, value_name = "NAME")]
        backup: Option<String>,
    },
    /// Change the key that encrypts stored credentials
    #[command(subcommand)]
    SecretKey(SecretKeyVerb),
    /// Write the documentation of all configuration keys (docs/configuration.md) to standard output
    #[command(hide = true)]
    ConfigReference,
}

#[derive(Clone, Debug, Subcommand)]
pub enum SecretKeyVerb {
    /// Add a key to the key file that decrypts from now on, and encrypts after the next `rotate`
    Add,
    /// Encrypt with the key that was added last, or a new one, and encrypt anew all that others encrypted
    Rotate(RetireOptions),
    /// Encrypt anew all that other keys than the first of the key file encrypted: finish a `rotate` that was cut
    Reseal(RetireOptions),
}

#[derive(Args, Clone, Debug)]
pub struct RetireOptions {
    /// Remove the keys from the key file that are of no use any more
    #[arg(long)]
    pub retire: bool,
    /// Do so this long after the change, when running servers have written all that older keys encrypted
    #[arg(long, value_name = "SECONDS", requires = "retire", default_value_t = SETTLES)]
    pub settle: u64,
}

#[derive(Clone, Debug, Subcommand)]
pub enum UserVerb {
    /// Give a user a new password
    SetPassword {
        /// The user's name
        name: String,
        /// Read the password from standard input, one line
        #[arg(long)]
        password_stdin: bool,
    },
}

impl Cli {
    /// The verb; `serve` when none is named.
    pub fn verb(&self) -> Verb {
        self.verb.clone().unwrap_or_else(|| Verb::Serve(self.serve.clone()))
    }

    /// The configuration keys that were set. Options of `serve` may stand before or behind the verb.
    pub fn overrides(&self) -> Overrides {
        let behind = match &self.verb {
            Some(Verb::Serve(options)) => options.clone(),
            _ => ServeOptions::default(),
        };
        Overrides {
            data_dir: self.global.data_dir.clone(),
            database: self.global.database.clone(),
            storage: self.global.storage.clone(),
            listen: behind.listen.or_else(|| self.serve.listen.clone()),
            roles: behind.roles.or_else(|| self.serve.roles.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_meant_when_no_verb_is_named() {
        for line in [
            &["pith", "--listen", "a:1", "--roles", "api,worker", "--data-dir", "d"][..],
            &["pith", "--data-dir", "d", "serve", "--listen", "a:1", "--roles", "api,worker"],
            &["pith", "serve", "--listen", "a:1", "--roles", "api,worker", "--data-dir", "d"],
        ] {
            let cli = Cli::parse_from(line);
            assert!(matches!(cli.verb(), Verb::Serve(_)));
            let overrides = cli.overrides();
            assert_eq!(overrides.listen.as_deref(), Some("a:1"));
            assert_eq!(overrides.roles.unwrap(), ["api", "worker"]);
            assert_eq!(overrides.data_dir.as_deref(), Some("d"));
        }
    }
}
