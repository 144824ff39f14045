//! Where a file comes from (PEP 740): `/integrity/<project>/<version>/<filename>/provenance/`.

use pith_core::error::Result;
use pith_core::plugin::{FaceAnswer, FaceRequest, Page, Rendered, VersionUnits, render};
use serde_json::Value as Json;

use super::{PACKAGE, PROVENANCE};
use crate::name;

pub fn answer(request: &FaceRequest) -> Result<FaceAnswer> {
    let project = name::normalize(request.parameter("package"));
    let (version, filename) = (request.parameter("version").to_owned(), request.parameter("filename").to_owned());
    let absent = format!("{project} {version} {filename} provenance does not exist.");
    let Some(units) = request.served.clone() else { return Ok(FaceAnswer::NotFound(absent)) };
    Ok(FaceAnswer::Page(Page {
        name: format!("integrity/{project}/{version}/{filename}"),
        media_type: "application/json",
        max_age: 0,
        headers: &[],
        render: render(move |mut out| async move {
            let Some(provenance) = provenance(&units, &project, &version, &filename).await? else {
                return Ok(Rendered::Absent(absent));
            };
            out.write(provenance.to_string().as_bytes()).await?;
            Ok(Rendered::Page(out))
        }),
    }))
}

async fn provenance(units: &VersionUnits, project: &str, version: &str, filename: &str) -> Result<Option<Json>> {
    let equal = |column, value: &str| (column, vec![value.to_owned()]);
    let file = vec![equal("name_normalized", project), equal("version", version), equal("filename", filename)];
    let Some(package) = units.matching(PACKAGE, &["sha256"], file).await?.into_iter().next() else { return Ok(None) };
    let of_file = vec![equal("package_sha256", &package.get::<String>(0)?)];
    let found = units.matching(PROVENANCE, &["provenance"], of_file).await?;
    found.last().map(|row| row.get(0)).transpose()
}
