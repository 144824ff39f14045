//! Tokens: what users hand to programs in place of their passwords. A token is shown once, when it is made.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::position;
use crate::app::App;
use crate::auth::policy::{Policy, Verb};
use crate::auth::token::{MOST_OBJECTS, Secret};
use crate::db::tokens::{self, NewToken};
use crate::db::users;
use crate::error::{Error, Result};
use crate::id::now;
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{
    Access, Draft, Errors, Field, Filter, Kind, Lookup, Mode, Operation, Reference, Registry, Resource,
};

pub const PATH: &str = "tokens/";
/// So many tokens a user has at most.
const MOST: i64 = 500;
const LONGEST_NAME: usize = 150;

pub fn resource() -> Resource {
    let own = [("expires", "t.expires"), ("last_used", "t.last_used"), ("name", "t.name"), ("user", "u.username")];
    Resource {
        kind: Kind::Token,
        noun: "token",
        href_parameter: "token_href",
        from: "api_token t JOIN auth_user u ON u.id = t.user_id".into(),
        fields: fields(),
        filters: filters(),
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Policy::personal(),
        description: "What users hand to programs in place of their passwords.",
        ..Resource::generic(PATH, "tokens", "Token", "Tokens")
    }
}

fn fields() -> Vec<Field> {
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "What the token is for.", "releases").required(),
        Field::text("user", "The name of its user; whoever makes it, unless an administrator says another.", "ada")
            .column("u.username"),
        Field::boolean("read_only", "Whether it changes nothing.", true).initial(json!(false)),
        Field::any("objects", "", "PRNs or addresses of what it is for; null for all.", json!([EXAMPLE])).nullable(),
        Field::date_time("expires", "When it ends; null for never.").nullable(),
        Field::date_time("last_used", "When it was used last, to the hour.").nullable().read_only(),
    ]);
    fields
}

const EXAMPLE: &str = "prn:file.filerepository:01a1fe65-ed86-7239-9e42-33410d1bb681";

fn shown_once() -> Vec<Field> {
    let mut fields = fields();
    fields.push(Field::text("token", "The token itself, which is not to be had again.", "pith_…").read_only());
    fields
}

fn filters() -> Vec<Filter> {
    use Lookup::{Exact, In};
    let mut filters = Filter::name("name", "t.name");
    filters.extend(Filter::text("user", "u.username", &[Exact, In]));
    filters.extend(Filter::boolean("read_only", "t.read_only"));
    filters.extend(Filter::date_time("expires", "t.expires"));
    filters.extend(Filter::date_time("last_used", "t.last_used"));
    filters.extend(identity_filters());
    filters
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let endpoint = |name: &str, method, path: &str, verb, run: Run, text: &str, body, answer| Endpoint {
        operation: format!("tokens_{name}"),
        method,
        path: format!("{PATH}{path}"),
        resource: at,
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: "Tokens".into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers: vec![answer],
            href_parameter: (!path.is_empty()).then_some("token_href"),
            ..Doc::default()
        },
    };
    let given = fields().into_iter().filter(|field| field.access != Access::ReadOnly).collect();
    vec![
        endpoint(
            "create",
            Method::POST,
            "",
            Verb::Create,
            |request| Box::pin(create(request)),
            "Make a token. The answer alone shows it. A token makes no other.",
            Some(BodyDoc { schema: "Token".into(), fields: given }),
            (201, Content::Object { schema: "NewTokenResponse".into(), fields: shown_once() }),
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Revoke a token, at once.",
            None,
            (204, Content::Empty),
        ),
    ]
}

async fn create(mut request: Request) -> Result<Answer> {
    let fields = fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    let actor = request.actor.clone().ok_or_else(Error::anonymous)?;
    let user = draft.get("user").and_then(Json::as_str).unwrap_or(&actor.username).to_owned();
    if user != actor.username && !actor.is_superuser {
        errors.add("user", "only administrators make tokens of others");
    }
    let expires = draft.get("expires").and_then(Json::as_str).and_then(|text| text.parse().ok());
    if expires.is_some_and(|expires| expires <= now()) {
        errors.add("expires", "must lie in the future");
    }
    let objects = objects(&request.app, &draft, &mut errors);
    let secret = Secret::new()?;
    let name = draft.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    if name.chars().count() > LONGEST_NAME {
        errors.add("name", format!("Ensure this field has no more than {LONGEST_NAME} characters."));
    }
    let read_only = draft.get("read_only").and_then(Json::as_bool).unwrap_or_default();
    let digest = secret.digest();
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let made = request.app.db.write(move |conn| {
        let user = users::by_name(conn, &user)?;
        if user.is_none() {
            errors.add("user", "there is no such user");
        }
        errors.into_result()?;
        let user_id = user.ok_or_else(|| Error::not_found("User"))?.id;
        let token = NewToken { name, user_id, digest, read_only, objects, expires };
        let id = tokens::insert(conn, &token, MOST)?;
        let id = id.ok_or_else(|| Error::non_field(format!("a user has {MOST} tokens at most; delete one first")))?;
        app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
    });
    let mut body = made.await?.ok_or_else(|| Error::internal("what was made is not there"))?;
    body["token"] = secret.as_str().into();
    Ok(Answer::created(body).with_header("Cache-Control", "no-store"))
}

/// The PRNs of what the field `objects` names; none where it is null. Whether that exists is not looked up, since the
/// answer would tell of objects that its sender may not know of: a token for what is not there is for nothing.
fn objects(app: &App, draft: &Draft, errors: &mut Errors) -> Option<Vec<String>> {
    let given = draft.get("objects").filter(|given| !given.is_null())?;
    let Some(list) = given.as_array().filter(|list| list.len() <= MOST_OBJECTS) else {
        errors.add("objects", format!("must be a list of {MOST_OBJECTS} PRNs or addresses at most, or null"));
        return None;
    };
    let mut prns = Vec::new();
    for (place, text) in list.iter().enumerate() {
        match text.as_str().and_then(|text| app.registry.parse(&app.api, text)) {
            Some(Reference::Object(at, id)) if !app.registry.resources[at].kind.is_numbered() => {
                prns.push(app.registry.resources[at].prn(id));
            }
            _ => errors.add_item("objects", place, "names no object that has an id"),
        }
    }
    Some(prns)
}

async fn delete(request: Request) -> Result<Answer> {
    let id = request.id()?;
    match request.app.db.write(move |conn| tokens::delete(conn, id)).await? {
        true => Ok(Answer::empty(204)),
        false => Err(request.not_found()),
    }
}
