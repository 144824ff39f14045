//! The rules of domains, and the end of one.

pub mod place;
pub mod settings;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use self::settings::Settings;
use super::configured::Change;
use super::publish_task::stores;
use super::{orphans, upkeep};
use crate::app::{App, Shared};
use crate::db::domains::{self as rows, Domain, Store};
use crate::db::{Conn, Lock, holds};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::resource::{DEFAULT_DOMAIN, DomainStores, Draft, Errors};
use crate::tasks::TaskContext;

/// The stores that domains can have.
pub const STORES: DomainStores = DomainStores {
    classes: &settings::CLASSES,
    show: |scope, _, record| {
        let class: String = record.get("t.storage_class").unwrap_or_default();
        let settings: Json = record.get("t.storage_settings").unwrap_or_default();
        settings::shown(&class, &settings, &crate::resource::kinds::domain_secrets(scope, record))
    },
};

/// The kinds of objects whose presence keeps a domain, as Pulp calls them.
const OCCUPANTS: [(&str, &str); 9] = [
    ("alternate_content_source", "AlternateContentSource"),
    ("(SELECT * FROM repository WHERE NOT user_hidden)", "Repository"),
    ("remote", "Remote"),
    ("publication", "Publication"),
    ("distribution", "Distribution"),
    ("content_guard", "ContentGuard"),
    ("upload", "Upload"),
    ("upstream_pulp", "UpstreamPulp"),
    ("vulnerability_report", "VulnerabilityReport"),
];

/// Checks the settings of a domain's store and turns them into columns and secrets. The place of a store that holds
/// bytes stays: a row must not point at what is elsewhere.
pub fn check(
    app: &App,
    conn: &mut Conn,
    draft: &Draft,
    change: &mut Change,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<()> {
    // Whose guard it is decides the domain that is changed, so the message belongs to the field.
    if let Some(messages) = errors.0.shift_remove(crate::error::NON_FIELD) {
        errors.0.insert("default_content_guard".into(), messages);
    }
    let before = existing.map(|id| rows::by_id(conn, id)).transpose()?.flatten();
    let Some((store, settings)) = wanted(app, draft, before.as_ref(), errors)? else { return Ok(()) };
    let place = match place::config(&app.config, existing.unwrap_or_else(Id::new), &store.class, &settings) {
        Ok(place) => place,
        Err(wrong) => {
            errors.0.insert("storage_settings".into(), wrong);
            return Ok(());
        }
    };
    if let Some(before) = before {
        let stays = place::of(&app.config, &app.secrets, &before)
            .is_ok_and(|old| (&old.url, &old.endpoint) == (&place.url, &place.endpoint));
        if !stays && rows::has_bytes(conn, before.id)? {
            errors.add("storage_settings", "the store holds files, and they would not be in the new place");
        }
    }
    change.columns.push(("storage_settings".into(), store.settings.into()));
    change.set_secrets(settings.secret);
    Ok(())
}

/// The store that a draft asks for; none when it leaves it as it is, or when it is wrong.
pub fn wanted(
    app: &App,
    draft: &Draft,
    before: Option<&Domain>,
    errors: &mut Errors,
) -> Result<Option<(Store, Settings)>> {
    let (class, given) = (draft.get("storage_class").and_then(Json::as_str), draft.get("storage_settings"));
    if class.is_none() && given.is_none() {
        return Ok(None);
    }
    let Some(class) = class.or(before.map(|before| before.store.class.as_str())) else { return Ok(None) };
    let nothing = Map::new();
    let given = match given {
        None => &nothing,
        Some(Json::Object(given)) => given,
        Some(_) => {
            errors.add("storage_settings", "Storage settings should be a JSON object.");
            return Ok(None);
        }
    };
    if !settings::is_installed(class) {
        errors.add("storage_class", "Backend is not installed on Pulp.");
        return Ok(None);
    }
    let kept = before.filter(|before| before.store.class == class);
    let kept = kept.map(|before| place::opened(&app.secrets, &before.store)).transpose()?.unwrap_or_default();
    match settings::read(class, given, kept) {
        Ok(settings) => {
            let shown = Json::Object(settings.shown.clone());
            Ok(Some((Store { class: class.to_owned(), settings: shown, secrets: None }, settings)))
        }
        Err(wrong) => {
            errors.0.insert("storage_settings".into(), wrong);
            Ok(None)
        }
    }
}

/// # Errors
/// `InvalidBody` for the default domain, in Pulp's words; `done` is `updated`, say.
pub fn refuse_default(conn: &mut Conn, id: Id, done: &str) -> Result<()> {
    match rows::by_id(conn, id)?.ok_or_else(|| Error::not_found("Domain"))?.name.as_str() {
        DEFAULT_DOMAIN => Err(Error::InvalidBody(json!([format!("Default domain can not be {done}.")]))),
        _ => Ok(()),
    }
}

#[derive(Debug, Deserialize)]
struct Deletion {
    id: Id,
}

/// Deletes a domain in which nothing is but orphans and the record of tasks.
pub fn run_delete(app: Shared, args: Json, _: TaskContext) -> BoxFuture<'static, Result<Json>> {
    Box::pin(async move {
        let Deletion { id } = serde_json::from_value(args).map_err(Error::internal)?;
        app.db
            .read(move |conn| {
                refuse_occupied(conn, id)?;
                refuse_held(conn)
            })
            .await?;
        let view = app.of_domain(id).await?;
        let silent = |_: &'static upkeep::Part, _: upkeep::Count| Ok(());
        orphans::clean_up(&stores(&view)?, &orphans::Scope::All, now(), &silent).await?;
        app.db.write(move |conn| delete(conn, id)).await?;
        view.storage.dissolve().await?;
        Ok(Json::Null)
    })
}

fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    conn.lock(&Lock::Resource(crate::id::prn("core", "Domain", id)))?;
    refuse_default(conn, id, "deleted")?;
    refuse_occupied(conn, id)?;
    // Whoever holds the bytes from now on reads rows that name none of this domain.
    refuse_held(conn)?;
    // With the row it would be forgotten which files are still to go.
    if rows::holds(conn, "artifact_removal", id)? {
        return Err(Error::Conflict("files of the domain are still being removed; delete it again in a while".into()));
    }
    rows::delete(conn, id).map_err(|error| match error {
        Error::Referenced => occupied(&["content or a task that has not ended"]),
        other => other,
    })
}

/// A backup that has read which files there are must find them, and with the domain goes its store.
fn refuse_held(conn: &mut Conn) -> Result<()> {
    if !holds::are_held(conn, now())? {
        return Ok(());
    }
    let text = "a backup that needs the files of the domain is being made, or was cut off in the last ten minutes";
    Err(Error::Conflict(text.into()))
}

fn refuse_occupied(conn: &mut Conn, id: Id) -> Result<()> {
    let mut found = vec![];
    for (table, model) in OCCUPANTS {
        if rows::holds(conn, table, id)? {
            found.push(model);
        }
    }
    if found.is_empty() { Ok(()) } else { Err(occupied(&found)) }
}

fn occupied(by: &[&str]) -> Error {
    let text = "Cannot delete the object because it is still referenced by other objects";
    Error::Conflict(format!("[PLP0029] {text}: {}", by.join(", ")))
}
