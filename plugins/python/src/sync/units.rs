//! From what an index says about a file to the units that are wanted.

use std::sync::Arc;

use pith_core::error::Result;
use pith_core::id::Sha256;
use pith_core::plugin::{UpstreamFile, Wanted};

use super::address::with_path;
use crate::content::PackageFacts;
use crate::metadata::Metadata;
use crate::name::ProjectName;
use crate::simple::{CoreMetadata, ProjectFile, ProjectPage};

/// The algorithms that a download can be checked with.
const CHECKED: [&str; 6] = ["sha256", "sha512", "sha384", "sha224", "sha1", "md5"];

/// Where the file is, and what it must turn out to be by the best digest that is told.
pub(crate) fn package_file(file: &ProjectFile) -> UpstreamFile {
    let told = CHECKED.into_iter().find_map(|name| Some((name, file.hashes.get(name)?.to_owned())));
    UpstreamFile { url: file.url.to_string(), size: file.size, digests: told.into_iter().collect() }
}

/// The digest of the metadata that is served beside the file, if one is told.
pub(crate) fn metadata_sha256(file: &ProjectFile) -> Option<Sha256> {
    match &file.core_metadata {
        CoreMetadata::Served { sha256 } => sha256.as_deref()?.parse().ok(),
        CoreMetadata::NotServed => None,
    }
}

/// Where the metadata beside the file is.
pub(crate) fn metadata_file(file: &ProjectFile) -> UpstreamFile {
    let url = with_path(&file.url, &format!("{}.metadata", file.url.path()));
    let digest = metadata_sha256(file).map(|sha256| ("sha256", sha256.to_string()));
    UpstreamFile { url: url.into(), size: None, digests: digest.into_iter().collect() }
}

/// A package as far as its index tells; `sha256` is the file's.
pub(crate) fn facts(page: &ProjectPage, file: &ProjectFile, sha256: Sha256) -> PackageFacts {
    PackageFacts {
        sha256,
        filename: file.filename.clone(),
        packagetype: file.package_type.as_str().to_owned(),
        python_version: file.python_version.clone(),
        size: file.size.unwrap_or(0),
        metadata_sha256: metadata_sha256(file),
        upload_time: file.upload_time,
        metadata: metadata(&page.name, page.info.as_ref(), file),
    }
}

/// The index speaks of the newest release only. What it says about the project is as good as true of all of them;
/// what a release needs is not.
fn metadata(name: &ProjectName, info: Option<&Metadata>, file: &ProjectFile) -> Metadata {
    let mut metadata = info.cloned().unwrap_or_default();
    if metadata.version != file.version {
        for of_the_release in [
            &mut metadata.requires_dist,
            &mut metadata.requires_external,
            &mut metadata.provides_dist,
            &mut metadata.provides_extras,
            &mut metadata.obsoletes_dist,
            &mut metadata.dynamic,
        ] {
            of_the_release.clear();
        }
    }
    if metadata.name.is_empty() {
        name.as_given().clone_into(&mut metadata.name);
    }
    file.version.clone_into(&mut metadata.version);
    metadata.requires_python = file.requires_python.clone().unwrap_or_default();
    metadata
}

/// The package with its files at the upstream.
pub(crate) fn wanted(facts: &PackageFacts, file: &ProjectFile, group: &Arc<str>) -> Result<Wanted> {
    let mut files = vec![UpstreamFile {
        url: file.url.to_string(),
        size: Some(facts.size).filter(|size| *size > 0),
        digests: vec![("sha256", facts.sha256.to_string())],
    }];
    if facts.metadata_sha256.is_some() {
        files.push(metadata_file(file));
    }
    Ok(Wanted { unit: facts.unit()?, files, group: Some(group.clone()), pinned: vec![] })
}
