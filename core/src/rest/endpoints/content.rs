//! Making content units of files, artifacts, uploads or addresses, and of fields where a type has no file.

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::answer::Answer;
use super::super::body::{Input, SentFile};
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::super::write::Holds;
use crate::auth::policy::Verb;
use crate::db::{Announced, Conn, uploads};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::inspect::{self, NewUnit};
use crate::ops::{configured, create_content, sign_upload};
use crate::plugin::ContentType;
use crate::resource::{Access, Draft, Errors, Field, Kind, Mode, Operation, Registry, Resource, Scope, Target, Wire};
use crate::storage::Algorithm;

/// The task's name as clients see it.
const CREATE: &str = "pulpcore.app.tasks.base.general_create";

/// The field of a create that the synchronous upload does not take.
const ONLY_BY_TASK: &str = "repository";

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let typed = registry.resources.iter().enumerate();
    let typed = typed.filter_map(|(at, resource)| {
        let content_type = registry.content_type(resource.pulp_type?)?;
        let is_made = resource.kind == Kind::Content && resource.can.contains(&Operation::Create);
        (is_made && content_type.uploads_at_once()).then(|| upload_endpoint(at, resource, &**content_type))
    });
    typed.collect()
}

fn upload_endpoint(at: usize, resource: &Resource, content_type: &dyn ContentType) -> Endpoint {
    let text = format!("Make a {} of a file and answer with it at once.", resource.noun);
    Endpoint {
        operation: format!("{}_upload", resource.operations),
        method: Method::POST,
        path: format!("{}upload/", resource.path),
        resource: Some(at),
        policy: None,
        verb: Verb::Action("upload"),
        run: |request| Box::pin(upload(request)),
        doc: Doc {
            tag: resource.tag.into(),
            summary: summary(&text),
            description: text,
            body: Some(BodyDoc {
                schema: content_type.upload_schema().map_or_else(|| format!("{}Upload", resource.model), str::to_owned),
                fields: upload_fields(resource, content_type),
            }),
            answers: vec![(
                201,
                Content::Object {
                    schema: content_type
                        .upload_answer_schema()
                        .map_or_else(|| format!("{}Response", resource.schema()), str::to_owned),
                    fields: resource.shown_fields().into_iter().cloned().collect(),
                },
            )],
            ..Doc::default()
        },
    }
}

fn upload_fields(resource: &Resource, content_type: &dyn ContentType) -> Vec<Field> {
    let mut fields = resource.fields.clone();
    fields.retain(|field| field.access != Access::ReadOnly);
    fields.retain(|field| field.name != ONLY_BY_TASK && !content_type.not_uploaded().contains(&field.name));
    fields
}

/// Where the bytes of a new unit come from.
enum Origin {
    File(Box<SentFile>),
    Artifact(Id),
    Upload(Id),
    Url(String),
    /// There are none.
    Fields,
}

/// A create, checked as far as a request can.
struct Wanted {
    origin: Origin,
    repository: Option<Id>,
    autopublish: bool,
    draft: Draft,
}

async fn wanted(request: &mut Request, fields: &[Field]) -> Result<Wanted> {
    let at = request.resource_at()?;
    let mut input = request.input(fields).await?;
    let mut errors = Errors::default();
    let file = input.file.take();
    let mut draft = Mode::Create.parse(fields, &input.fields, &mut errors);
    let named_units = named_units(fields);
    let takes_file = fields.iter().any(|field| field.wire == Wire::File);
    match &file {
        Some(_) if !takes_file => errors.add("file", "Unexpected field"),
        Some(file) if file.staged.size == 0 => errors.add("file", "The submitted file is empty."),
        _ => {}
    }
    if takes_file && errors.is_empty() {
        check_one_source(&input, file.is_some(), &mut errors);
    }
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    request
        .app
        .db
        .read(move |conn| {
            let scope = viewpoint.scope(&app);
            let pulp_type = app.registry.resources[at].pulp_type.unwrap_or_default();
            let text = |name: &str| draft.get(name).and_then(Json::as_str);
            let url = text("file_url").map(str::to_owned);
            let mut find = |conn: &mut Conn, name: &str, target| match text(name) {
                None => Ok(None),
                Some(text) => configured::resolve(&scope, conn, target, name, text, &mut errors),
            };
            let artifact = find(conn, "artifact", Target::Kind(Kind::Artifact))?;
            let upload = find(conn, "upload", Target::Kind(Kind::Upload))?;
            let repository = find(conn, "repository", Target::Kind(Kind::Repository))?;
            let mut units = vec![];
            for (name, target) in named_units {
                let Some(id) = find(conn, name, target)? else { continue };
                units.push((name, shown_unit(&scope, conn, target, id)?));
            }
            errors.into_result()?;
            draft.extend(units.into_iter().map(|(name, unit)| (name.to_owned(), unit)));
            if let Some(content_type) = app.registry.content_type(pulp_type) {
                content_type.check(&draft)?;
            }
            let autopublish = match repository {
                None => false,
                Some(id) => create_content::check_repository(&app, conn, id, pulp_type)?,
            };
            let origin = match (file, artifact, upload, url) {
                (Some(file), ..) => Origin::File(Box::new(file)),
                (_, Some(artifact), ..) => Origin::Artifact(artifact),
                (_, _, Some(upload), _) => Origin::Upload(upload),
                (.., Some(url)) => Origin::Url(url),
                (None, None, None, None) if !takes_file => Origin::Fields,
                (None, None, None, None) => return Err(one_source()),
            };
            Ok(Wanted { origin, repository, autopublish, draft })
        })
        .await
}

/// The fields by which a client names other units.
fn named_units(fields: &[Field]) -> Vec<(&'static str, Target)> {
    let target = |field: &Field| match field.wire {
        Wire::Href(target @ Target::Typed(Kind::Content, _)) => Some((field.name, target)),
        _ => None,
    };
    fields.iter().filter_map(target).collect()
}

/// A unit as clients see it.
fn shown_unit(scope: &Scope<'_>, conn: &mut Conn, target: Target, id: Id) -> Result<Json> {
    let Target::Typed(kind, pulp_type) = target else { return Ok(Json::Null) };
    let resource = scope.registry.typed(kind, pulp_type);
    Ok(resource.map(|resource| resource.load(scope, conn, id)).transpose()?.flatten().unwrap_or_default())
}

fn check_one_source(input: &Input, file: bool, errors: &mut Errors) {
    let named = ["artifact", "upload", "file_url"];
    let given = named.iter().filter(|name| input.fields.get(**name).is_some_and(|value| !value.is_null()));
    if given.count() + usize::from(file) != 1 {
        errors.non_field("Exactly one of file, file_url, artifact, upload must be specified.");
    }
}

fn one_source() -> Error {
    Error::non_field("Exactly one of file, file_url, artifact, upload must be specified.")
}

pub async fn create(mut request: Request) -> Result<Answer> {
    let fields = request.resource()?.fields.clone();
    let wanted = wanted(&mut request, &fields).await?;
    let pulp_type = request.resource()?.pulp_type.unwrap_or_default();
    let overwrite = wanted.draft.get("overwrite").and_then(Json::as_bool).unwrap_or(true);
    let mut args = json!({
        "type": pulp_type, "repository": wanted.repository, "overwrite": overwrite,
        "labels": wanted.draft.get("pulp_labels"),
    });
    let mut holds = Holds::default();
    if let Some(id) = wanted.repository {
        let app = request.app.clone();
        holds.exclusive.push(request.app.db.read(move |conn| create_content::repository_prn(&app, conn, id)).await?);
    }
    // Held until the task has made the rows, or waits.
    let _announced;
    let (origin, is_ours) = signed_by_task(&request, pulp_type, wanted.repository, wanted.origin).await?;
    let kind = match origin {
        Origin::Upload(id) => {
            args["temporary"] = json!(is_ours);
            holds.exclusive.push(crate::id::prn("core", "upload", id));
            args["upload"] = json!(id);
            args["given"] = json!(wanted.draft);
            create_content::KIND_OF_UPLOAD
        }
        Origin::Url(url) => {
            args["url"] = json!(url);
            args["settings"] = wanted.draft.get("downloader_config").cloned().unwrap_or_default();
            args["given"] = json!(wanted.draft);
            "content_from_url"
        }
        origin => {
            let is_of_file = !matches!(origin, Origin::Fields);
            let (unit, held) = match unit_of(&request, pulp_type, origin, &wanted.draft).await {
                Ok(made) => made,
                // Pulp does this: what is wrong with a file is found by the task.
                Err(wrong @ (Error::Invalid(_) | Error::Conflict(_))) if is_of_file => {
                    return request.dispatch_failed(CREATE, args, holds, wrong).await;
                }
                Err(other) => return Err(other),
            };
            args["file"] = json!(unit);
            _announced = held;
            if wanted.autopublish { create_content::KIND_PUBLISHING } else { "content_create" }
        }
    };
    request.dispatch(CREATE, kind, args, holds).await
}

/// Where the bytes come from once those that the repository wants signed are put aside for the task, as an upload; and
/// whether that happened.
async fn signed_by_task(
    request: &Request,
    pulp_type: &str,
    repository: Option<Id>,
    origin: Origin,
) -> Result<(Origin, bool)> {
    let app = &request.app;
    if !sign_upload::is_wanted(app, sign_upload::Into { pulp_type, repository, cid: &request.cid }).await? {
        return Ok((origin, false));
    }
    let upload = match origin {
        Origin::File(mut file) => {
            let path = file.staged.on_disk().await?;
            sign_upload::put_aside(app, &path).await?
        }
        Origin::Artifact(id) => sign_upload::put_artifact_aside(app, id).await?,
        other => return Ok((other, false)),
    };
    Ok((Origin::Upload(upload), true))
}

/// Makes a unit of a file that the request brought, named or uploaded in chunks, or that lies at an address, and keeps it;
/// or of fields.
async fn unit_of(
    request: &Request,
    pulp_type: &str,
    origin: Origin,
    given: &Map<String, Json>,
) -> Result<(NewUnit, Announced)> {
    let app = &request.app;
    let content_type = create_content::content_type(app, pulp_type)?;
    match origin {
        Origin::File(file) => inspect::staged(app, &**content_type, file.staged, file.name, given).await,
        Origin::Artifact(id) => inspect::artifact(app, &**content_type, id, given).await,
        Origin::Upload(id) => {
            inspect::staged(app, &**content_type, create_content::assemble(app, id).await?, None, given).await
        }
        Origin::Url(url) => {
            let fetched = create_content::fetch(app, &url, given.get("downloader_config")).await;
            let staged = fetched.map_err(|error| match error {
                // The address is what the client gave.
                Error::Upstream(_) => Error::field("file_url", error.public_text()),
                other => other,
            })?;
            inspect::staged(app, &**content_type, staged, None, given).await
        }
        Origin::Fields => inspect::composed(app, &**content_type, given).await,
    }
}

async fn upload(mut request: Request) -> Result<Answer> {
    let pulp_type = request.resource()?.pulp_type.unwrap_or_default();
    let (resource, content_type) = (request.resource()?, create_content::content_type(&request.app, pulp_type)?);
    let mut fields = upload_fields(resource, &**content_type);
    let passed_over = |field: &&Field| content_type.passed_over().contains(&field.name);
    fields.extend(resource.fields.iter().filter(passed_over).cloned());
    let wanted = wanted(&mut request, &fields).await?;
    let chunked = match wanted.origin {
        Origin::Upload(id) => Some(id),
        _ => None,
    };
    let at = request.resource_at()?;
    let (new, _announced) = unit_of(&request, pulp_type, wanted.origin, &wanted.draft).await?;
    let labels = wanted.draft.get("pulp_labels").cloned();
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let body = request
        .app
        .db
        .write(move |conn| {
            if let Some(upload) = chunked
                && !uploads::delete(conn, upload)?
            {
                return Err(Error::Conflict("the upload was used or deleted meanwhile".into()));
            }
            let unit = create_content::store(&app, conn, pulp_type, &new, labels.as_ref())?;
            app.registry.resources[at].load(&viewpoint.scope(&app), conn, unit.unit.id)
        })
        .await?;
    if let Some(upload) = chunked {
        request.app.storage.drop_upload(upload).await?;
    }
    Ok(Answer::created(body.ok_or_else(|| Error::internal("what was made is not there"))?))
}

/// The digests that a client may state of a file, checked against what arrived.
///
/// # Errors
/// Under `non_field_errors`, naming the digest or the size that is wrong.
pub fn check_stated(given: &Draft, size: u64, digests: &crate::storage::Digests) -> Result<()> {
    if given.get("size").and_then(Json::as_i64).is_some_and(|stated| u64::try_from(stated) != Ok(size)) {
        return Err(Error::non_field("The size did not match actual size of file."));
    }
    for algorithm in Algorithm::ALL {
        let Some(stated) = given.get(algorithm.name()).and_then(Json::as_str) else { continue };
        match digests.get(algorithm) {
            Some(actual) if actual.eq_ignore_ascii_case(stated) => {}
            Some(_) => return Err(Error::non_field(format!("The {} checksum did not match.", algorithm.name()))),
            None => {
                let name = algorithm.name();
                return Err(Error::non_field(format!(
                    "Checksum algorithms ['{name}'] forbidden for this Pulp instance."
                )));
            }
        }
    }
    Ok(())
}
