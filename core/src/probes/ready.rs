//! Whether a process can do its work: each component is asked, all at the same time, and each has a second. Whoever
//! asks within a second after that gets the same answer, so that asking costs nothing however many do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use serde_json::{Map, json};
use tokio::sync::Mutex;

use super::question::Questions;
use crate::app::{App, Shared};
use crate::config::Role;
use crate::params;

/// How long a report is repeated.
const KEPT: Duration = Duration::from_secs(1);

const NO_ANSWER: &str = "no answer within a second";

/// The last report, and what keeps questions few.
#[derive(Default)]
pub struct Readiness {
    last: Mutex<Option<(Instant, Arc<Report>)>>,
    database: Questions,
    store: Questions,
    /// Those of `/metrics`.
    pub(super) queue: Questions,
    pub(super) usage: Questions,
}

/// What each component said: nothing when it is well, else why it is not.
type Report = Vec<(&'static str, Option<String>)>;

/// 200 when all components are well, else 503; the body names each.
pub async fn answer(app: &Shared) -> HttpResponse {
    let report = report(app).await;
    let shown: Map<_, _> = report
        .iter()
        .map(|(component, wrong)| ((*component).to_owned(), json!(wrong.as_deref().unwrap_or("ok"))))
        .collect();
    let is_ready = report.iter().all(|(_, wrong)| wrong.is_none());
    let mut response = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header(("Cache-Control", "no-store"));
    response.json(json!({ "ready": is_ready, "components": shown }))
}

async fn report(app: &Shared) -> Arc<Report> {
    let mut last = app.readiness.last.lock().await;
    if let Some((asked, report)) = &*last
        && asked.elapsed() < KEPT
    {
        return report.clone();
    }
    let report = Arc::new(ask(app).await);
    *last = Some((Instant::now(), report.clone()));
    report
}

async fn ask(app: &Shared) -> Report {
    let ((database, schema), store) = tokio::join!(database(app), store(app));
    let mut report = vec![("database", database), ("schema", schema), ("store", store)];
    if app.config.has_role(Role::Worker) {
        report.push(("worker", worker(app)));
    }
    for (component, wrong) in &report {
        if let Some(wrong) = wrong {
            tracing::warn!(component, wrong, "not ready");
        }
    }
    report
}

/// Whether the database answers, and whether it has the tables of this program.
async fn database(app: &Shared) -> (Option<String>, Option<String>) {
    let unknown = || Some("unknown while the database does not answer".to_owned());
    let (db, migrations) = (app.db.clone(), app.migrations.clone());
    let missing = app.readiness.database.ask(async move {
        db.read(|conn| conn.query_one("SELECT 1", params![]).map(drop)).await?;
        db.missing_migrations(&migrations).await
    });
    match missing.await {
        None => (Some(NO_ANSWER.into()), unknown()),
        Some(Err(error)) => (Some(error.public_text()), unknown()),
        Some(Ok(missing)) if missing.is_empty() => (None, None),
        Some(Ok(missing)) => (None, Some(format!("migrations are missing: {}", missing.join(", ")))),
    }
}

/// Whether files can be put into the store.
async fn store(app: &Shared) -> Option<String> {
    let storage = app.storage.clone();
    match app.readiness.store.ask(async move { storage.probe().await }).await {
        None => Some(NO_ANSWER.into()),
        Some(answer) => answer.err().map(|error| error.public_text()),
    }
}

/// Whether the worker of this process was heard of lately, as the others of the installation see it.
fn worker(app: &App) -> Option<String> {
    let silent = app.queue.silence()?;
    (silent > app.config.worker_ttl).then(|| format!("gave no sign of life for {} seconds", silent.as_secs()))
}
