//! The command line: options and verbs, nothing else. An option that sets a configuration key has its name.

use clap::{Parser, Subcommand};

/// A server for software repositories that speaks Pulp's API.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write the documentation of all configuration keys (docs/configuration.md) to standard output
    #[command(hide = true)]
    ConfigReference,
}
