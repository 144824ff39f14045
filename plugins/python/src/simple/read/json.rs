//! The simple API in JSON (PEP 691, 700, 708, 714, 740, 792).

use std::io::Read;

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::Value;
use url::Url;

use super::collect::{Collector, distribution, refusal, resolve};
use super::fields::Fields;
use super::stream::{Members, document, each, skip};
use super::{
    CoreMetadata, IndexProject, IndexSummary, MAX_PROJECTS, PageError, ProjectFile, ProjectPage, RefusedFile,
    check_api_version, excerpt,
};
use crate::name::ProjectName;

/// How many of the refused are kept as examples.
const EXAMPLES: usize = 10;

/// Reads an index as a stream: each project goes to `visit` as it is read, and nothing is kept.
pub fn parse_index_json(reader: impl Read, visit: &mut dyn FnMut(IndexProject)) -> Result<IndexSummary, PageError> {
    let mut index = Index { visit, summary: IndexSummary::default(), listed: false, stopped: None };
    document(reader, &mut index)?;
    if !index.listed {
        return Err(PageError::Format("it has no `projects`".to_owned()));
    }
    Ok(index.summary)
}

/// Reads the page of a project. Addresses count from `page`, where it was found.
pub fn parse_project_json(reader: impl Read, page: &Url, project: &ProjectName) -> Result<ProjectPage, PageError> {
    let mut members = Project { base: page, project, collector: Collector::new(project), listed: false, stopped: None };
    document(reader, &mut members)?;
    if !members.listed {
        return Err(PageError::Format("it has no `files`".to_owned()));
    }
    Ok(members.collector.page)
}

/// What both pages say about themselves; all of it is optional here.
#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: Option<String>,
    #[serde(rename = "_last-serial")]
    last_serial: Option<u64>,
    #[serde(default)]
    tracks: Option<Vec<String>>,
}

/// Reads `meta`; an unknown version stops the reading.
fn meta<'de, A: MapAccess<'de>>(map: &mut A, stopped: &mut Option<PageError>) -> Result<Meta, A::Error> {
    let meta: Meta = map.next_value()?;
    if let Some(Err(error)) = meta.api_version.as_deref().map(check_api_version) {
        *stopped = Some(error);
        return Err(serde::de::Error::custom("stopped"));
    }
    Ok(meta)
}

pub(super) fn visit_name(
    name: &str,
    last_serial: Option<u64>,
    summary: &mut IndexSummary,
    visit: &mut dyn FnMut(IndexProject),
) -> Result<(), PageError> {
    if summary.projects + summary.refused == MAX_PROJECTS {
        return Err(PageError::TooManyProjects);
    }
    match ProjectName::parse(name) {
        Ok(name) => {
            summary.projects += 1;
            visit(IndexProject { name, last_serial });
        }
        Err(_) => {
            summary.refused += 1;
            if summary.refused_examples.len() < EXAMPLES {
                summary.refused_examples.push(excerpt(name));
            }
        }
    }
    Ok(())
}

struct Index<'a> {
    visit: &'a mut dyn FnMut(IndexProject),
    summary: IndexSummary,
    listed: bool,
    stopped: Option<PageError>,
}

#[derive(Deserialize)]
struct IndexRow {
    name: String,
    #[serde(rename = "_last-serial")]
    last_serial: Option<u64>,
}

impl Members for Index<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "meta" => self.summary.last_serial = meta(map, &mut self.stopped)?.last_serial,
            "projects" => {
                self.listed = true;
                let (summary, visit) = (&mut self.summary, &mut *self.visit);
                each(map, &mut self.stopped, |row: IndexRow| visit_name(&row.name, row.last_serial, summary, visit))?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }

    fn stopped(&mut self) -> &mut Option<PageError> {
        &mut self.stopped
    }
}

struct Project<'a> {
    base: &'a Url,
    project: &'a ProjectName,
    collector: Collector,
    listed: bool,
    stopped: Option<PageError>,
}

/// PEP 792: an object; an older draft had a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Text(String),
    Object { status: Option<String> },
}

impl Members for Project<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let page = &mut self.collector.page;
        match key {
            "meta" => {
                let meta = meta(map, &mut self.stopped)?;
                page.last_serial = meta.last_serial;
                page.tracks = meta.tracks.unwrap_or_default();
            }
            "name" => {
                let name: String = map.next_value()?;
                if let Err(error) = self.collector.name(&name) {
                    self.stopped = Some(error);
                    return Err(serde::de::Error::custom("stopped"));
                }
            }
            "files" => {
                self.listed = true;
                let (base, project) = (self.base, self.project);
                let collector = &mut self.collector;
                each(map, &mut self.stopped, |entry: Value| collector.push(file(&entry, base, project)))?;
            }
            "alternate-locations" => {
                page.alternate_locations = map.next_value::<Option<_>>()?.unwrap_or_default();
            }
            "project-status" => {
                page.status = match map.next_value::<Option<Status>>()? {
                    Some(Status::Text(status)) => Some(status),
                    Some(Status::Object { status }) => status,
                    None => None,
                };
            }
            _ => skip(map)?,
        }
        Ok(())
    }

    fn stopped(&mut self) -> &mut Option<PageError> {
        &mut self.stopped
    }
}

fn file(entry: &Value, base: &Url, project: &ProjectName) -> Result<ProjectFile, RefusedFile> {
    let Value::Object(entry) = entry else {
        return Err(refusal("?", "the entry is not an object"));
    };
    let fields = Fields(entry);
    let filename = fields.required("filename").map_err(|reason| refusal("?", reason))?;
    described(&fields, filename, base, project).map_err(|reason| refusal(filename, reason))
}

fn described(fields: &Fields<'_>, filename: &str, base: &Url, project: &ProjectName) -> Result<ProjectFile, String> {
    let named = distribution(filename, project)?;
    let (url, _) = resolve(base, fields.required("url")?)?;
    let provenance = match fields.text("provenance")? {
        Some(address) => Some(resolve(base, address)?.0),
        None => None,
    };
    // PEP 714: the old name was misread by old servers, so the new one counts where it is there.
    let core_metadata = match fields.core_metadata("core-metadata")? {
        Some(served) => Some(served),
        None => match fields.core_metadata("data-dist-info-metadata")? {
            Some(served) => Some(served),
            None => fields.core_metadata("dist-info-metadata")?,
        },
    };
    Ok(ProjectFile {
        filename: filename.to_owned(),
        version: named.version().to_owned(),
        package_type: named.package_type(),
        python_version: named.python_version().to_owned(),
        url,
        hashes: fields.hashes("hashes")?,
        requires_python: fields.some_text("requires-python")?,
        core_metadata: core_metadata.unwrap_or(CoreMetadata::NotServed),
        yanked: fields.yanked("yanked")?,
        size: fields.size("size")?,
        upload_time: fields.time("upload-time")?,
        provenance,
    })
}
