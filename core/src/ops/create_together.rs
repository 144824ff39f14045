//! Units that wait for one repository, one behind the other, become one version and one publication: whoever brings
//! many packages, one by one, waits for few of them.
//!
//! Only where that comes to the same: should one of them be refused or left out, or push another out, fewer are taken
//! together. See `docs/decisions/0017-uploads-that-wait-are-taken-together.md`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use super::change_version;
use super::create_content::{self, Job, KIND_OF_UPLOAD, KIND_PUBLISHING, Made, content_type};
use super::inspect::{self, NewUnit};
use crate::app::{App, Shared};
use crate::db::{Announced, Conn, uploads, versions as rows};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::tasks::{Behind, Place, TakenAlong, TaskContext};

/// So many uploads of those that wait are made units at once,
const AT_ONCE: usize = 4;
/// for so long,
const FOR: Duration = Duration::from_secs(5);
/// and of so many bytes together: the first of the line is to end soon, too.
const BYTES: u64 = 256 << 20;

/// A task that waits.
struct Waiting {
    place: Place,
    cid: String,
    job: Job,
}

/// A task whose unit is in the store.
struct Ready {
    job: Job,
    unit: NewUnit,
}

/// The task for a unit of a file; it takes along those that wait behind it.
pub(super) async fn run(app: &Shared, job: Job, context: &TaskContext) -> Result<Json> {
    let behind = behind(app, &job, context).await?;
    let upload = job.upload;
    let waiting = alike(&job, &behind);
    let (ready, _announced) = ready(app, job, waiting, context).await?;
    let (shared, fence) = (app.clone(), context.clone());
    let made = app.db.write(move |conn| {
        fence.fence(conn)?;
        if let Some(upload) = upload {
            uploads::delete(conn, upload)?;
        }
        let mut made = as_many_as_fit(&shared, conn, &ready)?;
        if let Some(own) = made.first_mut() {
            fence.created(conn, std::mem::take(&mut own.created))?;
        }
        Ok(made)
    });
    let mut made = made.await?.into_iter();
    if let Some(upload) = upload {
        app.storage.drop_upload(upload).await?;
    }
    let own = made.next().ok_or_else(|| Error::internal("a task that made nothing"))?;
    let (publication, shown) = create_content::finish(app, context, own).await?;
    let done = behind.into_iter().zip(made).map(|(behind, Made { mut created, shown, .. })| {
        created.extend(publication.clone());
        TakenAlong { behind, created, result: shown }
    });
    context.end_behind(done.collect()).await?;
    Ok(shown)
}

/// Those that wait for the repository behind this task.
async fn behind(app: &Shared, job: &Job, context: &TaskContext) -> Result<Vec<Behind>> {
    let Some(repository) = job.repository else { return Ok(vec![]) };
    let shared = app.clone();
    let prn = app.db.read(move |conn| create_content::repository_prn(&shared, conn, repository)).await?;
    context.behind(&prn, &[KIND_PUBLISHING, KIND_OF_UPLOAD]).await
}

/// Those behind, as far as they are like the task's own job.
fn alike(own: &Job, behind: &[Behind]) -> Vec<Waiting> {
    let others = behind.iter().map_while(|behind| {
        let job: Job = serde_json::from_value(behind.args.clone()).ok()?;
        let is_alike = job.repository == own.repository && job.overwrite == own.overwrite;
        is_alike.then(|| Waiting { place: behind.place, cid: behind.cid.clone(), job })
    });
    others.collect()
}

/// The task's own unit, and those of as many behind it as can be had; their bytes stay while the announcement is held.
///
/// # Errors
/// What ails the task's own.
async fn ready(
    app: &Shared,
    own: Job,
    waiting: Vec<Waiting>,
    context: &TaskContext,
) -> Result<(Vec<Ready>, Announced)> {
    let unit = match (own.file.clone(), own.upload) {
        (Some(unit), _) => unit,
        (None, Some(upload)) => {
            let (unit, announced) = create_content::unit_of_upload(app, &own, upload, context.cid()).await?;
            if waiting.is_empty() {
                return Ok((vec![Ready { job: own, unit }], announced));
            }
            // All are announced together below: one announcement beside another might wait for ever.
            unit
        }
        (None, None) => return Err(Error::internal("a task without a file")),
    };
    let mut ready = vec![Ready { job: own, unit }];
    ready.extend(units_of_waiting(app, waiting, context).await?);
    let units: Vec<&NewUnit> = ready.iter().map(|ready| &ready.unit).collect();
    let (count, announced) = inspect::waited(app, &units).await?;
    ready.truncate(count);
    Ok((ready, announced))
}

/// The units of those that wait, in their order, up to the first that has none.
async fn units_of_waiting(app: &Shared, waiting: Vec<Waiting>, context: &TaskContext) -> Result<Vec<Ready>> {
    let (begun, mut ready) = (Instant::now(), vec![]);
    let mut left = few_enough(app, waiting).await?;
    while !left.is_empty() && begun.elapsed() < FOR {
        context.check()?;
        let later = left.split_off(AT_ONCE.min(left.len()));
        let wanted = left.len();
        let units = join_all(left.iter().map(|one| unit_of_waiting(app, one))).await;
        let made: Vec<_> = left.into_iter().zip(units).map_while(|(one, unit)| Some((one, unit?))).collect();
        let made = keep_units(app, made, context).await?;
        let is_short = made.len() < wanted;
        ready.extend(made);
        if is_short {
            break;
        }
        left = later;
    }
    Ok(ready)
}

/// Those whose uploads are not too much together, up to the first that is.
async fn few_enough(app: &Shared, mut waiting: Vec<Waiting>) -> Result<Vec<Waiting>> {
    let uploads: Vec<Option<Id>> =
        waiting.iter().map(|one| one.job.upload.filter(|_| one.job.file.is_none())).collect();
    let sizes = app.db.read(move |conn| {
        let size = |upload: Option<Id>| upload.map_or(Ok(Some(0)), |upload| uploads::size(conn, upload));
        uploads.into_iter().map(size).collect::<Result<Vec<_>>>()
    });
    let sums = sizes.await?.into_iter().scan(0_u64, |sum, size| {
        *sum = sum.saturating_add(size?);
        Some(*sum)
    });
    let count = sums.take_while(|sum| *sum <= BYTES).count();
    waiting.truncate(count);
    Ok(waiting)
}

/// None where it cannot be had; the task will tell why when it has its turn.
async fn unit_of_waiting(app: &Shared, Waiting { cid, job, .. }: &Waiting) -> Option<NewUnit> {
    let made = match (&job.file, job.upload) {
        (Some(unit), _) => return Some(unit.clone()),
        (None, Some(upload)) => create_content::unit_beside_upload(app, job, upload, cid).await,
        (None, None) => return None,
    };
    made.inspect_err(|error| tracing::debug!(%error, cid, "the upload of a task that waits is left to that task")).ok()
}

/// Those whose units were made of uploads are told of them, and the uploads are gone: none is made again should its task
/// not be taken along. Up to the first that does not wait any more.
async fn keep_units(app: &Shared, made: Vec<(Waiting, NewUnit)>, context: &TaskContext) -> Result<Vec<Ready>> {
    let (mut ready, mut told, mut gone) = (vec![], vec![], vec![]);
    for (Waiting { place, mut job, .. }, unit) in made {
        if job.file.is_none() {
            gone.push((ready.len(), job.upload.take()));
            job.file = Some(unit.clone());
            told.push((place, json!(job)));
        }
        ready.push(Ready { job, unit });
    }
    if told.is_empty() {
        return Ok(ready);
    }
    let context = context.clone();
    let tell = move |conn: &mut Conn| {
        let waits = context.tell_behind(conn, &told)?;
        let told: Vec<_> = gone.into_iter().zip(waits).collect();
        for ((_, upload), _) in told.iter().filter(|(_, waits)| *waits) {
            upload.map_or(Ok(false), |upload| uploads::delete(conn, upload))?;
        }
        Ok(told)
    };
    for ((at, upload), waits) in app.db.write(tell).await? {
        match upload.filter(|_| waits) {
            Some(upload) => app.storage.drop_upload(upload).await?,
            None => ready.truncate(at),
        }
    }
    Ok(ready)
}

/// All jobs as one version, or the first half of them, or half of that, and at last the first alone. An attempt that
/// comes to nothing leaves no trace.
///
/// # Errors
/// What ails the first job, or what no client could have caused.
fn as_many_as_fit(app: &App, conn: &mut Conn, jobs: &[Ready]) -> Result<Vec<Made>> {
    let mut count = jobs.len();
    while count > 1 {
        match conn.savepoint(|conn| create(app, conn, &jobs[..count])) {
            Ok(made) => return Ok(made),
            Err(error) if is_of_the_jobs(&error) => {
                tracing::debug!(%error, count, "uploads that wait for one repository cannot become one version");
                count /= 2;
            }
            Err(error) => return Err(error),
        }
    }
    let Ready { job, unit } = jobs.first().ok_or_else(|| Error::internal("a task without a file"))?;
    Ok(vec![create_content::create(app, conn, job, unit)?])
}

/// Whether fewer of them may succeed.
fn is_of_the_jobs(error: &Error) -> bool {
    matches!(error, Error::Invalid(_) | Error::InvalidBody(_) | Error::Conflict(_) | Error::Duplicate { .. })
}

/// # Errors
/// When the result could differ from that of one version after the other.
fn create(app: &App, conn: &mut Conn, jobs: &[Ready]) -> Result<Vec<Made>> {
    let apart = || Error::Conflict("one of the units changes what becomes of another".into());
    let first = &jobs.first().ok_or_else(apart)?.job;
    let repository = first.repository.ok_or_else(apart)?;
    let mut all = vec![];
    for Ready { job, unit } in jobs {
        let stored = create_content::store(app, conn, &job.r#type, unit, job.labels.as_ref())?;
        if !stored.unit.created && content_type(app, &job.r#type)?.refuses_known() {
            return Err(apart());
        }
        all.push(stored);
    }
    let ids: Vec<_> = all.iter().flat_map(create_content::Stored::ids).collect();
    let wanted = change_version::adding(repository, ids.clone(), first.overwrite);
    let finished = change_version::change(app, conn, &wanted)?;
    let version = finished.version.filter(|_| finished.rejected.is_empty()).ok_or_else(apart)?.id;
    if !rows::has_all(conn, repository, ids)? {
        return Err(apart());
    }
    let (named, _) = change_version::describe(app, conn, version)?;
    let made = jobs.iter().zip(&all).map(|(Ready { job, .. }, stored)| {
        let (created, shown) = create_content::describe(app, conn, job, stored, Some(named.clone()))?;
        Ok(Made { created, version: Some(version), rejected: vec![], shown })
    });
    made.collect()
}
