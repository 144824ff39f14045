//! The versions of one repository.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::super::write::{Holds, exists};
use crate::auth::policy::Verb;
use crate::db::repositories;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::{change_version, publish_task, scan_task, versions};
use crate::resource::{Clause, Errors, Field, Kind, Mode, Registry, Resource};

/// The operations on versions that a type of repositories has.
pub fn of_repository(at: usize, repository: &Resource) -> Vec<Endpoint> {
    let versions = Resource::versions(Some(repository));
    let fields: Vec<_> = versions.shown_fields().into_iter().cloned().collect();
    let object = Content::Object { schema: "RepositoryVersionResponse".into(), fields: fields.clone() };
    let page = Content::Page { schema: "RepositoryVersionResponse".into(), fields };
    let version_parameter = version_parameter(repository.href_parameter);
    let endpoint = |name: &str, method, path: &str, verb, run, text: &str, body, answers, filters| Endpoint {
        operation: format!("{}_versions_{name}", repository.operations),
        method,
        path: format!("{}{{}}/versions/{path}", repository.path),
        resource: Some(at),
        policy: Some(Resource::versions(Some(repository)).policy),
        verb,
        run,
        doc: Doc {
            tag: format!("{} Versions", repository.tag),
            summary: summary(text),
            description: text.into(),
            body,
            answers,
            selects: matches!(name, "list" | "read"),
            ordering: if name == "list" { versions.ordering.iter().map(|(name, _)| *name).collect() } else { vec![] },
            filters,
            href_parameter: Some(if name == "list" { repository.href_parameter } else { version_parameter }),
            nested: true,
            ..Doc::default()
        },
    };
    vec![
        endpoint(
            "list",
            Method::GET,
            "",
            Verb::List,
            |request| Box::pin(list_versions(request)),
            "List the versions of a repository, newest first.",
            None,
            vec![(200, page)],
            versions.filters.clone(),
        ),
        endpoint(
            "read",
            Method::GET,
            "{}/",
            Verb::Read,
            |request| Box::pin(read(request)),
            "Show one version.",
            None,
            vec![(200, object)],
            vec![],
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Delete a version. Its changes become part of the next one.",
            None,
            vec![(202, Content::Task)],
            vec![],
        ),
        endpoint(
            "repair",
            Method::POST,
            "{}/repair/",
            Verb::Action("repair"),
            |request| Box::pin(repair(request)),
            "Look for files of a version that are lost or spoilt and fetch them again.",
            Some(BodyDoc { schema: "Repair".into(), fields: repair_fields() }),
            vec![(202, Content::Task)],
            vec![],
        ),
    ]
}

/// The operations that scan versions, for the types of repositories whose formats can.
pub fn scans(registry: &Registry) -> Vec<Endpoint> {
    let can_scan = |resource: &Resource| {
        let plugin = resource.pulp_type.and_then(|name| registry.plugin(name));
        resource.kind == Kind::Repository && plugin.is_some_and(|plugin| plugin.scanner().is_some())
    };
    let scanned = registry.resources.iter().enumerate().filter(|(_, resource)| can_scan(resource));
    scanned.map(|(at, repository)| scan_of(at, repository)).collect()
}

fn scan_of(at: usize, repository: &Resource) -> Endpoint {
    let text = "Look for known vulnerabilities of the packages of a version. Each unit with any gets a report.";
    Endpoint {
        operation: format!("{}_versions_scan", repository.operations),
        method: Method::POST,
        path: format!("{}{{}}/versions/{{}}/scan/", repository.path),
        resource: Some(at),
        policy: Some(Resource::versions(Some(repository)).policy),
        verb: Verb::Action("scan"),
        run: |request| Box::pin(scan(request)),
        doc: Doc {
            tag: format!("{} Versions", repository.tag),
            summary: summary(text),
            description: text.into(),
            answers: vec![(202, Content::Task)],
            href_parameter: Some(version_parameter(repository.href_parameter)),
            nested: true,
            ..Doc::default()
        },
    }
}

/// `file_file_repository_href` → `file_file_repository_version_href`. Leaked once per type at the start.
fn version_parameter(repository: &str) -> &'static str {
    Box::leak(repository.replace("_href", "_version_href").into_boxed_str())
}

pub fn repair_fields() -> Vec<Field> {
    vec![
        Field::boolean("verify_checksums", "Whether the files are read and hashed, not only looked for.", true)
            .default(json!(true))
            .input(),
    ]
}

async fn list_versions(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    request.app.db.read(move |conn| exists(conn, &app.registry.resources[at], id)).await?;
    list::list_within(of_core(request)?, Some(Clause::new("t.repository_id = {}", [id.into()]))).await
}

/// The same request, about versions.
fn of_core(request: Request) -> Result<Request> {
    let registry = &request.app.registry;
    let at = registry.resources.iter().position(|resource| resource.kind == Kind::RepositoryVersion);
    let at = at.ok_or_else(|| Error::internal("there is no resource of versions"))?;
    // Whoever may see the repository, and that was asked, may see its versions.
    let mut request = request.about(at);
    request.reader = None;
    Ok(request)
}

/// The version that the path names.
async fn named(request: &Request) -> Result<Id> {
    let (app, at, id, number) = (request.app.clone(), request.resource_at()?, request.id()?, request.number(1)?);
    request
        .app
        .db
        .read(move |conn| {
            exists(conn, &app.registry.resources[at], id)?;
            repositories::version(conn, id, number)
        })
        .await
}

async fn read(request: Request) -> Result<Answer> {
    let id = named(&request).await?;
    list::read_object(of_core(request)?, id.into()).await
}

async fn delete(request: Request) -> Result<Answer> {
    let id = named(&request).await?;
    let (app, repository) = (request.app.clone(), request.id()?);
    let is_protected = request.app.db.read(move |conn| {
        change_version::with_kind(&app, conn, repository, |conn, kind| versions::is_protected(conn, id, kind))
    });
    let is_protected = is_protected.await?;
    if is_protected {
        let text = "The repository version cannot be deleted because it (or its publications) are currently being \
                    used to distribute content. Please update the necessary distributions first.";
        return Err(Error::InvalidBody(json!([text])));
    }
    let holds = Holds::exclusive(request.resource()?.prn(request.id()?));
    request
        .dispatch("pulpcore.app.tasks.repository.delete_version", "delete_version", json!({"version": id}), holds)
        .await
}

async fn repair(mut request: Request) -> Result<Answer> {
    let id = named(&request).await?;
    let fields = repair_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    errors.into_result()?;
    let verify = draft.get("verify_checksums").and_then(Json::as_bool).unwrap_or(true);
    let holds = Holds::shared(request.resource()?.prn(request.id()?));
    let args = json!({"version": id, "verify_checksums": verify});
    request.dispatch("pulpcore.app.tasks.repository.repair_version", "repair", args, holds).await
}

async fn scan(request: Request) -> Result<Answer> {
    let id = named(&request).await?;
    let (repository, pulp_type) = (request.id()?, request.resource()?.pulp_type.unwrap_or_default());
    if let Some(scanner) = publish_task::format(&request.app, pulp_type)?.scanner() {
        let settings = request.app.db.read(move |conn| repositories::settings(conn, repository)).await?;
        scanner.ecosystems(&settings.details)?;
    }
    let holds = Holds::shared(request.resource()?.prn(repository));
    request.dispatch(scan_task::NAME, scan_task::KIND, json!({"version": id}), holds).await
}
