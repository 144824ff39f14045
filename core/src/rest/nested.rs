//! Collections below an object of another one, which their paths name first: exports, imports, parts of repositories.

use super::answer::Answer;
use super::list;
use super::request::Request;
use super::write::exists;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::{Clause, Kind, Resource};

/// The resource below whose objects those of the request's lie.
pub fn parent(request: &Request) -> Result<&Resource> {
    let above = request.app.registry.above(request.resource()?);
    above.ok_or_else(|| Error::internal("no resource above this one"))
}

/// Checks that the path names an object above; its id and PRN.
pub async fn above(request: &Request) -> Result<(Id, String)> {
    let (resource, id) = (parent(request)?.clone(), request.id()?);
    let prn = resource.prn(id);
    request.app.db.read(move |conn| exists(conn, &resource, id)).await?;
    Ok((id, prn))
}

/// The condition that a row of the resource lies below an object.
fn below(resource: &Resource, parent: Id) -> Result<Clause> {
    let column = resource.kind.parent().ok_or_else(|| Error::internal("nothing is above this"))?;
    let below = Clause::new(format!("t.{column} = {{}}"), [parent.into()]);
    Ok(match resource.kind {
        // Those of all formats share a table.
        Kind::Part => Clause::joined(vec![below, Clause::new("t.model = {}", [resource.model.into()])], " AND "),
        _ => below,
    })
}

pub async fn list(request: Request) -> Result<Answer> {
    let (parent, _) = above(&request).await?;
    let clause = below(request.resource()?, parent)?;
    list::list_within(request, Some(clause)).await
}

/// The object that the path names, below the one that it names: the ids of both.
///
/// # Errors
/// `NotFound`.
pub async fn found(request: &Request) -> Result<(Id, Id)> {
    let (parent, _) = above(request).await?;
    let id: Id = request.parameter(1)?.parse().map_err(|_| request.not_found())?;
    let resource = request.resource()?.clone();
    let one = Clause::joined(vec![Clause::new("t.id = {}", [id.into()]), below(&resource, parent)?], " AND ");
    let is_there = request.app.db.read(move |conn| resource.has_any(conn, &one)).await?;
    if is_there { Ok((parent, id)) } else { Err(request.not_found()) }
}

pub async fn read(request: Request) -> Result<Answer> {
    let (_, id) = found(&request).await?;
    list::read_object(request, id.into()).await
}
