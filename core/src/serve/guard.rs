//! Readers whom the guard of a distribution lets through or not. Nothing of the distribution is looked at before.
//!
//! What is remembered of a distribution is the same for all readers; who gets it is judged for each request. Caches
//! between here and the reader cannot judge, so answers from behind a guard are not for them to share.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::Inner;
use super::answer::plain;
use super::pointer::Pointer;
use super::reason::in_status_line;
use crate::auth::token::Grant;
use crate::db::content_guards;
use crate::error::Result;
use crate::guards::{DOWNLOAD, Downloads};
use crate::id::{Id, now};
use crate::plugin::Asked;

/// The answer to a reader whom the guard does not let through; none for all others.
pub async fn refusal(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    pointer: &Pointer,
    path: &str,
) -> Result<Option<HttpResponse>> {
    let Some(guard) = &pointer.guard else { return Ok(None) };
    let held = held(inner, request, pointer, guard.permissions()).await?;
    let headers = |name: &str| {
        let values = request.headers().get_all(name);
        values.map(|value| value.to_str().unwrap_or_default().to_owned()).collect()
    };
    let address = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let asked = Asked { path, address: &address, query: request.query_string(), now: now(), headers: &headers };
    Ok(guard.admit(&asked, &held).err().map(|reason| refused(&reason, path)))
}

/// For which of these guards whoever asks holds the permission.
async fn held(inner: &Inner, request: &HttpRequest, pointer: &Pointer, guards: Vec<Id>) -> Result<Downloads> {
    if guards.is_empty() {
        return Ok(Downloads::NONE);
    }
    let Some(actor) = inner.formats.actor(request).await? else { return Ok(Downloads::NONE) };
    if actor.token.as_ref().is_some_and(|token| !is_for(token, pointer)) {
        return Ok(Downloads::NONE);
    }
    if actor.is_superuser {
        return Ok(Downloads::All);
    }
    let user = actor.user_id;
    inner.db.read(move |conn| content_guards::held(conn, user, DOWNLOAD, &guards)).await.map(Downloads::Of)
}

/// Whether a token is for the distribution, for its guard or for the repository that it serves.
pub fn is_for(token: &Grant, pointer: &Pointer) -> bool {
    let distribution = &pointer.distribution;
    let mut reached = [Some(distribution.id), distribution.guard, distribution.repository].into_iter().flatten();
    reached.any(|id| token.covers(id))
}

fn refused(reason: &str, path: &str) -> HttpResponse {
    tracing::debug!(path, reason, "a content guard refuses");
    let mut response = plain(StatusCode::FORBIDDEN, &format!("403: {reason}"));
    response.head_mut().reason = in_status_line(reason);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer as one for this reader alone, where the distribution has a guard.
pub fn private(response: HttpResponse, pointer: &Pointer) -> HttpResponse {
    if pointer.guard.is_some() { unshared(response) } else { response }
}

/// The answer as one that caches between here and the reader do not keep.
pub fn unshared(mut response: HttpResponse) -> HttpResponse {
    let said = response.headers().get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    if !said.is_some_and(|said| said.contains("no-store")) {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    response
}
