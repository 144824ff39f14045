//! The older JSON API, `/pypi/<project>/json` and `/pypi/<project>/<version>/json`.

use std::io::Read;

use serde::de::MapAccess;
use serde_json::Value;
use url::Url;

use super::collect::{Collector, refusal, resolve};
use super::fields::{Fields, serial};
use super::stream::{Members, Object, document, each, skip};
use super::{CoreMetadata, PageError, ProjectFile, ProjectPage, RefusedFile};
use crate::filename::{self, DistributionFile, PackageType};
use crate::metadata::Metadata;
use crate::name::ProjectName;
use crate::version;

/// Reads a project's page. The page of one version has no `releases`; its `urls` count instead.
pub fn parse_project_api(reader: impl Read, page: &Url, project: &ProjectName) -> Result<ProjectPage, PageError> {
    let mut api = Api {
        releases: Releases { base: page, project, collector: Collector::new(project), stopped: None },
        released: false,
        urls: Vec::new(),
    };
    document(reader, &mut api)?;
    let Api { mut releases, released, urls } = api;
    let Some(info) = &releases.collector.page.info else {
        return Err(PageError::Format("it has no `info`".to_owned()));
    };
    if !released {
        let version = info.version.clone();
        for entry in urls {
            releases.take(&version, &entry)?;
        }
    }
    Ok(releases.collector.page)
}

struct Api<'a> {
    releases: Releases<'a>,
    released: bool,
    urls: Vec<Value>,
}

impl Members for Api<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "info" => {
                let info: Value = map.next_value()?;
                if let Err(error) = self.releases.info(&info) {
                    self.releases.stopped = Some(error);
                    return Err(serde::de::Error::custom("stopped"));
                }
            }
            "last_serial" => self.releases.collector.page.last_serial = serial(&map.next_value()?),
            "releases" => {
                self.released = true;
                map.next_value_seed(Object(&mut self.releases))?;
            }
            "urls" => {
                let urls = &mut self.urls;
                each(map, &mut self.releases.stopped, |entry: Value| {
                    if urls.len() == super::MAX_FILES {
                        return Err(PageError::TooManyFiles);
                    }
                    urls.push(entry);
                    Ok(())
                })?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }

    fn stopped(&mut self) -> &mut Option<PageError> {
        &mut self.releases.stopped
    }
}

/// The object of versions, each a list of files.
struct Releases<'a> {
    base: &'a Url,
    project: &'a ProjectName,
    collector: Collector,
    stopped: Option<PageError>,
}

impl Releases<'_> {
    fn info(&mut self, info: &Value) -> Result<(), PageError> {
        let info = Metadata::from_info(info).map_err(|error| PageError::Format(error.to_string()))?;
        self.collector.name(&info.name)?;
        self.collector.page.info = Some(info);
        Ok(())
    }

    fn take(&mut self, version: &str, entry: &Value) -> Result<(), PageError> {
        let file = file(entry, version, self.base, self.project);
        self.collector.push(file)
    }
}

impl Members for Releases<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let (base, project) = (self.base, self.project);
        let collector = &mut self.collector;
        each(map, &mut self.stopped, |entry: Value| collector.push(file(&entry, key, base, project)))
    }

    fn stopped(&mut self) -> &mut Option<PageError> {
        &mut self.stopped
    }
}

fn file(entry: &Value, version: &str, base: &Url, project: &ProjectName) -> Result<ProjectFile, RefusedFile> {
    let Value::Object(entry) = entry else {
        return Err(refusal("?", "the entry is not an object"));
    };
    let fields = Fields(entry);
    let filename = fields.required("filename").map_err(|reason| refusal("?", reason))?;
    described(&fields, filename, version, base, project).map_err(|reason| refusal(filename, reason))
}

/// This API tells kind, version and Python tag, so that file names of old which follow no rule
/// need not be taken apart.
fn described(
    fields: &Fields<'_>,
    filename: &str,
    version: &str,
    base: &Url,
    project: &ProjectName,
) -> Result<ProjectFile, String> {
    filename::check_characters(filename).map_err(|error| error.to_string())?;
    if !version::is_plausible(version) {
        return Err(format!("`{}` is not a version", super::excerpt(version)));
    }
    let named = DistributionFile::parse_for(filename, project).ok();
    let package_type = match fields.text("packagetype")?.filter(|kind| !kind.is_empty()) {
        Some(name) => {
            PackageType::from_name(name).ok_or_else(|| format!("`packagetype` is `{}`", super::excerpt(name)))?
        }
        None => named.as_ref().ok_or("has no `packagetype`")?.package_type(),
    };
    let python_version = match fields.text("python_version")? {
        Some(text) => text.to_owned(),
        None => named.map(|named| named.python_version().to_owned()).unwrap_or_default(),
    };
    let (url, _) = resolve(base, fields.required("url")?)?;
    let upload_time = match fields.time("upload_time_iso_8601")? {
        Some(time) => Some(time),
        None => fields.time("upload_time")?,
    };
    Ok(ProjectFile {
        filename: filename.to_owned(),
        version: version.to_owned(),
        package_type,
        python_version,
        url,
        hashes: fields.hashes("digests")?,
        requires_python: fields.some_text("requires_python")?,
        core_metadata: CoreMetadata::NotServed,
        yanked: yanked(fields)?,
        size: fields.size("size"),
        upload_time,
        provenance: None,
    })
}

/// Here a flag and, beside it, the reason.
fn yanked(fields: &Fields<'_>) -> Result<Option<String>, String> {
    let flag = fields.yanked("yanked")?;
    let reason = fields.text("yanked_reason")?;
    Ok(flag.map(|flag| reason.map_or(flag, str::to_owned)))
}
