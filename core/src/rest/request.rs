//! One request, matched and authenticated.

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpMessage, HttpRequest, web};

use super::CORRELATION_ID;
use super::authenticate::address::of_client;
use super::authorize::Authorized;
use super::body::Staging;
use super::routes::Matched;
use crate::app::Shared;
use crate::auth::policy::Actor;
use crate::auth::policy::statement::Pending;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::{Reader, Resource, Scope};
use crate::trace;

pub struct Request {
    pub app: Shared,
    pub actor: Option<Actor>,
    /// Whose lists are to be cut; none sees everything.
    pub reader: Option<Reader>,
    /// What the body has to show before it is handed out.
    pub(super) pending: Vec<Pending>,
    pub cid: String,
    /// Where the client is, if that is known.
    pub client: Option<IpAddr>,
    /// `http://host:port`, as the client sees this server.
    pub origin: String,
    /// The path, with its slashes.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub payload: Payload,
    /// How the file of the body is written, if it has one.
    pub staging: Staging,
    /// The segments of the path that are ids or numbers.
    parameters: Vec<String>,
    resource: Option<usize>,
}

impl Request {
    pub fn new(
        app: Shared,
        request: &HttpRequest,
        payload: web::Payload,
        actor: Option<Actor>,
        authorized: Authorized,
        cid: String,
        matched: Matched,
    ) -> Self {
        let connection = request.connection_info();
        let resource = app.routes.endpoints[matched.endpoint].resource;
        Self {
            actor,
            reader: authorized.reader,
            pending: authorized.pending,
            cid,
            client: of_client(&app, request),
            origin: format!("{}://{}", connection.scheme(), connection.host()),
            path: request.path().to_owned(),
            query: url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect(),
            headers: request.headers().clone(),
            payload: payload.into_inner(),
            parameters: matched.parameters,
            resource,
            staging: Staging::default(),
            app,
        }
    }

    /// The position of the resource in the registry that this request is about.
    ///
    /// # Errors
    /// `Internal`: the endpoint was declared without one.
    pub fn resource_at(&self) -> Result<usize> {
        self.resource.ok_or_else(|| Error::internal("the endpoint has no resource"))
    }

    pub fn resource(&self) -> Result<&Resource> {
        Ok(&self.app.registry.resources[self.resource_at()?])
    }

    /// The same request about another resource.
    pub fn about(self, resource: usize) -> Self {
        Self { resource: Some(resource), ..self }
    }

    /// The id in the path.
    pub fn id(&self) -> Result<Id> {
        self.parameter(0)?.parse().map_err(|_| self.not_found())
    }

    pub fn parameter(&self, at: usize) -> Result<&str> {
        self.parameters.get(at).map(String::as_str).ok_or_else(|| Error::internal("the path lacks a parameter"))
    }

    /// Whether the path names an object.
    pub fn has_parameters(&self) -> bool {
        !self.parameters.is_empty()
    }

    pub fn number(&self, at: usize) -> Result<i64> {
        self.parameter(at)?.parse().map_err(|_| self.not_found())
    }

    /// That the object in the path does not exist.
    pub fn not_found(&self) -> Error {
        Error::not_found(self.resource().map_or("object", |resource| resource.model))
    }

    pub fn user_id(&self) -> Option<i64> {
        self.actor.as_ref().map(|actor| actor.user_id)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(&self.headers, name)
    }

    pub fn viewpoint(&self) -> Viewpoint {
        Viewpoint { content: self.app.content_base(Some(&self.origin)) }
    }
}

/// From where addresses are seen; goes along into the database's thread.
#[derive(Clone)]
pub struct Viewpoint {
    content: String,
}

impl Viewpoint {
    /// The address of the content face.
    pub fn content(&self) -> &str {
        &self.content
    }

    pub fn scope<'a>(&'a self, app: &'a crate::app::App) -> Scope<'a> {
        app.scope(&self.content)
    }
}

/// The value of a cookie; HTTP/2 may spread them over several headers.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all("Cookie").filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What the client sent, if it is a UUID, in whichever spelling; else the trace that the client is in; else a new one.
pub fn correlation_id(request: &HttpRequest) -> String {
    if let Some(Kept(cid)) = request.extensions().get::<Kept>() {
        return cid.clone();
    }
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let valid = header(CORRELATION_ID).filter(|cid| uuid::Uuid::parse_str(cid).is_ok()).map(str::to_owned);
    let valid = valid.or_else(|| header(trace::PARENT).and_then(trace::trace_id));
    valid.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string())
}

/// The same, which from now on is that of the request although its client sent none.
pub fn keep_correlation_id(request: &HttpRequest) -> String {
    let cid = correlation_id(request);
    request.extensions_mut().insert(Kept(cid.clone()));
    cid
}

struct Kept(String);

/// Whether the client takes JSON, or a page, in place of which it gets JSON too.
pub fn accepts_json(request: &HttpRequest) -> bool {
    let Some(accept) = request.headers().get("Accept").and_then(|value| value.to_str().ok()) else { return true };
    let fits = |range: &str| {
        matches!(
            range.split(';').next().unwrap_or_default().trim(),
            "" | "*/*"
                | "application/*"
                | "application/json"
                | "text/html"
                | "application/vnd.oai.openapi"
                | "application/vnd.oai.openapi+json"
                | "application/yaml"
                | "text/*"
        )
    };
    accept.split(',').any(fits)
}
