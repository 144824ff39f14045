//! Making and deleting publications.

use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::write::{Holds, exists};
use crate::db::repositories;
use crate::error::{Error, Result};
use crate::ops::{configured, distributions};
use crate::resource::{Errors, Kind, Mode, Source, Target};

pub async fn create(mut request: Request) -> Result<Answer> {
    let at = request.resource_at()?;
    let fields = request.resource()?.fields.clone();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    if let Some(check) = request.resource()?.check {
        check(&draft, &mut errors);
    }
    let text = |name: &str| draft.get(name).and_then(Json::as_str).map(str::to_owned);
    let (repository, version) = (text("repository"), text("repository_version"));
    let checkpoint = draft.get("checkpoint").and_then(Json::as_bool).unwrap_or(false);
    if errors.is_empty() {
        match (&repository, &version) {
            (None, None) => errors.non_field("Either the 'repository' or 'repository_version' need to be specified"),
            (Some(_), Some(_)) => {
                errors.non_field("Either the 'repository' or 'repository_version' need to be specified but not both.");
            }
            (None, Some(_)) if checkpoint => errors.non_field("'checkpoint' may only be used with 'repository'"),
            _ => {}
        }
    }
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let pulp_type = request.resource()?.pulp_type.unwrap_or_default();
    let (repository, version) = request
        .app
        .db
        .read(move |conn| {
            let scope = viewpoint.scope(&app);
            let mut find = |name: &str, target, text: Option<String>| match text {
                None => Ok(None),
                Some(text) => configured::resolve(&scope, conn, target, name, &text, &mut errors),
            };
            let repository = find("repository", Target::Typed(Kind::Repository, pulp_type), repository)?;
            let version = find("repository_version", Target::Kind(Kind::RepositoryVersion), version)?;
            let owner = match (repository, version) {
                (Some(repository), _) => Some((repository, pulp_type.to_owned())),
                (None, Some(version)) => repositories::owner(conn, version).map(|(id, of, _)| Some((id, of)))?,
                (None, None) => None,
            };
            if owner.as_ref().is_some_and(|(_, of)| of != pulp_type) {
                errors.add("repository_version", crate::resource::Unresolved::OtherType.message(&scope));
            }
            errors.into_result()?;
            let (repository, _) = owner.ok_or_else(|| Error::internal("a publication of nothing"))?;
            Ok((repository, version))
        })
        .await?;
    let resource = &request.app.registry.resources[at];
    let details: serde_json::Map<String, Json> = draft
        .into_iter()
        .filter(|(name, _)| resource.field(name).is_some_and(|field| matches!(field.source, Source::Detail)))
        .collect();
    let args = json!({
        "type": pulp_type, "repository": repository, "version": version, "details": details, "checkpoint": checkpoint,
    });
    let prn = request.app.registry.typed(Kind::Repository, pulp_type).map(|resource| resource.prn(repository));
    let name = format!("pulp_{}.app.tasks.publishing.publish", resource.app);
    request.dispatch(&name, "publish", args, Holds::shared(prn.unwrap_or_default())).await
}

pub async fn delete(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    request
        .app
        .db
        .write(move |conn| {
            exists(conn, &app.registry.resources[at], id)?;
            let (_, repository) = repositories::published(conn, id)?;
            repositories::delete_publication(conn, id)?;
            distributions::note_repository(&app, conn, repository)
        })
        .await?;
    request.app.served_content_changed();
    Ok(Answer::empty(204))
}
