//! Pulling through: the index of a remote as clients of a distribution see it, and the files that it has. What a
//! client asks for is looked up in the index's own page; no address comes from the client.

use std::sync::Arc;

use pith_core::error::{Error, Result};
use pith_core::id::Sha256;
use pith_core::plugin::{Inspected, Inspection, Pullable, PulledUnit, UpstreamReader};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::address::Index;
use super::pages::Document;
use super::settings::Settings;
use super::units;
pub(crate) use super::units::metadata_sha256;
use crate::archive;
use crate::blocklist::BlocklistEntry;
use crate::content::{PACKAGE, PackageFacts};
use crate::filename::DistributionFile;
use crate::metadata::Metadata;
use crate::name::ProjectName;
use crate::resources::blocklist;
use crate::simple::{ProjectFile, ProjectPage};

/// The ending of the metadata beside a file.
const METADATA: &str = ".metadata";

/// A project of an upstream index.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub page: ProjectPage,
    /// Another one when anything of the files changed.
    pub revision: String,
}

/// The upstream's page of a project, with the files that the remote's settings let through and that the distribution's
/// repository does not block; none when the upstream has no such project, or when nothing of it is let through. Up to a
/// minute old.
///
/// # Errors
/// `Upstream` when the upstream does not answer as it should.
pub(crate) async fn project(upstream: &UpstreamReader, name: &ProjectName) -> Result<Option<Arc<Upstream>>> {
    let index = Index::at(&upstream.remote.url)?;
    let settings = Arc::new(Settings::of(&upstream.remote.details)?.of_pull_through());
    if !settings.filters.allows_project(name) {
        return Ok(None);
    }
    let blocked = blocked(upstream).await?;
    if blocked
        .iter()
        .any(|entry| matches!(entry, BlocklistEntry::Project { name: barred } if barred == name.normalized()))
    {
        return Ok(None);
    }
    let simple = page(upstream, &index, &settings, name, Document::Simple).await?;
    let told = |known: &Upstream| known.page.files.iter().any(|file| file.hashes.sha256().is_some());
    let found = match simple {
        Some(simple) if told(&simple) || simple.page.files.is_empty() => Some(simple),
        // Without digests; the older API has them, if there is one.
        simple => match (page(upstream, &index, &settings, name, Document::Api).await, simple) {
            (Ok(Some(api)), _) => Some(api),
            (Ok(None) | Err(Error::Upstream(_)), simple) => simple,
            (Err(error), _) => return Err(error),
        },
    };
    Ok(found.map(|found| without(found, name, &blocked)).filter(|found| !found.page.files.is_empty()))
}

/// What the distribution's repository does not take.
async fn blocked(upstream: &UpstreamReader) -> Result<Vec<BlocklistEntry>> {
    Ok(upstream.parts(blocklist::MODEL).await?.iter().filter_map(blocklist::entry).collect())
}

/// The project without what a repository blocks. What is kept of the page is for all distributions with that remote.
fn without(found: Arc<Upstream>, project: &ProjectName, blocked: &[BlocklistEntry]) -> Arc<Upstream> {
    let is_blocked =
        |file: &ProjectFile| blocked.iter().any(|entry| entry.blocks(project, &file.version, &file.filename));
    let barred: Vec<&str> =
        found.page.files.iter().filter(|file| is_blocked(file)).map(|file| file.filename.as_str()).collect();
    if barred.is_empty() {
        return found;
    }
    let revision = Sha256::of(format!("{} {barred:?}", found.revision).as_bytes()).to_string();
    let mut page = found.page.clone();
    page.files.retain(|file| !is_blocked(file));
    Arc::new(Upstream { page, revision })
}

async fn page(
    upstream: &UpstreamReader,
    index: &Index,
    settings: &Arc<Settings>,
    name: &ProjectName,
    document: Document,
) -> Result<Option<Arc<Upstream>>> {
    let url = match document {
        Document::Simple => index.project(name),
        Document::Api => index.api(name),
    };
    let (index, settings, name) = (index.clone(), settings.clone(), name.clone());
    upstream
        .read(document.request(url), move |head, reader| {
            let mut page = document.read(head, reader, &name)?;
            page.files = settings.filters.select(&page);
            page.files.retain(|file| index.may_lead_to(&file.url));
            page.refused.clear();
            Ok(Upstream { revision: revision(&page), page })
        })
        .await
}

/// Equal revisions of a project have equal files.
fn revision(page: &ProjectPage) -> String {
    let files: String = page.files.iter().map(|file| format!("{file:?}\n")).collect();
    Sha256::of(files.as_bytes()).to_string()
}

/// What the index said about a file, on its way to the unit that the file becomes.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    name: String,
    version: String,
    packagetype: String,
    python_version: String,
    requires_python: String,
    upload_time: Option<String>,
    url: String,
    metadata_url: String,
    metadata: Metadata,
}

/// Where the upstream has the file at a path of a distribution: a package, or the metadata beside one.
pub(crate) async fn upstream_file(upstream: &UpstreamReader, path: &str) -> Result<Option<Pullable>> {
    let filename = path.strip_suffix(METADATA).unwrap_or(path);
    let Ok(named) = DistributionFile::parse(filename) else { return Ok(None) };
    let Some(found) = project(upstream, named.name()).await? else { return Ok(None) };
    let page = &found.page;
    let Some(file) = page.files.iter().find(|file| file.filename == filename) else { return Ok(None) };
    if path != filename {
        let served = matches!(file.core_metadata, crate::simple::CoreMetadata::Served { .. });
        return Ok(served.then(|| Pullable { file: units::metadata_file(file), told: json!(null) }));
    }
    let told = serde_json::to_value(told(page, file)).map_err(Error::internal)?;
    Ok(Some(Pullable { file: units::package_file(file), told }))
}

/// Whether the distribution's repository blocks the file, or that which the metadata belongs to.
pub(crate) async fn withholds(upstream: &UpstreamReader, path: &str) -> Result<bool> {
    let blocked = blocked(upstream).await?;
    let filename = path.strip_suffix(METADATA).unwrap_or(path);
    Ok(match DistributionFile::parse(filename) {
        Ok(named) => blocked.iter().any(|entry| entry.blocks(named.name(), named.version(), filename)),
        Err(_) => {
            blocked.iter().any(|entry| matches!(entry, BlocklistEntry::File { filename: barred } if barred == filename))
        }
    })
}

fn told(page: &ProjectPage, file: &ProjectFile) -> Told {
    // The digest is known when the file is here.
    let facts = units::facts(page, file, Sha256::of(b""));
    Told {
        name: facts.metadata.name.clone(),
        version: facts.metadata.version.clone(),
        packagetype: facts.packagetype,
        python_version: facts.python_version,
        requires_python: facts.metadata.requires_python.clone(),
        upload_time: facts.upload_time.map(|time| time.to_rfc3339()),
        url: file.url.to_string(),
        metadata_url: units::metadata_file(file).url,
        metadata: facts.metadata,
    }
}

/// The package that a pulled file is, with the metadata inside of it; where that cannot be read, with what the index
/// says, as everybody else who installs from that index has it.
pub(crate) async fn unit(path: &str, file: &Inspection, told: &Json) -> Result<Option<PulledUnit>> {
    let Ok(told) = Told::deserialize(told) else { return Ok(None) };
    let (filename, at) = (path.to_owned(), file.path.clone());
    let at = at.ok_or_else(|| Error::internal("a package without its file"))?;
    let read = move || archive::inspect(&at, &filename);
    let package = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
    let (metadata, metadata_file) = match package {
        Ok(package) if Some(package.file.name()) == ProjectName::parse(&told.name).ok().as_ref() => {
            (package.metadata, package.metadata_file)
        }
        Err(archive::ArchiveError::Io(cause)) => return Err(Error::storage("cannot read a pulled package", cause)),
        Ok(_) | Err(_) => (told.metadata, None),
    };
    let facts = PackageFacts {
        sha256: file.digests.sha256.clone(),
        filename: path.to_owned(),
        packagetype: told.packagetype,
        python_version: told.python_version,
        size: file.size,
        metadata_sha256: metadata_file.as_deref().map(Sha256::of),
        upload_time: told.upload_time.and_then(|time| time.parse().ok()),
        metadata,
    };
    let derived = metadata_file.into_iter().map(Into::into).collect();
    let inspected = Inspected { unit: facts.unit()?, derived, companions: vec![] };
    Ok(Some(PulledUnit { content_type: PACKAGE, inspected, urls: vec![told.url, told.metadata_url] }))
}
