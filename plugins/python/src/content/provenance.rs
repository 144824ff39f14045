//! The provenance of a package (PEP 740).

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::id::Sha256;
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json};

use super::{PROVENANCE, PackageFacts};
use crate::{name, resources};

/// The type of provenances.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProvenanceContent;

#[async_trait]
impl ContentType for ProvenanceContent {
    fn pulp_type(&self) -> &'static str {
        PROVENANCE
    }

    fn table(&self) -> DetailTable {
        DetailTable {
            name: "python_provenance",
            columns: &["sha256", "package_sha256", "filename", "name_normalized", "provenance"],
            natural_key: &[0],
        }
    }

    fn resource(&self) -> Resource {
        resources::provenances()
    }

    fn reads_file(&self) -> bool {
        true
    }

    async fn inspect(&self, _: &Inspection, _: &Map<String, Json>) -> Result<Inspected> {
        Err(Error::Conflict("not yet".into()))
    }
}

/// A provenance and the package it speaks of.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenanceFacts {
    pub package_sha256: Sha256,
    pub filename: String,
    pub project: String,
    pub provenance: Json,
}

impl ProvenanceFacts {
    /// The unit. A package has one provenance in a repository.
    pub fn unit(&self) -> Unit {
        let sha256 = Sha256::of(super::package::python_json(&sorted(&self.provenance)).as_bytes());
        Unit {
            columns: vec![
                (&sha256).into(),
                (&self.package_sha256).into(),
                (&self.filename).into(),
                name::normalize(&self.project).into(),
                self.provenance.clone().into(),
            ],
            repo_key: Some(self.package_sha256.to_string()),
            files: vec![],
        }
    }
}

/// With the keys of all objects in order, as the digest of a provenance is taken.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        Json::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(pairs.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// The provenance that the attestations sent with a package make.
pub(super) fn attested(_: &PackageFacts, given: &Map<String, Json>) -> Result<Vec<(&'static str, Unit)>> {
    match given.get("attestations") {
        None | Some(Json::Null) => Ok(vec![]),
        Some(_) => Err(Error::field("attestations", "not yet")),
    }
}
