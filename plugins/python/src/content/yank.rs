//! A yanked release (PEP 592): while this unit is in a repository, installers pass over the release unless it is asked
//! for by its exact version.

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

use super::YANK;
use crate::resources;

/// The type of yanked releases. They are made by yanking and by synchronizing, never of a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct YankContent;

#[async_trait]
impl ContentType for YankContent {
    fn pulp_type(&self) -> &'static str {
        YANK
    }

    fn table(&self) -> DetailTable {
        DetailTable {
            name: "python_yank",
            columns: &["name_normalized", "version", "yanked_reason"],
            natural_key: &[0, 1, 2],
        }
    }

    fn resource(&self) -> Resource {
        resources::yanks()
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::Conflict("a yanked release is not made of a file".into()))
    }
}

/// The unit that yanks a release, for a reason or an empty one. A release is yanked once in a repository.
pub fn yank(name_normalized: &str, version: &str, reason: &str) -> Unit {
    Unit {
        columns: vec![name_normalized.into(), version.into(), reason.into()],
        repo_key: Some(yank_key(name_normalized, version)),
        files: vec![],
    }
}

/// What is unique of a yanked release within a repository.
pub fn yank_key(name_normalized: &str, version: &str) -> String {
    format!("{name_normalized} {version}")
}
