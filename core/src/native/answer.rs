//! From what a face means to status codes, headers and bodies.

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream;
use serde_json::{Value as Json, json};

use super::is_read;
use super::pages::{Body, Mark, Stored, Version};
use crate::app::Shared;
use crate::error::{Error, NON_FIELD, Result};
use crate::plugin::FaceAnswer;
use crate::rest::Answer;
use crate::rest::request::correlation_id;
use crate::serve::{self, Validators, Verdict};

const PULP_CACHE: HeaderName = HeaderName::from_static("x-pulp-cache");
const VARY: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");

fn absent(text: &str) -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body(text.to_owned())
}

/// What is the same whatever the client asked for fits the status line of reads too.
pub fn nowhere(text: &'static str) -> HttpResponse {
    let mut response = absent(text);
    response.head_mut().reason = Some(text);
    response
}

pub fn not_allowed(allowed: &'static str) -> HttpResponse {
    let mut response = HttpResponse::MethodNotAllowed();
    response.insert_header((header::ALLOW, HeaderValue::from_static(allowed)));
    response.content_type("text/plain; charset=utf-8").body(format!("only {allowed}"))
}

/// Whatever is no page.
pub fn plain(app: &Shared, request: &HttpRequest, answer: FaceAnswer) -> HttpResponse {
    let respond = |answer: Answer| answer.respond(&correlation_id(request), *request.method() == Method::HEAD);
    match answer {
        FaceAnswer::Json(body) => respond(Answer::ok(body)),
        FaceAnswer::Task(id) => {
            let task = format!("{}tasks/{id}/", app.api);
            respond(Answer::json(202, json!({"session": null, "task": task, "task_start_time": null})))
        }
        FaceAnswer::NotFound(text) if is_read(request) => absent(&text),
        FaceAnswer::NotFound(text) => told(absent(&text), &text),
        FaceAnswer::Elsewhere(address) => HttpResponse::Found()
            .insert_header((header::LOCATION, address))
            .insert_header((header::VARY, VARY))
            .finish(),
        FaceAnswer::Refused(reason) => refused(StatusCode::BAD_REQUEST, &reason),
        FaceAnswer::Forbidden(reason) => refused(StatusCode::FORBIDDEN, &reason),
        FaceAnswer::Page(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn refused(status: StatusCode, reason: &str) -> HttpResponse {
    let text = format!("{} {reason}\n", status.as_u16());
    told(HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(text), reason)
}

/// The answer with the cause in its status line: of what a write is refused with, clients of such faces show nothing
/// else.
pub fn told(mut response: HttpResponse, cause: &str) -> HttpResponse {
    if response.status().is_client_error() {
        response.head_mut().reason = serve::in_status_line(cause).or(response.head().reason);
    }
    response
}

/// What an error says, without the braces of a body of fields.
pub fn cause(error: &Error) -> String {
    match error {
        Error::InvalidBody(body) => in_words(body),
        other => other.public_text(),
    }
}

fn in_words(body: &Json) -> String {
    match body {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(" "),
        Json::Object(fields) => {
            let field = |(name, told): (&String, &Json)| match name.as_str() {
                NON_FIELD => in_words(told),
                name => format!("{name}: {}", in_words(told)),
            };
            fields.iter().map(field).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// A page, or that there is none, as the request asks for it.
pub fn page(
    request: &HttpRequest,
    stored: &Stored,
    mark: Mark,
    max_age: u32,
    headers: &[(&'static str, &'static str)],
) -> HttpResponse {
    let (plain, gzip, media_type, modified) = match stored {
        Stored::Page { plain, gzip, media_type, modified } => (plain, gzip, *media_type, *modified),
        Stored::Absent(text) => {
            let mut response = HttpResponse::NotFound();
            said(&mut response, mark);
            response.insert_header((header::VARY, VARY));
            return response.content_type("text/plain; charset=utf-8").body(text.clone());
        }
    };
    let (version, is_compressed) = match gzip {
        Some(gzip) if accepts_gzip(request.headers()) => (gzip, true),
        _ => (plain, false),
    };
    let validators = Validators { etag: &version.etag, modified, size: version.size };
    let status = match serve::judge_whole(request.headers(), validators) {
        Verdict::NotModified => StatusCode::NOT_MODIFIED,
        Verdict::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Verdict::Whole | Verdict::Part(_) | Verdict::Unsatisfiable => StatusCode::OK,
    };
    let mut response = HttpResponse::build(status);
    for (name, value) in headers {
        response.insert_header((*name, *value));
    }
    response
        .insert_header((header::ETAG, version.etag.as_str()))
        .insert_header((header::LAST_MODIFIED, httpdate::fmt_http_date(modified)))
        .insert_header((header::CACHE_CONTROL, format!("max-age={max_age}, public")))
        .insert_header((header::VARY, VARY));
    if status != StatusCode::OK {
        return response.finish();
    }
    said(&mut response, mark);
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(media_type)));
    if is_compressed {
        response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    send(request, response, version)
}

fn said(response: &mut HttpResponseBuilder, mark: Mark) {
    let text = if mark == Mark::Hit { "HIT" } else { "MISS" };
    response.insert_header((PULP_CACHE, HeaderValue::from_static(text)));
}

fn send(request: &HttpRequest, mut response: HttpResponseBuilder, version: &Version) -> HttpResponse {
    if *request.method() == Method::HEAD {
        return response.body(SizedStream::new(version.size, stream::empty::<Result<_>>()));
    }
    match &version.body {
        Body::Memory(bytes) => response.body(bytes.clone()),
        Body::File(file) => {
            response.body(SizedStream::new(version.size, serve::stream_of_file(file.clone(), 0..version.size)))
        }
    }
}

/// Whether gzip is named and not refused.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').map_or((coding, ""), |(name, weight)| (name, weight));
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_name_it() {
        let check = |text: &'static str, expected: bool| {
            let headers = [(header::ACCEPT_ENCODING, HeaderValue::from_static(text))].into_iter().collect();
            assert_eq!(accepts_gzip(&headers), expected, "{text}");
        };
        check("gzip, deflate, br", true);
        check("br;q=1.0, GZIP;q=0.8", true);
        check("gzip;q=0", false);
        check("gzip; q=0.000", false);
        check("identity", false);
        check("*", false);
        check("", false);
    }

    #[test]
    fn the_cause_of_a_refusal_is_in_the_status_line() {
        let reason = |status, cause| told(HttpResponse::new(status), cause).head().reason;
        assert_eq!(reason(StatusCode::BAD_REQUEST, "it is broken"), Some("it is broken"));
        assert_eq!(reason(StatusCode::BAD_REQUEST, ""), None);
        assert_eq!(reason(StatusCode::INTERNAL_SERVER_ERROR, "internal error"), None);
        assert_eq!(reason(StatusCode::ACCEPTED, "x"), None);
        let fields = json!({"name": ["is wrong.", "is long."], "non_field_errors": ["nothing fits."]});
        assert_eq!(cause(&Error::InvalidBody(fields)), "name: is wrong. is long.; nothing fits.");
        assert_eq!(cause(&Error::field("name", "is wrong.")), "name: is wrong.");
    }
}
