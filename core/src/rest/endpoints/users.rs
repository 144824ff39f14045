//! Users, as administrators see them.

use std::sync::LazyLock;

use actix_web::http::Method;
use regex::Regex;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::position;
use crate::auth::password;
use crate::auth::policy::{Policy, Verb};
use crate::db::users::{self, NO_PASSWORD, UserDetails};
use crate::db::{Conn, Value, groups};
use crate::error::{Error, NON_FIELD, Result};
use crate::id::Id;
use crate::resource::kinds::identity;
use crate::resource::{
    Access, Clause, Draft, Errors, Field, Filter, FilterContext, Input, Kind, Lookup, Mode, Operation, Record,
    Registry, Resource, Scope,
};

const PATH: &str = "users/";

/// The longest name, in characters.
const LONGEST_NAME: usize = 150;
/// The longest address, in characters.
const LONGEST_EMAIL: usize = 254;

pub fn resource() -> Resource {
    let names =
        ["date_joined", "email", "first_name", "is_active", "is_staff", "is_superuser", "last_name", "username"];
    Resource {
        kind: Kind::User,
        app: "auth",
        noun: "user",
        href_parameter: "auth_user_href",
        from: "auth_user t".into(),
        fields: fields(),
        filters: filters(),
        ordering: [("pk", "t.id"), ("id", "t.id")].into_iter().chain(names.map(|name| (name, column(name)))).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Policy::administrators(),
        description: "Those who may log in.",
        enrich: Some(add_groups),
        ..Resource::generic(PATH, "users", "User", "Users")
    }
}

fn column(name: &str) -> &'static str {
    match name {
        "date_joined" => "t.date_joined",
        "email" => "t.email",
        "first_name" => "t.first_name",
        "is_active" => "t.is_active",
        "is_staff" => "t.is_staff",
        "is_superuser" => "t.is_superuser",
        "last_name" => "t.last_name",
        _ => "t.username",
    }
}

/// What users may also say of themselves.
pub fn personal_fields() -> [Field; 4] {
    [
        Field::text("username", "The name to log in with.", "ada"),
        Field::text("first_name", "First name.", "Ada").blank(),
        Field::text("last_name", "Last name.", "Lovelace").blank(),
        Field::text("email", "Where mail reaches the user.", "ada@example.org").blank(),
    ]
}

fn fields() -> Vec<Field> {
    let mut fields = identity();
    fields.push(Field::integer("id", None, "The user's number.", 4).read_only());
    let [username, first_name, last_name, email] = personal_fields();
    let password = Field {
        wire: crate::resource::Wire::RawText,
        ..Field::text("password", "Without one nobody logs in.", "Yeech6ba")
    };
    fields.extend([
        username.required(),
        password.nullable().input(),
        first_name,
        last_name,
        email,
        Field::boolean("is_staff", "Kept for clients that send it; gives no right.", false).default(json!(false)),
        Field::boolean("is_active", "Whether the user may log in.", true).default(json!(true)),
        Field::date_time("date_joined", "When the user was made.").read_only(),
        Field::any("groups", "UserGroup", "The user's groups.", json!([])).shown(&[], |_, _, _| json!([])),
        Field::any("hidden_fields", "", "Which secret fields are set.", json!([{"name": "password", "is_set": true}]))
            .shown(&[], |_, _, _| json!([{"name": "password", "is_set": true}])),
    ]);
    fields
}

fn add_groups(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<i64> = records.iter().filter_map(|record| record.get("t.id")).collect();
    let groups = groups::of_users(conn, &ids)?;
    for (record, json) in records.iter().zip(shown) {
        let own = groups.iter().filter(|(user, ..)| Some(*user) == record.get("t.id"));
        if let Some(place) = json.get_mut("groups") {
            *place = own
                .map(|(_, id, name)| {
                    let href = format!("{}groups/{id}/", scope.api.shared());
                    json!({"name": name, "pulp_href": href, "prn": crate::id::prn("auth", "group", id)})
                })
                .collect();
        }
    }
    Ok(())
}

fn filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, Icontains, Iexact, In};
    let lookups = [Exact, Iexact, In, Contains, Icontains];
    let names = ["username", "first_name", "last_name", "email"];
    let mut filters: Vec<_> = names.iter().flat_map(|name| Filter::text(name, column(name), &lookups)).collect();
    filters.extend(Filter::boolean("is_active", "t.is_active"));
    filters.extend(Filter::boolean("is_staff", "t.is_staff"));
    filters.extend([
        Filter::custom("pulp_href__in", Input::TextList, "Keep the users with these addresses.", by_href),
        Filter::custom("prn__in", Input::TextList, "Keep the users with these PRNs.", by_prn),
        Filter::custom("pulp_id__in", Input::UuidList, "Users are numbered: keeps none.", by_id),
    ]);
    filters
}

fn by_href(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    Ok(Clause::new("t.id = ANY({})", [Value::Ints(numbers_by_href(context, text, PATH)?)]))
}

fn by_prn(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    Ok(Clause::new("t.id = ANY({})", [Value::Ints(numbers_by_prn(context, text, "prn:auth.user:")?)]))
}

/// The numbers of the objects of a collection that hrefs name; those of others count for nothing.
pub(super) fn numbers_by_href(context: &mut FilterContext<'_>, text: &str, collection: &str) -> Result<Vec<i64>> {
    let (registry, api) = (context.scope.registry, context.scope.api);
    let mut numbers: Vec<i64> = Vec::new();
    for href in text.split(',').filter(|href| !href.is_empty()) {
        let number = api.path_in(href).and_then(|path| path.strip_prefix(collection)?.strip_suffix('/'));
        let number: Option<i64> = number.and_then(|number| number.parse().ok());
        if number.is_none() && (href.starts_with("prn:") || registry.parse(api, href).is_none()) {
            return Err(Error::InvalidBody(json!([format!("URI not valid: {href}")])));
        }
        numbers.extend(number);
    }
    Ok(numbers)
}

/// As [`numbers_by_href`], of PRNs.
pub(super) fn numbers_by_prn(context: &mut FilterContext<'_>, text: &str, start: &str) -> Result<Vec<i64>> {
    let (registry, api) = (context.scope.registry, context.scope.api);
    let mut numbers: Vec<i64> = Vec::new();
    for prn in text.split(',').filter(|prn| !prn.is_empty()) {
        if !prn.starts_with("prn:") {
            let text = format!("Not a valid PRN: {prn}, must start with 'prn:'");
            return Err(Error::InvalidBody(json!([text])));
        }
        let number: Option<i64> = prn.strip_prefix(start).and_then(|number| number.parse().ok());
        if number.is_none() && registry.parse(api, prn).is_none() {
            return Err(Error::InvalidBody(json!([format!("Not a valid PRN: {prn}")])));
        }
        numbers.extend(number);
    }
    Ok(numbers)
}

/// No numbered object has an id of the other kind, but what is none is told.
pub(super) fn by_id(_: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    match text.split(',').filter(|id| !id.is_empty()).all(|id| id.parse::<Id>().is_ok()) {
        true => Ok(Clause::never()),
        false => Err(Error::field("pulp_id__in", "Enter a valid UUID.")),
    }
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let shown: Vec<_> = fields().into_iter().filter(|field| field.access != Access::WriteOnly).collect();
    let object = || Content::Object { schema: "UserResponse".into(), fields: shown.clone() };
    let body = |schema: &str| {
        let fields = fields().into_iter().filter(|field| field.access != Access::ReadOnly).collect();
        Some(BodyDoc { schema: schema.into(), fields })
    };
    let endpoint = |name: &str, method, path: &str, verb, run: Run, text: &str, body, answer| Endpoint {
        operation: format!("users_{name}"),
        method,
        path: format!("{PATH}{path}"),
        resource: at,
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: "Users".into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers: vec![answer],
            href_parameter: (!path.is_empty()).then_some("auth_user_href"),
            ..Doc::default()
        },
    };
    vec![
        endpoint(
            "create",
            Method::POST,
            "",
            Verb::Create,
            |request| Box::pin(create(request)),
            "Make a user.",
            body("User"),
            (201, object()),
        ),
        endpoint(
            "update",
            Method::PUT,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Replace)),
            "Change a user.",
            body("User"),
            (200, object()),
        ),
        endpoint(
            "partial_update",
            Method::PATCH,
            "{}/",
            Verb::Update,
            |request| Box::pin(update(request, Mode::Change)),
            "Change some details of a user. A new password ends the user's sessions.",
            body("PatchedUser"),
            (200, object()),
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Delete a user.",
            None,
            (204, Content::Empty),
        ),
    ]
}

async fn create(mut request: Request) -> Result<Answer> {
    let details = read_details(&mut request, Mode::Create, None).await?;
    let id = request.app.db.write(move |conn| users::insert(conn, &details)).await?;
    Ok(Answer::created(load(&request, id).await?))
}

async fn update(mut request: Request, mode: Mode) -> Result<Answer> {
    let id = request.number(0)?;
    request.app.db.read(move |conn| users::by_id(conn, id)).await?.ok_or_else(|| request.not_found())?;
    let details = read_details(&mut request, mode, Some(id)).await?;
    request.app.db.write(move |conn| users::update(conn, id, &details)).await?;
    Ok(Answer::ok(load(&request, id).await?))
}

async fn delete(request: Request) -> Result<Answer> {
    let id = request.number(0)?;
    match request.app.db.write(move |conn| users::delete(conn, id)).await? {
        true => Ok(Answer::empty(204)),
        false => Err(request.not_found()),
    }
}

async fn load(request: &Request, id: i64) -> Result<Json> {
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let user = request.app.db.read(move |conn| app.registry.resources[at].load(&viewpoint.scope(&app), conn, id));
    user.await?.ok_or_else(|| request.not_found())
}

async fn read_details(request: &mut Request, mode: Mode, id: Option<i64>) -> Result<UserDetails> {
    let fields = fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = mode.parse(&fields, &input.fields, &mut errors);
    check_details(request, &draft, id, errors).await?;
    let password = match draft.get("password") {
        Some(Json::String(password)) => Some(hash(password.clone()).await?),
        Some(_) => Some(NO_PASSWORD.to_owned()),
        None => None,
    };
    Ok(UserDetails { password, ..details(&draft) })
}

/// What a draft says, but for the password.
pub fn details(draft: &Draft) -> UserDetails {
    let text = |name: &str| draft.get(name).and_then(Json::as_str).map(str::to_owned);
    let flag = |name: &str| draft.get(name).and_then(Json::as_bool);
    UserDetails {
        username: text("username"),
        first_name: text("first_name"),
        last_name: text("last_name"),
        email: text("email"),
        is_staff: flag("is_staff"),
        is_active: flag("is_active"),
        password: None,
    }
}

/// Checks lengths, the form of the address, and that no other user than `id` has the name.
///
/// # Errors
/// `InvalidBody` with these errors and those found before.
pub async fn check_details(request: &Request, draft: &Draft, id: Option<i64>, mut errors: Errors) -> Result<()> {
    let text = |name: &str| draft.get(name).and_then(Json::as_str).unwrap_or_default();
    for name in ["username", "first_name", "last_name"] {
        if text(name).chars().count() > LONGEST_NAME {
            errors.add(name, format!("Ensure this field has no more than {LONGEST_NAME} characters."));
        }
    }
    let username = text("username").to_owned();
    if !username.is_empty() {
        let taken = request.app.db.read(move |conn| users::by_name(conn, &username)).await?;
        if taken.is_some_and(|user| Some(user.id) != id) {
            errors.add("username", "This field must be unique.");
        }
    }
    if !text("email").is_empty() && !is_email(text("email")) {
        errors.add("email", "Enter a valid email address.");
    }
    errors.into_result()
}

/// The stored form of a new password.
///
/// # Errors
/// `InvalidBody` saying why it is weak.
pub async fn hash(new: String) -> Result<String> {
    let weaknesses = password::weaknesses(&new);
    if !weaknesses.is_empty() {
        return Err(Error::InvalidBody(json!({NON_FIELD: weaknesses})));
    }
    tokio::task::spawn_blocking(move || password::hash(&new)).await.map_err(Error::internal)?
}

/// `name@host`, as Django reads it but for quoted names and addresses in place of hosts.
fn is_email(text: &str) -> bool {
    static NAME: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)^[-!#$%&'*+/=?^_`{}|~0-9a-z]+(\.[-!#$%&'*+/=?^_`{}|~0-9a-z]+)*$").ok());
    static HOST: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)^(localhost|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63})$").ok());
    let matches = |pattern: &LazyLock<Option<Regex>>, text| pattern.as_ref().is_some_and(|regex| regex.is_match(text));
    let is_short = text.chars().count() <= LONGEST_EMAIL;
    is_short && text.rsplit_once('@').is_some_and(|(name, host)| matches(&NAME, name) && matches(&HOST, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["ada@example.com", "a.b+c@sub.example.org", "root@localhost", "x@xn--80ak.example"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(LONGEST_EMAIL));
        for bad in ["notmail", "@example.com", "a@", "a b@example.com", "a@b", "a..b@example.com", "a@-x.org", &long] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
