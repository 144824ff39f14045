//! The REST API: Pulp's wire contract over [`crate::resource`] and [`crate::ops`]. A handler parses,
//! authorizes, runs one verb and answers. No SQL is written here but for lists, which are data.

mod actions;
mod answer;
pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod body;
mod endpoints;
pub(crate) mod error_body;
mod list;
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
use crate::observe::{Told, Watch};
use crate::resource::Registry;
use crate::serve::Outbox;
pub(crate) use answer::Answer;
use authorize::Authorized;
use request::Request;

/// The description of the API of a server with these formats, as `pith openapi` prints it: sorted, and seen from
/// a fixed place.
pub fn description(config: &Config, plugins: &Plugins) -> String {
    let registry = Registry::new(plugins.clone(), core_resources);
    let routes = Routes::new(&registry);
    let api = format!("{}api/v3/", config.api_root);
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
    let told = Told { face: "api", operation, requests, user: seen.user.as_deref(), cid: Some(&cid) };
    watch.end(&request, answer.respond(&cid, head), &told)
}

/// What was found out about a request on its way.
#[derive(Default)]
struct Seen {
    endpoint: Option<usize>,
    user: Option<String>,
}

async fn dispatch(
    app: &Shared,
    request: &HttpRequest,
    payload: web::Payload,
    cid: &str,
    seen: &mut Seen,
) -> Result<Answer> {
    let Some(path) = request.path().strip_prefix(&app.api) else { return Ok(Answer::no_route()) };
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let matched = match app.routes.find(method, path) {
        Ok(matched) => matched,
        Err(miss) => return Ok(miss.answer(request, path)),
    };
    seen.endpoint = Some(matched.endpoint);
    if !request::accepts_json(request) {
        return Ok(Answer::detail(406, "Could not satisfy the request Accept header."));
    }
    let endpoint = &app.routes.endpoints[matched.endpoint];
    let policy = app.routes.policy(app, endpoint);
    // What is open to all answers also when credentials are wrong or the database is away.
    let is_open = policy.is_open_for(endpoint.verb);
    let actor = if is_open { None } else { authenticate::actor(app, request).await? };
    seen.user = actor.as_ref().map(|actor| actor.username.clone());
    let authorized = match is_open {
        true => Authorized::default(),
        false => authorize::authorize(app, actor.as_ref(), &matched, request.method()).await?,
    };
    let request = Request::new(app.clone(), request, payload, actor, authorized, cid.to_owned(), matched);
    (endpoint.run)(request).await
}

/// The correlation id's header; made when the client sent none, and always sent back.
const CORRELATION_ID: &str = "Correlation-ID";

/// A JSON body that is not what the operation takes.
fn malformed(message: impl Into<String>) -> Error {
    Error::Malformed(message.into())
}
