//! The simple API: the index of projects and the page of a project, in the format that the client prefers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pith_core::error::Result;
use pith_core::id::Instant;
use pith_core::plugin::{
    FaceAnswer, FaceRequest, GroupBy, Links, Page, PageWriter, Rendered, UnitRow, VersionUnits, render,
};

use super::{PACKAGE, PROVENANCE, YANK, absent, encoded, file_url, serial, upstream};
use crate::name::{self, ProjectName};
use crate::simple::{FileEntry, Format, IndexEntry, IndexWriter, ProjectHeader, ProjectWriter, choose};
use crate::sync::pull::Upstream;
use crate::version::{VersionIdentity, VersionKey};

/// For so long clients may take a page for fresh, as Pulp lets them.
const MAX_AGE: u32 = 600;

/// The files of a project, however they got here.
const BY_PROJECT: GroupBy =
    GroupBy { content_type: PACKAGE, column: "name_normalized", label: "name", also: &[PROVENANCE, YANK] };

const COLUMNS: &[&str] = &[
    "filename",
    "version",
    "sha256",
    "size",
    "metadata_sha256",
    "requires_python",
    "packagetype",
    "python_version",
    "upload_time",
];

pub fn index(request: &FaceRequest) -> Result<FaceAnswer> {
    let Ok(format) = choose(request.accept.as_deref(), request.query("format")) else { return Ok(no_such_format()) };
    if is_elsewhere(request) {
        return Ok(elsewhere(request, "simple/"));
    }
    let units = request.served.clone();
    Ok(page("simple/".to_owned(), format, move |out| write_index(out, units, format)))
}

pub async fn project(request: &FaceRequest) -> Result<FaceAnswer> {
    let Ok(format) = choose(request.accept.as_deref(), request.query("format")) else { return Ok(no_such_format()) };
    let given = request.parameter("package");
    let Ok(name) = ProjectName::parse(given) else { return Ok(FaceAnswer::NotFound(absent(&name::normalize(given)))) };
    if is_elsewhere(request) && request.distribution.remote.is_none() {
        return Ok(elsewhere(request, &format!("simple/{}/", name.normalized())));
    }
    let upstream = upstream::of(request, &name).await?;
    let name = name.normalized().to_owned();
    let (units, links) = (request.served.clone(), request.links.clone());
    if units.is_none() && upstream.is_none() {
        return Ok(FaceAnswer::NotFound(absent(&name)));
    }
    let revision = upstream.as_ref().map_or("", |upstream| upstream.revision.as_str()).to_owned();
    let key = format!("simple/{name}/{revision}");
    Ok(page(key, format, move |out| write_project(out, (units, upstream), links, name, format)))
}

/// Pulp's clients expect a publication's pages at the content face.
fn is_elsewhere(request: &FaceRequest) -> bool {
    request.distribution.published && !request.on_content_face
}

fn elsewhere(request: &FaceRequest, path: &str) -> FaceAnswer {
    let query = request.query("format").map(|format| format!("?format={}", encoded(format)));
    FaceAnswer::Elsewhere(format!("{}{path}{}", request.links.content, query.unwrap_or_default()))
}

fn no_such_format() -> FaceAnswer {
    FaceAnswer::NotFound("there is no such format".to_owned())
}

fn page<F, R>(name: String, format: Format, write: F) -> FaceAnswer
where
    F: FnOnce(PageWriter) -> R + Send + 'static,
    R: Future<Output = Result<Rendered>> + Send + 'static,
{
    let media_type = format.content_type();
    FaceAnswer::Page(Page { name, media_type, max_age: MAX_AGE, headers: serial::HEADERS, render: render(write) })
}

async fn write_index(mut out: PageWriter, units: Option<VersionUnits>, format: Format) -> Result<Rendered> {
    let mut page = IndexWriter::new(format, serial::INDEX);
    if let Some(units) = units {
        let mut groups = units.groups(BY_PROJECT).await?;
        while let Some(projects) = groups.next_page().await? {
            for project in &projects {
                let entry = IndexEntry { name: &project.label, last_serial: serial::of(project.changed) };
                if let Some(block) = page.push(entry) {
                    out.write(&block).await?;
                }
            }
        }
    }
    out.write(&page.finish()).await?;
    Ok(Rendered::Page(out))
}

/// A file of a project as its page shows it.
pub struct ListedFile {
    pub filename: String,
    pub version: String,
    pub url: String,
    pub sha256: String,
    pub size: u64,
    pub metadata_sha256: Option<String>,
    pub requires_python: String,
    pub package_type: String,
    pub python_version: String,
    pub upload_time: Option<Instant>,
    pub yanked: Option<String>,
    pub provenance: Option<String>,
}

impl ListedFile {
    pub fn entry(&self) -> FileEntry<'_> {
        FileEntry {
            filename: &self.filename,
            version: &self.version,
            url: &self.url,
            sha256: &self.sha256,
            md5: None,
            package_type: &self.package_type,
            python_version: &self.python_version,
            requires_python: &self.requires_python,
            metadata_sha256: self.metadata_sha256.as_deref(),
            yanked: self.yanked.as_deref(),
            size: self.size,
            upload_time: self.upload_time,
            provenance: self.provenance.as_deref(),
        }
    }

    /// A mirror shows when the file came to its upstream; else what counts is when it came here.
    fn new(row: &UnitRow, mirrors: bool) -> Result<Self> {
        let text = |at| Ok(row.get::<Option<String>>(at)?.unwrap_or_default());
        Ok(Self {
            filename: row.get(0)?,
            version: row.get(1)?,
            sha256: row.get(2)?,
            size: row.get::<i64>(3)?.unsigned_abs(),
            metadata_sha256: row.get::<Option<String>>(4)?.filter(|digest| !digest.is_empty()),
            requires_python: text(5)?,
            package_type: text(6)?,
            python_version: text(7)?,
            upload_time: Some(row.get::<Option<Instant>>(8)?.filter(|_| mirrors).unwrap_or(row.added)),
            url: String::new(),
            yanked: None,
            provenance: None,
        })
    }
}

/// The files of a project, by version and name; none when there is no such project.
pub async fn files(units: &VersionUnits, links: &Links, name: &str) -> Result<Vec<ListedFile>> {
    let of_project = || vec![("name_normalized", vec![name.to_owned()])];
    let mut files = Vec::new();
    for row in units.matching(PACKAGE, COLUMNS, of_project()).await? {
        files.push(ListedFile::new(&row, units.version().mirrors)?);
    }
    if files.is_empty() {
        return Ok(files);
    }
    let mut yanked = HashMap::new();
    for row in units.matching(YANK, &["version", "yanked_reason"], of_project()).await? {
        let release = VersionIdentity::of(&row.get::<String>(0)?);
        yanked.insert(release, row.get::<Option<String>>(1)?.unwrap_or_default());
    }
    let mut proven = HashSet::new();
    for row in units.matching(PROVENANCE, &["package_sha256"], of_project()).await? {
        proven.insert(row.get::<String>(0)?);
    }
    for file in &mut files {
        file.url = file_url(&links.content, &file.filename);
        if !yanked.is_empty() {
            file.yanked = yanked.get(&VersionIdentity::of(&file.version)).cloned();
        }
        let path = [name, &file.version, &file.filename].map(encoded).join("/");
        file.provenance = proven.contains(&file.sha256).then(|| format!("{}integrity/{path}/provenance/", links.face));
    }
    sort(&mut files);
    Ok(files)
}

fn sort(files: &mut [ListedFile]) {
    files.sort_by_cached_key(|file| (VersionKey::new(&file.version), file.filename.clone()));
}

async fn write_project(
    mut out: PageWriter,
    (units, upstream): (Option<VersionUnits>, Option<Arc<Upstream>>),
    links: Links,
    name: String,
    format: Format,
) -> Result<Rendered> {
    let mut files = match units {
        Some(units) => files(&units, &links, &name).await?,
        None => vec![],
    };
    if let Some(upstream) = upstream {
        upstream::add(&mut files, &upstream, &links);
        sort(&mut files);
    }
    if files.is_empty() {
        return Ok(Rendered::Absent(absent(&name)));
    }
    let header = ProjectHeader { name: &name, last_serial: serial::INDEX, ..ProjectHeader::default() };
    let mut page = ProjectWriter::new(format, header);
    for file in &files {
        if let Some(block) = page.push(file.entry()) {
            out.write(&block).await?;
        }
    }
    out.write(&page.finish()).await?;
    Ok(Rendered::Page(out))
}
