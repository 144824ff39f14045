//! Files that a format's clients put into a repository one by one, often many in a row. The first makes its version
//! at once. What comes soon after waits, served already, for one task that makes one version of all: so a thousand
//! uploads are a few versions and each can be installed when its request is answered.

use std::time::Duration;

use super::inspect::{self, NewUnit};
use super::{create_content, publish_task, sign_upload, take_in};
use crate::app::{App, Shared};
use crate::db::{Conn, pending, repositories, versions};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::params;
use crate::plugin::{Upload, Uploaded};
use crate::tasks::{self, NewTask};
use chrono::TimeDelta;

/// How long after a version was made uploads are gathered into the next one.
const GATHERING: Duration = Duration::from_millis(1500);

/// What the transaction is told.
struct Arrival {
    repository: Id,
    pulp_type: &'static str,
    new: NewUnit,
    task: NewTask,
}

/// See [`crate::plugin::FaceHost::upload`].
pub async fn upload(app: &Shared, upload: Upload, cid: &str, created_by: Option<i64>) -> Result<Uploaded> {
    let Upload { repository, content_type: pulp_type, file, given, task } = upload;
    let content_type = create_content::content_type(app, pulp_type)?;
    content_type.check(&given)?;
    let shared = app.clone();
    let prn = app.db.read(move |conn| {
        create_content::check_repository(&shared, conn, repository, pulp_type)?;
        create_content::repository_prn(&shared, conn, repository)
    });
    let prn = prn.await?;
    let into = sign_upload::Into { pulp_type, repository: Some(repository), cid };
    let staged = sign_upload::staged(app, into, file.staged).await?;
    // Held until the rows are there.
    let (new, _announced) = inspect::staged(app, &**content_type, staged, Some(file.name), &given).await?;
    let task = take_in::task(repository, prn, task, cid, created_by);
    let (shared, arrival) = (app.clone(), Arrival { repository, pulp_type, new, task });
    let arrived = app.db.write(move |conn| arrive(&shared, conn, arrival)).await?;
    app.served_content_changed();
    Ok(match arrived {
        None => Uploaded::Exists,
        Some((task, due)) => {
            tasks::wake_at(app, due);
            Uploaded::Accepted(task)
        }
    })
}

fn is_taken(conn: &mut Conn, repository: Id, pulp_type: &str, key: Option<&str>) -> Result<bool> {
    let Some(key) = key else { return Ok(false) };
    let newest = versions::latest(conn, repository)?.ok_or_else(|| Error::not_found("Repository"))?;
    Ok(pending::holder(conn, repository, newest.number, pulp_type, key)?.is_some())
}

/// Stores the unit and makes it visible: in a version of its own or among those that wait. Returns the task, and
/// when it is due; none when the unique key is taken.
fn arrive(app: &App, conn: &mut Conn, arrival: Arrival) -> Result<Option<(Id, Instant)>> {
    let Arrival { repository, pulp_type, new, task } = arrival;
    // From here on nobody else changes what the repository has or waits for.
    let is_free = tasks::reserve(conn, &task)?;
    if is_taken(conn, repository, pulp_type, new.unit.repo_key.as_deref())? {
        return Ok(None);
    }
    let units = create_content::store(app, conn, pulp_type, &new, None)?.ids();
    let (now, gathered) = (now(), gathering(conn, repository)?);
    let publishes = publish_task::is_automatic(&repositories::settings(conn, repository)?.details);
    let waits_for = pending::task(conn, repository)?;
    if !tasks::is_running(conn, &task)? {
        take_in::try_out(app, conn, repository, &units)?;
    }
    if is_free && !publishes && gathered <= now {
        pending::add(conn, repository, &units, Id::new(), now)?;
        return Ok(Some((tasks::run_now(app, conn, &task)?, now)));
    }
    let due = if publishes { now } else { gathered.max(now) };
    let id = match waits_for {
        Some(id) => id,
        None => tasks::enqueue(app, conn, app.domain, &kind_of(task, publishes), due)?,
    };
    pending::add(conn, repository, &units, id, now)?;
    Ok(Some((id, due)))
}

fn kind_of(task: NewTask, publishes: bool) -> NewTask {
    NewTask { kind: if publishes { take_in::KIND_PUBLISHING } else { take_in::KIND }, ..task }
}

/// Until when uploads are gathered after the newest version; an empty repository's first upload does not wait.
fn gathering(conn: &mut Conn, repository: Id) -> Result<Instant> {
    let row = conn.query_opt(
        "SELECT number, created FROM repository_version WHERE repository_id = $1 ORDER BY number DESC LIMIT 1",
        params![repository],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Repository"))?;
    let (number, created): (i64, Instant) = (row.get(0)?, row.get(1)?);
    let gathering = TimeDelta::from_std(GATHERING).map_err(Error::internal)?;
    Ok(if number == 0 { created } else { created + gathering })
}

/// Makes a task for what waits without one: its task was canceled, or got lost with its host.
pub async fn take_in_forsaken(app: &Shared) -> Result<u64> {
    let shared = app.clone();
    let since = now() - TimeDelta::from_std(GATHERING).map_err(Error::internal)?;
    let made = app.db.write(move |conn| {
        let forsaken = pending::forsaken(conn, since)?;
        for repository in &forsaken {
            let prn = create_content::repository_prn(&shared, conn, *repository)?;
            let details = repositories::settings(conn, *repository)?.details;
            let name = "pulpcore.app.tasks.repository.add_and_remove";
            let cid = uuid::Uuid::new_v4().simple().to_string();
            let task = kind_of(take_in::task(*repository, prn, name, &cid, None), publish_task::is_automatic(&details));
            tasks::reserve(conn, &task)?;
            let domain = repositories::domain(conn, *repository)?;
            let id = tasks::enqueue(&shared, conn, domain, &task, now())?;
            pending::reassign(conn, *repository, id)?;
        }
        Ok(forsaken.len() as u64)
    });
    let made = made.await?;
    if made > 0 {
        tasks::wake_at(app, now());
    }
    Ok(made)
}
