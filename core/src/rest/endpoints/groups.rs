//! Groups of users, and who is in them.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::page::{Query, envelope, select};
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::position;
use super::users::{by_id, numbers_by_href, numbers_by_prn};
use crate::auth::policy::{Owned, Policy, Verb};
use crate::db::groups::{self, add_member, members, remove_member};
use crate::db::roles::ObjectKey;
use crate::db::users;
use crate::error::{Error, Result};
use crate::guards::resources::shown_user;
use crate::resource::kinds::identity;
use crate::resource::{
    Access, Clause, Errors, Field, Filter, FilterContext, Input, Kind, Lookup, Mode, Operation, Registry, Resource,
    creator,
};

const PATH: &str = "groups/";
/// The longest name, in characters.
const LONGEST_NAME: usize = 150;

pub fn resource() -> Resource {
    Resource {
        kind: Kind::Group,
        app: "core",
        noun: "group",
        href_parameter: "group_href",
        from: "auth_group t".into(),
        fields: fields(),
        filters: filters(),
        ordering: vec![("pk", "t.id"), ("id", "t.id"), ("name", "t.name")],
        can: vec![Operation::List, Operation::Read],
        policy: Owned::new("core", "group").outside_domains().policy(),
        description: "Users who are given roles together.",
        ..Resource::generic(PATH, "groups", "Group", "Groups")
    }
}

fn fields() -> Vec<Field> {
    let mut fields = vec![Field::text("name", "The name of the group.", "readers").required()];
    fields.extend(identity());
    fields.push(Field::integer("id", None, "The group's number.", 1).read_only());
    fields
}

fn filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, Icontains, Iexact, In};
    let mut filters = Filter::text("name", "t.name", &[Exact, Iexact, In, Contains, Icontains]);
    filters.extend(Filter::integer("id", "t.id", &[Exact]));
    filters.extend([
        Filter::custom("id__in", Input::TextList, "Keep the groups with these numbers.", by_number),
        Filter::custom("pulp_href__in", Input::TextList, "Keep the groups with these addresses.", by_href),
        Filter::custom("prn__in", Input::TextList, "Keep the groups with these PRNs.", by_prn),
        Filter::custom("pulp_id__in", Input::UuidList, "Groups are numbered: keeps none.", by_id),
    ]);
    filters
}

fn by_number(_: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let numbers: std::result::Result<Vec<i64>, _> =
        text.split(',').filter(|number| !number.is_empty()).map(|number| number.trim().parse()).collect();
    let numbers = numbers.map_err(|_| Error::field("id__in", "Enter a number."))?;
    Ok(Clause::new("t.id = ANY({})", [numbers.into()]))
}

fn by_href(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    Ok(Clause::new("t.id = ANY({})", [numbers_by_href(context, text, PATH)?.into()]))
}

fn by_prn(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    Ok(Clause::new("t.id = ANY({})", [numbers_by_prn(context, text, "prn:core.group:")?.into()]))
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let object = || Content::Object { schema: "GroupResponse".into(), fields: fields() };
    let user = || vec![Field::text("username", "The name of the user.", "ada").required()];
    let member = || user().into_iter().chain(identity()).collect::<Vec<_>>();
    let written = || fields().into_iter().filter(|field| field.access != Access::ReadOnly).collect();
    let body = |schema: &str, fields| Some(BodyDoc { schema: schema.into(), fields });
    let endpoint = |name: &str, method, path: &str, verb, run: Run, text: &str, body, answer| {
        let is_member = path.contains("users/");
        Endpoint {
            operation: format!("groups_{name}"),
            method,
            path: format!("{PATH}{path}"),
            resource: at,
            policy: is_member.then(Policy::group_members),
            verb,
            run,
            doc: Doc {
                tag: if is_member { "Groups: Users" } else { "Groups" }.into(),
                summary: summary(text),
                description: text.into(),
                body,
                answers: vec![answer],
                selects: name == "users_list",
                href_parameter: match path {
                    "" => None,
                    "{}/users/{}/" => Some("groups_user_href"),
                    _ => Some("group_href"),
                },
                ..Doc::default()
            },
        }
    };
    vec![
        endpoint(
            "create",
            Method::POST,
            "",
            Verb::Create,
            |request| Box::pin(create(request)),
            "Make a group.",
            body("Group", written()),
            (201, object()),
        ),
        endpoint(
            "update",
            Method::PUT,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Replace)),
            "Rename a group.",
            body("Group", written()),
            (200, object()),
        ),
        endpoint(
            "partial_update",
            Method::PATCH,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Change)),
            "Rename a group, if a name is given.",
            body("PatchedGroup", written()),
            (200, object()),
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Delete a group. What was given to it is taken away.",
            None,
            (204, Content::Empty),
        ),
        endpoint(
            "users_list",
            Method::GET,
            "{}/users/",
            Verb::List,
            |request| Box::pin(list_members(request)),
            "List the users of a group.",
            None,
            (200, Content::Page { schema: "GroupUserResponse".into(), fields: member() }),
        ),
        endpoint(
            "users_create",
            Method::POST,
            "{}/users/",
            Verb::Create,
            |request| Box::pin(add(request)),
            "Add a user to a group.",
            body("GroupUser", user()),
            (201, Content::Object { schema: "GroupUserResponse".into(), fields: member() }),
        ),
        endpoint(
            "users_delete",
            Method::DELETE,
            "{}/users/{}/",
            Verb::Delete,
            |request| Box::pin(remove(request)),
            "Take a user out of a group.",
            None,
            (204, Content::Empty),
        ),
    ]
}

async fn named(request: &mut Request, mode: Mode) -> Result<Option<String>> {
    let fields = fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = mode.parse(&fields, &input.fields, &mut errors);
    let name = draft.get("name").and_then(Json::as_str).map(str::to_owned);
    if name.as_ref().is_some_and(|name| name.chars().count() > LONGEST_NAME) {
        errors.add("name", format!("Ensure this field has no more than {LONGEST_NAME} characters."));
    }
    errors.into_result().map(|()| name)
}

async fn create(mut request: Request) -> Result<Answer> {
    let name = named(&mut request, Mode::Create).await?.unwrap_or_default();
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let user = request.user_id();
    let body = request.app.db.write(move |conn| {
        let resource = &app.registry.resources[at];
        let id = groups::insert(conn, &name)?;
        creator::created(&app.registry, conn, resource, ObjectKey::Number(id), user)?;
        resource.load(&viewpoint.scope(&app), conn, id)
    });
    Ok(Answer::created(body.await?.ok_or_else(|| Error::internal("what was made is not there"))?))
}

async fn update(mut request: Request, mode: Mode) -> Result<Answer> {
    let id = request.number(0)?;
    let name = named(&mut request, mode).await?;
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request.app.db.write(move |conn| {
        if let Some(name) = name {
            groups::rename(conn, id, &name)?;
        }
        app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
    });
    Ok(Answer::ok(body.await?.ok_or_else(|| request.not_found())?))
}

async fn delete(request: Request) -> Result<Answer> {
    let id = request.number(0)?;
    match request.app.db.write(move |conn| groups::delete(conn, id)).await? {
        true => Ok(Answer::empty(204)),
        false => Err(request.not_found()),
    }
}

async fn list_members(request: Request) -> Result<Answer> {
    let page = Query::parse(request.resource()?, &request.query)?;
    let (app, viewpoint, id) = (request.app.clone(), request.viewpoint(), request.number(0)?);
    let (limit, offset) = (page.limit, page.offset);
    let found = request.app.db.read(move |conn| {
        if groups::name(conn, id)?.is_none() {
            return Ok(None);
        }
        let (count, users) = members(conn, id, limit, offset)?;
        let scope = viewpoint.scope(&app);
        Ok(Some((count, users.iter().map(|(number, name)| shown_user(&scope, *number, name)).collect::<Vec<_>>())))
    });
    let (count, users) = found.await?.ok_or_else(|| request.not_found())?;
    let users = users.into_iter().map(|user| select(&request.query, user)).collect();
    let address = format!("{}{}", request.origin, request.path);
    Ok(Answer::ok(envelope(&address, &request.query, &page, count, users)))
}

async fn add(mut request: Request) -> Result<Answer> {
    let id = request.number(0)?;
    let input = request.input(&[]).await?;
    let wrong = |text: &str| Error::InvalidBody(json!([text]));
    let username = input.fields.get("username").and_then(Json::as_str).unwrap_or_default().to_owned();
    if username.is_empty() {
        return Err(wrong("Please provide one of the following values for User: 'pk', 'id', 'username'"));
    }
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let added = request.app.db.write(move |conn| {
        if groups::name(conn, id)?.is_none() {
            return Err(Error::not_found("Group"));
        }
        let user = users::by_name(conn, &username)?;
        let user = user.ok_or_else(|| Error::InvalidBody(json!([format!("Could not find user {username}")])))?;
        add_member(conn, id, user.id)?;
        Ok(shown_user(&viewpoint.scope(&app), user.id, &user.username))
    });
    Ok(Answer::json(201, added.await?))
}

async fn remove(request: Request) -> Result<Answer> {
    let (group, user) = (request.number(0)?, request.number(1)?);
    match request.app.db.write(move |conn| remove_member(conn, group, user)).await? {
        true => Ok(Answer::empty(204)),
        false => Err(Error::not_found("User")),
    }
}
