//! The older JSON API: `/pypi/<project>/json` and `/pypi/<project>/<version>/json`.

use pith_core::error::{Error, Result};
use pith_core::plugin::{FaceAnswer, FaceRequest, Links, Page, PageWriter, Rendered, UnitRow, VersionUnits, render};
use serde_json::{Map, Value as Json};

use super::simple::files;
use super::{PACKAGE, absent, serial};
use crate::metadata::Metadata;
use crate::name;
use crate::simple::{FileEntry, ProjectApi, render_project_api, select_version};

/// For so long clients may take an answer for fresh, as Pulp lets them.
const MAX_AGE: u32 = 900;

/// The columns that make the metadata of a release, by the names of its fields.
const COLUMNS: &[&str] = &[
    "metadata_version",
    "name",
    "version",
    "platform",
    "supported_platform",
    "summary",
    "description",
    "description_content_type",
    "keywords",
    "home_page",
    "download_url",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "license",
    "license_expression",
    "license_file",
    "classifiers",
    "requires_python",
    "requires_dist",
    "requires_external",
    "provides_dist",
    "provides_extras",
    "obsoletes_dist",
    "dynamic",
    "project_url",
    "project_urls",
];

/// Those of them that hold lists and maps, as JSON.
const STRUCTURED: &[&str] = &[
    "license_file",
    "classifiers",
    "requires_dist",
    "requires_external",
    "provides_dist",
    "provides_extras",
    "obsoletes_dist",
    "dynamic",
    "project_urls",
];

pub fn answer(request: &FaceRequest) -> Result<FaceAnswer> {
    let name = name::normalize(request.parameter("package"));
    let version = Some(request.parameter("version")).filter(|version| !version.is_empty()).map(str::to_owned);
    let Some(units) = request.served.clone() else { return Ok(FaceAnswer::NotFound(absent(&name))) };
    let links = request.links.clone();
    Ok(FaceAnswer::Page(Page {
        name: format!("pypi/{name}/{}", version.as_deref().unwrap_or_default()),
        media_type: "application/json",
        max_age: MAX_AGE,
        headers: serial::HEADERS,
        render: render(move |out| write(out, units, links, name, version)),
    }))
}

async fn write(
    mut out: PageWriter,
    units: VersionUnits,
    links: Links,
    name: String,
    wanted: Option<String>,
) -> Result<Rendered> {
    let files = files(&units, &links, &name).await?;
    let selected = select_version(files.iter().map(|file| file.version.as_str()), wanted.as_deref());
    let Some(selected) = selected else { return Ok(Rendered::Absent(absent(&name))) };
    let Some(info) = metadata(&units, &name, selected).await? else { return Ok(Rendered::Absent(absent(&name))) };
    let entries: Vec<FileEntry<'_>> = files.iter().map(|file| file.entry()).collect();
    let page = ProjectApi { last_serial: 0, info: &info, files: &entries, vulnerabilities: &[] };
    out.write(&render_project_api(&page)).await?;
    Ok(Rendered::Page(out))
}

/// What the first file of a release says.
async fn metadata(units: &VersionUnits, name: &str, version: &str) -> Result<Option<Metadata>> {
    let release = vec![("name_normalized", vec![name.to_owned()]), ("version", vec![version.to_owned()])];
    let rows = units.matching(PACKAGE, COLUMNS, release).await?;
    rows.first().map(read).transpose()
}

fn read(row: &UnitRow) -> Result<Metadata> {
    let mut fields = Map::new();
    for (at, column) in COLUMNS.iter().enumerate() {
        let value = match STRUCTURED.contains(column) {
            true => serde_json::from_str(&row.get::<String>(at)?).map_err(Error::internal)?,
            false => Json::String(row.get(at)?),
        };
        fields.insert((*column).to_owned(), value);
    }
    serde_json::from_value(Json::Object(fields)).map_err(Error::internal)
}
