//! The configuration of bandersnatch, a mirror of package indexes, as settings of a remote.
//!
//! An INI file in the dialect of Python's `configparser`, with `=` alone as delimiter:
//!
//! ```text
//! [mirror]
//! master = https://pypi.org
//! workers = 3
//! [plugins]
//! enabled =
//!     allowlist_project
//!     prerelease_release
//! [allowlist]
//! packages =
//!     django
//!     flask>=2
//! ```
//!
//! What a filter plugin says counts only where that plugin is enabled, by name or by `all`.

use std::collections::BTreeMap;

/// No real configuration comes near.
const MAX_BYTES: usize = 1 << 20;

/// What a configuration says about a remote. Whether the requirements and the names of kinds and
/// platforms make sense is checked where they are used ([`crate::filters`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteSettings {
    pub url: String,
    pub download_concurrency: u64,
    pub includes: Vec<String>,
    pub excludes: Vec<String>,
    pub prereleases: bool,
    pub package_types: Vec<String>,
    pub keep_latest_packages: u64,
    pub exclude_platforms: Vec<String>,
}

/// Why a text is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the configuration is not UTF-8")]
    NotUtf8,
    #[error("line {line} of the configuration is neither a section nor an option nor a comment")]
    Syntax { line: usize },
    #[error("the configuration has `{0}` twice")]
    Twice(String),
    #[error("`{option}` in section `{section}` is not a number from 0 to 1000000")]
    Number { section: &'static str, option: &'static str },
}

/// Reads a configuration; what it leaves out is as bandersnatch has it by default.
pub fn parse(bytes: &[u8]) -> Result<RemoteSettings, ConfigError> {
    if bytes.len() > MAX_BYTES {
        return Err(ConfigError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ConfigError::NotUtf8)?;
    let config = Config::parse(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let when = |plugin: &str, section: &str, option: &str| match config.enables(plugin) {
        true => config.lines(section, option),
        false => Vec::new(),
    };
    let url = config.get("mirror", "master").filter(|url| !url.is_empty());
    let keep_latest_packages = match config.enables("latest_release") {
        true => config.number("latest_release", "keep")?.unwrap_or(0),
        false => 0,
    };
    Ok(RemoteSettings {
        url: url.unwrap_or("https://pypi.org").to_owned(),
        download_concurrency: config.number("mirror", "workers")?.unwrap_or(3),
        includes: when("allowlist_project", "allowlist", "packages"),
        excludes: when("blocklist_project", "blocklist", "packages"),
        prereleases: !config.enables("prerelease_release"),
        package_types: words(when(
            "regex_release_file_metadata",
            "regex_release_file_metadata",
            "any:release_file.packagetype",
        )),
        keep_latest_packages,
        exclude_platforms: platforms(words(when("exclude_platform", "blocklist", "platforms"))),
    })
}

fn words(lines: Vec<String>) -> Vec<String> {
    let split = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    lines.iter().flat_map(split).collect()
}

/// Bandersnatch has second names for two platforms.
fn platforms(names: Vec<String>) -> Vec<String> {
    let name = |name: String| match name.to_ascii_lowercase().as_str() {
        "win" => "windows".to_owned(),
        "macosx" => "macos".to_owned(),
        other => other.to_owned(),
    };
    names.into_iter().map(name).collect()
}

/// Options by section and name, each with its lines.
#[derive(Default)]
struct Config {
    options: BTreeMap<(String, String), String>,
}

impl Config {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut section: Option<String> = None;
        let mut open: Option<(String, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let content = line.trim();
            if content.starts_with(['#', ';']) {
                continue;
            }
            if content.is_empty() {
                continue;
            }
            // An indented line goes on with the option above, if there is one.
            if line.starts_with([' ', '\t'])
                && let Some(value) = open.as_ref().and_then(|key| config.options.get_mut(key))
            {
                value.push('\n');
                value.push_str(content);
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = Some(name.to_owned());
                open = None;
                continue;
            }
            let (Some(section), Some((name, value))) = (&section, content.split_once('=')) else {
                return Err(ConfigError::Syntax { line: number + 1 });
            };
            let key = (section.clone(), name.trim().to_ascii_lowercase());
            if config.options.insert(key.clone(), value.trim().to_owned()).is_some() {
                return Err(ConfigError::Twice(format!("{}.{}", key.0, key.1)));
            }
            open = Some(key);
        }
        Ok(config)
    }

    fn get(&self, section: &str, option: &str) -> Option<&str> {
        let key = (section.to_owned(), option.to_owned());
        self.options.get(&key).map(|value| value.trim())
    }

    /// The lines of an option, without comments and empty ones.
    fn lines(&self, section: &str, option: &str) -> Vec<String> {
        let value = self.get(section, option).unwrap_or("");
        let content = |line: &str| line.split('#').next().unwrap_or("").trim().to_owned();
        value.lines().map(content).filter(|line| !line.is_empty()).collect()
    }

    fn enables(&self, plugin: &str) -> bool {
        let enabled = self.lines("plugins", "enabled");
        words(enabled).iter().any(|name| name == plugin || name == "all")
    }

    fn number(&self, section: &'static str, option: &'static str) -> Result<Option<u64>, ConfigError> {
        let Some(text) = self.get(section, option).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|&number| number <= 1_000_000);
        number.map(Some).ok_or(ConfigError::Number { section, option })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> RemoteSettings {
        RemoteSettings {
            url: "https://pypi.org".into(),
            download_concurrency: 3,
            includes: vec![],
            excludes: vec![],
            prereleases: true,
            package_types: vec![],
            keep_latest_packages: 0,
            exclude_platforms: vec![],
        }
    }

    #[test]
    fn an_empty_configuration_has_the_defaults() {
        assert_eq!(parse(b""), Ok(defaults()));
        assert_eq!(parse(b"; nothing\n[mirror]\n\n[plugins]\nenabled =\n"), Ok(defaults()));
    }

    #[test]
    fn everything_is_taken_over() {
        let text = "[mirror]\n; where\nmaster = https://i.example/a=b\nworkers = 7\ndirectory=/srv\n\
            [plugins]\nenabled = all\n\
            [allowlist]\npackages =\n    django  # the framework\n\n    # no\n    flask >= 2, <3\n\
            [blocklist]\nplatforms =\n    win\n    macos\npackages = evil\n    worse\n\
            [latest_release]\nkeep = 4\n\
            [regex_release_file_metadata]\nany:release_file.packagetype =\n    sdist\n    bdist_wheel\n";
        let expected = RemoteSettings {
            url: "https://i.example/a=b".into(),
            download_concurrency: 7,
            includes: vec!["django".into(), "flask >= 2, <3".into()],
            excludes: vec!["evil".into(), "worse".into()],
            prereleases: false,
            package_types: vec!["sdist".into(), "bdist_wheel".into()],
            keep_latest_packages: 4,
            exclude_platforms: vec!["windows".into(), "macos".into()],
        };
        assert_eq!(parse(text.as_bytes()), Ok(expected.clone()));
        let windows = text.replace('\n', "\r\n");
        assert_eq!(parse(windows.as_bytes()), Ok(expected));
    }

    #[test]
    fn only_enabled_plugins_count() {
        let text = "[plugins]\nenabled =\n    blocklist_project\n\
            [allowlist]\npackages = a\n[blocklist]\npackages = b\nplatforms = linux\n\
            [latest_release]\nkeep = 4\n";
        let expected = RemoteSettings { excludes: vec!["b".into()], ..defaults() };
        assert_eq!(parse(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for (text, expected) in [
            (&b"master = x"[..], ConfigError::Syntax { line: 1 }),
            (b"[mirror]\nmaster", ConfigError::Syntax { line: 2 }),
            (b"  indented", ConfigError::Syntax { line: 1 }),
            (b"\xff", ConfigError::NotUtf8),
            (b"[mirror]\nworkers = x", ConfigError::Number { section: "mirror", option: "workers" }),
            (b"[mirror]\nworkers = -1", ConfigError::Number { section: "mirror", option: "workers" }),
            (b"[mirror]\nmaster = x\nmaster = y", ConfigError::Twice("mirror.master".into())),
        ] {
            assert_eq!(parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(parse(&vec![b'#'; MAX_BYTES + 1]), Err(ConfigError::TooLarge));
    }
}
