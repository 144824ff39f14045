//! Roles: named sets of permissions. Those that ship with the program cannot be changed.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::position;
use crate::auth::policy::requirement::is_permission;
use crate::auth::policy::{Policy, Verb};
use crate::db::Conn;
use crate::db::roles::{self, RoleDetails};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{
    Access, Clause, Errors, Field, Filter, FilterContext, Input, Kind, Lookup, Mode, Operation, Record, Reference,
    Registry, Resource, Scope,
};

const PATH: &str = "roles/";
const CONTAINS: &str = "contains_permission";

pub fn resource() -> Resource {
    let own = [("description", "t.description"), ("locked", "t.locked"), ("name", "t.name")];
    Resource {
        kind: Kind::Role,
        noun: "role",
        href_parameter: "role_href",
        from: "role t".into(),
        fields: fields(),
        filters: filters(),
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::Read],
        policy: Policy::administrators(),
        description: "Sets of permissions.",
        enrich: Some(add_permissions),
        ..Resource::generic(PATH, "roles", "Role", "Roles")
    }
}

fn fields() -> Vec<Field> {
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "A name, unique among all roles.", "team.reader").required(),
        Field::text("description", "What the role is for.", "Reads what the team publishes.").nullable(),
        Field::texts("permissions", "What the role permits.", json!(["file.view_filerepository"]))
            .shown(&[], |_, _, _| json!([]))
            .writable()
            .required(),
        Field::boolean("locked", "Whether it ships with the program and cannot be changed.", false).read_only(),
    ]);
    fields
}

fn add_permissions(_: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(Record::id).collect();
    let mut permissions = roles::permissions(conn, &ids)?;
    for (record, json) in records.iter().zip(shown) {
        if let (Some(place), Some(id)) = (json.get_mut("permissions"), record.id()) {
            *place = json!(permissions.remove(&id).unwrap_or_default());
        }
    }
    Ok(())
}

fn filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, Icontains, Iexact};
    let mut filters = Filter::name("name", "t.name");
    filters.extend(Filter::text("description", "t.description", &[Exact, Iexact, Contains, Icontains]));
    filters.extend(Filter::boolean("locked", "t.locked"));
    filters.extend([
        Filter::custom(CONTAINS, Input::TextList, "Keep the roles with one of these permissions.", |_, text| {
            let wanted: Vec<String> = text.split(',').map(str::to_owned).collect();
            let sql = "EXISTS (SELECT 1 FROM role_permission p WHERE p.role_id = t.id AND p.permission = ANY({}))";
            Ok(Clause::new(sql, [wanted.into()]))
        }),
        Filter::custom(
            "for_object_type",
            Input::Text,
            "Keep the roles that are about objects of this collection and nothing else.",
            for_object_type,
        ),
    ]);
    filters.extend(identity_filters());
    filters
}

fn for_object_type(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    let registry = context.scope.registry;
    let Some(Reference::Collection(at)) = registry.parse(context.scope.api, text) else {
        return Err(Error::InvalidBody(json!([format!("URI not valid: {text}")])));
    };
    let object_type = registry.resources[at].object_type();
    let about: Vec<String> = registry.permissions_about(&object_type).map(str::to_owned).collect();
    let sql = "EXISTS (SELECT 1 FROM role_permission p WHERE p.role_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM role_permission p WHERE p.role_id = t.id AND p.permission <> ALL({}))";
    Ok(Clause::new(sql, [about.into()]))
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let object = || Content::Object { schema: "RoleResponse".into(), fields: fields() };
    let endpoint = |name: &str, method, path: &str, verb, run: Run, text: &str, body, answer| Endpoint {
        operation: format!("roles_{name}"),
        method,
        path: format!("{PATH}{path}"),
        resource: at,
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: "Roles".into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers: vec![answer],
            filters: if name == "list" { filters() } else { vec![] },
            ordering: if name == "list" { resource().ordering.iter().map(|(name, _)| *name).collect() } else { vec![] },
            selects: name == "list",
            href_parameter: (!path.is_empty()).then_some("role_href"),
            ..Doc::default()
        },
    };
    let body = |schema: &str| {
        let fields = fields().into_iter().filter(|field| field.access != Access::ReadOnly).collect();
        Some(BodyDoc { schema: schema.into(), fields })
    };
    vec![
        endpoint(
            "list",
            Method::GET,
            "",
            Verb::List,
            |request| Box::pin(list_roles(request)),
            "List every role that matches the filters, newest first.",
            None,
            (200, Content::Page { schema: "RoleResponse".into(), fields: fields() }),
        ),
        endpoint(
            "create",
            Method::POST,
            "",
            Verb::Create,
            |request| Box::pin(create(request)),
            "Make a role.",
            body("Role"),
            (201, object()),
        ),
        endpoint(
            "update",
            Method::PUT,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Replace)),
            "Change a role; it holds at once for all who have it.",
            body("Role"),
            (200, object()),
        ),
        endpoint(
            "partial_update",
            Method::PATCH,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Change)),
            "Change some of a role; it holds at once for all who have it.",
            body("PatchedRole"),
            (200, object()),
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Delete a role. It is taken away from all who have it.",
            None,
            (204, Content::Empty),
        ),
    ]
}

/// A permission asked for several times stands for any of them, unlike other filters.
async fn list_roles(mut request: Request) -> Result<Answer> {
    let (wanted, mut rest): (Vec<_>, Vec<_>) = request.query.into_iter().partition(|(name, _)| name == CONTAINS);
    if !wanted.is_empty() {
        let wanted: Vec<_> = wanted.into_iter().map(|(_, value)| value).collect();
        rest.push((CONTAINS.to_owned(), wanted.join(",")));
    }
    request.query = rest;
    list::list(request).await
}

async fn details(request: &mut Request, mode: Mode) -> Result<RoleDetails> {
    let fields = fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = mode.parse(&fields, &input.fields, &mut errors);
    let permissions: Option<Vec<String>> = draft
        .get("permissions")
        .and_then(Json::as_array)
        .map(|list| list.iter().filter_map(Json::as_str).map(str::to_owned).collect());
    for name in permissions.iter().flatten() {
        if !is_permission(name) {
            let text = format!("Permission '{name}' is not in the format '<app_label>.<codename>'.");
            errors.add("permissions", text);
        } else if request.app.registry.subject_of(name).is_none() {
            errors.add("permissions", format!("Permission '{name}' does not exist."));
        }
    }
    errors.into_result()?;
    Ok(RoleDetails {
        name: draft.get("name").and_then(Json::as_str).map(str::to_owned),
        description: draft.get("description").map(|text| text.as_str().map(str::to_owned)),
        permissions,
    })
}

async fn create(mut request: Request) -> Result<Answer> {
    let details = details(&mut request, Mode::Create).await?;
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request.app.db.write(move |conn| {
        let id = roles::insert(conn, &details, false)?;
        app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
    });
    Ok(Answer::created(body.await?.ok_or_else(|| Error::internal("what was made is not there"))?))
}

/// # Errors
/// `NotFound`; `Locked` for one that ships with the program.
fn expect_unlocked(conn: &mut Conn, id: Id) -> Result<()> {
    match roles::is_locked(conn, id)? {
        None => Err(Error::not_found("Role")),
        Some(true) => Err(Error::Locked("The role is locked.")),
        Some(false) => Ok(()),
    }
}

async fn update(mut request: Request, mode: Mode) -> Result<Answer> {
    let id = request.id()?;
    request.app.db.read(move |conn| expect_unlocked(conn, id)).await?;
    let details = details(&mut request, mode).await?;
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request.app.db.write(move |conn| {
        expect_unlocked(conn, id)?;
        roles::update(conn, id, &details)?;
        app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
    });
    Ok(Answer::ok(body.await?.ok_or_else(|| request.not_found())?))
}

async fn delete(request: Request) -> Result<Answer> {
    let id = request.id()?;
    let delete = request.app.db.write(move |conn| {
        expect_unlocked(conn, id)?;
        roles::delete(conn, id)
    });
    delete.await?;
    Ok(Answer::empty(204))
}
