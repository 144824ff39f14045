//! The small objects below a repository that its format declares.

use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list;
use super::super::request::Request;
use super::super::write::exists;
use crate::db::{Conn, Lock, parts};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::kinds::PartOf;
use crate::resource::{Access, Clause, Errors, Kind, Mode, Resource};

/// The resource of the repository that a part belongs to.
fn repository<'a>(request: &'a Request, part: &PartOf) -> Result<&'a Resource> {
    let mut all = request.app.registry.resources.iter();
    let found = all.find(|one| one.kind == Kind::Repository && one.href_parameter == part.repository);
    found.ok_or_else(|| Error::internal("a part of unknown repositories"))
}

fn part(request: &Request) -> Result<PartOf> {
    request.resource()?.part.ok_or_else(|| Error::internal("the resource is no part"))
}

/// Checks that the path names a repository; its id and PRN.
async fn named(request: &Request) -> Result<(Id, String)> {
    let (resource, id) = (repository(request, &part(request)?)?.clone(), request.id()?);
    let prn = resource.prn(id);
    request.app.db.read(move |conn| exists(conn, &resource, id)).await?;
    Ok((id, prn))
}

pub async fn list(request: Request) -> Result<Answer> {
    let (repository, _) = named(&request).await?;
    let model = request.resource()?.model;
    let within = Clause::new("t.repository_id = {} AND t.model = {}", [repository.into(), model.into()]);
    list::list_within(request, Some(within)).await
}

pub async fn create(mut request: Request) -> Result<Answer> {
    let (at, part) = (request.resource_at()?, part(&request)?);
    let (repository, prn) = named(&request).await?;
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

/// The part that the path names, in the repository that it names.
fn find(conn: &mut Conn, repository: Id, model: &'static str, id: Id) -> Result<()> {
    let all = parts::of_repository(conn, repository, model)?;
    all.iter().find(|part| part.id == id).map(drop).ok_or_else(|| Error::not_found(model))
}

async fn found(request: &Request) -> Result<(Id, Id)> {
    let (repository, _) = named(request).await?;
    let model = request.resource()?.model;
    let id: Id = request.parameter(1)?.parse().map_err(|_| request.not_found())?;
    request.app.db.read(move |conn| find(conn, repository, model, id)).await?;
    Ok((repository, id))
}

pub async fn read(request: Request) -> Result<Answer> {
    let (_, id) = found(&request).await?;
    list::read_object(request, id.into()).await
}

pub async fn delete(request: Request) -> Result<Answer> {
    let (repository, id) = found(&request).await?;
    let model = request.resource()?.model;
    request.app.db.write(move |conn| parts::delete(conn, repository, model, id)).await?;
    Ok(Answer::empty(204))
}
