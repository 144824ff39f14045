//! Who is asking: somebody whom a trusted proxy names, a token, also of a provider of OpenID Connect, HTTP basic credentials or a session's cookies.

pub(crate) mod address;
mod header;
mod oidc;
mod outside;
mod proxy;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::Method;

use super::request::cookie;
use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::auth::throttle::Attempt;
use crate::auth::token::Grant;
use crate::auth::{Verdict, session, token};
use crate::config::{Config, ConfigError};
use crate::db::tokens;
use crate::db::users::{self, NO_PASSWORD, User};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use header::Credentials;
use oidc::Oidc;
use proxy::Proxies;

/// The cookies of a session.
pub const SESSION_COOKIE: &str = "sessionid";
pub const CSRF_COOKIE: &str = "csrftoken";

/// The ways to log in that the configuration opens.
#[derive(Default)]
pub struct Logins {
    proxies: Proxies,
    oidc: Option<Oidc>,
}

impl Logins {
    /// # Errors
    /// What shows only in use, such as a filter that cannot be read.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self { proxies: Proxies::new(config)?, oidc: Oidc::new(config)? })
    }
}

/// The user behind the request, none when it names nobody.
///
/// # Errors
/// `Unauthenticated` when credentials are wrong, `TooManyLogins` when too many were before; a session that has ended
/// is nobody.
pub async fn actor(app: &Shared, request: &HttpRequest) -> Result<Option<Actor>> {
    // What the proxy says counts whatever its client sends beside.
    if let Some(name) = app.logins.proxies.named(app, request)? {
        return outside::actor(app, name).await.map(Some);
    }
    match header::credentials(request)? {
        Some(Credentials::Basic { username, password }) => match token::lookup_digest(&password) {
            Some(digest) => by_token(app, digest, Some(username)).await.map(Some),
            None => match &app.logins.oidc {
                // So that clients that know passwords only can send one of these, too.
                Some(oidc) if username == token::ANYBODY => oidc.actor(app, &password).await.map(Some),
                _ => by_password(app, request, username, password).await.map(Some),
            },
        },
        Some(Credentials::Bearer(text)) if text.starts_with(token::PREFIX) => match token::lookup_digest(&text) {
            Some(digest) => by_token(app, digest, None).await.map(Some),
            None => Err(invalid_token()),
        },
        Some(Credentials::Bearer(text)) => match &app.logins.oidc {
            Some(oidc) => oidc.actor(app, &text).await.map(Some),
            // Of no kind that is known here.
            None => by_session(app, request).await,
        },
        None => by_session(app, request).await,
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

async fn by_password(app: &Shared, request: &HttpRequest, username: String, password: String) -> Result<Actor> {
    let name = username.clone();
    let user = app.db.read(move |conn| users::by_name(conn, &name)).await?;
    // Who has no password takes as long to refuse as a wrong one of somebody who has.
    let user = user.filter(|user| user.is_active && user.password != NO_PASSWORD);
    let is_remembered = |user: &User| app.credentials.is_remembered(&username, &password, &user.password);
    if !user.as_ref().is_some_and(is_remembered) {
        let stored = user.as_ref().map(|user| user.password.clone());
        verify(app, address::of_client(app, request), username, password, stored).await?;
    }
    let user = user.ok_or_else(|| Error::internal("a user who does not exist was verified"))?;
    Ok(user.into_actor())
}

/// Verifies a password; `stored` is the hash of a user who may log in.
///
/// # Errors
/// `Unauthenticated` when it is wrong, `TooManyLogins` when too many were before.
pub async fn verify(
    app: &Shared,
    address: Option<IpAddr>,
    username: String,
    password: String,
    stored: Option<String>,
) -> Result<()> {
    let credentials = app.credentials.clone();
    let verified = tokio::task::spawn_blocking(move || {
        let attempt = Attempt { username: &username, password: &password, address };
        match stored {
            Some(stored) => credentials.verify(&attempt, &stored),
            None => credentials.refuse(&attempt),
        }
    });
    match verified.await.map_err(Error::internal)? {
        Verdict::Right => Ok(()),
        Verdict::Wrong => Err(Error::Unauthenticated("Invalid username/password.".into())),
        Verdict::Wait(wait) => Err(Error::TooManyLogins(wait)),
    }
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
