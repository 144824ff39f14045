//! Who is asking: a token, HTTP basic credentials or a session's cookies.

mod header;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::Method;

use super::request::cookie;
use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::auth::token::Grant;
use crate::auth::{session, token};
use crate::db::tokens;
use crate::db::users::{self, User};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use header::Credentials;

/// The cookies of a session.
pub const SESSION_COOKIE: &str = "sessionid";
pub const CSRF_COOKIE: &str = "csrftoken";

/// The user behind the request, none when it names nobody.
///
/// # Errors
/// `Unauthenticated` when credentials are wrong; a session that has ended is nobody.
pub async fn actor(app: &Shared, request: &HttpRequest) -> Result<Option<Actor>> {
    match header::credentials(request)? {
        Some(Credentials::Basic { username, password }) => match token::lookup_digest(&password) {
            Some(digest) => by_token(app, digest, Some(username)).await.map(Some),
            None => by_password(app, username, password).await.map(Some),
        },
        Some(Credentials::Bearer(text)) if text.starts_with(token::PREFIX) => match token::lookup_digest(&text) {
            Some(digest) => by_token(app, digest, None).await.map(Some),
            None => Err(invalid_token()),
        },
        // Of no kind that is known here.
        Some(Credentials::Bearer(_)) | None => by_session(app, request).await,
    }
}

fn invalid_token() -> Error {
    Error::Unauthenticated("Invalid token.".into())
}

/// The user of a token. As a password it goes with its user's name, with [`token::ANYBODY`] or with none.
async fn by_token(app: &Shared, digest: String, username: Option<String>) -> Result<Actor> {
    let sent = app.db.read(move |conn| tokens::by_digest(conn, &digest)).await?;
    let sent = sent.filter(|sent| sent.user.is_active && token::is_alive(sent.expires, now()));
    let sent = sent.ok_or_else(invalid_token)?;
    let fits = |name: &String| name.is_empty() || name == token::ANYBODY || *name == sent.user.username;
    if !username.as_ref().is_none_or(fits) {
        return Err(invalid_token());
    }
    if sent.is_stale {
        note_use(app, sent.id);
    }
    let grant = Grant::read(sent.id, sent.read_only, sent.objects)?;
    Ok(Actor { token: Some(Arc::new(grant)), ..sent.user.into_actor() })
}

/// Keeps when a token was used, without a wait: an answer does not depend on it.
fn note_use(app: &Shared, id: Id) {
    let db = app.db.clone();
    tokio::spawn(async move {
        if let Err(error) = db.write(move |conn| tokens::note_use(conn, id)).await {
            tracing::warn!(token = %id, %error, "when a token was used last is not kept");
        }
    });
}

async fn by_password(app: &Shared, username: String, password: String) -> Result<Actor> {
    let wrong = || Error::Unauthenticated("Invalid username/password.".into());
    let name = username.clone();
    let user = app.db.read(move |conn| users::by_name(conn, &name)).await?;
    let Some(user) = user.filter(|user| user.is_active) else {
        let app = app.clone();
        // Takes as long as a wrong password of a known user.
        tokio::task::spawn_blocking(move || app.credentials.refuse(&password)).await.map_err(Error::internal)?;
        return Err(wrong());
    };
    if !app.credentials.is_remembered(&username, &password, &user.password) {
        let (app, stored) = (app.clone(), user.password.clone());
        let verified = tokio::task::spawn_blocking(move || app.credentials.verify(&username, &password, &stored));
        if !verified.await.map_err(Error::internal)? {
            return Err(wrong());
        }
    }
    Ok(user.into_actor())
}

async fn by_session(app: &Shared, request: &HttpRequest) -> Result<Option<Actor>> {
    let Some(cookie) = cookie(request.headers(), SESSION_COOKIE) else { return Ok(None) };
    let Some(digest) = session::lookup_digest(cookie) else { return Ok(None) };
    let found = app.db.read(move |conn| users::by_session(conn, &digest)).await?;
    let Some((user, session)) = found else { return Ok(None) };
    if !user.is_active || !session.is_valid(&user.password, now()) {
        return Ok(None);
    }
    let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let token = request.headers().get("X-CSRFToken").and_then(|value| value.to_str().ok());
    if !is_safe && !session.accepts_csrf(token) {
        let wrong = if token.is_none() { "CSRF token missing." } else { "CSRF token incorrect." };
        return Err(Error::CrossSite(wrong));
    }
    Ok(Some(user.into_actor()))
}

impl User {
    fn into_actor(self) -> Actor {
        Actor { user_id: self.id, username: self.username, is_superuser: self.is_superuser, token: None }
    }
}
