//! What a unit of content is.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::db::Value;
pub use crate::db::content::DetailTable;
use crate::download::{Wanted, redacted};
use crate::error::{Error, Result};
use crate::id::{RelativePath, Sha256};
use crate::resource::Resource;
use crate::storage::{Algorithm, DigestSet, Digests};

/// One kind of content unit.
#[async_trait]
pub trait ContentType: Send + Sync + 'static {
    /// `file.file`
    fn pulp_type(&self) -> &'static str;

    fn table(&self) -> DetailTable;

    /// Its collection: fields, filters, orderings.
    fn resource(&self) -> Resource;

    /// Whether [`ContentType::inspect`] reads the file; then it gets a path to it.
    fn reads_file(&self) -> bool {
        false
    }

    /// Whether clients may make a unit in one request, without a task.
    fn uploads_at_once(&self) -> bool {
        true
    }

    /// Whether a create fails where it would change nothing: the unit is known, and the repository, if one is named,
    /// has it.
    fn refuses_known(&self) -> bool {
        false
    }

    /// Whether the task that makes a unit names the units that came with it among what it made.
    fn names_companions(&self) -> bool {
        true
    }

    /// The name of the schema of the synchronous upload, where it is not that of the model with `Upload` behind it.
    fn upload_schema(&self) -> Option<&'static str> {
        None
    }

    /// The name of the schema of its answer, where it is not that of the unit.
    fn upload_answer_schema(&self) -> Option<&'static str> {
        None
    }

    /// Fields of a create that the synchronous upload does not take.
    fn not_uploaded(&self) -> &'static [&'static str] {
        &[]
    }

    /// Those of them that clients send all the same, and that are passed over.
    fn passed_over(&self) -> &'static [&'static str] {
        &[]
    }

    /// Checks what the client said before its file is at hand.
    ///
    /// # Errors
    /// `Invalid` naming the field at fault.
    fn check(&self, _given: &Map<String, Json>) -> Result<()> {
        Ok(())
    }

    /// Makes a unit of an uploaded file and what the client said about it. Never touches the database. Where the
    /// client named another unit, `given` holds that unit as clients see it.
    ///
    /// # Errors
    /// `Invalid` naming the field at fault.
    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected>;

    /// Makes a unit of what the client said alone, for types whose collection takes no file
    /// ([`Resource::composed_content`]). Never touches the database.
    ///
    /// # Errors
    /// `Invalid` naming the fields at fault.
    async fn compose(&self, _given: &Map<String, Json>) -> Result<Unit> {
        Err(Error::internal(format!("`{}` is made of files", self.pulp_type())))
    }
}

/// What came of an inspection.
#[derive(Clone, Debug)]
pub struct Inspected {
    pub unit: Unit,
    /// Small files that were read out of the uploaded one and are kept beside it. [`Unit::files`] names them by
    /// their digests.
    pub derived: Vec<Bytes>,
    /// Further units that the client sent along, with their types; they go where the unit goes.
    pub companions: Vec<(&'static str, Unit)>,
}

impl From<Unit> for Inspected {
    fn from(unit: Unit) -> Self {
        Self { unit, derived: vec![], companions: vec![] }
    }
}

/// A file that a unit shall be made of.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Where the bytes can be read on this host while the inspection lasts; for types that ask for it by
    /// [`ContentType::reads_file`].
    pub path: Option<std::path::PathBuf>,
    /// The name the client gave its file.
    pub file_name: Option<String>,
    pub size: u64,
    pub digests: Digests,
}

/// One unit, not yet in the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Values for [`DetailTable::columns`].
    pub columns: Vec<Value>,
    /// What must be unique within one repository version; none when nothing must.
    pub repo_key: Option<String>,
    /// The files it is made of.
    pub files: Vec<UnitFile>,
}

/// One file of a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitFile {
    pub relative_path: RelativePath,
    /// The artifact, where its digest is known.
    pub sha256: Option<Sha256>,
}

/// Where a file can be fetched and what it must turn out to be.
#[derive(Clone, Debug)]
pub struct UpstreamFile {
    pub url: String,
    pub size: Option<u64>,
    /// Expected digests by algorithm name.
    pub digests: Vec<(&'static str, String)>,
}

impl UpstreamFile {
    /// Of a file that is kept already and that no upstream has.
    pub fn nowhere() -> Self {
        Self { url: String::new(), size: None, digests: vec![] }
    }

    /// What a download of it has to come to.
    pub(crate) fn wanted(&self) -> Result<Wanted> {
        let digest = |(name, digest): &(&'static str, String)| Ok((name.parse::<Algorithm>()?, digest.clone()));
        Ok(Wanted {
            url: self.url.clone(),
            size: self.size,
            digests: self.digests.iter().map(digest).collect::<Result<_>>()?,
            // A size that is known is checked by itself.
            largest: u64::MAX,
        })
    }

    /// Whether what the upstream says of the file can be relied on: nothing, or at least one digest of these.
    ///
    /// # Errors
    /// `Upstream` if not.
    pub(crate) fn check_trust(&self, trusted: DigestSet) -> Result<()> {
        let is_trusted = |name: &str| name.parse().is_ok_and(|algorithm| trusted.contains(algorithm));
        if self.digests.is_empty() || self.digests.iter().any(|(name, _)| is_trusted(name)) {
            return Ok(());
        }
        let names = self.digests.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Err(Error::upstream(format!(
            "[PLP0020] the description of a file ({names}) does not contain at least one trusted hasher which is \
             specified in the 'ALLOWED_CONTENT_CHECKSUMS' setting, url='{}'",
            redacted(&self.url)
        )))
    }
}

/// A file that an upstream has and a client asks for.
#[derive(Clone, Debug)]
pub struct Pullable {
    pub file: UpstreamFile,
    /// What the upstream says about it, for the unit that it becomes.
    pub told: Json,
}

/// What a file that was pulled through is to its format.
#[derive(Clone, Debug)]
pub struct PulledUnit {
    pub content_type: &'static str,
    pub inspected: Inspected,
    /// Where the upstream has the unit's files, in their order.
    pub urls: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trusted_digest_does() {
        let check = |digests: &[&'static str]| {
            let digests = digests.iter().map(|name| (*name, String::new())).collect();
            UpstreamFile { url: "http://h/f".to_owned(), size: None, digests }.check_trust(DigestSet::sha256())
        };
        for fine in [&[][..], &["sha256"], &["md5", "sha256"]] {
            check(fine).expect("trusted");
        }
        let error = check(&["md5", "sha1"]).expect_err("weak ones only");
        assert!(error.public_text().starts_with("[PLP0020] "), "{error}");
    }
}
