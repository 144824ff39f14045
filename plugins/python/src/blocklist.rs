//! What a repository must never hold: projects, releases, files.

use crate::name::{ProjectName, normalize};
use crate::version;

/// One entry of a blocklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlocklistEntry {
    /// Every release of the project, by its normalized name.
    Project { name: String },
    /// One release, in whatever spelling of its version.
    Release { name: String, version: String },
    /// One file by its whole name.
    File { filename: String },
}

/// Why an entry makes no sense. The wording is Pulp's, where its clients read it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("'version' cannot be used with 'filename'.")]
    VersionWithFilename,
    #[error("'version' requires 'name' to be provided.")]
    VersionWithoutName,
    #[error("Exactly one of 'name' or 'filename' must be provided.")]
    NotOne,
    #[error("'{0}' is not a valid version.")]
    Version(String),
    #[error("'{0}' is not a valid project name.")]
    Name(String),
}

impl EntryError {
    /// The field that is wrong, if it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Version(_) => Some("version"),
            Self::Name(_) => Some("name"),
            _ => None,
        }
    }
}

impl BlocklistEntry {
    /// Makes an entry of what a client sends; empty texts count as missing.
    pub fn parse(name: Option<&str>, version: Option<&str>, filename: Option<&str>) -> Result<Self, EntryError> {
        let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        match (given(name), given(version), given(filename)) {
            (_, Some(_), Some(_)) => Err(EntryError::VersionWithFilename),
            (None, Some(_), None) => Err(EntryError::VersionWithoutName),
            (Some(_), None, Some(_)) | (None, None, None) => Err(EntryError::NotOne),
            (None, None, Some(filename)) => Ok(Self::File { filename }),
            (Some(name), None, None) => Ok(Self::Project { name: checked(&name)? }),
            (Some(name), Some(version), None) => {
                if !version::is_valid(&version) {
                    return Err(EntryError::Version(excerpt(&version)));
                }
                Ok(Self::Release { name: checked(&name)?, version })
            }
        }
    }

    /// Whether the entry bars a file.
    pub fn blocks(&self, project: &ProjectName, version: &str, filename: &str) -> bool {
        match self {
            Self::Project { name } => name == project.normalized(),
            Self::Release { name, version: barred } => name == project.normalized() && version::same(barred, version),
            Self::File { filename: barred } => barred == filename,
        }
    }
}

fn checked(name: &str) -> Result<String, EntryError> {
    match ProjectName::parse(name) {
        Ok(_) => Ok(normalize(name)),
        Err(_) => Err(EntryError::Name(excerpt(name))),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_bar_what_they_name() {
        let foo = ProjectName::parse("F.oo").unwrap();
        for (name, version, filename, expected) in [
            (Some("f-oo"), None, None, true),
            (Some("F_OO"), Some(""), Some(""), true),
            (Some("foo"), None, None, false),
            (Some("f.oo"), Some("1.0.0"), None, true),
            (Some("f.oo"), Some("1.1"), None, false),
            (None, None, Some("f_oo-1.0.tar.gz"), true),
            (None, None, Some("F_oo-1.0.tar.gz"), false),
        ] {
            let entry = BlocklistEntry::parse(name, version, filename).unwrap();
            assert_eq!(entry.blocks(&foo, "1.0", "f_oo-1.0.tar.gz"), expected, "{entry:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (name, version, filename, expected) in [
            (None, Some("0.1"), Some("x"), EntryError::VersionWithFilename),
            (None, Some("0.1"), None, EntryError::VersionWithoutName),
            (Some("a"), None, Some("x"), EntryError::NotOne),
            (None, None, None, EntryError::NotOne),
            (Some("a"), Some("not-a-version"), None, EntryError::Version("not-a-version".into())),
            (Some("a b"), None, None, EntryError::Name("a b".into())),
        ] {
            assert_eq!(BlocklistEntry::parse(name, version, filename), Err(expected));
        }
    }
}
