//! Changing and deleting content guards: both at once, without a task, and what was let through before is judged
//! anew from then on.

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::write::exists;
use crate::error::{Error, Result};
use crate::ops::{configured, content_guards};
use crate::resource::{Errors, Mode};

pub async fn replace(request: Request) -> Result<Answer> {
    save(request, Mode::Replace).await
}

pub async fn change(request: Request) -> Result<Answer> {
    save(request, Mode::Change).await
}

async fn save(mut request: Request, mode: Mode) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let fields = request.resource()?.fields.clone();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = mode.parse(&fields, &input.fields, &mut errors);
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let write = request.app.db.write(move |conn| {
        let (resource, scope) = (&app.registry.resources[at], viewpoint.scope(&app));
        content_guards::lock(conn)?;
        exists(conn, resource, id)?;
        let change = configured::check(&app, &scope, conn, resource, &draft, Some(id), &mut errors)?;
        errors.into_result()?;
        if configured::would_change(&app, conn, resource, id, &change)? {
            configured::update(&app, conn, resource, id, &change)?;
        }
        resource.load(&scope, conn, id)?.ok_or_else(|| Error::not_found(resource.model))
    });
    let body = write.await?;
    request.app.served_content_changed();
    Ok(Answer::ok(body))
}

pub async fn delete(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    let delete = request.app.db.write(move |conn| {
        let resource = &app.registry.resources[at];
        exists(conn, resource, id)?;
        configured::delete(conn, resource, id)
    });
    delete.await?;
    request.app.served_content_changed();
    Ok(Answer::empty(204))
}
