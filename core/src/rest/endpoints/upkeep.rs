//! Clean-up of orphans, repair, reclaiming of space.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::super::write::Holds;
use super::versions::repair_fields;
use crate::auth::policy::{Policy, Verb};
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::configured;
use crate::resource::{Errors, Field, Kind, Mode, Scope, Target};

pub fn endpoints() -> Vec<Endpoint> {
    let endpoint = |operation: &str, method, path: &str, tag: &str, run: Run, text: &str, body| Endpoint {
        operation: operation.into(),
        method,
        path: path.into(),
        resource: None,
        policy: Some(Policy::administrators()),
        verb: Verb::Create,
        run,
        doc: Doc {
            tag: tag.into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers: vec![(202, Content::Task)],
            ..Doc::default()
        },
    };
    let body = |schema: &str, fields| Some(BodyDoc { schema: schema.into(), fields });
    vec![
        endpoint(
            "orphans_cleanup_cleanup",
            Method::POST,
            "orphans/cleanup/",
            "Orphans: Cleanup",
            |request| Box::pin(clean_up(request)),
            "Delete content that is in no repository version, and files that nothing uses.",
            body("OrphansCleanup", orphan_fields()),
        ),
        endpoint(
            "orphans_delete",
            Method::DELETE,
            "orphans/",
            "Orphans",
            |request| Box::pin(delete_orphans(request)),
            "Delete content that is in no repository version, and files that nothing uses, by the usual protection time.",
            None,
        ),
        endpoint(
            "repair_post",
            Method::POST,
            "repair/",
            "Repair",
            |request| Box::pin(repair(request)),
            "Look for files that are lost or spoilt and fetch them again.",
            body("Repair", repair_fields()),
        ),
        endpoint(
            "repositories_reclaim_space_reclaim",
            Method::POST,
            "repositories/reclaim_space/",
            "Repositories: Reclaim_Space",
            |request| Box::pin(reclaim(request)),
            "Delete files of the named repositories that can be downloaded again when somebody asks for them.",
            body("ReclaimSpace", reclaim_fields()),
        ),
    ]
}

fn orphan_fields() -> Vec<Field> {
    let unit = "/pulp/api/v3/content/file/files/01a1fe65-417b-759b-8cee-a2cea5afd109/";
    vec![
        Field::hrefs("content_hrefs", "Look at these units only.", unit),
        Field::boolean(
            "dry_run",
            "Delete nothing: the task's result counts what would go, and says why other units would be kept.",
            true,
        )
        .default(json!(false))
        .input(),
        Field::integer("orphan_protection_time", Some(0), "Keep what was used within so many minutes.", 1440)
            .nullable()
            .input(),
    ]
}

fn reclaim_fields() -> Vec<Field> {
    let repository = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    vec![
        Field::hrefs("repo_hrefs", "The repositories; `*` alone means all.", repository).required(),
        Field::hrefs("repo_versions_keeplist", "Versions whose files stay.", repository),
    ]
}

fn texts(value: Option<&Json>) -> Vec<String> {
    let list = value.and_then(Json::as_array).cloned().unwrap_or_default();
    list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}

async fn clean_up(mut request: Request) -> Result<Answer> {
    let fields = orphan_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    let mut args = json!({"minutes": draft.get("orphan_protection_time")});
    if let Some(hrefs) = draft.get("content_hrefs") {
        let hrefs = texts(Some(hrefs));
        if hrefs.is_empty() {
            errors.add("content_hrefs", "Must not be [].");
        }
        let (app, viewpoint) = (request.app.clone(), request.viewpoint());
        let ids = request.app.db.read(move |conn| {
            let scope = viewpoint.scope(&app);
            let ids = named_units(&scope, conn, &hrefs, &mut errors)?;
            errors.into_result()?;
            Ok(ids)
        });
        args["content"] = json!(ids.await?);
    } else {
        errors.into_result()?;
    }
    if draft.get("dry_run").and_then(Json::as_bool).unwrap_or(false) {
        return dispatch_dry_run(&request, args).await;
    }
    dispatch_clean_up(&request, args).await
}

/// A task of a kind of its own: a worker that has not heard of dry runs yet must not take it for the other.
async fn dispatch_dry_run(request: &Request, args: Json) -> Result<Answer> {
    let holds = Holds { exclusive: vec![], shared: vec![orphans_of(request)] };
    request.dispatch("pulpcore.app.tasks.orphan.orphan_cleanup_dry_run", "orphan_dry_run", args, holds).await
}

/// The units that a clean-up is to look at, with the messages of filters for those that are none.
fn named_units(scope: &Scope<'_>, conn: &mut Conn, hrefs: &[String], errors: &mut Errors) -> Result<Vec<Id>> {
    let mut ids = Vec::with_capacity(hrefs.len());
    for href in hrefs {
        match configured::find(scope, conn, Kind::Content, href)? {
            Ok(id) => ids.push(id),
            Err(message) => errors.add("content_hrefs", message),
        }
    }
    Ok(ids)
}

async fn delete_orphans(request: Request) -> Result<Answer> {
    dispatch_clean_up(&request, json!({})).await
}

/// What clean-ups of the domain reserve.
fn orphans_of(request: &Request) -> String {
    format!("pdrn:{}:orphans", request.app.domain)
}

async fn dispatch_clean_up(request: &Request, args: Json) -> Result<Answer> {
    let holds = Holds::exclusive(orphans_of(request));
    request.dispatch("pulpcore.app.tasks.orphan.orphan_cleanup", "orphan_cleanup", args, holds).await
}

async fn repair(mut request: Request) -> Result<Answer> {
    // Pulp passes unknown fields over here.
    let fields = repair_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let mut given = input.fields;
    given.retain(|name, _| name == "verify_checksums");
    let draft = Mode::Create.parse(&fields, &given, &mut errors);
    errors.into_result()?;
    let verify = draft.get("verify_checksums").and_then(Json::as_bool).unwrap_or(true);
    let holds = Holds::exclusive(format!("pdrn:{}:repair", request.app.domain));
    let args = json!({"verify_checksums": verify});
    request.dispatch("pulpcore.app.tasks.repository.repair_all_artifacts", "repair", args, holds).await
}

async fn reclaim(mut request: Request) -> Result<Answer> {
    let fields = reclaim_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    let hrefs = texts(draft.get("repo_hrefs"));
    if draft.get("repo_hrefs").is_some() && hrefs.is_empty() {
        errors.add("repo_hrefs", "Must not be [].");
    }
    let keep = texts(draft.get("repo_versions_keeplist"));
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let (repositories, keep) = request
        .app
        .db
        .read(move |conn| {
            let scope = viewpoint.scope(&app);
            let mut find = |field: &str, target, texts: &[String]| {
                let one = |text: &String| configured::resolve(&scope, conn, target, field, text, &mut errors);
                texts.iter().map(one).collect::<Result<Vec<_>>>()
            };
            let keep = find("repo_versions_keeplist", Target::Kind(Kind::RepositoryVersion), &keep)?;
            let all = hrefs.iter().any(|href| href == "*");
            let mut ids = Vec::new();
            if all && hrefs.len() > 1 {
                errors.add("repo_hrefs", "Can not specify other HREFs when using '*'");
            }
            for href in hrefs.iter().filter(|_| !all) {
                match configured::find(&scope, conn, Kind::Repository, href)? {
                    Ok(id) => ids.push(id),
                    Err(message) => errors.add("repo_hrefs", message),
                }
            }
            errors.into_result()?;
            let types = repositories::types(conn, scope.domain, (!all).then_some(&ids))?;
            let prn = |(id, pulp_type): (Id, String)| {
                let resource = app.registry.typed(Kind::Repository, &pulp_type);
                let resource = resource.ok_or_else(|| Error::internal("a repository of an unknown type"))?;
                Ok((id, resource.prn(id)))
            };
            let repositories = types.into_iter().map(prn).collect::<Result<Vec<_>>>()?;
            Ok((repositories, keep.into_iter().flatten().collect::<Vec<Id>>()))
        })
        .await?;
    let (ids, prns): (Vec<Id>, Vec<String>) = repositories.into_iter().unzip();
    let args = json!({"repositories": ids, "keep": keep});
    let holds = Holds { exclusive: prns, shared: vec![] };
    request.dispatch("pulpcore.app.tasks.reclaim_space.reclaim_space", "reclaim_space", args, holds).await
}
