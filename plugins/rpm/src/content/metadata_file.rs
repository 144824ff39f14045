//! Metadata of types that the format does not know, which is carried along as it is.

use pith_core::error::{Error, Result};
use pith_core::id::{RelativePath, Sha256};
use pith_core::plugin::{DetailTable, Unit, UnitFile};

use super::carried::CarriedContent;
use super::columns;
use crate::checksum::Checksum;
use crate::resources;
use crate::text::excerpt;

/// The type of files of metadata.
pub(crate) const REPO_METADATA_FILE: &str = "rpm.repo_metadata_file";

pub(crate) const CONTENT: CarriedContent = CarriedContent {
    pulp_type: REPO_METADATA_FILE,
    table: DetailTable {
        name: "rpm_repo_metadata_file",
        columns: &["data_type", "checksum_type", "checksum", "relative_path"],
        natural_key: &[2, 0, 3],
    },
    resource: resources::metadata_file::repo_metadata_files,
};

/// The unit of a file, which lies at `relative_path` below the root of the repository. A repository has one of each
/// type of data.
///
/// # Errors
/// `Upstream` when the path leads out of the repository.
pub(crate) fn unit(data_type: &str, checksum: &Checksum, relative_path: &str, sha256: Option<Sha256>) -> Result<Unit> {
    let path: RelativePath = relative_path.parse().map_err(|problem| {
        Error::upstream(format!("`{}` cannot be the path of a metadata file: {problem}", excerpt(relative_path)))
    })?;
    let values =
        vec![columns::text(data_type), checksum.kind().as_str().into(), checksum.value().into(), path.as_str().into()];
    Ok(Unit {
        columns: values,
        repo_key: Some(data_type.to_owned()),
        files: vec![UnitFile { relative_path: path, sha256 }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_repository() {
        let checksum = Checksum::parse("sha256", &"ab".repeat(32)).unwrap();
        let made = unit("productid", &checksum, "repodata/productid.gz", None).unwrap();
        assert_eq!(made.repo_key.as_deref(), Some("productid"));
        for path in ["../productid", "/etc/passwd", ""] {
            assert!(matches!(unit("productid", &checksum, path, None), Err(Error::Upstream(_))), "{path}");
        }
    }
}
