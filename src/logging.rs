//! Log lines on standard error, as text or JSON. Colours only for people: never into a file or a pipe.

use std::io::{self, IsTerminal};

use pith_core::config::{Config, ConfigError, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

/// Starts logging as configured. Called once, before anything else happens.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::builder().parse(&config.log_level).map_err(|cause| {
        let problem = format!("`{}` cannot be read: {cause}; write `info` or `info,pith_core=debug`", config.log_level);
        ConfigError::for_key("log_level", problem)
    })?;
    let lines = Subscriber::builder().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|cause| ConfigError::for_key("log_format", cause.to_string()))
}
