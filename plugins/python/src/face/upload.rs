//! Uploads by the legacy API, as twine, uv, poetry, flit, hatch and pdm send them. What the package is, its file
//! says; the form is only held against it.

use pith_core::error::{Error, Result};
use pith_core::plugin::{FaceAnswer, FaceDistribution, FaceRequest, Form, FormFile, Upload, Uploaded};
use pith_core::resource::Errors;
use serde_json::{Map, Value as Json};

use super::PACKAGE;
use crate::filename::DistributionFile;
use crate::version;

/// What a form may call the package.
pub const FILE_TYPES: &[&str] = &["bdist_wheel", "sdist", "bdist_egg", "bdist_wininst"];
/// The versions of core metadata there are.
pub const METADATA_VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5"];
/// How an index refuses what [`is_allowed`] forbids.
pub const NOT_ALLOWED: &str = "Index is not allowing uploads";
/// The task's name in the reference.
const TASK: &str = "pulp_python.app.tasks.upload.upload";

pub async fn answer(request: FaceRequest) -> Result<FaceAnswer> {
    let FaceRequest { distribution, form, host, .. } = request;
    if !is_allowed(&distribution) {
        return Ok(FaceAnswer::Forbidden(NOT_ALLOWED.to_owned()));
    }
    let Some(repository) = distribution.repository else {
        return Ok(FaceAnswer::Refused("Index is not pointing to a repository".to_owned()));
    };
    let form = form.ok_or_else(|| Error::internal("an upload without a form"))?;
    let (file, given) = checked(form)?;
    let filename = file.name.clone();
    let upload = Upload { repository, content_type: PACKAGE, file, given, task: TASK };
    Ok(match host.upload(upload).await? {
        Uploaded::Accepted(task) => FaceAnswer::Task(task),
        // The words that clients look for when they are to skip what is there.
        Uploaded::Exists => FaceAnswer::Refused(format!("Package {filename} already exists in index")),
    })
}

/// Whether clients may change what the index has.
pub fn is_allowed(distribution: &FaceDistribution) -> bool {
    distribution.details.get("allow_uploads").and_then(Json::as_bool) != Some(false)
}

/// The file, and what the content type is told of it.
fn checked(form: Form) -> Result<(FormFile, Map<String, Json>)> {
    let mut errors = Errors::default();
    let fields = &form.fields;
    check_choices(fields, &mut errors);
    let Some(file) = form.file else {
        errors.add("content", "No file was submitted.");
        check_digest(fields, None, &mut errors);
        errors.into_result()?;
        return Err(Error::internal("a form without a file"));
    };
    check_digest(fields, Some(&file), &mut errors);
    check_filename(fields, &file.name, &mut errors);
    errors.into_result()?;
    let mut given = Map::new();
    if let Some(attestations) = text(fields, "attestations").filter(|text| !text.is_empty()) {
        given.insert("attestations".to_owned(), parsed(attestations)?);
    }
    Ok((file, given))
}

fn parsed(attestations: &str) -> Result<Json> {
    serde_json::from_str(attestations).map_err(|_| Error::field("attestations", "Value must be valid JSON."))
}

/// The first of the values of a name.
fn text<'a>(fields: &'a Map<String, Json>, name: &str) -> Option<&'a str> {
    match fields.get(name)? {
        Json::Array(list) => list.first()?.as_str(),
        value => value.as_str(),
    }
}

fn check_choices(fields: &Map<String, Json>, errors: &mut Errors) {
    let action = text(fields, ":action").or_else(|| text(fields, "action"));
    if let Some(action) = action.filter(|action| *action != "file_upload") {
        errors.non_field(format!("`{action}` is not supported; only `file_upload` is"));
    }
    let choices: [(&str, &[&str]); 3] =
        [("protocol_version", &["1"]), ("filetype", FILE_TYPES), ("metadata_version", METADATA_VERSIONS)];
    for (name, choices) in choices {
        if let Some(value) = text(fields, name).filter(|value| !choices.contains(value)) {
            errors.add(name, format!("\"{value}\" is not a valid choice."));
        }
    }
}

fn check_digest(fields: &Map<String, Json>, file: Option<&FormFile>, errors: &mut Errors) {
    let Some(stated) = text(fields, "sha256_digest").filter(|text| !text.is_empty()) else {
        return errors.add("sha256_digest", "This field is required.");
    };
    match stated.chars().count() {
        ..64 => errors.add("sha256_digest", "Ensure this field has at least 64 characters."),
        64 => {}
        _ => errors.add("sha256_digest", "Ensure this field has no more than 64 characters."),
    }
    let Some(file) = file else { return };
    if stated.len() == 64 && !file.digests().sha256.as_str().eq_ignore_ascii_case(stated) {
        errors.add("sha256_digest", "The sha256 checksum did not match.");
    }
    let md5 = text(fields, "md5_digest").filter(|text| !text.is_empty());
    if let (Some(stated), Some(actual)) = (md5, &file.digests().md5)
        && !actual.eq_ignore_ascii_case(stated)
    {
        errors.add("md5_digest", "The md5 checksum did not match.");
    }
}

/// What the name of the file says must be what the form says.
fn check_filename(fields: &Map<String, Json>, filename: &str, errors: &mut Errors) {
    let parsed = match DistributionFile::parse(filename) {
        Ok(parsed) => parsed,
        Err(error) => return errors.add("content", error.to_string()),
    };
    let found = parsed.package_type().as_str();
    if let Some(stated) = text(fields, "filetype").filter(|stated| FILE_TYPES.contains(stated) && *stated != found) {
        errors.add("filetype", format!("filetype {stated} does not match found filetype {found} for file {filename}"));
    }
    let name = text(fields, "name").filter(|text| !text.is_empty());
    if let Some(name) = name.filter(|name| crate::name::normalize(name) != parsed.name().normalized()) {
        errors.add("name", format!("`{name}` is not the project that the name of the file says"));
    }
    let stated = text(fields, "version").filter(|text| !text.is_empty());
    if let Some(stated) = stated.filter(|stated| !version::agrees_with_filename(parsed.version(), stated)) {
        errors.add("version", format!("`{stated}` is not the version that the name of the file says"));
    }
}
