//! Kinds of units that only synchronizations and operations of the format's own make, never a client's upload.

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

/// Such a kind, as a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CarriedContent {
    pub pulp_type: &'static str,
    pub table: DetailTable,
    pub resource: fn() -> Resource,
}

#[async_trait]
impl ContentType for CarriedContent {
    fn pulp_type(&self) -> &'static str {
        self.pulp_type
    }

    fn table(&self) -> DetailTable {
        self.table
    }

    fn resource(&self) -> Resource {
        (self.resource)()
    }

    fn uploads_at_once(&self) -> bool {
        false
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::Conflict(format!("units of the type `{}` are not made of files", self.pulp_type)))
    }
}
