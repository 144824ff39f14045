//! How much an index has: `/pypi/<base_path>/`.

use pith_core::error::Result;
use pith_core::plugin::{FaceAnswer, FaceRequest, Page, Rendered, render};
use serde_json::json;

use super::PACKAGE;

pub fn answer(request: &FaceRequest) -> Result<FaceAnswer> {
    let Some(units) = request.served.clone() else {
        return Ok(FaceAnswer::Json(json!({"projects": 0, "releases": 0, "files": 0})));
    };
    Ok(FaceAnswer::Page(Page {
        name: String::new(),
        media_type: "application/json",
        max_age: 0,
        headers: &[],
        render: render(|mut out| async move {
            let projects = units.distinct(PACKAGE, &["name_normalized"]).await?;
            let releases = units.distinct(PACKAGE, &["name_normalized", "version"]).await?;
            let files = units.count(PACKAGE).await?;
            let body = json!({"projects": projects, "releases": releases, "files": files});
            out.write(body.to_string().as_bytes()).await?;
            Ok(Rendered::Page(out))
        }),
    }))
}
