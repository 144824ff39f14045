//! Lists and reads of any resource.

use serde_json::json;

use super::answer::Answer;
use super::page::{Query, envelope};
use super::request::Request;
use crate::db::{Conn, Value, tallies};
use crate::error::{Error, Result};
use crate::resource::{Clause, FilterContext, Kind, Resource, Scope, expression};

pub async fn list(request: Request) -> Result<Answer> {
    list_within(request, None).await
}

/// A list of what also meets `within`: the versions of one repository, say.
pub async fn list_within(request: Request, within: Option<Clause>) -> Result<Answer> {
    let at = request.resource_at()?;
    let page = Query::parse(request.resource()?, &request.query)?;
    let address = format!("{}{}", request.origin, request.path);
    let covered = request.covered();
    let (app, viewpoint, query, reader) = (request.app.clone(), request.viewpoint(), request.query, request.reader);
    let body = request
        .app
        .db
        .read(move |conn| {
            let resource = &app.registry.resources[at];
            let scope = viewpoint.scope(&app);
            let mut wanted = filtered(&scope, conn, resource, &page)?;
            wanted.extend(within);
            wanted.extend(covered);
            wanted.extend(reader.map(|reader| reader.clause(&app.registry, resource)));
            wanted.retain(|clause| !clause.is_always());
            let length = match wanted.is_empty() {
                true => tallies::count(conn, resource.kind.table(), scope.domain, resource.pulp_type)?,
                false => None,
            };
            let clauses = own(&scope, resource).into_iter().chain(wanted).collect();
            let fields = page.chosen(resource);
            let (count, records) = resource.select(conn, &fields, clauses, length, &page.slice())?;
            let results = resource.show_all(&scope, conn, &fields, &records)?;
            Ok(envelope(&address, &query, &page, count, results))
        })
        .await?;
    Ok(Answer::ok(body))
}

pub async fn read(request: Request) -> Result<Answer> {
    let is_numbered = request.resource()?.kind.is_numbered();
    let id: Value = if is_numbered { request.number(0)?.into() } else { request.id()?.into() };
    read_object(request, id).await
}

/// Shows the object of the request's resource with this id.
pub async fn read_object(request: Request, id: Value) -> Result<Answer> {
    let at = request.resource_at()?;
    let page = Query::parse(request.resource()?, &request.query)?;
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let body = request
        .app
        .db
        .read(move |conn| {
            let resource = &app.registry.resources[at];
            let fields = page.chosen(resource);
            let record = resource.record(conn, &fields, id)?.ok_or_else(|| Error::not_found(resource.model))?;
            Ok(resource.show_all(&viewpoint.scope(&app), conn, &fields, &[record])?.pop())
        })
        .await?;
    Ok(Answer::ok(json!(body)))
}

/// The conditions that the query sets.
fn filtered(scope: &Scope<'_>, conn: &mut Conn, resource: &Resource, page: &Query) -> Result<Vec<Clause>> {
    let unknown: Vec<String> = page
        .filters
        .iter()
        .filter(|(name, _)| name != "q" && !resource.filters.iter().any(|filter| filter.name == *name))
        .map(|(name, _)| format!("Invalid Filter: '{name}'"))
        .collect();
    if !unknown.is_empty() {
        return Err(Error::InvalidBody(json!({"errors": unknown})));
    }
    let mut clauses = Vec::new();
    let mut context = FilterContext { scope: *scope, conn };
    for (name, value) in &page.filters {
        if name == "q" {
            if !value.is_empty() {
                clauses.push(expression::clause(&resource.filters, &mut context, value)?);
            }
            continue;
        }
        let filter = resource.filters.iter().find(|filter| filter.name == *name);
        if let Some(filter) = filter {
            clauses.extend(filter.clause(&mut context, value)?);
        }
    }
    Ok(clauses)
}

/// The conditions that make the list that of a type in a domain.
fn own(scope: &Scope<'_>, resource: &Resource) -> Vec<Clause> {
    let domain = match resource.kind {
        kind if kind.has_domain() => Some("t.domain_id = {}"),
        Kind::RepositoryVersion => Some("r.domain_id = {}"),
        _ => None,
    };
    let domain = domain.map(|condition| Clause::new(condition, [Value::Id(scope.domain)]));
    let pulp_type = resource.pulp_type.map(|pulp_type| Clause::new("t.pulp_type = {}", [pulp_type.into()]));
    domain.into_iter().chain(pulp_type).collect()
}
