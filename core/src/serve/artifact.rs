//! The distribution of artifacts: each is at its id, whichever domain it belongs to. Who may read is decided by the
//! signature in the address, so without a guard nothing is served.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse};

use super::Inner;
use super::answer::{not_found, stored};
use super::file::File;
use super::locate::Mark;
use super::pointer::Pointer;
use crate::db::artifact_distribution as rows;
use crate::error::Result;
use crate::id::Id;

/// Answers for `path` of the distribution.
pub async fn answer(inner: &Arc<Inner>, request: &HttpRequest, pointer: &Pointer, path: &str) -> Result<HttpResponse> {
    let nothing = || not_found(Mark::Absent);
    let Ok(id) = path.trim_end_matches('/').parse::<Id>() else { return Ok(nothing()) };
    if pointer.guard.is_none() {
        return Ok(nothing());
    }
    let Some((artifact, domain)) = inner.db.read(move |conn| rows::artifact(conn, id)).await? else {
        return Ok(nothing());
    };
    let Some(domain) = inner.formats.domain(&domain).await? else { return Ok(nothing()) };
    let file = File::new(&artifact, &id.to_string());
    let answer = stored(inner, request, &domain, &file, Mark::Absent).await?;
    Ok(answer.unwrap_or_else(nothing))
}
