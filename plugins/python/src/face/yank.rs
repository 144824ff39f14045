//! Yanking releases (PEP 592) and taking that back: each is a new version of the repository with or without a
//! marker.

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{Change, FaceAnswer, FaceRequest};
use pith_core::resource::{Errors, Mode};
use serde_json::{Map, Value as Json};

use super::operations::yank_fields;
use super::{PACKAGE, YANK};
use crate::content;
use crate::name;

const YANK_TASK: &str = "pulp_python.app.tasks.yank.ayank_package";
const UNYANK_TASK: &str = "pulp_python.app.tasks.yank.aunyank_package";

/// What a client wants to yank.
struct Release {
    repository: Id,
    name: String,
    version: String,
    reason: String,
}

pub async fn yank(mut request: FaceRequest) -> Result<FaceAnswer> {
    let release = match release(&mut request)? {
        Ok(release) => release,
        Err(refusal) => return Ok(refusal),
    };
    let Release { repository, name, version, reason } = release;
    let equal = vec![("name_normalized", vec![name.clone()]), ("version", vec![version.clone()])];
    let found = match &request.served {
        Some(units) => units.matching(PACKAGE, &[], equal).await?,
        None => vec![],
    };
    if found.is_empty() {
        return Ok(FaceAnswer::NotFound(format!("{name}=={version} not found in repository")));
    }
    let add = vec![(YANK, content::yank(&name, &version, &reason))];
    let change = Change { repository, add, remove: vec![], task: YANK_TASK };
    Ok(FaceAnswer::Task(request.host.change(change).await?))
}

pub async fn unyank(mut request: FaceRequest) -> Result<FaceAnswer> {
    let Release { repository, name, version, .. } = match release(&mut request)? {
        Ok(release) => release,
        Err(refusal) => return Ok(refusal),
    };
    let remove = vec![(YANK, content::yank_key(&name, &version))];
    let change = Change { repository, add: vec![], remove, task: UNYANK_TASK };
    Ok(FaceAnswer::Task(request.host.change(change).await?))
}

fn release(request: &mut FaceRequest) -> Result<std::result::Result<Release, FaceAnswer>> {
    let Some(repository) = request.distribution.repository else {
        return Ok(Err(FaceAnswer::Refused("Index is not pointing to a repository".to_owned())));
    };
    let form = request.form.take().ok_or_else(|| Error::internal("a change without a form"))?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&yank_fields(), &form.fields, &mut errors);
    errors.into_result()?;
    let text =
        |draft: &Map<String, Json>, name: &str| draft.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok(Ok(Release {
        repository,
        name: name::normalize(&text(&draft, "name")),
        version: text(&draft, "version"),
        reason: text(&draft, "yanked_reason"),
    }))
}
