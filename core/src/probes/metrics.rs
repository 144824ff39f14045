//! `/metrics`: what this process counted, and how the queue stands, which the database knows.

use std::time::SystemTime;

use actix_web::{HttpRequest, HttpResponse};
use tokio::task::spawn_blocking;

use crate::app::{App, Shared};
use crate::config::MetricsReaders;
use crate::db::queue::{self, Standing};
use crate::error::{Error, Result};
use crate::id::now;
use crate::metrics::{self, Kind, Text};
use crate::rest::{authenticate, error_body, request::correlation_id};
use crate::{native, tasks};

/// For whom the configuration names.
pub async fn for_readers(app: &Shared, request: &HttpRequest) -> HttpResponse {
    match admit(app, request).await {
        Ok(()) => answer(app).await,
        Err(error) => {
            let cid = correlation_id(request);
            error_body::answer(&error, &cid).respond(&cid, false)
        }
    }
}

async fn admit(app: &Shared, request: &HttpRequest) -> Result<()> {
    match app.config.metrics {
        MetricsReaders::Everybody => Ok(()),
        MetricsReaders::Nobody => Err(Error::not_found("metrics")),
        MetricsReaders::Administrators => match authenticate::actor(app, request).await? {
            None => Err(Error::Unauthenticated("Authentication credentials were not provided.".into())),
            Some(actor) if actor.is_superuser && actor.token.as_ref().is_none_or(|token| !token.is_confined()) => {
                Ok(())
            }
            Some(_) => Err(Error::Forbidden),
        },
    }
}

/// For everybody who gets here.
pub async fn answer(app: &Shared) -> HttpResponse {
    let mut text = Text::default();
    requests(app, &mut text);
    queue(app, &mut text).await;
    app.queue.write_metrics(&mut text);
    app.db.write_metrics(&mut text);
    app.storage.write_metrics(&mut text);
    app.domains.write_metrics(&mut text);
    process(app, &mut text);
    store(app, &mut text).await;
    HttpResponse::Ok().content_type(Text::CONTENT_TYPE).body(text.finish())
}

fn requests(app: &App, text: &mut Text) {
    let mut operations = app.routes.measured();
    operations.extend(native::measured(&app.native));
    operations.push(app.delivery.measured());
    metrics::requests(text, &operations);
}

async fn queue(app: &Shared, text: &mut Text) {
    let db = app.db.clone();
    let asked = app.readiness.queue.ask(async move { db.read(|conn| queue::standing(conn, now())).await });
    let standing = asked.await.and_then(Result::ok);
    let help = "Whether the database answered within a second.";
    text.single("pith_database_up", Kind::Gauge, help, u8::from(standing.is_some()));
    let Some(Standing { waiting, running, canceling, oldest_waiting }) = standing else { return };
    text.family("pith_tasks", Kind::Gauge, "Unfinished tasks of the installation by state.");
    for (state, count) in [("waiting", waiting), ("running", running), ("canceling", canceling)] {
        text.sample("pith_tasks", &[("state", state)], count);
    }
    let age = oldest_waiting.map_or(0, |created| (now() - created).num_seconds().max(0));
    text.single("pith_tasks_oldest_waiting_seconds", Kind::Gauge, "How long the oldest waiting task has waited.", age);
}

fn process(app: &App, text: &mut Text) {
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    text.family("pith_build_info", Kind::Gauge, "The version of the program.");
    text.sample("pith_build_info", &labels, 1);
    if let Some(kibibytes) = tasks::resident() {
        text.single("process_resident_memory_bytes", Kind::Gauge, "Physical memory.", kibibytes * 1024);
    }
    // The kernel makes these entries when they are read; no disk is waited for.
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.single("process_open_fds", Kind::Gauge, "Open files and connections.", open.count());
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        text.single("process_max_fds", Kind::Gauge, "How many may be open.", most);
    }
    if let Ok(since) = app.started.duration_since(SystemTime::UNIX_EPOCH) {
        text.single("process_start_time_seconds", Kind::Gauge, "When the process began.", since.as_secs());
    }
}

/// The disk may be silent: left out then.
async fn store(app: &App, text: &mut Text) {
    let storage = app.storage.clone();
    let asked = app.readiness.usage.ask(spawn_blocking(move || storage.usage()));
    if let Some(Ok(Some(usage))) = asked.await {
        let help = "Space of the file system of the store.";
        text.family("pith_store_bytes", Kind::Gauge, help);
        for (kind, bytes) in [("total", usage.total), ("used", usage.used), ("free", usage.free)] {
            text.sample("pith_store_bytes", &[("kind", kind)], bytes);
        }
    }
}
