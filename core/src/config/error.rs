//! The one line a beginner meets when a key is wrong.

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// With the option's name, `--data-dir`.
    CommandLine(String),
    /// With the variable's name, `PITH_DATA_DIR`.
    Environment(String),
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(option) => f.write_str(option),
            Self::Environment(variable) => f.write_str(variable),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A reason not to start. Shown as one line: the key, where it was given, what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    key: String,
    source: Option<Source>,
    problem: String,
}

impl ConfigError {
    pub(super) fn new(key: impl Into<String>, source: Option<Source>, problem: String) -> Self {
        Self { key: key.into(), source, problem }
    }

    /// The table of keys and the fields of `Config` do not agree: a defect that a test finds.
    pub(super) fn table(cause: serde_json::Error) -> Self {
        Self::new("", None, format!("the table of configuration keys is incomplete: {cause}"))
    }

    /// For what shows only in use: a port that is taken, a filter of the log that cannot be read.
    pub fn for_key(key: &'static str, problem: impl Into<String>) -> Self {
        Self::new(key, None, problem.into())
    }

    /// The key in question; empty when the file as a whole cannot be read.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("configuration")?;
        if !self.key.is_empty() {
            write!(f, " key `{}`", self.key)?;
        }
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// Why a verb of the program ended without success.
#[derive(Debug)]
pub enum StartError {
    /// To be mended in the configuration.
    Configuration(ConfigError),
    Failed(Error),
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Configuration(error)
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StartError {}
