//! Gathers what was given on the command line, in the environment and in the file, each value checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{ConfigError, Source};
use super::keys::{KEYS, Key, key};

/// What the command line sets, each as the key of the same name takes it.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub data_dir: Option<String>,
    pub database: Option<String>,
    pub storage: Option<String>,
    pub listen: Option<String>,
    pub roles: Option<Vec<String>>,
}

impl Overrides {
    fn values(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let texts = [
            ("data_dir", &self.data_dir),
            ("database", &self.database),
            ("storage", &self.storage),
            ("listen", &self.listen),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.clone()?.into())));
        texts.chain(self.roles.clone().map(|roles| ("roles", roles.into())))
    }
}

const PREFIX: &str = "PITH_";

/// `PITH_CONFIG` names the file, as `--config` does: the program reads it, for it is no key.
const FILE_VARIABLE: &str = "CONFIG";

/// A configuration file is read whole; nobody writes one of more than 1 MiB.
const LARGEST_FILE: u64 = 1 << 20;

/// The values given, by key, each with its source.
pub struct Given(BTreeMap<&'static str, (Value, Source)>);

impl Given {
    pub fn gather(
        command_line: &Overrides,
        environment: impl Iterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut given = Self(BTreeMap::new());
        for (name, value) in command_line.values() {
            given.add_checked(name, value, Source::CommandLine(format!("--{}", name.replace('_', "-"))))?;
        }
        given.add_environment(environment)?;
        match file {
            Some(path) => given.add_file(path)?,
            None => given.add_file_of_data_dir()?,
        }
        Ok(given)
    }

    /// A value for every key of the table; null for what is neither given nor has a fixed default.
    pub fn values(&self) -> Map<String, Value> {
        let value = |key: &Key| self.0.get(key.name).map_or_else(|| key.default.value(), |(value, _)| value.clone());
        KEYS.iter().map(|key| (key.name.to_owned(), value(key))).collect()
    }

    /// An error about this key, with the place where it was given, if it was.
    pub fn error(&self, name: &str, problem: String) -> ConfigError {
        ConfigError::new(name, self.0.get(name).map(|(_, source)| source.clone()), problem)
    }

    fn add_environment(&mut self, environment: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if text.is_empty() || name == FILE_VARIABLE || set_by_kubernetes(name, &text) {
                continue;
            }
            let name = name.to_ascii_lowercase();
            let source = Source::Environment(variable);
            let Some(key) = key(&name) else { return Err(unknown(&name, source)) };
            let value =
                key.kind.read(&text).map_err(|problem| ConfigError::new(key.name, Some(source.clone()), problem))?;
            self.add(key, value, source);
        }
        Ok(())
    }

    fn add_file_of_data_dir(&mut self) -> Result<(), ConfigError> {
        let folder = match self.0.get("data_dir") {
            Some((value, _)) => value.clone(),
            None => key("data_dir").map_or(Value::Null, |key| key.default.value()),
        };
        let path = PathBuf::from(folder.as_str().unwrap_or_default()).join(super::FILE_NAME);
        if !path.try_exists().unwrap_or(false) {
            return Ok(());
        }
        let names = read_file(&path)?;
        if names.contains_key("data_dir") {
            let problem = "cannot be set by the file inside the data folder; use `--data-dir` or `PITH_DATA_DIR`";
            return Err(ConfigError::new("data_dir", Some(Source::File(path)), problem.into()));
        }
        self.add_values(names, &path)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        self.add_values(read_file(path)?, path)
    }

    fn add_values(&mut self, values: Map<String, Value>, path: &Path) -> Result<(), ConfigError> {
        values.into_iter().try_for_each(|(name, value)| self.add_checked(&name, value, Source::File(path.into())))
    }

    fn add_checked(&mut self, name: &str, value: Value, source: Source) -> Result<(), ConfigError> {
        let Some(key) = key(name) else { return Err(unknown(name, source)) };
        key.kind.check(&value).map_err(|problem| ConfigError::new(key.name, Some(source.clone()), problem))?;
        self.add(key, value, source);
        Ok(())
    }

    /// The first source to give a key wins.
    fn add(&mut self, key: &Key, value: Value, source: Source) {
        self.0.entry(key.name).or_insert((value, source));
    }
}

/// The variables of all keys.
pub fn variables() -> impl Iterator<Item = String> {
    KEYS.iter().map(|key| format!("{PREFIX}{}", key.name.to_ascii_uppercase()))
}

fn read_file(path: &Path) -> Result<Map<String, Value>, ConfigError> {
    let error = |problem: String| ConfigError::new("", Some(Source::File(path.into())), problem);
    let size = std::fs::metadata(path).map_err(|cause| error(format!("cannot be read: {cause}")))?.len();
    if size > LARGEST_FILE {
        return Err(error(format!("is larger than {LARGEST_FILE} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|cause| error(format!("cannot be read: {cause}")))?;
    toml::from_str(&text).map_err(|cause| {
        let line =
            cause.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
        error(format!("is not TOML, line {line}: {}", cause.message()))
    })
}

/// A cluster with a service called `pith` puts `PITH_SERVICE_HOST`, `PITH_PORT_80_TCP` and the like into
/// every container: not meant for us.
fn set_by_kubernetes(name: &str, text: &str) -> bool {
    name.starts_with("SERVICE_") || name.starts_with("PORT_") || (name == "PORT" && text.contains("://"))
}

fn unknown(name: &str, source: Source) -> ConfigError {
    let nearest = KEYS.iter().map(|key| (distance(name, key.name), key.name)).min();
    let problem = match nearest {
        Some((difference, near)) if difference <= 3 => format!("is unknown; did you mean `{near}`?"),
        _ => "is unknown; `docs/configuration.md` lists all keys".into(),
    };
    // A name is as hostile as a value: the message stays short.
    ConfigError::new(name.chars().take(60).collect::<String>(), Some(source), problem)
}

/// How many letters must be changed, added or dropped to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().take(60).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, wanted) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *wanted);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
