//! Core metadata: what a wheel's `METADATA`, an sdist's `PKG-INFO` and the `info` of an index say.
//!
//! Versions 1.0 to 2.x of the specification; an unknown minor version is read as far as it is
//! known, an unknown major version is refused, as the specification demands.

mod headers;
mod info;

pub use info::InfoError;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::headers::Headers;
use crate::name::{NameError, ProjectName};

/// The most that is read of a file's metadata, in bytes. The largest real ones carry a manual
/// with embedded images and stay below half of it.
pub const MAX_BYTES: usize = 4 << 20;

/// The fields of core metadata; what a file does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub metadata_version: String,
    pub name: String,
    pub version: String,
    /// The platforms, joined by commas.
    pub platform: String,
    /// The supported platforms, joined by commas.
    pub supported_platform: String,
    pub summary: String,
    pub description: String,
    pub description_content_type: String,
    pub keywords: String,
    pub home_page: String,
    pub download_url: String,
    pub author: String,
    pub author_email: String,
    pub maintainer: String,
    pub maintainer_email: String,
    pub license: String,
    pub license_expression: String,
    pub license_file: Vec<String>,
    pub classifiers: Vec<String>,
    pub requires_python: String,
    pub requires_dist: Vec<String>,
    pub requires_external: Vec<String>,
    pub provides_dist: Vec<String>,
    pub provides_extras: Vec<String>,
    pub obsoletes_dist: Vec<String>,
    pub dynamic: Vec<String>,
    /// The page of the project on an index; only an index says it.
    pub project_url: String,
    /// Labels and addresses, in the order of the file.
    pub project_urls: Map<String, Value>,
}

/// Why bytes are no core metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("the metadata has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the metadata has more than {} fields", headers::MAX_FIELDS)]
    TooManyFields,
    #[error("the metadata is not UTF-8 (at byte {0})")]
    NotUtf8(usize),
    #[error("the metadata contains a NUL character")]
    Nul,
    #[error("the metadata has no field `{0}`")]
    Missing(&'static str),
    #[error("the metadata has the field `{0}` twice, with different values")]
    Contradiction(&'static str),
    #[error("the metadata version `{0}` is not known")]
    UnknownVersion(String),
    #[error("the metadata gives `{0}` as the version, which is none")]
    Version(String),
    #[error("in the metadata: {0}")]
    Name(#[from] NameError),
}

impl Metadata {
    /// Reads metadata that must be UTF-8, as every wheel's.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        check_size(bytes)?;
        let text = std::str::from_utf8(bytes).map_err(|error| MetadataError::NotUtf8(error.valid_up_to()))?;
        from_text(text)
    }

    /// Reads metadata of an sdist, egg or installer: what calls itself 1.x may be Latin-1, which
    /// old tools wrote; anything newer must be UTF-8.
    pub fn parse_legacy(bytes: &[u8]) -> Result<Self, MetadataError> {
        check_size(bytes)?;
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return from_text(text),
            Err(error) => MetadataError::NotUtf8(error.valid_up_to()),
        };
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        let metadata = from_text(&text)?;
        if metadata.metadata_version.starts_with("1.") { Ok(metadata) } else { Err(error) }
    }

    /// The name, which parsing has checked; for metadata made otherwise it may be wrong.
    pub fn project(&self) -> Result<ProjectName, NameError> {
        ProjectName::parse(&self.name)
    }
}

fn check_size(bytes: &[u8]) -> Result<(), MetadataError> {
    if bytes.len() > MAX_BYTES {
        return Err(MetadataError::TooLarge);
    }
    // No database keeps it in a text.
    if bytes.contains(&0) {
        return Err(MetadataError::Nul);
    }
    Ok(())
}

fn from_text(text: &str) -> Result<Metadata, MetadataError> {
    let headers = Headers::parse(text).ok_or(MetadataError::TooManyFields)?;
    let metadata_version = required(&headers, "Metadata-Version")?;
    if !known_version(&metadata_version) {
        return Err(MetadataError::UnknownVersion(excerpt(&metadata_version)));
    }
    let name = required(&headers, "Name")?;
    ProjectName::parse(&name)?;
    let version = required(&headers, "Version")?;
    if !crate::version::is_plausible(&version) {
        return Err(MetadataError::Version(excerpt(&version)));
    }
    Ok(Metadata {
        metadata_version,
        name,
        version,
        platform: headers.all("Platform").join(","),
        supported_platform: headers.all("Supported-Platform").join(","),
        summary: headers.one("Summary"),
        description: description(&headers),
        description_content_type: headers.one("Description-Content-Type"),
        keywords: headers.one("Keywords"),
        home_page: headers.one("Home-page"),
        download_url: headers.one("Download-URL"),
        author: headers.one("Author"),
        author_email: headers.one("Author-email"),
        maintainer: headers.one("Maintainer"),
        maintainer_email: headers.one("Maintainer-email"),
        license: headers.one("License"),
        license_expression: headers.one("License-Expression"),
        license_file: headers.all("License-File"),
        classifiers: headers.all("Classifier"),
        requires_python: headers.one("Requires-Python"),
        requires_dist: headers.all("Requires-Dist"),
        requires_external: headers.all("Requires-External"),
        provides_dist: headers.all("Provides-Dist"),
        provides_extras: headers.all("Provides-Extra"),
        obsoletes_dist: headers.all("Obsoletes-Dist"),
        dynamic: headers.all("Dynamic"),
        project_url: String::new(),
        project_urls: project_urls(headers.all("Project-URL")),
    })
}

/// The fields that decide what a file is must not be open to two readings.
fn required(headers: &Headers<'_>, name: &'static str) -> Result<String, MetadataError> {
    let values = headers.all(name);
    let first = values.first().ok_or(MetadataError::Missing(name))?;
    if values.iter().any(|value| value != first) {
        return Err(MetadataError::Contradiction(name));
    }
    Ok(first.clone())
}

/// As much of a hostile text as an error message may quote.
fn excerpt(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

fn known_version(version: &str) -> bool {
    let Some((major, minor)) = version.split_once('.') else {
        return false;
    };
    matches!(major, "1" | "2") && (1..=3).contains(&minor.len()) && minor.bytes().all(|b| b.is_ascii_digit())
}

fn description(headers: &Headers<'_>) -> String {
    if !headers.body().trim().is_empty() {
        return headers.body().to_owned();
    }
    let text = headers.raw("Description").next().unwrap_or("").trim();
    if text == "UNKNOWN" {
        return String::new();
    }
    let lines: Vec<&str> = text.lines().map(outdent).collect();
    lines.join("\n")
}

/// Continuation lines of a description are indented by eight columns, the last of which may be a
/// bar.
fn outdent(line: &str) -> &str {
    line.strip_prefix("        ").or_else(|| line.strip_prefix("       |")).unwrap_or(line)
}

/// Pairs of `label, address`; what has no label counts as its own.
fn project_urls(lines: Vec<String>) -> Map<String, Value> {
    let pair = |line: String| match line.split_once(',') {
        Some((label, url)) => (label.trim().to_owned(), Value::from(url.trim())),
        None => (line.clone(), Value::from(line)),
    };
    lines.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests;
