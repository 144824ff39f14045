//! The small objects below a repository that its format declares.

use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::nested;
use super::super::request::Request;
use crate::db::{Lock, parts};
use crate::error::{Error, Result};
use crate::resource::kinds::PartOf;
use crate::resource::{Access, Errors, Mode};

fn part(request: &Request) -> Result<PartOf> {
    request.resource()?.part.ok_or_else(|| Error::internal("the resource is no part"))
}

pub async fn create(mut request: Request) -> Result<Answer> {
    let (at, part) = (request.resource_at()?, part(&request)?);
    let (repository, prn) = nested::above(&request).await?;
    let mut fields = request.resource()?.fields.clone();
    fields.retain(|field| field.access != Access::ReadOnly);
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let mut draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    let (app, viewpoint, user) = (request.app.clone(), request.viewpoint(), request.user_id());
    let made = request.app.db.write(move |conn| {
        let resource = &app.registry.resources[at];
        conn.lock(&Lock::Resource(prn))?;
        if errors.is_empty() {
            let others = parts::of_repository(conn, repository, resource.model)?;
            let others: Vec<Json> = others.into_iter().map(|part| part.fields).collect();
            (part.check)(&mut draft, &others, &mut errors);
        }
        errors.into_result()?;
        let added_by = user.map(|user| crate::id::prn("auth", "user", user)).unwrap_or_default();
        draft.insert("added_by".into(), json!(added_by));
        let made = parts::insert(conn, repository, resource.model, Json::Object(draft))?;
        resource.load(&viewpoint.scope(&app), conn, made.id)
    });
    Ok(Answer::created(made.await?.ok_or_else(|| Error::internal("what was made is not there"))?))
}

pub async fn delete(request: Request) -> Result<Answer> {
    let (repository, id) = nested::found(&request).await?;
    let model = request.resource()?.model;
    request.app.db.write(move |conn| parts::delete(conn, repository, model, id)).await?;
    Ok(Answer::empty(204))
}
