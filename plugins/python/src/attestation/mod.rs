//! Attestations and provenance of files, as PEP 740 has them.
//!
//! An attestation is a signed in-toto statement about one file: its name, its SHA-256 and a
//! predicate. A provenance gathers attestations by who published them:
//!
//! ```text
//! {"version": 1, "attestation_bundles": [{"publisher": {"kind": "GitHub", …}, "attestations": […]}]}
//! ```
//!
//! What is checked, and where:
//!
//! * [`Attestation::parse`] and [`Provenance::parse`]: the shape alone.
//! * [`Attestation::check_subject`]: that the statement is about this file. It says nothing about
//!   who wrote the statement.
//! * [`Verifier::verify`]: that a certificate of the trusted authority signed the statement, and
//!   that the transparency log holds the signature; see there.
//! * [`Verifier::verify_provenance`]: both for every attestation, and that the certificate is of the
//!   publisher that the provenance names, where the kind of publisher is known.

mod crypto;
mod publisher;
mod trust;
mod verify;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::filename::{DistributionFile, PackageType};
use crate::version;

pub use trust::Trust;
pub use verify::{Signer, Verifier};

/// The most attestations that one file may have; real ones have one or two.
const MAX_ATTESTATIONS: usize = 64;

/// The most that one attestation may take as JSON, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// What the public index knows as predicates.
const PREDICATES: [&str; 2] = ["https://slsa.dev/provenance/v1", "https://docs.pypi.org/attestations/publish/v1"];

/// Why attestations are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// What was sent has another shape.
    #[error("{0}")]
    Shape(String),
    /// The shape is right, but what it says does not hold.
    #[error("verification failed: {0}")]
    Verification(String),
}

impl AttestationError {
    fn shape(text: impl Into<String>) -> Self {
        Self::Shape(text.into())
    }

    fn verification(text: impl Into<String>) -> Self {
        Self::Verification(text.into())
    }
}

/// An attestation of the right shape; nothing about it is verified yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    raw: Value,
    certificate: Vec<u8>,
    transparency_entries: Vec<Value>,
    statement: Vec<u8>,
    signature: Vec<u8>,
    subject: Subject,
    predicate_type: String,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subject {
    name: String,
    sha256: String,
}

#[derive(Deserialize)]
struct Shape {
    version: u64,
    verification_material: Material,
    envelope: Envelope,
}

#[derive(Deserialize)]
struct Material {
    certificate: String,
    transparency_entries: Vec<Value>,
}

#[derive(Deserialize)]
struct Envelope {
    statement: String,
    signature: String,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<StatementSubject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Deserialize)]
struct StatementSubject {
    name: Option<String>,
    digest: Digests,
}

#[derive(Deserialize)]
struct Digests {
    sha256: Option<String>,
}

impl Attestation {
    /// Takes an attestation apart.
    pub fn parse(raw: &Value) -> Result<Self, AttestationError> {
        if raw.to_string().len() > MAX_BYTES {
            return Err(AttestationError::shape("an attestation is far too large"));
        }
        let shape = Shape::deserialize(raw).map_err(|error| shape_error("an attestation", &error))?;
        if shape.version != 1 {
            let text = format!("the version {} of an attestation is not known", shape.version);
            return Err(AttestationError::Shape(text));
        }
        let entries = shape.verification_material.transparency_entries;
        if entries.is_empty() || !entries.iter().all(Value::is_object) {
            let text = "`transparency_entries` of an attestation is not a list of one object or more";
            return Err(AttestationError::shape(text));
        }
        let statement = decode("statement", &shape.envelope.statement)?;
        let (subject, predicate_type) = read_statement(&statement)?;
        Ok(Self {
            raw: raw.clone(),
            certificate: decode("certificate", &shape.verification_material.certificate)?,
            transparency_entries: entries,
            statement,
            signature: decode("signature", &shape.envelope.signature)?,
            subject,
            predicate_type,
        })
    }

    /// Takes the list apart that a client uploads with a file.
    pub fn parse_list(raw: &Value) -> Result<Vec<Self>, AttestationError> {
        let Value::Array(items) = raw else {
            return Err(AttestationError::shape("the attestations are not a list"));
        };
        if items.is_empty() || items.len() > MAX_ATTESTATIONS {
            let text = format!("there are {} attestations, not 1 to {MAX_ATTESTATIONS}", items.len());
            return Err(AttestationError::Shape(text));
        }
        items.iter().map(Self::parse).collect()
    }

    /// The attestation as it came.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// What kind of statement it makes, as an address.
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// Whether the statement is about this file: the same name, if spelled differently, and the
    /// same SHA-256 in lower-case hexadecimal. Who made the statement is another question.
    pub fn check_subject(&self, filename: &str, sha256: &str) -> Result<(), AttestationError> {
        let Subject { name, sha256: told } = &self.subject;
        if !same_distribution(name, filename) {
            let text = format!("subject does not match distribution name: {} != {filename}", excerpt(name));
            return Err(AttestationError::Verification(text));
        }
        if !told.eq_ignore_ascii_case(sha256) {
            return Err(AttestationError::verification("subject does not match distribution digest"));
        }
        if !PREDICATES.contains(&self.predicate_type.as_str()) {
            let text = format!("unknown attestation type: {}", excerpt(&self.predicate_type));
            return Err(AttestationError::Verification(text));
        }
        Ok(())
    }
}

/// Attestations by publisher.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    raw: Value,
    bundles: Vec<Bundle>,
}

/// The attestations of one publisher.
#[derive(Clone, Debug, PartialEq)]
struct Bundle {
    publisher: Value,
    attestations: Vec<Attestation>,
}

impl Provenance {
    /// Takes a whole provenance apart.
    pub fn parse(raw: &Value) -> Result<Self, AttestationError> {
        if !raw.is_object() || raw.get("version").is_some_and(|version| version != 1) {
            return Err(AttestationError::shape("the provenance is not an object of version 1"));
        }
        let Some(Value::Array(items)) = raw.get("attestation_bundles") else {
            return Err(AttestationError::shape("the provenance has no list `attestation_bundles`"));
        };
        if items.is_empty() || items.len() > MAX_ATTESTATIONS {
            let text = format!("there are {} attestation bundles, not 1 to {MAX_ATTESTATIONS}", items.len());
            return Err(AttestationError::Shape(text));
        }
        let bundles = items.iter().map(Bundle::parse).collect::<Result<_, _>>()?;
        let mut raw = raw.clone();
        // Left out it is 1, and clients want to read it.
        raw["version"] = json!(1);
        Ok(Self { raw, bundles })
    }

    /// Makes the provenance of attestations that came with an upload; `publisher` is an object
    /// with a `kind`.
    pub fn of_upload(publisher: Value, attestations: Vec<Attestation>) -> Self {
        let list: Vec<&Value> = attestations.iter().map(Attestation::raw).collect();
        let raw = json!({
            "version": 1,
            "attestation_bundles": [{"publisher": publisher, "attestations": list}],
        });
        let bundle = Bundle { publisher, attestations };
        Self { raw, bundles: vec![bundle] }
    }

    /// The object as an index serves it.
    pub fn to_json(&self) -> &Value {
        &self.raw
    }

    /// Whether every statement is about this file; see [`Attestation::check_subject`].
    pub fn check_subjects(&self, filename: &str, sha256: &str) -> Result<(), AttestationError> {
        let mut attestations = self.bundles.iter().flat_map(|bundle| &bundle.attestations);
        attestations.try_for_each(|attestation| attestation.check_subject(filename, sha256))
    }
}

impl Bundle {
    fn parse(raw: &Value) -> Result<Self, AttestationError> {
        let publisher = raw.get("publisher").cloned().unwrap_or(Value::Null);
        if !publisher.get("kind").is_some_and(Value::is_string) {
            return Err(AttestationError::shape("an attestation bundle has no `publisher` with a `kind`"));
        }
        let list = raw.get("attestations").unwrap_or(&Value::Null);
        Ok(Self { publisher, attestations: Attestation::parse_list(list)? })
    }
}

fn read_statement(bytes: &[u8]) -> Result<(Subject, String), AttestationError> {
    let statement: Statement =
        serde_json::from_slice(bytes).map_err(|error| shape_error("the statement of an attestation", &error))?;
    if statement.kind != "https://in-toto.io/Statement/v1" {
        return Err(AttestationError::shape("the statement of an attestation is not an in-toto statement"));
    }
    let [subject] = statement.subject.as_slice() else {
        return Err(AttestationError::shape("the statement of an attestation has not exactly one subject"));
    };
    let (Some(name), Some(sha256)) = (&subject.name, &subject.digest.sha256) else {
        return Err(AttestationError::shape("the subject of an attestation lacks a `name` or a `sha256`"));
    };
    let subject = Subject { name: name.clone(), sha256: sha256.clone() };
    Ok((subject, statement.predicate_type))
}

fn shape_error(what: &str, error: &serde_json::Error) -> AttestationError {
    AttestationError::Shape(format!("{what} is not as specified: {}", excerpt(&error.to_string())))
}

/// Python's tools wrap long texts, which their readers allow.
fn decode(field: &str, text: &str) -> Result<Vec<u8>, AttestationError> {
    let text: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| AttestationError::Shape(format!("`{field}` of an attestation is not base64")))
}

/// Whether two names are of one file: equal projects, versions and, for wheels, tags.
fn same_distribution(left: &str, right: &str) -> bool {
    let (Ok(a), Ok(b)) = (DistributionFile::parse(left), DistributionFile::parse(right)) else {
        return false;
    };
    let tags = match (a.package_type(), b.package_type()) {
        (PackageType::BdistWheel, PackageType::BdistWheel) => wheel_tags(left) == wheel_tags(right),
        (PackageType::Sdist, PackageType::Sdist) => true,
        _ => left == right,
    };
    tags && a.name() == b.name() && version::agrees_with_filename(a.version(), b.version())
}

/// Build, Python, ABI and platform, each a set in order.
fn wheel_tags(filename: &str) -> Vec<Vec<String>> {
    let stem = filename.strip_suffix(".whl").unwrap_or(filename);
    let set = |tag: &str| {
        let mut tags: Vec<String> = tag.split('.').map(str::to_ascii_lowercase).collect();
        tags.sort();
        tags
    };
    stem.split('-').skip(2).map(set).collect()
}

fn excerpt(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
