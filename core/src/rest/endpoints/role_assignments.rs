//! Which roles a user or a group was given, and for what: `users/4/roles/`, `groups/1/roles/`.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::object_roles::{is_about, role};
use super::position;
use crate::auth::policy::{Policy, Verb};
use crate::db::roles::{self, Extent, ObjectKey, Principal};
use crate::db::{Conn, domains, groups, users};
use crate::error::{Error, Result};
use crate::id::{Id, prn};
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{
    Access, Clause, Errors, Field, Filter, FilterContext, Input, Kind, Lookup, Mode, Record, Reference, Registry,
    Resource, Scope, Target,
};

/// One of the two collections.
#[derive(Clone, Copy)]
struct Names {
    path: &'static str,
    operations: &'static str,
    model: &'static str,
    noun: &'static str,
    tag: &'static str,
    /// The principal's.
    parent: &'static str,
    href_parameter: &'static str,
    column: &'static str,
}

const OF_USERS: Names = Names {
    path: "users/{}/roles/",
    operations: "users_roles",
    model: "UserRole",
    noun: "user",
    tag: "Users: Roles",
    parent: "auth_user_href",
    href_parameter: "auth_users_user_role_href",
    column: "t.user_id",
};
const OF_GROUPS: Names = Names {
    path: "groups/{}/roles/",
    operations: "groups_roles",
    model: "GroupRole",
    noun: "group",
    tag: "Groups: Roles",
    parent: "group_href",
    href_parameter: "groups_group_role_href",
    column: "t.group_id",
};

pub fn resources() -> [Resource; 2] {
    [OF_USERS, OF_GROUPS].map(|names| Resource {
        kind: Kind::RoleAssignment,
        noun: "role assignment",
        href_parameter: names.href_parameter,
        from: "role_assignment t JOIN role r ON r.id = t.role_id".into(),
        fields: fields(names),
        filters: filters(),
        ordering: BASE_ORDERING.into_iter().chain([("role", "r.name")]).collect(),
        policy: Policy::administrators(),
        description: "Roles that were given.",
        enrich: Some(complete),
        ..Resource::generic(names.path, names.operations, names.model, names.tag)
    })
}

fn href(scope: &Scope<'_>, record: &Record, path: &str, principal: &str) -> Json {
    let href =
        |(id, number): (Id, i64)| format!("{}{}{id}/", scope.api.shared(), path.replace("{}", &number.to_string()));
    json!(record.id().zip(record.get::<i64>(principal)).map(href))
}

fn fields(names: Names) -> Vec<Field> {
    let example = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    let mut fields = base_fields();
    for field in fields.iter_mut().filter(|field| field.name == "pulp_href") {
        *field = match names.model {
            "UserRole" => {
                field.clone().shown(&["user_id"], |scope, _, record| href(scope, record, OF_USERS.path, "t.user_id"))
            }
            _ => {
                field.clone().shown(&["group_id"], |scope, _, record| href(scope, record, OF_GROUPS.path, "t.group_id"))
            }
        };
    }
    let domain = "/pulp/api/v3/domains/01a1fe65-ed86-7239-9e42-33410d1bb681/";
    fields.extend([
        Field::text("role", "The name of the role.", "file.filerepository_viewer").column("r.name").required(),
        Field::text("content_object", "The address of the one object it is for; null for all.", example)
            .shown(&OBJECT, |scope, _, record| json!(object(scope, record).map(|(href, _)| href)))
            .writable()
            .nullable(),
        Field::text("content_object_prn", "The PRN of the one object it is for; null for all.", "prn:core.group:1")
            .shown(&OBJECT, |scope, _, record| json!(object(scope, record).map(|(_, prn)| prn)))
            .writable()
            .nullable(),
        Field::text("description", "What the role is for.", "").column("r.description").read_only(),
        Field::any("permissions", "", "What the role permits.", json!(["file.view_filerepository"]))
            .shown(&["role_id"], |_, _, _| json!([])),
        Field::href("domain", Target::Nothing, "The domain it is bound to; excludes an object.", domain)
            .nullable()
            .shown(&["domain_id"], |scope, _, record| {
                json!(record.get::<Id>("t.domain_id").map(|id| format!("{}domains/{id}/", scope.api.shared())))
            })
            .writable(),
    ]);
    fields
}

/// The columns that say for which object.
const OBJECT: [&str; 3] = ["object_type", "object_id", "object_number"];

/// Address and PRN of the object.
fn object(scope: &Scope<'_>, record: &Record) -> Option<(String, String)> {
    let object_type: String = record.get("t.object_type")?;
    let id = record.get::<Id>("t.object_id").map(|id| id.to_string());
    let key = id.or_else(|| record.get::<i64>("t.object_number").map(|number| number.to_string()))?;
    let href = scope.registry.by_object_type(&object_type).map(|resource| scope.href(resource, &key));
    let (app, model) = object_type.split_once('.')?;
    Some((href.unwrap_or_default(), prn(app, model, key)))
}

/// Says what the roles permit, and where objects of other domains than the default one are.
fn complete(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    if !scope.api.mount().is_empty() {
        for (record, json) in records.iter().zip(shown.iter_mut()) {
            let place = json.get_mut("content_object").filter(|place| !place.is_null());
            let object = record.get::<String>("t.object_type").zip(record.get::<Id>("t.object_id"));
            let Some((place, (object_type, id))) = place.zip(object) else { continue };
            let Some(resource) = scope.registry.by_object_type(&object_type) else { continue };
            let kind = resource.kind;
            if kind.is_shared() {
                continue;
            }
            if let Some(domain) = domains::name_of(conn, kind.table(), &kind.domain_of("o"), id)? {
                *place = json!(format!("{}{}{id}/", scope.api.within(&domain), resource.path));
            }
        }
    }
    add_permissions(conn, records, shown)
}

fn add_permissions(conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(|record| record.get("t.role_id")).collect();
    let permissions = roles::permissions(conn, &ids)?;
    for (record, json) in records.iter().zip(shown) {
        if let (Some(place), Some(id)) = (json.get_mut("permissions"), record.get::<Id>("t.role_id")) {
            *place = json!(permissions.get(&id).cloned().unwrap_or_default());
        }
    }
    Ok(())
}

fn filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, Icontains, In, Startswith};
    let mut filters = Filter::text("role", "r.name", &[Exact, In, Contains, Icontains, Startswith]);
    filters.extend([
        Filter::custom("content_object", Input::Text, "Keep what was given for this object, or `null`.", for_object),
        Filter::custom("domain", Input::Text, "Keep what is bound to this domain, or `null`.", for_domain),
    ]);
    filters.extend(identity_filters());
    filters
}

fn for_object(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    match text {
        "" => Ok(Clause::always()),
        "null" => Ok(Clause::new("t.object_type IS NULL", [])),
        _ => match context.scope.registry.object_with_roles(context.scope.api, text) {
            Some((_, ObjectKey::Id(id))) => Ok(Clause::new("t.object_id = {}", [id.into()])),
            Some((_, ObjectKey::Number(number))) => Ok(Clause::new("t.object_number = {}", [number.into()])),
            None => Err(Error::InvalidBody(json!([format!("Invalid value for 'content_object': {text}.")]))),
        },
    }
}

fn for_domain(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    match text {
        "" => Ok(Clause::always()),
        "null" => Ok(Clause::new("t.domain_id IS NULL", [])),
        _ => match context.scope.registry.parse(context.scope.api, text) {
            Some(Reference::Object(at, id)) if context.scope.registry.resources[at].kind == Kind::Domain => {
                Ok(Clause::new("t.domain_id = {}", [id.into()]))
            }
            _ => Err(Error::InvalidBody(json!([format!("Invalid value for 'domain': {text}.")]))),
        },
    }
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    [OF_USERS, OF_GROUPS].into_iter().flat_map(|names| of_collection(registry, names)).collect()
}

fn of_collection(registry: &Registry, names: Names) -> Vec<Endpoint> {
    let at = position(registry, names.path);
    let fields = fields(names);
    let schema = format!("{}Response", names.model);
    let written: Vec<_> = fields.iter().filter(|field| field.access != Access::ReadOnly).cloned().collect();
    let object = || Content::Object { schema: schema.clone(), fields: fields.clone() };
    let endpoint = |name: &str, method, is_one: bool, verb, run: Run, text: String, body, answer| Endpoint {
        operation: format!("{}_{name}", names.operations),
        method,
        path: if is_one { format!("{}{{}}/", names.path) } else { names.path.to_owned() },
        resource: at,
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: names.tag.into(),
            summary: summary(&text),
            description: text,
            body,
            answers: vec![answer],
            filters: if name == "list" { filters() } else { vec![] },
            ordering: if name == "list" {
                resources()[0].ordering.iter().map(|(name, _)| *name).collect()
            } else {
                vec![]
            },
            selects: matches!(name, "list" | "read"),
            href_parameter: Some(if is_one { names.href_parameter } else { names.parent }),
            nested: true,
            ..Doc::default()
        },
    };
    let noun = names.noun;
    vec![
        endpoint(
            "list",
            Method::GET,
            false,
            Verb::List,
            |request| Box::pin(list_given(request)),
            format!("List the roles that a {noun} was given, newest first."),
            None,
            (200, Content::Page { schema: schema.clone(), fields: fields.clone() }),
        ),
        endpoint(
            "create",
            Method::POST,
            false,
            Verb::Create,
            |request| Box::pin(create(request)),
            format!("Give a {noun} a role: for everything, for a domain or for one object."),
            Some(BodyDoc { schema: names.model.into(), fields: written }),
            (201, object()),
        ),
        endpoint(
            "read",
            Method::GET,
            true,
            Verb::Read,
            |request| Box::pin(read(request)),
            format!("Show one role that a {noun} was given."),
            None,
            (200, object()),
        ),
        endpoint(
            "delete",
            Method::DELETE,
            true,
            Verb::Delete,
            |request| Box::pin(delete(request)),
            format!("Take a role away from a {noun}."),
            None,
            (204, Content::Empty),
        ),
    ]
}

impl Request {
    /// Whose roles the path is about.
    fn principal(&self) -> Result<(Names, Principal)> {
        let number = self.number(0)?;
        Ok(match self.resource()?.model {
            "UserRole" => (OF_USERS, Principal::User(number)),
            _ => (OF_GROUPS, Principal::Group(number)),
        })
    }

    fn given_id(&self) -> Result<Id> {
        self.parameter(1)?.parse().map_err(|_| self.not_found())
    }
}

/// # Errors
/// `NotFound` when there is no such user or group.
fn expect(conn: &mut Conn, principal: Principal) -> Result<()> {
    let (model, is_there) = match principal {
        Principal::User(id) => ("User", users::by_id(conn, id)?.is_some()),
        Principal::Group(id) => ("Group", groups::name(conn, id)?.is_some()),
    };
    if is_there { Ok(()) } else { Err(Error::not_found(model)) }
}

async fn list_given(request: Request) -> Result<Answer> {
    let (names, principal) = request.principal()?;
    request.app.db.read(move |conn| expect(conn, principal)).await?;
    let number = request.number(0)?;
    list::list_within(request, Some(Clause::new(format!("{} = {{}}", names.column), [number.into()]))).await
}

async fn read(request: Request) -> Result<Answer> {
    let ((_, principal), id) = (request.principal()?, request.given_id()?);
    match request.app.db.read(move |conn| roles::has_one(conn, id, principal)).await? {
        true => list::read_object(request, id.into()).await,
        false => Err(request.not_found()),
    }
}

async fn delete(request: Request) -> Result<Answer> {
    let ((_, principal), id) = (request.principal()?, request.given_id()?);
    match request.app.db.write(move |conn| roles::take_one(conn, id, principal)).await? {
        true => Ok(Answer::empty(204)),
        false => Err(request.not_found()),
    }
}

async fn create(mut request: Request) -> Result<Answer> {
    let (names, principal) = request.principal()?;
    let fields = fields(names);
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    errors.into_result()?;
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request.app.db.write(move |conn| {
        let scope = viewpoint.scope(&app);
        expect(conn, principal)?;
        let text = |name: &str| draft.get(name).and_then(Json::as_str);
        let role_name = text("role").unwrap_or_default();
        let role = role(conn, role_name)?;
        let extent = extent(&scope, conn, &draft)?;
        if let Extent::Object(object_type, _) = &extent
            && !is_about(&app.registry, conn, role, object_type)?
        {
            let text = format!("The role '{role_name}' does not carry any permission for that object.");
            return Err(Error::non_field(text));
        }
        let given = || Error::non_field(format!("The role is already assigned to this {}.", names.noun));
        let id = roles::give_once(conn, role, principal, &extent)?.ok_or_else(given)?;
        app.registry.resources[at].load(&scope, conn, id)
    });
    Ok(Answer::created(body.await?.ok_or_else(|| Error::internal("what was made is not there"))?))
}

/// What the role is to be given for.
fn extent(scope: &Scope<'_>, conn: &mut Conn, draft: &crate::resource::Draft) -> Result<Extent> {
    const FIELDS: [&str; 2] = ["content_object", "content_object_prn"];
    if FIELDS.iter().all(|name| !draft.contains_key(*name)) {
        let text = "Either 'content_object' or 'content_object_prn' needs to be specified. Use 'null' for global or \
                    domain level access.";
        return Err(Error::non_field(text));
    }
    let domain = draft.get("domain").and_then(Json::as_str);
    let named = FIELDS.iter().find_map(|name| Some((*name, draft.get(*name)?.as_str()?)));
    match (named, domain) {
        (Some(_), Some(_)) => Err(Error::non_field("The role assignment on object and domain is mutually exclusive.")),
        (Some((field, text)), None) => {
            let invalid = || Error::field(field, format!("Invalid value: {text}."));
            let (resource, key) = scope.registry.object_with_roles(scope.api, text).ok_or_else(invalid)?;
            resource.record(conn, &[], key.value())?.ok_or_else(invalid)?;
            Ok(Extent::Object(resource.object_type(), key))
        }
        (None, Some(text)) => {
            let found = scope.registry.resolve(scope, conn, Target::Kind(Kind::Domain), text)?;
            found.map(Extent::Domain).map_err(|unresolved| Error::field("domain", unresolved.message(scope)))
        }
        (None, None) => Ok(Extent::Everything),
    }
}
