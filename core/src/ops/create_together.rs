//! Units that wait for one repository, one behind the other, become one version and one publication: whoever brings
//! many packages, one by one, waits for few of them.
//!
//! Only where that comes to the same: should one of them be refused or left out, or push another out, fewer are taken
//! together. See `docs/decisions/0017-uploads-that-wait-are-taken-together.md`.

use serde_json::Value as Json;

use super::change_version;
use super::create_content::{self, Job, KIND_PUBLISHING, Made, content_type};
use super::inspect::{self, NewUnit};
use crate::app::{App, Shared};
use crate::db::{Conn, versions as rows};
use crate::error::{Error, Result};
use crate::tasks::{Behind, TakenAlong, TaskContext};

/// The task for a unit whose file is in the store; it takes along those that wait behind it.
pub(super) async fn run(app: &Shared, job: Job, context: &TaskContext) -> Result<Json> {
    let behind = match job.repository {
        Some(_) => context.behind(KIND_PUBLISHING).await?,
        None => vec![],
    };
    let mut jobs = jobs(job, &behind)?;
    let units: Vec<&NewUnit> = jobs.iter().map(|(_, unit)| unit).collect();
    let (count, _announced) = inspect::waited(app, &units).await?;
    jobs.truncate(count);
    let (shared, fence) = (app.clone(), context.clone());
    let made = app.db.write(move |conn| {
        fence.fence(conn)?;
        as_many_as_fit(&shared, conn, &jobs)
    });
    let mut made = made.await?.into_iter();
    let own = made.next().ok_or_else(|| Error::internal("a task that made nothing"))?;
    let (publication, shown) = create_content::finish(app, context, own).await?;
    let done = behind.into_iter().zip(made).map(|(behind, Made { mut created, shown, .. })| {
        created.extend(publication.clone());
        TakenAlong { behind, created, result: shown }
    });
    context.end_behind(done.collect()).await?;
    Ok(shown)
}

/// The task's own job, and those behind it as far as they are like it.
fn jobs(job: Job, behind: &[Behind]) -> Result<Vec<(Job, NewUnit)>> {
    let (repository, overwrite) = (job.repository, job.overwrite);
    let with_unit = |mut job: Job| job.file.take().map(|unit| (job, unit));
    let own = with_unit(job).ok_or_else(|| Error::internal("a task without a file"))?;
    let others = behind.iter().map_while(|behind| {
        let job: Job = serde_json::from_value(behind.args.clone()).ok()?;
        with_unit(job).filter(|(job, _)| job.repository == repository && job.overwrite == overwrite)
    });
    Ok(std::iter::once(own).chain(others).collect())
}

/// All jobs as one version, or the first half of them, or half of that, and at last the first alone. An attempt that
/// comes to nothing leaves no trace.
///
/// # Errors
/// What ails the first job, or what no client could have caused.
fn as_many_as_fit(app: &App, conn: &mut Conn, jobs: &[(Job, NewUnit)]) -> Result<Vec<Made>> {
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
    let (job, unit) = jobs.first().ok_or_else(|| Error::internal("a task without a file"))?;
    Ok(vec![create_content::create(app, conn, job, unit)?])
}

/// Whether fewer of them may succeed.
fn is_of_the_jobs(error: &Error) -> bool {
    matches!(error, Error::Invalid(_) | Error::InvalidBody(_) | Error::Conflict(_) | Error::Duplicate { .. })
}

/// # Errors
/// When the result could differ from that of one version after the other.
fn create(app: &App, conn: &mut Conn, jobs: &[(Job, NewUnit)]) -> Result<Vec<Made>> {
    let apart = || Error::Conflict("one of the units changes what becomes of another".into());
    let (first, _) = jobs.first().ok_or_else(apart)?;
    let repository = first.repository.ok_or_else(apart)?;
    let mut all = vec![];
    for (job, unit) in jobs {
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
    let made = jobs.iter().zip(&all).map(|((job, _), stored)| {
        let (created, shown) = create_content::describe(app, conn, job, stored, Some(named.clone()))?;
        Ok(Made { created, version: Some(version), rejected: vec![], shown })
    });
    made.collect()
}
