//! How a publication is made: what it was told, else what its repository was told, else as usual.

use pith_core::error::{Error, Result};
use pith_core::plugin::{Algorithm, Digests, Placement};
use serde_json::{Value as Json, json};

use crate::checksum::{Checksum, ChecksumType};
use crate::compression::Compression;

/// The folder that packages lie in.
const FOLDER: &str = "Packages/";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub checksum: ChecksumType,
    pub compression: Compression,
    pub layout: Layout,
}

/// Where packages lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    NestedAlphabetically,
    Flat,
    NestedByDigest,
}

impl Settings {
    /// Completes the details of a publication by those of its repository.
    ///
    /// # Errors
    /// `Invalid` naming the field when it says what cannot be written.
    pub fn resolve(details: &mut Json, repository: &Json) -> Result<Self> {
        let value = |name: &str| {
            let told = |details: &Json| details.get(name).filter(|value| !value.is_null()).cloned();
            told(details).or_else(|| told(repository))
        };
        let [checksum, compression, layout, config] =
            ["checksum_type", "compression_type", "layout", "repo_config"].map(value);
        let checksum = checksum.unwrap_or_else(|| json!("sha256"));
        let layout = layout.unwrap_or_else(|| json!("nested_alphabetically"));
        let settings = Self {
            checksum: read("checksum_type", &checksum, written_checksum)?,
            compression: match &compression {
                Some(compression) => read("compression_type", compression, Compression::from_name)?,
                None => Compression::Gz,
            },
            layout: read("layout", &layout, Layout::from_name)?,
        };
        if let Some(details) = details.as_object_mut() {
            details.insert("checksum_type".to_owned(), checksum);
            details.insert("compression_type".to_owned(), compression.unwrap_or(Json::Null));
            details.insert("layout".to_owned(), layout);
            details.insert("repo_config".to_owned(), config.unwrap_or_else(|| json!({})));
        }
        Ok(settings)
    }

    /// The digest by which `repomd.xml` names files.
    pub fn algorithm(&self) -> Result<Algorithm> {
        self.checksum.as_str().parse()
    }

    /// That digest of a file for which it was computed.
    pub fn checksum_of(&self, digests: &Digests) -> Result<Checksum> {
        let value = digests.get(self.algorithm()?).ok_or_else(|| Error::internal("a digest was not computed"))?;
        Checksum::new(self.checksum, value).map_err(Error::internal)
    }
}

fn read<T>(field: &str, value: &Json, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    let text = value.as_str().unwrap_or_default();
    parse(text).ok_or_else(|| Error::field(field, format!("metadata cannot be written with `{text}`")))
}

fn written_checksum(name: &str) -> Option<ChecksumType> {
    let written =
        |kind: &ChecksumType| matches!(kind, ChecksumType::Sha256 | ChecksumType::Sha384 | ChecksumType::Sha512);
    ChecksumType::from_name(name).filter(written)
}

impl Layout {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "nested_alphabetically" => Some(Self::NestedAlphabetically),
            "flat" => Some(Self::Flat),
            "nested_by_digest" => Some(Self::NestedByDigest),
            _ => None,
        }
    }

    /// The rule that core places packages by; none when each has a path of its own.
    pub fn placement(self) -> Option<Placement> {
        match self {
            Self::NestedAlphabetically => Some(Placement::Letter(FOLDER.to_owned())),
            Self::Flat => Some(Placement::Flat(FOLDER.to_owned())),
            Self::NestedByDigest => None,
        }
    }

    /// Where the package of this file name and checksum lies.
    pub fn path(self, filename: &str, pkgid: &str) -> String {
        match self.placement() {
            Some(placement) => placement.path(filename),
            None => {
                let start = pkgid.get(..6).unwrap_or(pkgid);
                let nested = Placement::Letter(FOLDER.to_owned()).path(filename);
                let folder = nested.strip_suffix(filename).unwrap_or_default();
                format!("{folder}by-digest/{start}-{filename}")
            }
        }
    }

    /// Stands for the layout in what is remembered.
    pub fn name(self) -> &'static str {
        match self {
            Self::NestedAlphabetically => "nested",
            Self::Flat => "flat",
            Self::NestedByDigest => "digest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publication_is_not_told_its_repository_says() {
        let mut details = json!({"compression_type": "zstd", "checksum_type": null});
        let repository = json!({"compression_type": "none", "checksum_type": "sha512", "repo_config": {"gpgcheck": 1}});
        let settings = Settings::resolve(&mut details, &repository).expect("settings");
        assert_eq!(settings.compression, Compression::Zst);
        assert_eq!(settings.checksum, ChecksumType::Sha512);
        let expected = json!({
            "compression_type": "zstd", "checksum_type": "sha512", "layout": "nested_alphabetically",
            "repo_config": {"gpgcheck": 1},
        });
        assert_eq!(details, expected);
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for name in ["md5", "sha1", "unknown", "x"] {
            Settings::resolve(&mut json!({"checksum_type": name}), &json!({})).expect_err(name);
        }
    }

    #[test]
    fn packages_lie_where_the_layout_says() {
        let pkgid = "0123456789";
        for (layout, path) in [
            (Layout::NestedAlphabetically, "Packages/b/Bear-1.rpm"),
            (Layout::Flat, "Packages/Bear-1.rpm"),
            (Layout::NestedByDigest, "Packages/b/by-digest/012345-Bear-1.rpm"),
        ] {
            assert_eq!(layout.path("Bear-1.rpm", pkgid), path);
        }
    }
}
