//! What the remote of a distribution adds to a project's page: the files of the upstream index that are not here
//! yet. They are linked as if they were, and come when somebody asks for them.

use std::collections::HashSet;

use pith_core::error::{Error, Result};
use pith_core::plugin::{FaceRequest, Links};

use super::simple::ListedFile;
use super::{PACKAGE, file_url};
use crate::name::ProjectName;
use crate::simple::ProjectFile;
use crate::sync::pull::{self, Upstream};

/// The project as the upstream of the distribution has it, as far as the remote's settings and the repository's
/// blocklist let it through; none when there is no remote or no such project, and when there is no answer but something
/// of the project is here, which is served all the same.
///
/// # Errors
/// `Upstream` when there is no answer and nothing is here: that there is no such project would send installers on to
/// their next index, and to whatever is there under this name.
pub(super) async fn of(request: &FaceRequest, name: &ProjectName) -> Result<Option<std::sync::Arc<Upstream>>> {
    let Some(reader) = request.host.upstream(&request.distribution).await? else { return Ok(None) };
    match pull::project(&reader, name).await {
        Ok(found) => Ok(found),
        Err(error @ (Error::Upstream(_) | Error::Conflict(_))) => {
            tracing::warn!(%error, remote = %reader.remote.id, project = %name, "an upstream could not be asked for a project");
            if is_here(request, name).await? { Ok(None) } else { Err(Error::upstream(error.public_text())) }
        }
        Err(error) => Err(error),
    }
}

async fn is_here(request: &FaceRequest, name: &ProjectName) -> Result<bool> {
    let Some(units) = &request.served else { return Ok(false) };
    let of_project = vec![("name_normalized", vec![name.normalized().to_owned()])];
    Ok(!units.matching(PACKAGE, &["filename"], of_project).await?.is_empty())
}

/// Adds the files that are not among `files`.
pub(super) fn add(files: &mut Vec<ListedFile>, upstream: &Upstream, links: &Links) {
    let here: HashSet<String> = files.iter().map(|file| file.filename.clone()).collect();
    let absent = upstream.page.files.iter().filter(|file| !here.contains(&file.filename));
    files.extend(absent.filter_map(|file| listed(file, links)));
}

/// A file without a digest is left out: nobody could tell what he got.
fn listed(file: &ProjectFile, links: &Links) -> Option<ListedFile> {
    let metadata_sha256 = pull::metadata_sha256(file).map(|sha256| sha256.to_string());
    let mut url = file_url(&links.content, &file.filename);
    if metadata_sha256.is_none() {
        // Pulp's clients tell by it that a file is not here yet; it means nothing. Where there is metadata it would
        // be in the way: pip appends to the address.
        url.push_str("?redirect=");
    }
    Some(ListedFile {
        filename: file.filename.clone(),
        version: file.version.clone(),
        url,
        sha256: file.hashes.sha256()?.to_owned(),
        size: file.size.unwrap_or(0),
        metadata_sha256,
        requires_python: file.requires_python.clone().unwrap_or_default(),
        package_type: file.package_type.as_str().to_owned(),
        python_version: file.python_version.clone(),
        upload_time: file.upload_time,
        yanked: file.yanked.clone(),
        provenance: None,
    })
}
