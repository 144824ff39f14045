//! Traces for OpenTelemetry, where a collector is configured: a span for each request, task and question to an
//! upstream, sent in batches by a thread of its own. Without a collector a span is nothing, and costs a look at a cell
//! that is empty.
//!
//! The id of a trace is the correlation id, which tasks keep with them: so the span of a task is in the trace of the
//! request that asked for it, whichever process runs it, however much later.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub use opentelemetry::trace::SpanKind;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::download;
use crate::error::{Error, Result};

/// The header by which a client says in which trace it is.
pub const PARENT: &str = "traceparent";

/// How long a collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the last spans may take when the process ends.
const LAST: Duration = Duration::from_secs(3);

static TRACER: OnceLock<(SdkTracerProvider, SdkTracer)> = OnceLock::new();

tokio::task_local! {
    /// The span that is at work.
    static CURRENT: Context;
}

thread_local! {
    /// The id that the next trace gets which begins on this thread.
    static NEXT: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Begins to send spans to `url`, which takes OTLP as JSON (`http://collector:4318/v1/traces`). Once for a process.
pub fn start(url: &str, version: &'static str) -> Result<()> {
    let client = Client { client: download::plain_client()?, runtime: Handle::current() };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(url)
        .with_timeout(PATIENCE)
        .build()
        .map_err(Error::internal)?;
    let resource = Resource::builder()
        .with_service_name("pith")
        .with_attribute(KeyValue::new("service.version", version))
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_id_generator(Ids::default())
        .with_resource(resource)
        .build();
    let tracer = provider.tracer("pith");
    let _ = TRACER.set((provider, tracer));
    Ok(())
}

/// Whether spans are sent at all.
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// Sends what was not sent yet; blocks.
pub fn finish() {
    if let Some((provider, _)) = TRACER.get()
        && let Err(error) = provider.shutdown_with_timeout(LAST)
    {
        tracing::warn!(%error, "the last spans were not sent");
    }
}

/// Something that takes time. It ends when it is dropped.
#[derive(Default)]
pub struct Span(Option<Box<opentelemetry_sdk::trace::Span>>);

impl Span {
    /// The beginning of a trace, or a part of what `parent` (a `traceparent` header) began elsewhere. The trace is that
    /// of the correlation id, if it is one.
    pub fn root(name: &'static str, kind: SpanKind, cid: &str, parent: Option<&str>) -> Self {
        let Some((_, tracer)) = TRACER.get() else { return Self(None) };
        let trace = uuid::Uuid::parse_str(cid).ok().map(|cid| TraceId::from_bytes(*cid.as_bytes()));
        let is_its_own = |parent: &SpanContext| trace.is_none_or(|trace| trace == parent.trace_id());
        let context = parent.and_then(remote).filter(is_its_own);
        let context = context.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        NEXT.set(trace);
        let span = tracer.span_builder(name).with_kind(kind).start_with_context(tracer, &context);
        NEXT.set(None);
        Self(Some(Box::new(span)))
    }

    /// A part of what is at work; nothing where nothing is.
    pub fn child(name: &'static str, kind: SpanKind) -> Self {
        let Some((_, tracer)) = TRACER.get() else { return Self(None) };
        let begin = |context: &Context| tracer.span_builder(name).with_kind(kind).start_with_context(tracer, context);
        Self(CURRENT.try_with(begin).ok().map(Box::new))
    }

    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.update_name(name);
        }
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    pub fn fail(&mut self, reason: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(reason));
        }
    }

    /// Runs `work`, whose spans are parts of this one.
    pub async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        let span = self.0.as_ref();
        within(span.map(|span| Context::new().with_remote_span_context(span.span_context().clone())), work).await
    }
}

/// To be called around what is spawned, so that it stays part of what is at work here.
pub fn inherit<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let context = if TRACER.get().is_some() { CURRENT.try_with(Context::clone).ok() } else { None };
    within(context, work)
}

/// Not the scope of `tokio`, which would keep room for the work twice, also where there is no context.
async fn within<T>(context: Option<Context>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| match &context {
        Some(context) => CURRENT.sync_scope(context.clone(), || work.as_mut().poll(cx)),
        None => work.as_mut().poll(cx),
    })
    .await
}

/// The id of the trace in a `traceparent` header, as 32 digits.
pub fn trace_id(parent: &str) -> Option<String> {
    remote(parent).map(|parent| parent.trace_id().to_string())
}

/// `00-<trace id>-<span id>-<flags>`, W3C Trace Context.
fn remote(parent: &str) -> Option<SpanContext> {
    let mut parts = parent.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hex(version, 2) || version == "ff" || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    context.is_valid().then_some(context)
}

/// Ids of traces are those that were asked for.
#[derive(Clone, Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let wanted = NEXT.take().filter(|id| *id != TraceId::INVALID);
        wanted.unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Sends batches on the process's runtime: the thread that makes them has none.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let (status, body) = (answer.status(), answer.bytes().await?);
            Ok::<_, HttpError>(Response::builder().status(status).body(body)?)
        });
        let result = sent.await.unwrap_or_else(|gone| Err(Box::new(gone)));
        match &result {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "the collector refuses spans"),
            Err(error) => tracing::warn!(%error, "spans cannot be sent to the collector"),
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_believed_when_it_is_well_formed() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(trace_id(&format!("00-{trace}-{span}-01")).as_deref(), Some(trace));
        for wrong in [
            String::new(),
            trace.to_owned(),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", &trace[1..]),
            format!("00-{trace}-{span}-x1"),
        ] {
            assert_eq!(trace_id(&wrong), None, "{wrong}");
        }
    }
}
