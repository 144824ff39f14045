//! Sessions of browsers, and what users may change of themselves.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::authenticate::{CSRF_COOKIE, SESSION_COOKIE, verify};
use super::super::page;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::position;
use super::users::{check_details, details, hash, personal_fields};
use crate::auth::policy::{Policy, Verb};
use crate::auth::session::{self, LIFETIME};
use crate::db::users::{self, User, UserDetails};
use crate::error::{Error, Result};
use crate::id::now;
use crate::resource::kinds::identity;
use crate::resource::{Draft, Errors, Field, Mode, Registry, Wire};

const PATH: &str = "login/";

fn shown_fields() -> Vec<Field> {
    let mut fields = identity();
    fields.push(Field::text("username", "The name that was logged in with.", "ada").read_only());
    fields
}

fn update_fields() -> Vec<Field> {
    let password = |name, description| Field { wire: Wire::RawText, ..Field::text(name, description, "Yeech6ba") };
    let mut fields = personal_fields().to_vec();
    fields.push(password("old_password", "The password so far.").input());
    fields.push(password("new_password", "The password from now on.").input());
    fields
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, "users/");
    let user = || Content::Object { schema: "LoginResponse".into(), fields: shown_fields() };
    let updated = Content::Object { schema: "LoginUpdateResponse".into(), fields: personal_fields().to_vec() };
    let body = BodyDoc { schema: "PatchedLoginUpdate".into(), fields: update_fields() };
    let endpoint = |operation: &str, method: Method, verb, run: Run, text: &str, body, answer| Endpoint {
        operation: operation.into(),
        path: PATH.into(),
        resource: at,
        policy: Some(Policy::own()),
        verb,
        run,
        doc: Doc {
            tag: "Login".into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers: vec![answer],
            selects: method == Method::GET,
            ..Doc::default()
        },
        method,
    };
    vec![
        endpoint(
            "login_read",
            Method::GET,
            Verb::Read,
            |request| Box::pin(read(request)),
            "Tell who is logged in.",
            None,
            (200, user()),
        ),
        endpoint(
            "login",
            Method::POST,
            Verb::Create,
            |request| Box::pin(login(request)),
            "Begin a session. Its cookies stand for the credentials; changes also need the header `X-CSRFToken`.",
            None,
            (201, user()),
        ),
        endpoint(
            "login_update",
            Method::PATCH,
            Verb::Update,
            |request| Box::pin(update(request)),
            "Change the own details or password. A new password ends all sessions.",
            Some(body),
            (200, updated),
        ),
        endpoint(
            "logout",
            Method::DELETE,
            Verb::Delete,
            |request| Box::pin(logout(request)),
            "End the session.",
            None,
            (204, Content::Empty),
        ),
    ]
}

/// The user who asks.
async fn user(request: &Request) -> Result<User> {
    let nobody = Error::anonymous;
    let id = request.user_id().ok_or_else(nobody)?;
    request.app.db.read(move |conn| users::by_id(conn, id)).await?.ok_or_else(nobody)
}

fn show(request: &Request, user: &User) -> Result<Json> {
    let href = format!("{}{}{}/", request.app.api.shared(), request.resource()?.path, user.id);
    Ok(json!({"pulp_href": href, "prn": request.resource()?.prn(user.id), "username": user.username}))
}

async fn read(request: Request) -> Result<Answer> {
    let user = user(&request).await?;
    Ok(Answer::ok(page::select(&request.query, show(&request, &user)?)))
}

async fn login(request: Request) -> Result<Answer> {
    let user = user(&request).await?;
    let new = session::begin(user.id, &user.password, now())?;
    let session = new.session;
    request.app.db.write(move |conn| users::add_session(conn, &session)).await?;
    let age = LIFETIME.num_seconds();
    let attributes = attributes(&request.origin);
    Ok(Answer::json(201, show(&request, &user)?)
        .with_header("Set-Cookie", format!("{CSRF_COOKIE}={}; Max-Age={age}; {attributes}", new.csrf.as_str()))
        .with_header(
            "Set-Cookie",
            format!("{SESSION_COOKIE}={}; HttpOnly; Max-Age={age}; {attributes}", new.id.as_str()),
        ))
}

/// What all cookies say: to whom they are sent.
fn attributes(origin: &str) -> &'static str {
    if origin.starts_with("https://") { "Path=/; SameSite=Lax; Secure" } else { "Path=/; SameSite=Lax" }
}

async fn logout(request: Request) -> Result<Answer> {
    if let Some(digest) = request.cookie(SESSION_COOKIE).and_then(session::lookup_digest) {
        request.app.db.write(move |conn| users::end_session(conn, &digest)).await?;
    }
    let past = format!("expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; {}", attributes(&request.origin));
    Ok(Answer::empty(204)
        .with_header("Set-Cookie", format!("{CSRF_COOKIE}=\"\"; {past}"))
        .with_header("Set-Cookie", format!("{SESSION_COOKIE}=\"\"; HttpOnly; {past}")))
}

async fn update(mut request: Request) -> Result<Answer> {
    let user = user(&request).await?;
    let fields = update_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Change.parse(&fields, &input.fields, &mut errors);
    check_details(&request, &draft, Some(user.id), errors).await?;
    let password = new_password(&request, &user, &draft).await?;
    let (id, change) = (user.id, UserDetails { password, ..details(&draft) });
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request
        .app
        .db
        .write(move |conn| {
            users::update(conn, id, &change)?;
            app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
        })
        .await?;
    let mut body = body.ok_or_else(|| request.not_found())?;
    if let Some(map) = body.as_object_mut() {
        map.retain(|name, _| personal_fields().iter().any(|field| field.name == name.as_str()));
    }
    Ok(Answer::ok(body))
}

/// The stored form of the password that the draft asks for, if it asks for one.
async fn new_password(request: &Request, user: &User, draft: &Draft) -> Result<Option<String>> {
    let text = |name: &str| draft.get(name).and_then(Json::as_str).map(str::to_owned);
    let Some(new) = text("new_password") else { return Ok(None) };
    let old = text("old_password")
        .ok_or_else(|| Error::field("old_password", "Old password is required to update the password."))?;
    let (is_same, stored) = (old == new, Some(user.password.clone()));
    match verify(&request.app, request.client, user.username.clone(), old, stored).await {
        Err(Error::Unauthenticated(_)) => return Err(Error::field("old_password", "Old password is incorrect.")),
        other => other?,
    }
    if is_same {
        return Err(Error::field("new_password", "New password cannot be the same as the old password."));
    }
    hash(new).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::attributes;

    #[test]
    fn cookies_that_came_by_https_go_by_https_only() {
        assert!(attributes("https://example.com").ends_with("; Secure"));
        assert!(!attributes("http://example.com").contains("Secure"));
    }
}
