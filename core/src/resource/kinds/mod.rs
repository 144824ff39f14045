//! What the resources of one kind have in common: fields, filters, orderings. A format adds its own.

mod alternate_content_source;
mod content;
mod content_guard;
mod distribution;
mod domain;
mod exchange;
mod part;
mod publication;
mod remote;
mod repository;
mod signing_service;
mod upstream_pulp;
mod version;
mod vulnerability_report;

pub(crate) use content::orphaned_for;
pub use content::{DIGEST_COLUMNS, digest_fields, shown_artifacts};
pub use domain::secrets as domain_secrets;
pub use part::PartOf;
pub use remote::SECRETS;
pub use repository::Names;

use serde_json::{Value as Json, json};

use super::{Field, Filter, FilterContext, Input, Kind, Record, Resource, Scope, Target};
use crate::db::Value;
use crate::error::{Error, Result};
use crate::id::{Id, Instant, format_instant};

use super::filter::Clause;
use super::record::qualified;

/// The resource whose href and PRN a record has: its own, or in a list of several types that of its type.
fn owner<'a>(scope: &Scope<'a>, resource: &'a Resource, record: &Record) -> &'a Resource {
    if resource.pulp_type.is_some() || !resource.kind.is_typed() {
        return resource;
    }
    let pulp_type: Option<String> = record.get("t.pulp_type");
    pulp_type.and_then(|name| scope.registry.typed(resource.kind, &name)).unwrap_or(resource)
}

pub(crate) fn show_href(scope: &Scope<'_>, resource: &Resource, record: &Record) -> Json {
    match record.get::<i64>("t.id") {
        Some(number) => json!(scope.href(resource, number)),
        None if resource.is_nested() => {
            let parent: Option<Id> = resource.kind.parent().and_then(|column| record.get(qualified(column)));
            let href = |(id, parent): (Id, Id)| scope.href(resource, id).replace("{}", &parent.to_string());
            json!(record.id().zip(parent).map(href))
        }
        None => json!(record.id().map(|id| scope.href(owner(scope, resource, record), id))),
    }
}

pub(crate) fn show_prn(scope: &Scope<'_>, resource: &Resource, record: &Record) -> Json {
    match record.get::<i64>("t.id") {
        Some(number) => json!(resource.prn(number)),
        None => json!(record.id().map(|id| owner(scope, resource, record).prn(id))),
    }
}

/// The fields every object begins with.
pub fn identity() -> Vec<Field> {
    let example = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    vec![
        Field::href("pulp_href", Target::Nothing, "The address of this object.", example).shown(&["id"], show_href),
        Field::text(
            "prn",
            "The name of this object, which stays when addresses change.",
            "prn:file.filerepository:01a1fe65-ed86-7239-9e42-33410d1bb681",
        )
        .shown(&["id"], show_prn),
    ]
}

/// [`identity`] and the times of creation and of the last change.
pub fn base_fields() -> Vec<Field> {
    let mut fields = identity();
    fields.push(Field::date_time("pulp_created", "When this object was made.").column("created").read_only());
    fields.push(Field::date_time("pulp_last_updated", "When this object last changed.").column("updated").read_only());
    fields
}

/// Filters by identity, which nearly every list has.
pub fn identity_filters() -> Vec<Filter> {
    vec![
        Filter::custom("pulp_href__in", Input::TextList, "Keep the objects with these addresses.", by_href),
        Filter::custom("prn__in", Input::TextList, "Keep the objects with these PRNs.", by_prn),
        Filter::custom("pulp_id__in", Input::UuidList, "Keep the objects with these ids.", by_id),
    ]
}

fn by_href(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::never());
    }
    let registry = context.scope.registry;
    let mut ids = Vec::new();
    for href in text.split(',') {
        let reference = registry
            .parse(context.scope.api, href)
            .filter(|_| !href.starts_with("prn:"))
            .ok_or_else(|| Error::InvalidBody(json!([format!("URI not valid: {href}")])))?;
        ids.extend(registry.find(&context.scope, context.conn, &reference)?);
    }
    Ok(Clause::new("t.id = ANY({})", [Value::Ids(ids)]))
}

fn by_prn(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    let registry = context.scope.registry;
    let mut ids = Vec::new();
    for prn in text.split(',').filter(|prn| !prn.is_empty()) {
        if !prn.starts_with("prn:") {
            let text = format!("Not a valid PRN: {prn}, must start with 'prn:'");
            return Err(Error::InvalidBody(json!([text])));
        }
        let reference = registry
            .parse(context.scope.api, prn)
            .ok_or_else(|| Error::InvalidBody(json!([format!("Not a valid PRN: {prn}")])))?;
        ids.extend(registry.find(&context.scope, context.conn, &reference)?);
    }
    Ok(Clause::new("t.id = ANY({})", [Value::Ids(ids)]))
}

fn by_id(_: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    let ids: std::result::Result<Vec<Id>, _> = text.split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
    let ids = ids.map_err(|_| Error::field("pulp_id__in", "Enter a valid UUID."))?;
    Ok(Clause::new("t.id = ANY({})", [Value::Ids(ids)]))
}

pub(crate) fn label_filter() -> Filter {
    Filter::custom(
        "pulp_label_select",
        Input::Text,
        "Keep what carries these labels: `k`, `!k`, `k=v`, `k!=v` or `k~part`, joined by commas.",
        |_, text| super::filter::label_select(text),
    )
}

/// The filters of lists that mix types.
fn type_filters(types: Vec<&'static str>) -> Vec<Filter> {
    let one = |_: &mut FilterContext<'_>, text: &str| Ok(Clause::new("t.pulp_type = {}", [Value::from(text)]));
    let many = |_: &mut FilterContext<'_>, text: &str| {
        let types: Vec<String> = text.split(',').map(str::to_owned).collect();
        Ok(Clause::new("t.pulp_type = ANY({})", [types.into()]))
    };
    vec![
        Filter::custom("pulp_type", Input::Choice(types.clone()), "Keep the objects of this type.", one),
        Filter::custom("pulp_type__in", Input::ChoiceList(types), "Keep the objects of these types.", many),
    ]
}

/// Orderings that every table with identity and times has.
pub(crate) const BASE_ORDERING: [(&str, &str); 4] =
    [("pk", "t.id"), ("pulp_created", "t.created"), ("pulp_id", "t.id"), ("pulp_last_updated", "t.updated")];

fn ordering(own: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    BASE_ORDERING.iter().chain(own).copied().collect()
}

/// Shows what a foreign key points to, an object of `kind`, with the type that was selected beside it.
fn show_reference(scope: &Scope<'_>, record: &Record, kind: Kind, id: &str, pulp_type: &str) -> Json {
    let href = record
        .get::<Id>(id)
        .zip(record.get::<String>(pulp_type))
        .and_then(|(id, name)| scope.typed_href(kind, &name, id));
    json!(href)
}

/// Shows a repository version: repository, its type and the number were selected.
fn show_version(scope: &Scope<'_>, record: &Record, repository: &str, pulp_type: &str, number: &str) -> Json {
    let repository = show_reference(scope, record, Kind::Repository, repository, pulp_type);
    let href = repository.as_str().zip(record.get::<i64>(number)).map(|(href, n)| format!("{href}versions/{n}/"));
    json!(href)
}

/// The latest of some instants, as text.
fn latest(instants: impl IntoIterator<Item = Option<Instant>>) -> Json {
    json!(instants.into_iter().flatten().max().map(format_instant))
}

/// The condition of a foreign key filter: an href or PRN of the kind, `null`, or a collection's address,
/// which stands for all of its objects.
pub(crate) fn foreign_key(
    context: &mut FilterContext<'_>,
    text: &str,
    column: &str,
    kind: Kind,
) -> Result<Option<Clause>> {
    if text.is_empty() {
        return Ok(None);
    }
    if text == "null" {
        return Ok(Some(Clause::new(format!("{column} IS NULL"), [])));
    }
    let registry = context.scope.registry;
    let invalid = |message: String| Error::InvalidBody(json!([message]));
    let reference =
        registry.parse(context.scope.api, text).ok_or_else(|| invalid(format!("URI couldn't be resolved: {text}")))?;
    use super::Reference::{Collection, Object, Version, VersionId};
    match reference {
        Object(at, id) if registry.resources[at].kind == kind => {
            Ok(Some(Clause::new(format!("{column} = {{}}"), [Value::Id(id)])))
        }
        Collection(at) if registry.resources[at].kind == kind && kind.is_typed() => Ok(Some(Clause::new(
            format!("{column} IN (SELECT id FROM {} WHERE pulp_type = {{}})", kind.table()),
            [registry.resources[at].pulp_type.into()],
        ))),
        Object(..) | Collection(_) | Version { .. } | VersionId(_) => {
            Err(invalid(format!("URI/PRN is not a valid href for {} model: {text}", kind.table())))
        }
    }
}
