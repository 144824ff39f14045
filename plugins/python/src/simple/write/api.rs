//! The older JSON API: `/pypi/<project>/json` and `/pypi/<project>/<version>/json`.

use serde_json::{Map, Value, json};

use super::FileEntry;
use crate::metadata::Metadata;
use crate::version::{self, VersionKey};

/// What the page of a project is made of.
pub struct ProjectApi<'a> {
    pub last_serial: u64,
    /// The metadata of a file of the selected version.
    pub info: &'a Metadata,
    /// All files of the project.
    pub files: &'a [FileEntry<'a>],
    /// What is known to be wrong with the selected version.
    pub vulnerabilities: &'a [Value],
}

/// The version that a page is about: the one that is wanted, in whatever spelling, or else the
/// greatest; pre-releases count, as Pulp counts them.
pub fn select_version<'a>(versions: impl IntoIterator<Item = &'a str>, wanted: Option<&str>) -> Option<&'a str> {
    let mut versions = versions.into_iter();
    match wanted {
        Some(wanted) => versions.find(|version| version::same(version, wanted)),
        None => versions.max_by_key(|version| VersionKey::new(version)),
    }
}

/// Renders the page; the version of `info` is the one whose files are the `urls`.
pub fn render_project_api(page: &ProjectApi<'_>) -> Vec<u8> {
    let mut releases = Map::new();
    let mut urls = Vec::new();
    let mut yanked = None;
    for file in page.files {
        let download = download(file);
        if version::same(file.version, &page.info.version) {
            urls.push(download.clone());
            yanked = yanked.or(file.yanked);
        }
        let release = releases.entry(file.version).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(release) = release {
            release.push(download);
        }
    }
    let body = json!({
        "last_serial": page.last_serial,
        "info": info(page.info, yanked),
        "releases": releases,
        "urls": urls,
        "vulnerabilities": page.vulnerabilities,
    });
    body.to_string().into_bytes()
}

fn info(metadata: &Metadata, yanked: Option<&str>) -> Value {
    let release_url = match metadata.project_url.as_str() {
        "" => String::new(),
        url => format!("{url}{}/", metadata.version),
    };
    json!({
        "name": metadata.name,
        "version": metadata.version,
        "summary": metadata.summary,
        "keywords": metadata.keywords,
        "description": metadata.description,
        "description_content_type": metadata.description_content_type,
        "bugtrack_url": null,
        "docs_url": null,
        "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
        "download_url": metadata.download_url,
        "home_page": metadata.home_page,
        "author": metadata.author,
        "author_email": metadata.author_email,
        "maintainer": metadata.maintainer,
        "maintainer_email": metadata.maintainer_email,
        "license": metadata.license,
        "requires_python": some(&metadata.requires_python),
        "package_url": metadata.project_url,
        "project_url": metadata.project_url,
        "release_url": release_url,
        "project_urls": (!metadata.project_urls.is_empty()).then_some(&metadata.project_urls),
        "platform": metadata.platform,
        "requires_dist": list(&metadata.requires_dist),
        "classifiers": list(&metadata.classifiers),
        "yanked": yanked.is_some(),
        "yanked_reason": yanked,
        "provides_extras": list(&metadata.provides_extras),
        "dynamic": list(&metadata.dynamic),
        "license_expression": metadata.license_expression,
        "license_file": list(&metadata.license_file),
    })
}

fn download(file: &FileEntry<'_>) -> Value {
    let md5 = file.md5.unwrap_or("");
    let time = file.upload_time;
    json!({
        "comment_text": "",
        "digests": {"md5": md5, "sha256": file.sha256},
        "downloads": -1,
        "filename": file.filename,
        "has_sig": false,
        "md5_digest": md5,
        "packagetype": file.package_type,
        "python_version": file.python_version,
        "requires_python": some(file.requires_python),
        "size": file.size,
        "upload_time": time.map(|time| time.format("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string()),
        "upload_time_iso_8601": time.map(|time| time.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()),
        "url": file.url,
        "yanked": file.yanked.is_some(),
        "yanked_reason": file.yanked,
    })
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn list(items: &[String]) -> Option<&[String]> {
    (!items.is_empty()).then_some(items)
}
