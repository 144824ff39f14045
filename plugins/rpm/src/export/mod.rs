//! What exports say of units, and back: one dump a type, and dumps of what advisories and trees are made of.

mod advisory;
mod comps;
mod module;
mod package;
mod tree;

use std::sync::Arc;

use pith_core::id::Sha256;
use pith_core::plugin::{DetailKind, Exchange, Facts, RepositoryDump};
use serde::de::DeserializeOwned;

use crate::checksum::ChecksumType;

/// The dump of the repositories that the reference hides behind a tree.
const HIDDEN_REPOSITORIES: &str = "pulp_rpm.app.modelresource.DistributionTreeRepositoryResource";

pub(crate) fn exchange() -> Exchange {
    use DetailKind::{Flag, Json, Number, Own, Text};
    Exchange {
        repository: RepositoryDump {
            name: "pulp_rpm.app.modelresource.RpmRepositoryResource",
            details: &[
                ("metadata_signing_service", Own),
                ("package_signing_service", Own),
                ("package_signing_fingerprint", Own),
                ("last_sync_details", Own),
                ("retain_package_versions", Number),
                ("autopublish", Flag),
                ("checksum_type", Text),
                ("compression_type", Text),
                ("layout", Text),
                ("metadata_checksum_type", Own),
                ("package_checksum_type", Own),
                ("repo_config", Json),
            ],
        },
        units: vec![
            Arc::new(package::Packages),
            Arc::new(module::Modules),
            Arc::new(module::ModuleDefaults),
            Arc::new(module::ModuleObsoletes),
            Arc::new(comps::GROUPS),
            Arc::new(comps::CATEGORIES),
            Arc::new(comps::ENVIRONMENTS),
            Arc::new(comps::LANGUAGE_PACKS),
            Arc::new(advisory::Advisories),
            Arc::new(tree::MetadataFiles),
            Arc::new(tree::Trees),
        ],
        expected: &[HIDDEN_REPOSITORIES],
        maps_content: true,
    }
}

/// A list or map of a row; an empty one where there is none.
fn typed<T: DeserializeOwned + Default>(facts: &Facts, name: &str) -> Result<T, String> {
    let value = facts.json(name)?;
    if value.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(value).map_err(|problem| format!("`{name}`: {problem}"))
}

/// A number that is not negative.
fn size(facts: &Facts, name: &str) -> Result<u64, String> {
    let number = facts.number(name)?.unwrap_or(0);
    u64::try_from(number).map_err(|_| format!("`{name}` is negative"))
}

/// What rows say of a file by which others know it is compared with the artifact, as far as that has such a digest: rows
/// must not put other bytes in the place of a file.
///
/// # Errors
/// A text that names the column.
fn is_of_file(column: &str, kind: ChecksumType, value: &str, sha256: Option<&Sha256>) -> Result<(), String> {
    let sha256 = sha256.ok_or_else(|| "the export does not say which artifact it is".to_owned())?;
    if kind == ChecksumType::Sha256 && !value.eq_ignore_ascii_case(sha256.as_str()) {
        return Err(format!("`{column}` is not the digest of the artifact {sha256}"));
    }
    Ok(())
}

/// What a unit cannot be made of, as a text.
fn refused(error: pith_core::error::Error) -> String {
    error.public_text()
}
