//! A domain's files go to another store, which takes a task as long as it takes; they are served all the time.
//!
//! 1. The new store becomes the second one beside the domain's own, and tasks that know nothing of it end. Bytes go on
//!    coming into the old one.
//! 2. Artifacts are copied.
//! 3. The new store becomes the domain's, and the old one the second, from which is read what the new one lacks: what
//!    came during the copying, or is on its way still, by a process that has not heard of the change.
//! 4. What came during the copying is copied.
//!
//! The files in the old store stay. Killed at any point, the task can be asked for again: what is there is not copied
//! again. The old store is let go of later (`upkeep.rs`).

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::location::Location;
use super::settings::Settings;
use super::upkeep::{self, Absent, Copying, Looked};
use super::{location_of, lock_places, place, refuse_default, refuse_entangled};
use crate::app::{App, Shared};
use crate::db::domains::{self as rows, Domain, Second, Store};
use crate::db::{Conn, artifact_bytes};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::ops::Stores;
use crate::ops::publish_task::stores;
use crate::storage::{Storage, StorageConfig};
use crate::tasks::TaskContext;

/// What tasks are kept under.
pub const KIND: &str = "domain_migrate";
/// How clients know the task.
pub const NAME: &str = "pulpcore.app.tasks.migrate.migrate_backend";

/// Longer than another host takes to notice that a domain was changed.
const NOTICED: Duration = Duration::from_secs(3);
/// What came so long before the change is not looked for again behind it: clocks of hosts may differ so much.
const OVERLAP: chrono::TimeDelta = chrono::TimeDelta::minutes(10);

/// What a migration is to come to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Migration {
    pub class: String,
    pub settings: Map<String, Json>,
    pub secrets: Map<String, Json>,
}

impl Migration {
    /// Where the files are to go, as long as a domain may have its store there.
    ///
    /// # Errors
    /// `InvalidBody`, under the name of the field; `Internal` from the database.
    pub fn check(&self, app: &App, conn: &mut Conn) -> Result<StorageConfig> {
        let domain = existing(conn, app.domain)?;
        let wrong = |wrong: Json| Error::InvalidBody(serde_json::json!({ "storage_settings": wrong }));
        let place = place::config(&app.config, domain.id, &self.class, &self.wanted()).map_err(wrong)?;
        let there = self.location(app);
        if location_of(&app.config, &domain.store) == there {
            return Ok(place);
        }
        refuse_entangled(&app.config, conn, &there)?.map_err(wrong)?;
        match &domain.second {
            Some(second) if location_of(&app.config, &second.store) != there => {
                let until = crate::id::format_instant(second.since + upkeep::SETTLED);
                let text = format!("the files have been moved lately: they can go to a third place after {until}");
                Err(wrong(serde_json::json!([text])))
            }
            _ => Ok(place),
        }
    }

    fn wanted(&self) -> Settings {
        Settings { shown: self.settings.clone(), secret: self.secrets.clone() }
    }

    fn location(&self, app: &App) -> Location {
        Location::of(&app.config, &self.class, &self.settings)
    }

    fn store(&self, app: &App) -> Result<Store> {
        let secrets = match self.secrets.is_empty() {
            true => None,
            false => Some(app.secrets.seal(&Json::Object(self.secrets.clone()))?),
        };
        Ok(Store { class: self.class.clone(), settings: Json::Object(self.settings.clone()), secrets })
    }
}

fn existing(conn: &mut Conn, id: Id) -> Result<Domain> {
    refuse_default(conn, id, "migrated")?;
    rows::by_id(conn, id)?.ok_or_else(|| Error::not_found("Domain"))
}

/// The task.
pub fn run(app: Shared, args: Json, context: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let migration: Migration = serde_json::from_value(args).map_err(Error::internal)?;
        let target = migration.store(&app)?;
        let there = migration.location(&app);
        let begun = Id::at(now() - OVERLAP);
        let before = begin(&app, &context, migration, &target).await?;
        let moves = location_of(&app.config, &before.store) != there;
        let second = before.second.as_ref().map(|second| &second.store);
        // What was killed behind the change has its way before it.
        let from = if moves { &before.store } else { second.unwrap_or(&before.store) };
        let stores = Stores { domain: before.id, ..stores(&app)? };
        let copying = Copying {
            from: attached(&app, &before, from).await?,
            to: attached(&app, &before, &target).await?,
            absent: Absent::IsAnError,
        };
        let domain = before.id;
        let total = app.db.read(move |conn| artifact_bytes::count(conn, domain)).await?;
        let progress = context.progress("Migrating Artifacts", "migrate", Some(total));
        let hear = |looked: Looked| {
            progress.set_done(looked.seen);
            context.check()
        };
        let looked = match copying.run(&stores, None, &hear).await {
            Ok(looked) => looked,
            Err(error) => {
                give_up(&app, &before, moves).await?;
                return Err(error);
            }
        };
        progress.set_total(looked.seen);
        let text = format!("Update Domain({})'s Backend Settings", before.name);
        end(&app, &context, &before, (target, moves)).await?;
        if moves {
            noticed(&app).await;
            let late = copying.run(&stores, Some(begun), &|_| context.check()).await?;
            progress.set_total(looked.seen + late.copied);
            progress.set_done(looked.seen + late.copied);
        }
        progress.finish();
        let update = context.progress(&text, "update", Some(1));
        update.add(1);
        update.finish();
        Ok(Json::Null)
    })
}

/// Puts the new store beside the domain's own, where its files are to leave that. The domain as it is then.
async fn begin(app: &Shared, context: &TaskContext, migration: Migration, target: &Store) -> Result<Domain> {
    let (shared, fenced, target) = (app.clone(), context.clone(), target.clone());
    let there = migration.location(app);
    let place = app.db.write(move |conn| {
        fenced.fence(conn)?;
        lock_places(conn)?;
        let place = migration.check(&shared, conn)?;
        let domain = existing(conn, shared.domain)?;
        if domain.second.is_none() && location_of(&shared.config, &domain.store) != there {
            let second = Second { store: target, since: now() };
            rows::set_stores(conn, domain.id, &domain.store, &second)?;
        }
        Ok((place, existing(conn, shared.domain)?))
    });
    let (place, domain) = place.await?;
    app.domain_changed();
    Storage::try_out(&place).await?;
    noticed(app).await;
    others_end(app, context, domain.id).await?;
    Ok(domain)
}

/// Waits for tasks that began before the new store was known: they would not find there what comes into it.
async fn others_end(app: &Shared, context: &TaskContext, domain: Id) -> Result<()> {
    let (since, own) = (now(), context.id());
    while app.db.read(move |conn| rows::has_running_tasks(conn, domain, since, own)).await? {
        context.check()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Nothing is in the new store but copies: other places may be tried.
async fn give_up(app: &Shared, before: &Domain, moves: bool) -> Result<()> {
    let (id, Some(second)) = (before.id, before.second.as_ref().filter(|_| moves)) else { return Ok(()) };
    let since = second.since;
    app.db.write(move |conn| rows::forget_second(conn, id, since)).await?;
    app.domain_changed();
    Ok(())
}

/// Makes the new store the domain's.
async fn end(app: &Shared, context: &TaskContext, before: &Domain, (target, moves): (Store, bool)) -> Result<()> {
    let (fenced, id) = (context.clone(), before.id);
    let change = app.db.write(move |conn| {
        fenced.fence(conn)?;
        let domain = existing(conn, id)?;
        match (moves, &domain.second) {
            (true, _) => {
                let second = Second { store: domain.store, since: now() };
                rows::set_stores(conn, id, &target, &second)
            }
            (false, Some(second)) => rows::set_stores(conn, id, &target, second),
            (false, None) => rows::set_store(conn, id, &target),
        }
    });
    change.await?;
    app.domain_changed();
    Ok(())
}

/// Waits until every host knows the domain as it is.
async fn noticed(app: &Shared) {
    if !app.db.is_embedded() {
        tokio::time::sleep(NOTICED).await;
    }
}

async fn attached(app: &Shared, domain: &Domain, store: &Store) -> Result<Storage> {
    Storage::attach(&place::of_store(&app.config, &app.secrets, (domain.id, &domain.name), store)?).await
}
