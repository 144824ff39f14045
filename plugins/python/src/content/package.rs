//! A file that installers take: wheel, sdist, egg or installer. The same bytes are the same unit.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use pith_core::error::{Error, Result};
use pith_core::id::{RelativePath, Sha256};
use pith_core::plugin::{ContentType, DetailTable, Inspected, Inspection, Unit, UnitFile, Value};
use pith_core::resource::Resource;
use serde_json::{Map, Value as Json, json};

use super::PACKAGE;
use crate::archive::{self, ArchiveError, Package};
use crate::attestation::Trust;
use crate::metadata::Metadata;
use crate::name;
use crate::resources;
use crate::version;

/// The columns of a package in the order of [`PackageFacts::unit`].
pub const COLUMNS: &[&str] = &[
    "sha256",
    "filename",
    "packagetype",
    "python_version",
    "size",
    "metadata_sha256",
    "upload_time",
    "name",
    "name_normalized",
    "version",
    "metadata_version",
    "summary",
    "description",
    "description_content_type",
    "keywords",
    "home_page",
    "download_url",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "license",
    "license_expression",
    "license_file",
    "requires_python",
    "project_url",
    "project_urls",
    "platform",
    "supported_platform",
    "requires_dist",
    "requires_external",
    "provides_dist",
    "provides_extras",
    "obsoletes_dist",
    "dynamic",
    "classifiers",
];

/// The type of packages.
#[derive(Clone, Debug, Default)]
pub struct PackageContent {
    pub trust: Trust,
}

#[async_trait]
impl ContentType for PackageContent {
    fn pulp_type(&self) -> &'static str {
        PACKAGE
    }

    fn table(&self) -> DetailTable {
        DetailTable { name: "python_package", columns: COLUMNS, natural_key: &[0] }
    }

    fn resource(&self) -> Resource {
        resources::packages()
    }

    fn reads_file(&self) -> bool {
        true
    }

    /// The synchronous upload takes the name that the file is sent under.
    fn not_uploaded(&self) -> &'static [&'static str] {
        &["relative_path"]
    }

    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected> {
        let package = read(file, given).await?;
        check_version(&package.metadata.version)?;
        inspected(&self.trust, file, package, given)
    }
}

/// Packages that are here already, inspected again: mirrors have releases of old whose versions nobody could upload
/// any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredPackageContent;

#[async_trait]
impl ContentType for StoredPackageContent {
    fn pulp_type(&self) -> &'static str {
        PACKAGE
    }

    fn table(&self) -> DetailTable {
        PackageContent::default().table()
    }

    fn resource(&self) -> Resource {
        PackageContent::default().resource()
    }

    fn reads_file(&self) -> bool {
        true
    }

    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected> {
        inspected(&Trust::default(), file, read(file, given).await?, given)
    }
}

async fn read(file: &Inspection, given: &Map<String, Json>) -> Result<Package> {
    let chosen = given.get("relative_path").and_then(Json::as_str).map(str::to_owned);
    let filename = chosen.clone().or_else(|| file.file_name.clone());
    let filename = filename.ok_or_else(|| Error::field("relative_path", "This field is required."))?;
    check_extension(&filename)?;
    check_digest(file, given)?;
    let path = file.path.clone().ok_or_else(|| Error::internal("a package without its file"))?;
    // Who chooses the path answers for it, as with Pulp: the name may then disagree with the metadata.
    let read = move || {
        if chosen.is_some() { archive::inspect_renamed(&path, &filename) } else { archive::inspect(&path, &filename) }
    };
    tokio::task::spawn_blocking(read).await.map_err(Error::internal)?.map_err(refused)
}

/// The index of all Python projects takes no other versions either.
fn check_version(version: &str) -> Result<()> {
    if version::is_valid(version) {
        return Ok(());
    }
    let shown: String = version.chars().take(100).flat_map(char::escape_debug).collect();
    Err(Error::field("version", format!("`{shown}` is not a valid version (PEP 440)")))
}

fn inspected(trust: &Trust, file: &Inspection, package: Package, given: &Map<String, Json>) -> Result<Inspected> {
    let Package { file: named, metadata, metadata_file } = package;
    let facts = PackageFacts {
        sha256: file.digests.sha256.clone(),
        filename: named.filename().to_owned(),
        packagetype: named.package_type().as_str().to_owned(),
        python_version: named.python_version().to_owned(),
        size: file.size,
        metadata_sha256: metadata_file.as_deref().map(Sha256::of),
        upload_time: None,
        metadata,
    };
    let companions = super::provenance::attested(trust, &facts, given)?;
    let derived = metadata_file.into_iter().map(Into::into).collect();
    Ok(Inspected { unit: facts.unit()?, derived, companions })
}

/// The endings that name a package; clients read the sentence.
const EXTENSIONS: [&str; 6] = [".whl", ".exe", ".egg", ".tar.gz", ".tar.bz2", ".zip"];

fn check_extension(filename: &str) -> Result<()> {
    if EXTENSIONS.iter().any(|extension| filename.ends_with(extension)) {
        return Ok(());
    }
    let text = format!("Extension on {filename} is not a valid python extension ({})", EXTENSIONS.join(", "));
    Err(Error::non_field(text))
}

fn check_digest(file: &Inspection, given: &Map<String, Json>) -> Result<()> {
    let stated = given.get("sha256").and_then(Json::as_str).filter(|stated| !stated.is_empty());
    match stated {
        Some(stated) if !stated.eq_ignore_ascii_case(file.digests.sha256.as_str()) => {
            Err(Error::field("sha256", "The uploaded artifact's sha256 checksum does not match the one provided"))
        }
        _ => Ok(()),
    }
}

fn refused(error: ArchiveError) -> Error {
    match error {
        ArchiveError::Io(cause) => Error::storage("cannot read an uploaded package", cause),
        other => Error::non_field(other.to_string()),
    }
}

/// What is known of a package.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageFacts {
    pub sha256: Sha256,
    pub filename: String,
    pub packagetype: String,
    pub python_version: String,
    pub size: u64,
    /// Of the file `<filename>.metadata` beside it, where there is one.
    pub metadata_sha256: Option<Sha256>,
    pub upload_time: Option<DateTime<Utc>>,
    pub metadata: Metadata,
}

impl PackageFacts {
    /// The unit, with the file at its name and the metadata file beside it.
    ///
    /// # Errors
    /// `Invalid` when the file name cannot be a path.
    pub fn unit(&self) -> Result<Unit> {
        let path = |name: String| -> Result<RelativePath> {
            name.parse().map_err(|problem| Error::non_field(format!("`{name}` cannot be a path: {problem}")))
        };
        let mut files =
            vec![UnitFile { relative_path: path(self.filename.clone())?, sha256: Some(self.sha256.clone()) }];
        if let Some(sha256) = &self.metadata_sha256 {
            let relative_path = path(format!("{}.metadata", self.filename))?;
            files.push(UnitFile { relative_path, sha256: Some(sha256.clone()) });
        }
        Ok(Unit { columns: self.columns(), repo_key: Some(self.filename.clone()), files })
    }

    fn columns(&self) -> Vec<Value> {
        let m = &self.metadata;
        let list = |values: &[String]| Value::from(python_json(&json!(values)));
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        vec![
            (&self.sha256).into(),
            (&self.filename).into(),
            (&self.packagetype).into(),
            (&self.python_version).into(),
            size.into(),
            self.metadata_sha256.as_ref().into(),
            self.upload_time.into(),
            (&m.name).into(),
            name::normalize(&m.name).into(),
            (&m.version).into(),
            (&m.metadata_version).into(),
            (&m.summary).into(),
            (&m.description).into(),
            (&m.description_content_type).into(),
            (&m.keywords).into(),
            (&m.home_page).into(),
            (&m.download_url).into(),
            (&m.author).into(),
            (&m.author_email).into(),
            (&m.maintainer).into(),
            (&m.maintainer_email).into(),
            (&m.license).into(),
            (&m.license_expression).into(),
            list(&m.license_file),
            (&m.requires_python).into(),
            (&m.project_url).into(),
            python_json(&Json::Object(m.project_urls.clone())).into(),
            (&m.platform).into(),
            (&m.supported_platform).into(),
            list(&m.requires_dist),
            list(&m.requires_external),
            list(&m.provides_dist),
            list(&m.provides_extras),
            list(&m.obsoletes_dist),
            list(&m.dynamic),
            list(&m.classifiers),
        ]
    }
}

/// JSON as Python's `json.dumps` spells it, which clients compare: a blank after each comma and colon, everything
/// beyond ASCII escaped.
pub(crate) fn python_json(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let pair = |(key, value): (&String, &Json)| format!("{}: {}", quoted(key), python_json(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Json::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for c in json!(text).to_string().chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_spelled_as_python_does() {
        for (value, expected) in [
            (json!([]), "[]"),
            (json!(["a", "b\"c"]), r#"["a", "b\"c"]"#),
            (json!({"Home Page": "http://ü/", "b": "𝄞"}), r#"{"Home Page": "http://\u00fc/", "b": "\ud834\udd1e"}"#),
        ] {
            assert_eq!(python_json(&value), expected);
        }
    }
}
