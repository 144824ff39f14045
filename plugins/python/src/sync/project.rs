//! One project: its page read, its files chosen and declared.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use pith_core::error::{Error, Result};
use pith_core::id::{Id, Sha256};
use pith_core::plugin::{PageRequest, UpstreamPage, Wanted};
use serde_json::Value as Json;
use url::Url;

use super::Reading;
use super::list::Project;
use super::pages::Document;
use super::state::Seen;
use super::units;
use crate::archive;
use crate::content::{PACKAGE, PROVENANCE, PackageFacts, ProvenanceFacts, YANK, yank};
use crate::name::ProjectName;
use crate::simple::{CoreMetadata, ProjectFile, ProjectPage};

/// The largest provenance: a file has one or two attestations of some kilobytes.
const LARGEST_PROVENANCE: u64 = 4 << 20;

/// Pulp gives all pages this serial, which therefore says nothing about how old a page is.
const SAME_EVERYWHERE: u64 = 1_000_000_000;

/// A page that was read, and what to remember of it.
struct Read {
    page: ProjectPage,
    seen: Seen,
}

/// What came of asking for a project.
enum Found {
    Unchanged,
    Absent,
    Read(Box<Read>),
}

impl Reading<'_> {
    /// Looks at one project. What fails is reported and does not hurt the others.
    pub(super) async fn project(&self, project: Project) -> Result<()> {
        let looked = match self.document().await {
            Some(document) => self.look(&project, document).await,
            None => self.look_anyhow(&project).await,
        };
        let done = match looked {
            Ok(found) => self.take(&project, found).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => self.job.succeeded(),
            Err(error) => {
                self.note_failed(&error);
                self.job.failed(project.name.normalized(), &self.index.project(&project.name), error)?;
            }
        }
        self.progress.add(1);
        Ok(())
    }

    fn note_failed(&self, error: &Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.count += 1;
        if failed.count == 1 {
            failed.reason = error.public_text();
        }
    }

    async fn document(&self) -> Option<Document> {
        *self.document.lock().await
    }

    async fn look(&self, project: &Project, document: Document) -> Result<Found> {
        let found = self.ask(project, document).await?;
        match found {
            // The list knows it, so it must have the other page.
            Found::Absent if document == Document::Api && project.listed => self.ask(project, Document::Simple).await,
            found => Ok(found),
        }
    }

    /// Asks for all pages that describe a project, to see which is best for all of them.
    async fn look_anyhow(&self, project: &Project) -> Result<Found> {
        // One project is enough, and the others then know.
        let mut best = self.document.lock().await;
        if let Some(document) = *best {
            drop(best);
            return self.look(project, document).await;
        }
        let fresh = Project { before: None, ..project.clone() };
        let simple = self.ask(&fresh, Document::Simple).await?;
        if let Found::Read(read) = &simple
            && self.is_complete(&read.page)
        {
            *best = Some(Document::Simple);
            return Ok(simple);
        }
        match (self.ask(&fresh, Document::Api).await, &simple) {
            (Ok(api @ Found::Read(_)), _) => {
                *best = Some(Document::Api);
                Ok(api)
            }
            // An older API that fails is as good as none.
            (_, Found::Read(read)) if !read.page.files.is_empty() => {
                *best = Some(Document::Simple);
                Ok(simple)
            }
            _ => Ok(simple),
        }
    }

    /// Whether a page of the simple API tells what the older API does not: the metadata beside each file, for
    /// installers; where attestations are.
    fn is_complete(&self, page: &ProjectPage) -> bool {
        let has_metadata = |file: &ProjectFile| matches!(&file.core_metadata, CoreMetadata::Served { sha256: Some(_) });
        let has_provenance = self.settings.provenance && page.files.iter().any(|file| file.provenance.is_some());
        has_provenance || page.files.iter().any(has_metadata)
    }

    async fn ask(&self, project: &Project, document: Document) -> Result<Found> {
        let url = match document {
            Document::Simple => self.index.project(&project.name),
            Document::Api => self.index.api(&project.name),
        };
        let mut request = document.request(url);
        let before = project.before.as_deref().filter(|_| project.serial.is_none());
        if let Some(Seen::Page { etag, last_modified, .. }) = before {
            (request.etag, request.last_modified) = (etag.clone(), last_modified.clone());
        }
        let found = match self.job.page(&request).await? {
            UpstreamPage::NotModified => return Ok(Found::Unchanged),
            UpstreamPage::Absent => return Ok(Found::Absent),
            UpstreamPage::Found(found) => found,
        };
        let seen = Seen::of_page(&found.head, &found.body.sha256);
        if let Some(Seen::Page { sha256, .. }) = before
            && *sha256 == found.body.sha256
        {
            self.job.remember(project.name.normalized(), seen.text());
            return Ok(Found::Unchanged);
        }
        let page = document.read_found(found, &project.name).await?;
        // A page that is older than the list says will be asked for again.
        let own = page.last_serial.filter(|own| *own != SAME_EVERYWHERE);
        let serial = project.serial.map(|serial| own.map_or(serial, |own| own.min(serial)));
        Ok(Found::Read(Box::new(Read { seen: serial.map_or(seen, Seen::Serial), page })))
    }

    async fn take(&self, project: &Project, found: Found) -> Result<()> {
        let key = project.name.normalized();
        match found {
            Found::Unchanged => {}
            Found::Absent => {
                self.job.looked_at(key);
                match project.serial {
                    // Not asked for again before its serial changes.
                    Some(serial) => self.job.remember(key, Seen::Serial(serial).text()),
                    None => self.job.forget(key),
                }
            }
            Found::Read(read) => {
                self.declare(&read.page).await?;
                self.job.looked_at(key);
                self.job.remember(key, read.seen.text());
            }
        }
        Ok(())
    }

    async fn declare(&self, page: &ProjectPage) -> Result<()> {
        let group: Arc<str> = page.name.normalized().into();
        for refused in &page.refused {
            self.job.refused(&refused.filename, &refused.reason);
        }
        let mut yanked = BTreeMap::new();
        let mut attested = vec![];
        for file in self.settings.filters.select(page) {
            let Some(facts) = self.facts(page, &file, &group).await? else { continue };
            self.job.want(PACKAGE, units::wanted(&facts, &file, &group)?).await?;
            if let Some(reason) = &file.yanked {
                yanked.entry(file.version.clone()).or_insert_with(|| reason.clone());
            }
            attested.extend(file.provenance.map(|url| (facts.sha256, facts.filename, url)));
        }
        for (version, reason) in yanked {
            let unit = yank(page.name.normalized(), &version, &reason);
            self.job.want(YANK, Wanted { unit, files: vec![], group: Some(group.clone()), pinned: vec![] }).await?;
        }
        if self.settings.provenance && !attested.is_empty() {
            self.provenances(&page.name, &group, attested).await?;
        }
        Ok(())
    }

    /// What the file is; none when it is left out.
    async fn facts(&self, page: &ProjectPage, file: &ProjectFile, group: &Arc<str>) -> Result<Option<PackageFacts>> {
        if self.settings.blocks(&page.name, file) {
            self.job.refused(&file.filename, "the repository does not take it: it is on its blocklist");
            return Ok(None);
        }
        if !self.index.may_lead_to(&file.url) {
            self.job.refused(&file.filename, "its address is not one that an index may send us to");
            return Ok(None);
        }
        match file.hashes.sha256().and_then(|sha256| sha256.parse::<Sha256>().ok()) {
            Some(sha256) => Ok(Some(units::facts(page, file, sha256))),
            None => self.fetched(page, file, group).await,
        }
    }

    /// A file whose digest is not told has to be fetched to know what it is.
    async fn fetched(&self, page: &ProjectPage, file: &ProjectFile, group: &Arc<str>) -> Result<Option<PackageFacts>> {
        let fetched = match self.job.fetch(&units::package_file(file)).await {
            Ok(fetched) => fetched,
            Err(error) => {
                self.job.failed(group, &file.filename, error)?;
                return Ok(None);
            }
        };
        let (path, digests) = (fetched.inspection.path.clone(), fetched.inspection.digests.clone());
        let size = fetched.inspection.size;
        let file = ProjectFile { size: Some(size), ..file.clone() };
        let mut facts = units::facts(page, &file, digests.sha256);
        match inspect(path, &file.filename, &page.name).await? {
            Ok(metadata) => facts.metadata = metadata,
            Err(reason) => {
                self.job.refused(&file.filename, &reason);
                return Ok(None);
            }
        }
        self.job.keep_file(fetched).await?;
        Ok(Some(facts))
    }

    /// The attestations of files; those that are here already are kept without asking.
    async fn provenances(
        &self,
        name: &ProjectName,
        group: &Arc<str>,
        attested: Vec<(Sha256, String, Url)>,
    ) -> Result<()> {
        let rows = self.job.members(PROVENANCE, &["package_sha256"], group).await?;
        let known = rows.iter().map(|row| Ok((row.get(0)?, row.id))).collect::<Result<HashMap<String, Id>>>()?;
        for (package_sha256, filename, url) in attested {
            if let Some(id) = known.get(package_sha256.as_str()) {
                self.job.keep(&[*id]);
                continue;
            }
            match self.provenance(&url).await {
                Ok(None) => {}
                Ok(Some(provenance)) => {
                    let project = name.as_given().to_owned();
                    let unit = ProvenanceFacts { package_sha256, filename, project, provenance }.unit();
                    self.job
                        .want(PROVENANCE, Wanted { unit, files: vec![], group: Some(group.clone()), pinned: vec![] })
                        .await?;
                }
                Err(error) => self.job.failed(group, url.as_str(), error)?,
            }
        }
        Ok(())
    }

    async fn provenance(&self, url: &Url) -> Result<Option<Json>> {
        if !self.index.may_lead_to(url) {
            return Err(Error::upstream("its address is not one that an index may send us to"));
        }
        let request = PageRequest {
            url: url.to_string(),
            accept: Some("application/json"),
            largest: LARGEST_PROVENANCE,
            ..PageRequest::default()
        };
        let UpstreamPage::Found(found) = self.job.page(&request).await? else { return Ok(None) };
        let bytes = found.body.into_bytes().await?;
        let provenance: Json = serde_json::from_slice(&bytes)
            .map_err(|problem| Error::upstream(format!("a provenance is not JSON: {problem}")))?;
        let is_one = provenance.get("version").is_some_and(Json::is_number)
            && provenance.get("attestation_bundles").is_some_and(Json::is_array);
        if is_one { Ok(Some(provenance)) } else { Err(Error::upstream("what should be a provenance is none")) }
    }
}

/// The metadata inside of a file of a project, or why it is refused.
async fn inspect(
    path: Option<PathBuf>,
    filename: &str,
    project: &ProjectName,
) -> Result<std::result::Result<crate::metadata::Metadata, String>> {
    let path = path.ok_or_else(|| Error::internal("a package without its file"))?;
    let (filename, project) = (filename.to_owned(), project.clone());
    let read = move || match archive::inspect(&path, &filename) {
        Ok(package) if package.file.name() == &project => Ok(Ok(package.metadata)),
        Ok(package) => Ok(Err(format!("it is a file of the project `{}`", package.file.name()))),
        Err(archive::ArchiveError::Io(cause)) => Err(Error::storage("cannot read a package", cause)),
        Err(refused) => Ok(Err(refused.to_string())),
    };
    tokio::task::spawn_blocking(read).await.map_err(Error::internal)?
}
