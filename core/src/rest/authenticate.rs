//! Who is asking: HTTP basic credentials or a session's cookies.

use actix_web::HttpRequest;
use actix_web::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::request::cookie;
use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::auth::session;
use crate::db::users::{self, User};
use crate::error::{Error, Result};
use crate::id::now;

/// The cookies of a session.
pub const SESSION_COOKIE: &str = "sessionid";
pub const CSRF_COOKIE: &str = "csrftoken";

/// The user behind the request, none when it names nobody.
///
/// # Errors
/// `Unauthenticated` when credentials are wrong; a session that has ended is nobody.
pub async fn actor(app: &Shared, request: &HttpRequest) -> Result<Option<Actor>> {
    match basic(request)? {
        Some((username, password)) => by_password(app, username, password).await.map(Some),
        None => by_session(app, request).await,
    }
}

/// User name and password of the `Authorization` header.
fn basic(request: &HttpRequest) -> Result<Option<(String, String)>> {
    let Some(header) = request.headers().get("Authorization") else { return Ok(None) };
    let invalid = |text: &str| Error::Unauthenticated(text.into());
    let text =
        header.to_str().map_err(|_| invalid("Invalid basic header. Credentials not correctly base64 encoded."))?;
    let (scheme, encoded) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    if encoded.is_empty() {
        return Err(invalid("Invalid basic header. No credentials provided."));
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let (username, password) =
        pair.ok_or_else(|| invalid("Invalid basic header. Credentials not correctly base64 encoded."))?;
    Ok(Some((username.to_owned(), password.to_owned())))
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
        Actor { user_id: self.id, username: self.username, is_superuser: self.is_superuser }
    }
}
