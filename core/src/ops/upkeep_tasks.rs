//! The tasks that look after content and bytes: orphans, repair, reclaiming of space; and what is done
//! without being asked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::Value as Json;

use super::publish_task::stores;
use super::reclaim::{Reclaim, reclaim};
use super::remove_bytes::remove_bytes;
use super::upkeep::{Count, Part};
use super::{domains, housekeeping, orphans, remote, repair, schedules, upload};
use crate::app::{App, Shared};
use crate::db::{remotes, tallies};
use crate::download::Downloader;
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::signing::warn_of_endings;
use crate::tasks::{Progress, TaskContext};

/// So many domains are tidied up at the same time.
const TOGETHER: usize = 4;

#[derive(Debug, Deserialize)]
struct CleanUp {
    /// None: as configured.
    minutes: Option<i64>,
    content: Option<Vec<Id>>,
}

/// Turns the counts of a long verb into progress reports, and its task's cancelation into an error.
struct Reports {
    context: TaskContext,
    by_code: Mutex<HashMap<&'static str, Progress>>,
}

impl Reports {
    fn new(context: &TaskContext) -> Self {
        Self { context: context.clone(), by_code: Mutex::default() }
    }

    fn hear(&self, part: &'static Part, count: Count) -> Result<()> {
        self.context.check()?;
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut by_code = self.by_code.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = by_code.entry(part.code).or_insert_with(|| self.context.progress(part.message, part.code, None));
        progress.set_done(number(count.done));
        if let Some(total) = count.total {
            progress.set_total(number(total));
        }
        Ok(())
    }
}

impl CleanUp {
    fn protected(&self, app: &App) -> TimeDelta {
        match self.minutes {
            Some(minutes) => TimeDelta::try_minutes(minutes).unwrap_or(TimeDelta::MAX),
            None => TimeDelta::from_std(app.config.orphan_protection_time).unwrap_or(TimeDelta::MAX),
        }
    }

    fn scope(self) -> orphans::Scope {
        self.content.map_or(orphans::Scope::All, orphans::Scope::Units)
    }
}

fn before(protected: TimeDelta) -> Instant {
    now().checked_sub_signed(protected).unwrap_or_default()
}

/// Deletes orphans.
pub fn clean_up(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: CleanUp = serde_json::from_value(args).map_err(Error::internal)?;
        let before = before(job.protected(&app));
        let reports = Reports::new(&context);
        orphans::clean_up(&stores(&app)?, &job.scope(), before, &|part, count| reports.hear(part, count)).await?;
        app.served_content_changed();
        Ok(Json::Null)
    })
}

/// Says what [`clean_up`] would do.
pub fn look_for_orphans(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: CleanUp = serde_json::from_value(args).map_err(Error::internal)?;
        let protected = job.protected(&app);
        let before = before(protected);
        let reports = Reports::new(&context);
        let hear = |part, count| reports.hear(part, count);
        let found = orphans::dry_run(&app.db, app.domain, &job.scope(), before, &hear).await?;
        Ok(found.shown(&app.registry, before, |interest| interest.checked_add_signed(protected)))
    })
}

#[derive(Debug, Deserialize)]
struct Repair {
    /// None: everything.
    version: Option<Id>,
    verify_checksums: bool,
}

/// Looks for damaged files and fetches them again.
pub fn run_repair(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: Repair = serde_json::from_value(args).map_err(Error::internal)?;
        let scope = job.version.map_or(repair::Scope::All, repair::Scope::Version);
        let look = if job.verify_checksums { repair::Look::Digests } else { repair::Look::Presence };
        let reports = Reports::new(&context);
        let shared = app.clone();
        let downloaders = move |remote: Id| -> BoxFuture<'_, Result<Downloader>> {
            let app = shared.clone();
            Box::pin(async move { downloader(&app, remote).await })
        };
        repair::repair(&stores(&app)?, scope, look, &downloaders, &|part, count| reports.hear(part, count)).await?;
        Ok(Json::Null)
    })
}

/// A downloader with the settings of a remote.
pub async fn downloader(app: &Shared, id: Id) -> Result<Downloader> {
    let row = app.db.read(move |conn| remotes::by_id(conn, id)).await?;
    let row = row.ok_or_else(|| Error::not_found("Remote"))?;
    remote::downloader(app, &row)
}

#[derive(Debug, Deserialize)]
struct ReclaimJob {
    repositories: Vec<Id>,
    keep: Vec<Id>,
}

/// Deletes files that can be fetched again.
pub fn run_reclaim(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let job: ReclaimJob = serde_json::from_value(args).map_err(Error::internal)?;
        let wanted = Reclaim { repositories: job.repositories, kept_versions: job.keep };
        let reports = Reports::new(&context);
        reclaim(&stores(&app)?, &wanted, &|part, count| reports.hear(part, count)).await?;
        app.delivery.files_left();
        Ok(Json::Null)
    })
}

/// What is done once a minute without being asked. Each part is tried, whatever became of the others.
pub async fn keep_house(app: &Shared) -> Result<()> {
    let config = &app.config;
    let results = vec![
        housekeeping::expire_publications(&app.db).await,
        if config.task_protection_time.is_zero() {
            Ok(0)
        } else {
            housekeeping::expire_tasks(&app.db, config.task_protection_time).await
        },
        housekeeping::expire_announcements(&app.db).await,
        app.db.write(tallies::merge).await,
        upload::take_in_forsaken(app).await,
        schedules::dispatch(app).await,
        housekeeping::sweep_staging(app, config.tmpfile_protection_time).await,
        warn_of_endings(&app.signing).await.map(|()| 0),
    ];
    results.into_iter().collect::<Result<Vec<_>>>().map(drop)
}

/// The same of what is done in stores, which may be slow: nothing else waits for that, and no store for another.
pub async fn keep_stores(app: &Shared) -> Result<()> {
    let config = &app.config;
    let untidy = housekeeping::untidy_domains(&app.db, config.upload_protection_time).await?;
    let tidying = stream::iter(untidy.into_iter().map(|domain| tidy_domain(app, domain))).buffer_unordered(TOGETHER);
    let (tidied, dissolved, settled): (Vec<_>, _, _) =
        tokio::join!(tidying.collect(), domains::upkeep::dissolve(app), domains::upkeep::settle(app));
    tidied.into_iter().chain([dissolved, settled]).collect::<Result<Vec<_>>>().map(drop)
}

/// Clears away what lies about in a domain's store. One that cannot be reached leaves the others as they are.
async fn tidy_domain(app: &Shared, domain: Id) -> Result<u64> {
    let view = app.of_domain(domain).await?;
    let stores = stores(&view)?;
    let uploads = housekeeping::expire_uploads(&stores, app.config.upload_protection_time).await?;
    let removed = housekeeping::remove_uploads(&stores, housekeeping::LATE).await?;
    Ok(uploads + removed + remove_bytes(&stores).await?)
}
