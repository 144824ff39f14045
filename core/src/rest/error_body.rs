//! The one place where core's errors become status codes and bodies.

use serde_json::json;

use super::answer::Answer;
use crate::error::Error;

/// What the client is told; what only the administrator may know is logged here.
pub fn answer(error: &Error, cid: &str) -> Answer {
    match error {
        Error::Invalid(fields) => Answer::json(400, json!(fields)),
        Error::InvalidBody(body) => Answer::json(400, body.clone()),
        Error::Duplicate { columns } => {
            let field = columns.last().map_or("non_field_errors", String::as_str);
            Answer::json(400, json!({field: ["This field must be unique."]}))
        }
        Error::Malformed(text) => Answer::detail(400, text),
        Error::Unauthenticated(text) => {
            Answer::detail(401, text).with_header("WWW-Authenticate", "Basic realm=\"api\"")
        }
        Error::TooManyLogins(wait) => {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            Answer::detail(429, &error.public_text()).with_header("Retry-After", seconds.to_string())
        }
        Error::Forbidden | Error::Locked(_) | Error::CrossSite(_) => Answer::detail(403, &error.public_text()),
        Error::NotFound(_) => Answer::detail(404, &error.public_text()),
        Error::Conflict(_) | Error::Referenced | Error::Canceled => Answer::detail(409, &error.public_text()),
        Error::UnsupportedMediaType(_) => Answer::detail(415, &error.public_text()),
        Error::TooLarge(_) => Answer::detail(413, &error.public_text()),
        Error::Upstream(_) => Answer::detail(502, &error.public_text()),
        Error::Storage { .. } => {
            tracing::error!(%error, cid, "the store or the database fails");
            Answer::detail(503, &error.public_text())
        }
        Error::Internal(_) => {
            tracing::error!(%error, cid, "a request failed");
            Answer::detail(500, &format!("internal error; see the log for correlation id {cid}"))
        }
    }
}
