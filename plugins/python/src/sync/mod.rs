//! Reading an index: which projects changed ([`list`]), what their pages say ([`pages`]), the units that come of it
//! ([`project`], [`units`]). An index that gives its projects serials is asked once when nothing changed and once
//! more for each project that did; others are asked for each project, on the condition that it changed.

mod address;
mod list;
mod pages;
mod project;
pub(crate) mod pull;
mod settings;
mod state;
mod units;

use std::sync::{Arc, PoisonError};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use pith_core::error::{Error, Result};
use pith_core::plugin::{Progress, SyncJob};
use tokio::sync::Mutex;

use crate::content::{PACKAGE, PROVENANCE, YANK};
use crate::resources::blocklist;
use address::Index;
use pages::Document;
use settings::Settings;

/// The columns that say which project a unit belongs to.
pub(crate) const GROUPS: &[(&str, &str)] =
    &[(PACKAGE, "name_normalized"), (PROVENANCE, "name_normalized"), (YANK, "name_normalized")];

/// Under which key it is remembered which pages describe the projects of the index best.
const DOCUMENT: &str = "/document";

/// One run.
struct Reading<'a> {
    job: &'a SyncJob,
    index: Index,
    settings: Arc<Settings>,
    /// None before a project was seen.
    document: Mutex<Option<Document>>,
    progress: Arc<dyn Progress>,
    failed: std::sync::Mutex<Failed>,
}

/// The projects that could not be read.
#[derive(Default)]
struct Failed {
    count: usize,
    /// Why the first of them could not.
    reason: String,
}

pub(crate) async fn sync(job: &SyncJob) -> Result<()> {
    let index = Index::at(&job.remote.url)?;
    let blocked = job.parts(blocklist::MODEL).await?;
    let settings = Arc::new(Settings::of(&job.remote.details)?.blocking(&blocked));
    let remembered = job.remembered(&settings::fingerprint(&job.remote.details, &blocked)).await?;
    let remembered = Arc::new(remembered);
    let plan = list::plan(job, &index, &settings, &remembered).await?;
    for name in &plan.gone {
        job.looked_at(name);
        job.forget(name);
    }
    if plan.projects.is_empty() && plan.gone.is_empty() && !remembered.is_empty() {
        job.unchanged();
    }
    let total = i64::try_from(plan.projects.len()).ok();
    let known = remembered.get(DOCUMENT).and_then(Document::named);
    drop(remembered);
    let reading = Reading {
        job,
        index,
        settings,
        document: Mutex::new(known),
        progress: job.progress("Fetching Project Metadata", "sync.fetching.project", total),
        failed: std::sync::Mutex::default(),
    };
    let (asked, unchanged) = (plan.projects.len(), plan.unchanged);
    let projects = stream::iter(plan.projects).map(|project| reading.project(project));
    projects.buffer_unordered(job.concurrency()).try_collect::<()>().await?;
    reading.progress.finish();
    if unchanged == 0 {
        reading.check_failed(asked)?;
    }
    if let Some(document) = reading.document.into_inner().filter(|document| Some(*document) != known) {
        job.remember(DOCUMENT, document.name().to_owned());
    }
    Ok(())
}

impl Reading<'_> {
    /// # Errors
    /// `Upstream` when none of the projects that were asked for could be read: then it is the index that fails.
    fn check_failed(&self, asked: usize) -> Result<()> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if asked == 0 || failed.count < asked {
            return Ok(());
        }
        let Failed { count, reason } = &*failed;
        Err(Error::upstream(format!("{count} of {asked} projects could not be read; the first reason: {reason}")))
    }
}
