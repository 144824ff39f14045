//! Yanking releases (PEP 592) and taking that back: each is a new version of the repository with or without a
//! marker.

use std::collections::BTreeSet;

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{Change, FaceAnswer, FaceRequest};
use pith_core::resource::{Errors, Mode};
use serde_json::{Map, Value as Json};

use super::operations::yank_fields;
use super::{PACKAGE, YANK, upload};
use crate::content;
use crate::name;
use crate::version::VersionIdentity;

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
    let spellings = self::spellings(&request, PACKAGE, &name, &version).await?;
    if spellings.is_empty() {
        return Ok(FaceAnswer::NotFound(format!("{name}=={version} not found in repository")));
    }
    // What an index that is mirrored yanked in another spelling has another reason.
    let mut others = self::spellings(&request, YANK, &name, &version).await?;
    others.retain(|version| !spellings.contains(version));
    let remove = others.iter().map(|version| (YANK, content::yank_key(&name, version))).collect();
    let add = spellings.iter().map(|version| (YANK, content::yank(&name, version, &reason))).collect();
    let change = Change { repository, add, remove, task: YANK_TASK };
    Ok(FaceAnswer::Task(request.host.change(change).await?))
}

pub async fn unyank(mut request: FaceRequest) -> Result<FaceAnswer> {
    let Release { repository, name, version, .. } = match release(&mut request)? {
        Ok(release) => release,
        Err(refusal) => return Ok(refusal),
    };
    let mut spellings = self::spellings(&request, YANK, &name, &version).await?;
    // A release that is just being yanked is not served as such yet.
    spellings.extend(self::spellings(&request, PACKAGE, &name, &version).await?);
    spellings.insert(version);
    let remove = spellings.iter().map(|version| (YANK, content::yank_key(&name, version))).collect();
    let change = Change { repository, add: vec![], remove, task: UNYANK_TASK };
    Ok(FaceAnswer::Task(request.host.change(change).await?))
}

/// How units of a type spell a version of a project: `1.0` is also `1.0.0` (PEP 440).
async fn spellings(
    request: &FaceRequest,
    content_type: &'static str,
    name: &str,
    version: &str,
) -> Result<BTreeSet<String>> {
    let Some(units) = &request.served else { return Ok(BTreeSet::new()) };
    let of_project = vec![("name_normalized", vec![name.to_owned()])];
    let wanted = VersionIdentity::of(version);
    let mut found = BTreeSet::new();
    for row in units.matching(content_type, &["version"], of_project).await? {
        found.insert(row.get::<String>(0)?);
    }
    found.retain(|spelled| VersionIdentity::of(spelled) == wanted);
    Ok(found)
}

/// What is asked for, if the index allows it. It is a change as an upload is one.
fn release(request: &mut FaceRequest) -> Result<std::result::Result<Release, FaceAnswer>> {
    if !upload::is_allowed(&request.distribution) {
        return Ok(Err(FaceAnswer::Forbidden(upload::NOT_ALLOWED.to_owned())));
    }
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
