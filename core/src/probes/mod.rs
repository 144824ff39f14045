//! What those ask who watch a process from outside, on any process whatever its roles: `/livez`, `/readyz` and
//! `/metrics`. They lie beside the API and not below it, since a process that only serves files has no API; Pulp's own
//! `livez/` stays where its clients look for it.

mod metrics;
mod question;
mod ready;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use crate::app::Shared;

pub use ready::Readiness;

/// Adds them to a server on which anybody may call.
pub fn routes(config: &mut ServiceConfig, app: &Shared) {
    let app_of_metrics = app.clone();
    let metrics = move |request: HttpRequest| {
        let app = app_of_metrics.clone();
        async move { metrics::for_readers(&app, &request).await }
    };
    config.service(livez()).service(readyz(app)).service(web::resource("/metrics").route(web::get().to(metrics)));
}

/// The whole of a server that has nothing else, at an address that only those reach who may know all of it.
pub fn routes_apart(config: &mut ServiceConfig, app: &Shared) {
    let app_of_metrics = app.clone();
    let metrics = move || {
        let app = app_of_metrics.clone();
        async move { metrics::answer(&app).await }
    };
    config.service(livez()).service(readyz(app)).service(web::resource("/metrics").route(web::get().to(metrics)));
}

/// That the process answers.
fn livez() -> Resource {
    let answer = async || HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n");
    web::resource("/livez").route(web::get().to(answer)).route(web::head().to(answer))
}

/// Whether the process can do its work, and if not, what of it is missing.
fn readyz(app: &Shared) -> Resource {
    let app = app.clone();
    let answer = move || {
        let app = app.clone();
        async move { ready::answer(&app).await }
    };
    web::resource("/readyz").route(web::get().to(answer.clone())).route(web::head().to(answer))
}
