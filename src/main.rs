//! The program: reads the command line and the environment, then hands over to core.
//!
//! It ends with 0, with 2 when the configuration must be mended, else with 1.

mod cli;
mod logging;
mod plugins;
mod prompt;
mod secret_key;
mod signing_service;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, UserVerb, Verb};
use pith_core::config::{self, Config, StartError};
use pith_core::error::Error;
use pith_core::{installation, server};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Err(error) = run(&Cli::parse()) else { return ExitCode::SUCCESS };
    eprintln!("pith: {error}");
    match error {
        StartError::Configuration(_) => ExitCode::from(2),
        StartError::Failed(_) => ExitCode::FAILURE,
    }
}

fn run(cli: &Cli) -> Result<(), StartError> {
    let verb = cli.verb();
    if let Verb::ConfigReference = verb {
        return write(&config::reference());
    }
    let config = Config::load(&cli.overrides(), environment(), cli.global.config.as_deref())?;
    logging::start(&config)?;
    let plugins = plugins::plugins(&config);
    match verb {
        Verb::Serve(_) => server::serve(config, plugins),
        Verb::Migrate => server::migrate(&config, &plugins),
        Verb::User(UserVerb::SetPassword { name, password_stdin }) => {
            let password = if password_stdin { prompt::password_from_input() } else { prompt::password_for(&name) };
            server::set_password(
                &config,
                &plugins,
                &name,
                &password.map_err(|cause| Error::Malformed(cause.to_string()))?,
            )
        }
        Verb::SigningService(verb) => {
            let (report, is_well) = signing_service::run(&config, verb)?;
            write(&report)?;
            if is_well { Ok(()) } else { Err(Error::Conflict("signing services need care".into()).into()) }
        }
        Verb::Check => {
            let (report, is_sound) = server::check(&config, &plugins)?;
            write(&report)?;
            if is_sound { Ok(()) } else { Err(Error::Conflict("the database and the store do not fit".into()).into()) }
        }
        Verb::Backup { folder, with_secret_key } => {
            let (report, is_whole) = installation::back_up(&config, &plugins, &folder, with_secret_key)?;
            write(&report)?;
            whole(is_whole)
        }
        Verb::Restore { folder, backup } => {
            let (report, is_whole) = installation::restore(&config, &plugins, &folder, backup.as_deref())?;
            write(&report)?;
            whole(is_whole)
        }
        Verb::SecretKey(verb) => {
            let (report, is_readable) = secret_key::run(&config, verb)?;
            write(&report)?;
            if is_readable { Ok(()) } else { Err(Error::Conflict("values cannot be decrypted".into()).into()) }
        }
        Verb::Openapi => write(&pith_core::rest::description(&config, &plugins)),
        Verb::ConfigReference => Ok(()),
    }
}

fn whole(is_whole: bool) -> Result<(), StartError> {
    if is_whole { Ok(()) } else { Err(Error::Conflict("files are missing".into()).into()) }
}

/// A variable that is not text cannot be a value of ours, but may well be somebody else's.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Standard output that was closed early (`pith openapi | head`) is no failure.
fn write(text: &str) -> Result<(), StartError> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => Err(Error::internal(cause).into()),
        _ => Ok(()),
    }
}
