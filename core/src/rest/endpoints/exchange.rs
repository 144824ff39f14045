//! Exports and imports: beginning them, looking at them, forgetting them; importers, which change without a task; and
//! the check of an import.

use actix_web::http::Method;
use serde_json::{Map, Value as Json, json};

use super::super::answer::Answer;
use super::super::nested;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::super::write::Holds;
use crate::auth::policy::{Policy, Verb};
use crate::db::exchange as rows;
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::configured;
use crate::ops::exchange::export::{ExportJob, chunk_size, newest, prns};
use crate::ops::exchange::filesystem::FilesystemJob;
use crate::ops::exchange::import::ImportJob;
use crate::ops::exchange::source::Source;
use crate::ops::exchange::{EXPORT, FILESYSTEM_EXPORT, IMPORT, check};
use crate::resource::{Access, Draft, Errors, Field, Kind, Mode, Scope, Target};
use crate::tasks;

const MISPLACED: &str = "Requested RepositoryVersions must belong to the Repositories named by the Exporter!";

pub async fn delete(request: Request) -> Result<Answer> {
    let ((_, id), kind) = (nested::found(&request).await?, request.resource()?.kind);
    let delete = move |conn: &mut Conn| match kind {
        Kind::Export => rows::delete_export(conn, id),
        _ => rows::delete_import(conn, id),
    };
    request.app.db.write(delete).await?;
    Ok(Answer::empty(204))
}

async fn body(request: &mut Request) -> Result<(Draft, Map<String, Json>, Errors)> {
    let mut fields = request.resource()?.fields.clone();
    fields.retain(|field| field.access != Access::ReadOnly);
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    Ok((draft, input.fields, errors))
}

fn texts(draft: &Draft, name: &str) -> Option<Vec<String>> {
    let list = draft.get(name)?.as_array()?;
    Some(list.iter().filter_map(Json::as_str).map(str::to_owned).collect())
}

pub async fn export(mut request: Request) -> Result<Answer> {
    if request.resource()?.model == "FilesystemExport" {
        return filesystem_export(request).await;
    }
    let (exporter, prn) = nested::above(&request).await?;
    let (draft, params, mut errors) = body(&mut request).await?;
    let chunk = draft.get("chunk_size").and_then(Json::as_str).map(chunk_size).transpose();
    let chunk = chunk.map_err(|message| errors.add("chunk_size", message)).ok().flatten();
    if let Some(other) = draft.get("meta").filter(|meta| !meta.is_object()) {
        let kind = crate::resource::type_name(other);
        errors.add("meta", format!("Expected a dictionary of items but got type \"{kind}\"."));
    }
    let path = nested::parent(&request)?.path;
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let flag = |name: &str, default: bool| draft.get(name).and_then(Json::as_bool).unwrap_or(default);
    let mut job = ExportJob {
        exporter,
        path: format!("{path}{exporter}/exports/"),
        versions: vec![],
        start_versions: vec![],
        chunk_size: chunk,
        meta: draft.get("meta").and_then(Json::as_object).cloned().unwrap_or_default(),
        params: Json::Object(params),
        dry_run: flag("dry_run", false),
    };
    let is_full = flag("full", true);
    let prepared = request.app.db.read(move |conn| {
        let scope = viewpoint.scope(&app);
        let known = rows::repositories(conn, exporter)?;
        let ids: Vec<Id> = known.iter().map(|(id, _)| *id).collect();
        let given = named_versions(&scope, conn, &draft, "versions", &ids, &mut errors)?;
        let starts = named_versions(&scope, conn, &draft, "start_versions", &ids, &mut errors)?;
        if errors.is_empty() && is_full && starts.is_some() {
            errors.non_field("start_versions is only valid for incremental exports (full=False)");
        }
        job.versions = given.map_or_else(|| newest(conn, &known), Ok)?;
        if !is_full && errors.is_empty() {
            job.start_versions = match (starts, rows::exporter(conn, exporter)?.last_export) {
                (Some(starts), _) => starts,
                (None, Some(last)) => rows::exported_versions(conn, last)?,
                (None, None) => {
                    errors.non_field(
                        "Incremental export can only be requested when there is a previous export or start_versions= \
                         has been specified.",
                    );
                    vec![]
                }
            };
        }
        errors.into_result()?;
        Ok((job, prns(&app, &known)))
    });
    let (job, shared) = prepared.await?;
    let holds = Holds { exclusive: vec![prn], shared };
    request.dispatch("pulpcore.app.tasks.export.pulp_export", EXPORT, json!(job), holds).await
}

/// Versions of an exporter's repositories, one of each; none when the client names none.
fn named_versions(
    scope: &Scope<'_>,
    conn: &mut Conn,
    draft: &Draft,
    field: &str,
    of: &[Id],
    errors: &mut Errors,
) -> Result<Option<Vec<Id>>> {
    let Some(hrefs) = texts(draft, field) else { return Ok(None) };
    let (mut versions, mut misplaced) = (Vec::new(), false);
    for href in &hrefs {
        let target = Target::Kind(Kind::RepositoryVersion);
        let Some(version) = configured::resolve(scope, conn, target, field, href, errors)? else { continue };
        let (repository, ..) = repositories::owner(conn, version)?;
        misplaced |= !of.contains(&repository);
        versions.push((repository, version));
    }
    if versions.len() < hrefs.len() {
        return Ok(Some(vec![]));
    }
    if misplaced {
        errors.add(field, MISPLACED);
    } else if versions.len() == of.len() && of.iter().any(|id| !versions.iter().any(|(owner, _)| owner == id)) {
        errors.add(field, "must name one version of each of the exporter's repositories");
    } else if versions.len() != of.len() {
        errors.add(
            field,
            format!(
                "Number of versions ({}) does not match the number of Repositories ({}) for the owning  Exporter!",
                of.len(),
                versions.len()
            ),
        );
    }
    // In the order of the repositories.
    let ordered =
        of.iter().filter_map(|id| versions.iter().find(|(repository, _)| repository == id)).map(|(_, id)| *id);
    Ok(Some(ordered.collect()))
}

async fn filesystem_export(mut request: Request) -> Result<Answer> {
    let (exporter, prn) = nested::above(&request).await?;
    let (draft, params, mut errors) = body(&mut request).await?;
    let text = |name: &str| draft.get(name).and_then(Json::as_str).map(str::to_owned);
    let (publication, version, start) =
        (text("publication"), text("repository_version"), text("start_repository_version"));
    if errors.is_empty() && publication.is_some() == version.is_some() {
        errors.non_field("publication or repository_version must either be supplied but not both.");
    }
    let path = nested::parent(&request)?.path;
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let prepared = request.app.db.read(move |conn| {
        let scope = viewpoint.scope(&app);
        let mut find = |conn: &mut Conn, name: &str, kind, text: Option<String>| match text {
            None => Ok(None),
            Some(text) => configured::resolve(&scope, conn, Target::Kind(kind), name, &text, &mut errors),
        };
        let publication = find(conn, "publication", Kind::Publication, publication)?;
        let version = find(conn, "repository_version", Kind::RepositoryVersion, version)?;
        let start = find(conn, "start_repository_version", Kind::RepositoryVersion, start)?;
        errors.into_result()?;
        let repository = match (publication, version) {
            (Some(publication), _) => {
                let (_, repository) = repositories::published(conn, publication)?;
                repository
            }
            (_, Some(version)) => repositories::owner(conn, version)?.0,
            _ => return Err(Error::internal("an export of nothing")),
        };
        if let Some(start) = start
            && repositories::owner(conn, start)?.0 != repository
        {
            return Err(Error::field(
                "start_repository_version",
                "must be a version of the repository that is exported",
            ));
        }
        let pulp_type = repositories::settings(conn, repository)?.pulp_type;
        let job = FilesystemJob {
            exporter,
            path: format!("{path}{exporter}/exports/"),
            publication,
            version,
            start,
            params: Json::Object(params),
        };
        Ok((job, prns(&app, &[(repository, pulp_type)])))
    });
    let (job, shared) = prepared.await?;
    let holds = Holds { exclusive: vec![prn], shared };
    request.dispatch("pulpcore.app.tasks.export.fs_publication_export", FILESYSTEM_EXPORT, json!(job), holds).await
}

pub async fn import(mut request: Request) -> Result<Answer> {
    let (importer, prn) = nested::above(&request).await?;
    let (draft, params, mut errors) = body(&mut request).await?;
    let text = |name: &str| draft.get(name).and_then(Json::as_str).map(str::to_owned);
    let source = match (text("path"), text("toc")) {
        _ if !errors.is_empty() => None,
        (Some(_), Some(_)) => {
            errors.non_field("Only one of 'path' and 'toc' may be specified.");
            None
        }
        (Some(path), None) => Some(("path", Source::Path(path))),
        (None, Some(toc)) => Some(("toc", Source::Toc(toc))),
        (None, None) => {
            errors.non_field("One of 'path' or 'toc' must be specified.");
            None
        }
    };
    if let Some((field, source)) = &source
        && crate::download::allowed_path(source.name().as_ref(), &request.app.config.allowed_import_paths).is_none()
    {
        errors.add(field, format!("{field} '{}' is not an allowed import path", source.name()));
    }
    let create_repositories = draft.get("create_repositories").and_then(Json::as_bool).unwrap_or(false);
    if errors.is_empty() && create_repositories {
        let mapping = request.app.db.read(move |conn| rows::mapping(conn, importer)).await?;
        if !mapping.is_empty() {
            errors.non_field("The option 'create_repositories' is not compatible with 'repo_mapping'.");
        }
    }
    errors.into_result()?;
    let (_, source) = source.ok_or_else(|| Error::internal("an import of nothing"))?;
    let description = format!("Import of {}", source.name());
    let job = ImportJob { importer, source, create_repositories, params: Json::Object(params) };
    let name = "pulpcore.app.tasks.importer.pulp_import";
    let task = request.task(name, IMPORT, json!(job), Holds::exclusive(prn));
    let group = tasks::dispatch_with_group(&request.app, description, task).await?;
    Ok(Answer::task_group(format!("{}task-groups/{group}/", request.app.api)))
}

pub fn endpoints() -> Vec<Endpoint> {
    let text = "Say whether an import could be made, without making it.";
    vec![Endpoint {
        operation: "pulp_import_check_post".into(),
        method: Method::POST,
        path: "importers/core/pulp/import-check/".into(),
        resource: None,
        policy: Some(Policy::administrators()),
        verb: Verb::Create,
        run: |request| Box::pin(check_import(request)),
        doc: Doc {
            tag: "Importers: Pulp: Import-Check".into(),
            summary: summary(text),
            description: text.into(),
            body: Some(BodyDoc { schema: "PulpImportCheck".into(), fields: check_fields() }),
            answers: vec![(
                200,
                Content::Object { schema: "PulpImportCheckResponse".into(), fields: checked_fields() },
            )],
            ..Doc::default()
        },
    }]
}

fn check_fields() -> Vec<Field> {
    vec![
        Field::text("path", "The tar that shall be imported.", "/srv/exports/export.tar").input(),
        Field::text("toc", "The table of contents of what shall be imported.", "/srv/exports/export-toc.json").input(),
        Field::text("repo_mapping", "A mapping of names, as JSON.", "{\"foo\": \"bar\"}").input(),
    ]
}

fn checked_fields() -> Vec<Field> {
    let example = json!({"context": "/srv/exports/export.tar", "is_valid": true, "messages": []});
    let of = |name, text| Field::any(name, "Evaluation", text, example.clone());
    vec![
        of("toc", "What was found of the table of contents."),
        of("path", "What was found of the tar."),
        of("repo_mapping", "What was found of the mapping."),
    ]
}

async fn check_import(mut request: Request) -> Result<Answer> {
    let fields = check_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    if errors.is_empty() && draft.is_empty() {
        errors.non_field("One of 'path', 'toc', or 'repo_mapping' must be specified.");
    }
    errors.into_result()?;
    let allowed = request.app.config.allowed_import_paths.clone();
    let checked = move || {
        let mut answer = Map::new();
        for name in ["toc", "path", "repo_mapping"] {
            let Some(given) = draft.get(name).and_then(Json::as_str) else { continue };
            let messages = match name {
                "repo_mapping" => check::mapping(given),
                _ => check::file(given, name == "toc", &allowed),
            };
            answer.insert(name.to_owned(), check::answer(given, &messages));
        }
        Json::Object(answer)
    };
    Ok(Answer::ok(tokio::task::spawn_blocking(checked).await.map_err(Error::internal)?))
}
