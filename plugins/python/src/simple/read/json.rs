//! The simple API in JSON (PEP 691, 700, 708, 714, 740, 792).

use std::io::Read;

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::Value;
use url::Url;

use super::collect::{Collector, distribution, refusal, resolve};
use super::fields::{Fields, serial};
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

/// What both pages say about themselves; all of it is optional here, and what is of another type counts as not told.
#[derive(Default)]
struct Meta {
    last_serial: Option<u64>,
    tracks: Vec<String>,
}

/// Reads `meta`; an unknown version stops the reading.
fn meta<'de, A: MapAccess<'de>>(map: &mut A, stopped: &mut Option<PageError>) -> Result<Meta, A::Error> {
    let Value::Object(meta) = map.next_value()? else { return Ok(Meta::default()) };
    let version = match meta.get("api-version") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    if let Some(Err(error)) = version.as_deref().map(check_api_version) {
        *stopped = Some(error);
        return Err(serde::de::Error::custom("stopped"));
    }
    Ok(Meta {
        last_serial: meta.get("_last-serial").and_then(serial),
        tracks: meta.get("tracks").map(texts).unwrap_or_default(),
    })
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
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
    #[serde(rename = "_last-serial", default)]
    last_serial: Value,
}

impl Members for Index<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "meta" => self.summary.last_serial = meta(map, &mut self.stopped)?.last_serial,
            "projects" => {
                self.listed = true;
                let (summary, visit) = (&mut self.summary, &mut *self.visit);
                each(map, &mut self.stopped, |row: IndexRow| {
                    visit_name(&row.name, serial(&row.last_serial), summary, visit)
                })?;
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
fn status(value: &Value) -> Option<String> {
    let text = if value.is_object() { value.get("status")? } else { value };
    text.as_str().map(str::to_owned)
}

impl Members for Project<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let page = &mut self.collector.page;
        match key {
            "meta" => {
                let meta = meta(map, &mut self.stopped)?;
                page.last_serial = meta.last_serial;
                page.tracks = meta.tracks;
            }
            "name" => {
                let name: Value = map.next_value()?;
                if let Some(Err(error)) = name.as_str().map(|name| self.collector.name(name)) {
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
            "alternate-locations" => page.alternate_locations = texts(&map.next_value()?),
            "project-status" => page.status = status(&map.next_value()?),
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
    let names = ["core-metadata", "data-dist-info-metadata", "dist-info-metadata"];
    let core_metadata = names.into_iter().find_map(|name| fields.core_metadata(name));
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
        size: fields.size("size"),
        upload_time: fields.time("upload-time")?,
        provenance,
    })
}
