//! What is noted of every request when it is answered: the counts of its operation, and a line of the access log
//! where that is wanted. Of a long answer that is when its last byte was sent, or the client had enough.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;

use crate::id::Id;
use crate::metrics::Requests;
use crate::serve::{Direct, Outbox};
use crate::trace::{self, Span, SpanKind};

/// Bodies no longer than this are counted when they are handed over: they are on their way at once.
pub const SHORT: u64 = 128 << 10;

/// A request being answered.
pub struct Watch {
    started: Instant,
    logs: bool,
    span: Span,
}

/// What its handler found out about it.
pub struct Told<'a> {
    /// `api`, `content`, or the prefix of a native face.
    pub face: &'a str,
    pub operation: &'a str,
    pub requests: &'a Arc<Requests>,
    /// The user that was proven, where anybody had to be.
    pub user: Option<&'a str>,
    /// The id of the token that spoke for the user.
    pub token: Option<Id>,
    pub cid: Option<&'a str>,
}

impl Watch {
    /// `cid` is the correlation id, where there is one.
    pub fn begin(logs: bool, request: &HttpRequest, cid: Option<&str>) -> Self {
        let span = match trace::is_on() {
            true => Span::root("request", SpanKind::Server, cid.unwrap_or_default(), parent(request)),
            false => Span::default(),
        };
        Self { started: Instant::now(), logs, span }
    }

    /// Runs what makes the answer.
    pub async fn over<T>(&self, work: impl Future<Output = T>) -> T {
        self.span.around(work).await
    }

    /// To be called with the answer, last of all.
    pub fn end(mut self, request: &HttpRequest, response: HttpResponse, told: &Told<'_>) -> HttpResponse {
        let status = response.status().as_u16();
        if self.span.is_recorded() {
            describe(&mut self.span, request, status, told);
        }
        let line = self.logs.then(|| Box::new(Line::new(request, told)));
        let length = match response.body().size() {
            _ if *request.method() == Method::HEAD => Some(0),
            BodySize::None => Some(0),
            BodySize::Sized(length) => Some(length).filter(|length| *length <= SHORT),
            BodySize::Stream => None,
        };
        if let Some(length) = length {
            let took = self.started.elapsed();
            told.requests.note(status, length, took);
            if let Some(line) = line {
                line.write(status, length, took);
            }
            return response;
        }
        let outbox = request.conn_data::<Outbox>().map(|outbox| (outbox.sent(), outbox.clone()));
        let (started, requests, _span) = (self.started, told.requests.clone(), self.span);
        response.map_body(move |_, body| {
            BoxBody::new(Watched { body, sent: 0, outbox, started, status, requests, line, _span })
        })
    }
}

/// A body that goes through the outbox, noted when it ends, of an answer of which nothing else is told.
pub fn watched(body: Direct, status: u16, started: Instant, requests: &Arc<Requests>, outbox: &Outbox) -> BoxBody {
    let outbox = Some((outbox.sent(), outbox.clone()));
    let (requests, _span) = (requests.clone(), Span::default());
    BoxBody::new(Watched { body, sent: 0, outbox, started, status, requests, line: None, _span })
}

/// The trace that the client is in.
fn parent(request: &HttpRequest) -> Option<&str> {
    request.headers().get(trace::PARENT)?.to_str().ok()
}

/// As OpenTelemetry names what is known of a request; the query is left out, which may hold credentials.
fn describe(span: &mut Span, request: &HttpRequest, status: u16, told: &Told<'_>) {
    span.rename(told.operation.to_owned());
    span.set("http.request.method", request.method().as_str().to_owned());
    span.set("url.path", request.uri().path().to_owned());
    span.set("http.response.status_code", i64::from(status));
    span.set("pith.face", told.face.to_owned());
    if let Some(user) = told.user {
        span.set("enduser.id", user.to_owned());
    }
    if status >= 500 {
        span.fail("");
    }
}

/// A line of the access log. What it tells never has a credential in it: no header, no query.
struct Line {
    cid: Option<String>,
    user: Option<String>,
    token: Option<Id>,
    client: Option<std::net::IpAddr>,
    method: Method,
    path: String,
    face: String,
    operation: String,
}

impl Line {
    fn new(request: &HttpRequest, told: &Told<'_>) -> Self {
        Self {
            cid: told.cid.map(str::to_owned),
            user: told.user.map(str::to_owned),
            token: told.token,
            client: request.peer_addr().map(|peer| peer.ip()),
            method: request.method().clone(),
            // Encoded as it was sent, so that no line break gets into the log.
            path: request.uri().path().to_owned(),
            face: told.face.to_owned(),
            operation: told.operation.to_owned(),
        }
    }

    fn write(&self, status: u16, bytes: u64, took: Duration) {
        tracing::info!(
            target: "access",
            cid = self.cid,
            user = self.user,
            token = self.token.map(tracing::field::display),
            client = self.client.map(tracing::field::display),
            method = self.method.as_str(),
            path = self.path,
            face = self.face,
            operation = self.operation,
            status,
            bytes,
            milliseconds = took.as_secs_f64() * 1000.0,
            "request"
        );
    }
}

/// A body that is noted when it ends.
struct Watched<B> {
    body: B,
    sent: u64,
    /// What the connection had sent past the server's buffer before, where it can.
    outbox: Option<(u64, Outbox)>,
    started: Instant,
    status: u16,
    requests: Arc<Requests>,
    line: Option<Box<Line>>,
    /// Ends with it.
    _span: Span,
}

impl<B: MessageBody<Error: Into<Box<dyn StdError>>> + Unpin> MessageBody for Watched<B> {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            this.sent += bytes.len() as u64;
        }
        polled.map_err(Into::into)
    }
}

impl<B> Drop for Watched<B> {
    fn drop(&mut self) {
        let beside = self.outbox.as_ref().map_or(0, |(before, outbox)| outbox.sent().saturating_sub(*before));
        let (bytes, took) = (self.sent + beside, self.started.elapsed());
        self.requests.note(self.status, bytes, took);
        if let Some(line) = &self.line {
            line.write(self.status, bytes, took);
        }
    }
}
