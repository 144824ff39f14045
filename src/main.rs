//! The program: reads the command line and the environment, then hands over to core.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Verb};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::ConfigReference => io::stdout().write_all(pith_core::config::reference().as_bytes()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("pith: {cause}");
            ExitCode::FAILURE
        }
    }
}
