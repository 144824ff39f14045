//! What a handler answers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value as Json, json};

use super::CORRELATION_ID;

/// Status, body and the headers that differ.
pub struct Answer {
    pub status: u16,
    pub body: Body,
    pub headers: Vec<(&'static str, String)>,
}

pub enum Body {
    Empty,
    Json(Json),
    Text { content_type: &'static str, text: String },
}

impl Answer {
    pub fn ok(body: Json) -> Self {
        Self::json(200, body)
    }

    pub fn json(status: u16, body: Json) -> Self {
        Self { status, body: Body::Json(body), headers: vec![] }
    }

    /// An object just made; its href goes into `Location`.
    pub fn created(body: Json) -> Self {
        let href = body.get("pulp_href").and_then(Json::as_str).map(str::to_owned);
        let headers = href.map(|href| ("Location", href)).into_iter().collect();
        Self { status: 201, body: Body::Json(body), headers }
    }

    pub fn task(href: String) -> Self {
        Self::json(202, json!({"task": href}))
    }

    pub fn task_group(href: String) -> Self {
        Self::json(202, json!({"task_group": href}))
    }

    pub fn empty(status: u16) -> Self {
        Self { status, body: Body::Empty, headers: vec![] }
    }

    pub fn detail(status: u16, detail: &str) -> Self {
        Self::json(status, json!({"detail": detail}))
    }

    pub fn text(content_type: &'static str, text: String) -> Self {
        Self { status: 200, body: Body::Text { content_type, text }, headers: vec![] }
    }

    /// Below the API root there is no such path at all.
    pub fn no_route() -> Self {
        let text = "<!doctype html>\n<title>Not Found</title>\n<h1>Not Found</h1>\n".to_owned();
        Self { status: 404, body: Body::Text { content_type: "text/html; charset=utf-8", text }, headers: vec![] }
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn respond(self, cid: &str, head: bool) -> HttpResponse {
        let mut response = self.into_response(cid, head);
        // Some clients look headers up as the reference spells them.
        response.head_mut().set_camel_case_headers(true);
        response
    }

    fn into_response(self, cid: &str, head: bool) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        response
            .insert_header((CORRELATION_ID, cid))
            .insert_header(("Access-Control-Expose-Headers", CORRELATION_ID))
            .insert_header(("Vary", "Accept"))
            .insert_header(("X-Frame-Options", "DENY"))
            .insert_header(("X-Content-Type-Options", "nosniff"));
        for (name, value) in self.headers {
            response.append_header((name, value));
        }
        let (content_type, bytes) = match self.body {
            Body::Empty => return response.finish(),
            Body::Json(json) => ("application/json", json.to_string()),
            Body::Text { content_type, text } => (content_type, text),
        };
        response.insert_header(("Content-Type", content_type));
        if head {
            return response.no_chunking(bytes.len() as u64).finish();
        }
        response.body(bytes)
    }
}
