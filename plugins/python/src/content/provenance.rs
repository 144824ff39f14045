//! The provenance of a package (PEP 740).

use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::id::Sha256;
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json, json};

use super::{PROVENANCE, PackageFacts};
use crate::attestation::{Attestation, Provenance, Trust};
use crate::{name, resources};

/// The largest provenance that is read, in bytes.
const LARGEST: u64 = 8 << 20;

/// The type of provenances.
#[derive(Clone, Debug, Default)]
pub struct ProvenanceContent {
    pub trust: Trust,
}

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

    fn uploads_at_once(&self) -> bool {
        false
    }

    fn check(&self, given: &Map<String, Json>) -> Result<()> {
        if given.contains_key("package") { Ok(()) } else { Err(Error::field("package", "This field is required.")) }
    }

    /// The file is the provenance; what is kept of it is the object, not the file.
    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected> {
        if file.size > LARGEST {
            return Err(Error::field("file", format!("a provenance has at most {LARGEST} bytes")));
        }
        let package = given.get("package").cloned().unwrap_or_default();
        let trust = (given.get("verify") != Some(&Json::Bool(false))).then(|| self.trust.clone());
        let path = file.path.clone().ok_or_else(|| Error::internal("a provenance without its file"))?;
        let read = move || {
            let bytes = std::fs::read(path).map_err(|cause| Error::storage("cannot read an uploaded file", cause))?;
            of_file(&bytes, &package, trust.as_ref())
        };
        let facts = tokio::task::spawn_blocking(read).await.map_err(Error::internal)??;
        Ok(facts.unit().into())
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

/// Reads an uploaded provenance of a package, which is given as clients see it. They look for the beginnings of the
/// sentences.
fn of_file(bytes: &[u8], package: &Json, trust: Option<&Trust>) -> Result<ProvenanceFacts> {
    let invalid = |problem: String| Error::non_field(format!("The uploaded provenance is not valid: {problem}"));
    let raw: Json = serde_json::from_slice(bytes).map_err(|problem| invalid(problem.to_string()))?;
    let provenance = Provenance::parse(&raw).map_err(|problem| invalid(problem.to_string()))?;
    let text = |name: &str| package.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (filename, sha256) = (text("filename"), text("sha256"));
    if let Some(trust) = trust {
        let verified = trust.verify_provenance(&provenance, &filename, &sha256).map_err(Error::internal)?;
        verified.map_err(|problem| Error::non_field(format!("Provenance verification failed: {problem}")))?;
    }
    Ok(ProvenanceFacts {
        package_sha256: sha256.parse().map_err(Error::internal)?,
        filename,
        project: text("name"),
        provenance: provenance.to_json().clone(),
    })
}

/// The provenance that the attestations sent with a package make.
pub(super) fn attested(
    trust: &Trust,
    package: &PackageFacts,
    given: &Map<String, Json>,
) -> Result<Vec<(&'static str, Unit)>> {
    let sent = match given.get("attestations") {
        None | Some(Json::Null) => return Ok(vec![]),
        // A form can only carry the list as text.
        Some(Json::String(text)) => serde_json::from_str(text)
            .map_err(|problem| Error::field("attestations", format!("Invalid attestations: {problem}")))?,
        Some(other) => other.clone(),
    };
    let invalid = |problem| Error::field("attestations", format!("Invalid attestations: {problem}"));
    let attestations = Attestation::parse_list(&sent).map_err(|problem| invalid(problem.to_string()))?;
    if attestations.is_empty() {
        return Ok(vec![]);
    }
    let provenance = Provenance::of_upload(json!({"kind": "Pulp User"}), attestations);
    let verified = trust.verify_provenance(&provenance, &package.filename, package.sha256.as_str());
    let verified = verified.map_err(Error::internal)?;
    verified.map_err(|problem| Error::field("attestations", format!("Attestations failed verification: {problem}")))?;
    let facts = ProvenanceFacts {
        package_sha256: package.sha256.clone(),
        filename: package.filename.clone(),
        project: package.metadata.name.clone(),
        provenance: provenance.to_json().clone(),
    };
    Ok(vec![(PROVENANCE, facts.unit())])
}
