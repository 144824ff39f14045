//! A unit of content: one file at one path. Two units are the same when path and SHA-256 are.

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::id::{RelativePath, Sha256};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, PulledUnit, Unit, UnitFile};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

use crate::{PULP_TYPE, resources};

/// The type of all units of this format.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileContent;

#[async_trait]
impl ContentType for FileContent {
    fn pulp_type(&self) -> &'static str {
        PULP_TYPE
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "file_content", columns: &["relative_path", "digest"], natural_key: &[0, 1] }
    }

    fn resource(&self) -> Resource {
        resources::content()
    }

    fn upload_answer_schema(&self) -> Option<&'static str> {
        Some("FileContentUploadResponse")
    }

    /// Nothing is read from the file: the client says at which path it shall be.
    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected> {
        Ok(unit(relative_path(given)?, file.digests.sha256.clone()).into())
    }

    fn check(&self, given: &Map<String, Json>) -> Result<()> {
        relative_path(given).map(drop)
    }
}

fn relative_path(given: &Map<String, Json>) -> Result<RelativePath> {
    let path = given.get("relative_path").and_then(Json::as_str);
    let path = path.ok_or_else(|| Error::field("relative_path", "This field is required."))?;
    path.parse().map_err(|_| Error::field("relative_path", format!("Relative path is not in canonical form. {path}")))
}

/// The file with this digest at this path. In one version a path leads to one unit.
pub(crate) fn unit(relative_path: RelativePath, sha256: Sha256) -> Unit {
    Unit {
        columns: vec![relative_path.as_str().into(), (&sha256).into()],
        repo_key: Some(relative_path.as_str().to_owned()),
        files: vec![UnitFile { relative_path, sha256: Some(sha256) }],
    }
}

/// A file that an upstream has at a path that can be one.
pub(crate) fn pulled(path: &str, file: &Inspection) -> Option<PulledUnit> {
    let inspected = unit(path.parse().ok()?, file.digests.sha256.clone()).into();
    Some(PulledUnit { content_type: PULP_TYPE, inspected, urls: vec![] })
}
