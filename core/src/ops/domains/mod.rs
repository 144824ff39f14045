//! The rules of domains: where their stores may be, and what may change of them.

pub mod delete;
pub mod location;
pub mod migrate;
pub mod place;
pub mod settings;
pub mod upkeep;

use serde_json::{Map, Value as Json, json};

use self::location::Location;
use self::settings::Settings;
use super::configured::Change;
use crate::app::App;
use crate::config::Config;
use crate::db::domains::{self as rows, Domain, Second, Store};
use crate::db::{Conn, Lock, Value};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::resource::{DEFAULT_DOMAIN, DomainStores, Draft, Errors};

/// The stores that domains can have.
pub const STORES: DomainStores = DomainStores {
    classes: &settings::CLASSES,
    show: |scope, _, record| {
        let class: String = record.get("t.storage_class").unwrap_or_default();
        let settings: Json = record.get("t.storage_settings").unwrap_or_default();
        settings::shown(&class, &settings, &crate::resource::kinds::domain_secrets(scope, record))
    },
};

/// Keeps others from deciding where stores are, until the transaction ends: of two new places none may lie inside the
/// other. To be called before [`check`] in a transaction that writes.
pub fn lock_places(conn: &mut Conn) -> Result<()> {
    conn.lock(&Lock::Resource("domain.places".into()))
}

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
    if let Err(wrong) = place::config(&app.config, existing.unwrap_or_else(Id::new), &store.class, &settings) {
        errors.0.insert("storage_settings".into(), wrong);
        return Ok(());
    }
    let location = Location::of(&app.config, &store.class, &settings.shown);
    let stays = before.as_ref().is_some_and(|before| location_of(&app.config, &before.store) == location);
    if !stays && let Err(wrong) = refuse_entangled(&app.config, conn, &location)? {
        errors.0.insert("storage_settings".into(), wrong);
        return Ok(());
    }
    if let Some(before) = before.filter(|_| !stays) {
        match leave(&app.config, conn, &before, &location)? {
            Some(second) => change.columns.extend(second_columns(second)),
            None => errors.add("storage_settings", "the store holds files, and they would not be in the new place"),
        }
    }
    change.columns.push(("storage_settings".into(), store.settings.into()));
    change.set_secrets(settings.secret);
    Ok(())
}

fn location_of(config: &Config, store: &Store) -> Location {
    let nothing = Map::new();
    Location::of(config, &store.class, store.settings.as_object().unwrap_or(&nothing))
}

/// Refuses a place that lies inside that of any store or around it: that of the installation, those of domains, and
/// those whose files are yet to be removed. The inner error is the message, by the name of the setting.
fn refuse_entangled(config: &Config, conn: &mut Conn, location: &Location) -> Result<std::result::Result<(), Json>> {
    let mut others = vec![Location::of_installation(config)];
    for (class, settings) in rows::places(conn)? {
        others.push(location_of(config, &Store { class, settings, secrets: None }));
    }
    Ok(match others.iter().any(|other| other.is_entangled_with(location)) {
        true => Err(json!({"location": ["lies inside the place of other files, or around it"]})),
        false => Ok(()),
    })
}

/// The second store that a domain has when it goes to another place; none when it cannot go. What was on its way into
/// the former place when that changed is found there. It may return to where the rest of its files still is.
fn leave(config: &Config, conn: &mut Conn, before: &Domain, location: &Location) -> Result<Option<Second>> {
    let may_go = match &before.second {
        Some(second) => location_of(config, &second.store) == *location,
        None => !rows::has_bytes(conn, before.id)?,
    };
    Ok(may_go.then(|| Second { store: before.store.clone(), since: now() }))
}

fn second_columns(second: Second) -> [(String, Value); 4] {
    [
        ("second_class".into(), second.store.class.into()),
        ("second_settings".into(), second.store.settings.into()),
        ("second_secrets".into(), second.store.secrets.into()),
        ("second_since".into(), second.since.into()),
    ]
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
