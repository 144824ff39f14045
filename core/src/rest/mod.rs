//! The REST API: Pulp's wire contract over [`crate::resource`] and [`crate::ops`]. A handler parses,
//! authorizes, runs one verb and answers. No SQL is written here but for lists, which are data.

mod actions;
mod answer;
pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod body;
mod confine;
mod endpoints;
pub(crate) mod error_body;
mod list;
mod nested;
mod openapi;
mod page;
pub(crate) mod request;
mod routes;
mod write;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

pub use endpoints::resources as core_resources;
pub use routes::{BodyDoc, Content, Doc, Endpoint, Routes};

use crate::app::{Plugins, Shared};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::observe::{Told, Watch};
use crate::resource::{Api, Registry};
use crate::serve::Outbox;
pub(crate) use answer::Answer;
use authorize::Authorized;
use request::Request;

/// The description of the API of a server with these formats, as `pith openapi` prints it: sorted, and seen from
/// a fixed place.
pub fn description(config: &Config, plugins: &Plugins) -> String {
    let registry = Registry::new(plugins.clone(), core_resources);
    let routes = Routes::new(&registry);
    let api = Api::new(&config.api_root, None);
    openapi::Subject { registry: &registry, routes: &routes, api: &api }.printed()
}

/// Answers one request below the API root.
pub async fn handle(app: web::Data<Shared>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let app: &Shared = app.get_ref();
    let cid = request::correlation_id(&request);
    let (watch, mut seen) = (Watch::begin(app.config.access_log, &request, Some(&cid)), Seen::default());
    let head = request.method() == Method::HEAD;
    let result = watch.over(dispatch(app, &request, payload, &cid, &mut seen)).await;
    let answer = result.unwrap_or_else(|error| error_body::answer(&error, &cid));
    if let Some(outbox) = request.conn_data::<Outbox>() {
        outbox.spell();
    }
    let (operation, requests) = app.routes.requests(seen.endpoint);
    let (user, token) = (seen.user.as_deref(), seen.token);
    let told = Told { face: "api", operation, requests, user, token, cid: Some(&cid) };
    watch.end(&request, answer.respond(&cid, head), &told)
}

/// What was found out about a request on its way.
#[derive(Default)]
struct Seen {
    endpoint: Option<usize>,
    user: Option<String>,
    token: Option<Id>,
}

async fn dispatch(
    app: &Shared,
    request: &HttpRequest,
    payload: web::Payload,
    cid: &str,
    seen: &mut Seen,
) -> Result<Answer> {
    let Some((app, path)) = domain_of(app, request.path()).await? else { return Ok(Answer::no_route()) };
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let matched = match app.routes.find(method, path) {
        Ok(matched) => matched,
        Err(miss) => return Ok(miss.answer(request, path)),
    };
    seen.endpoint = Some(matched.endpoint);
    if !request::accepts_json(request) {
        return Ok(Answer::detail(406, "Could not satisfy the request Accept header."));
    }
    let routes = app.routes.clone();
    let endpoint = &routes.endpoints[matched.endpoint];
    let app = &as_owned(app, endpoint)?;
    let policy = app.routes.policy(app, endpoint);
    // What is open to all answers also when credentials are wrong or the database is away.
    let is_open = policy.is_open_for(endpoint.verb);
    let actor = if is_open { None } else { authenticate::actor(app, request).await? };
    seen.user = actor.as_ref().map(|actor| actor.username.clone());
    seen.token = actor.as_ref().and_then(|actor| actor.token.as_ref()?.id);
    let authorized = match is_open {
        true => Authorized::default(),
        false => authorize::authorize(app, actor.as_ref(), &matched, request.method()).await?,
    };
    let request = Request::new(app.clone(), request, payload, actor, authorized, cid.to_owned(), matched);
    if app.config.domain_enabled && !is_within_domain(&request).await? {
        return Err(request.not_found());
    }
    if endpoint.doc.body.is_none() {
        // Nothing will read one, and with it ask.
        request.permit_without_body().await?;
    }
    match (endpoint.run)(request).await {
        Err(error) => Err(app.cause(error).await),
        answered => answered,
    }
}

/// The process as seen from the domain that a path names, and what follows the API in the path.
async fn domain_of<'p>(app: &Shared, path: &'p str) -> Result<Option<(Shared, &'p str)>> {
    if !app.config.domain_enabled {
        return Ok(path.strip_prefix(app.api.as_str()).map(|path| (app.clone(), path)));
    }
    match app.api.domain_of(path) {
        Some((Some(name), path)) => Ok(app.of_domain_named(name).await?.map(|app| (app, path))),
        // What tells of the installation as a whole is found without the name of a domain too.
        Some((None, path)) if ["status/", "livez/", "docs/"].iter().any(|open| path.starts_with(open)) => {
            Ok(Some((app.clone(), path)))
        }
        _ => Ok(None),
    }
}

/// What belongs to no domain is seen from the default one, wherever it is asked for.
fn as_owned(app: Shared, endpoint: &Endpoint) -> Result<Shared> {
    let is_shared = endpoint.resource.is_some_and(|at| app.registry.resources[at].kind.is_shared());
    if is_shared { app.of_default_domain() } else { Ok(app) }
}

/// Whether the object that the path names is in the domain that the path names. The one place where that is decided
/// for all operations on objects.
async fn is_within_domain(request: &Request) -> Result<bool> {
    let (Ok(at), Ok(id)) = (request.resource_at(), request.id()) else { return Ok(true) };
    let app = request.app.clone();
    request.app.db.read(move |conn| app.registry.is_within(conn, at, id, app.domain)).await
}

/// The correlation id's header; made when the client sent none, and always sent back.
const CORRELATION_ID: &str = "Correlation-ID";

/// A JSON body that is not what the operation takes.
fn malformed(message: impl Into<String>) -> Error {
    Error::Malformed(message.into())
}
