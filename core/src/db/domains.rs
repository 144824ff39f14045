//! Domains: what is kept of each, and what lies in one.

use serde_json::{Value as Json, json};

use super::{Conn, Row, Value, tallies};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::params;

/// A domain as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    pub id: Id,
    pub updated: Instant,
    pub name: String,
    pub store: Store,
    /// Where the rest of its files is, while they move.
    pub second: Option<Second>,
    pub redirect_to_object_storage: bool,
    pub hide_guarded_distributions: bool,
}

/// Where a domain keeps its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Empty for the default domain, which keeps to the configuration.
    pub class: String,
    pub settings: Json,
    /// Encrypted.
    pub secrets: Option<String>,
}

/// A store beside that of a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    pub store: Store,
    pub since: Instant,
}

/// The store of a domain that is no more.
#[derive(Clone, Debug, PartialEq)]
pub struct Dissolving {
    pub id: Id,
    pub domain: Id,
    pub domain_name: String,
    pub store: Store,
    pub created: Instant,
}

/// The default domain, made when there is none, with what its row is to show of the configuration.
pub fn ensure_default(conn: &mut Conn, shown: &Store, redirects: bool, hides: bool) -> Result<Domain> {
    conn.execute(
        "INSERT INTO domain (id, created, updated, name, description, labels) VALUES ($1, $2, $2, 'default', NULL, $3)
         ON CONFLICT DO NOTHING",
        params![Id::new(), now(), json!({})],
    )?;
    conn.execute(
        "UPDATE domain SET storage_class = $1, storage_settings = $2, redirect_to_object_storage = $3,
             hide_guarded_distributions = $4 WHERE name = 'default'",
        params![shown.class.as_str(), shown.settings.clone(), redirects, hides],
    )?;
    by_name(conn, "default")?.ok_or_else(|| Error::internal("the default domain is not there"))
}

const COLUMNS: [&str; 12] = [
    "id",
    "updated",
    "name",
    "storage_class",
    "storage_settings",
    "secrets",
    "redirect_to_object_storage",
    "hide_guarded_distributions",
    "second_class",
    "second_settings",
    "second_secrets",
    "second_since",
];

/// What every dump has of a domain; of what came later an older one has nothing.
const ALWAYS: usize = 8;

fn select(rest: &str) -> String {
    format!("SELECT {} FROM domain {rest}", COLUMNS.join(", "))
}

/// The name of the table, for those who read a dump of it.
pub const TABLE: &str = "domain";

/// A domain as a dump has it: a row with these columns.
///
/// # Errors
/// `Malformed` when it is none.
pub fn of_dump(columns: &[String], row: &[Value]) -> Result<Domain> {
    let value = |name: &str| columns.iter().position(|column| column == name).and_then(|at| row.get(at)).cloned();
    let or_nothing = |(at, name): (usize, &&str)| value(name).or((at >= ALWAYS).then_some(Value::Null));
    let values: Option<Vec<Value>> = COLUMNS.iter().enumerate().map(or_nothing).collect();
    let none = || Error::Malformed("a domain of the backup is damaged".into());
    read(Row(values.ok_or_else(none)?)).map_err(|_| none())
}

pub fn by_id(conn: &mut Conn, id: Id) -> Result<Option<Domain>> {
    conn.query_opt(&select("WHERE id = $1"), params![id])?.map(read).transpose()
}

pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<Domain>> {
    conn.query_opt(&select("WHERE name = $1"), params![name])?.map(read).transpose()
}

/// The name of the domain of the row with this id in a table, none where rows of the table are in no domain.
/// `domain_of` is the expression for the domain of the row, which is called `o`.
pub fn name_of(conn: &mut Conn, table: &str, domain_of: &str, id: Id) -> Result<Option<String>> {
    let sql = format!("SELECT d.name FROM {table} o JOIN domain d ON d.id = {domain_of} WHERE o.id = $1");
    conn.query_opt(&sql, params![id])?.map(|row| row.get(0)).transpose()
}

/// All domains, by id.
pub fn all(conn: &mut Conn) -> Result<Vec<Domain>> {
    conn.query(&select("ORDER BY id"), &[])?.into_iter().map(read).collect()
}

fn read(row: Row) -> Result<Domain> {
    let second = match (row.get::<Option<String>>(8)?, row.get::<Option<Json>>(9)?, row.get::<Option<Instant>>(11)?) {
        (Some(class), Some(settings), Some(since)) => {
            Some(Second { store: Store { class, settings, secrets: row.get(10)? }, since })
        }
        _ => None,
    };
    Ok(Domain {
        id: row.get(0)?,
        updated: row.get(1)?,
        name: row.get(2)?,
        store: Store { class: row.get(3)?, settings: row.get(4)?, secrets: row.get(5)? },
        second,
        redirect_to_object_storage: row.get(6)?,
        hide_guarded_distributions: row.get(7)?,
    })
}

/// Domains that have something to be cleared away: bytes put down for removal, those of uploads before `put_down`, and
/// uploads untouched since `untouched`.
pub fn untidy(conn: &mut Conn, untouched: Instant, put_down: Instant) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT d.id FROM domain d WHERE EXISTS (SELECT 1 FROM artifact_removal r WHERE r.domain_id = d.id)
             OR d.id IN (SELECT u.domain_id FROM upload u WHERE u.updated <= $1)
             OR d.id IN (SELECT r.domain_id FROM upload_removal r WHERE r.deleted <= $2)",
        params![untouched, put_down],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The guard that distributions of the domain get which name none.
pub fn default_content_guard(conn: &mut Conn, id: Id) -> Result<Option<Id>> {
    let row = conn.query_opt("SELECT default_content_guard_id FROM domain WHERE id = $1", params![id])?;
    row.map(|row| row.get(0)).transpose().map(Option::flatten)
}

/// Whether bytes may lie in the domain's store: of artifacts, of unfinished uploads, or yet to be removed.
pub fn has_bytes(conn: &mut Conn, id: Id) -> Result<bool> {
    let row = conn.query_opt(
        "SELECT 1 FROM domain d WHERE d.id = $1 AND (EXISTS (SELECT 1 FROM artifact a WHERE a.domain_id = d.id)
             OR EXISTS (SELECT 1 FROM upload u WHERE u.domain_id = d.id)
             OR EXISTS (SELECT 1 FROM artifact_removal r WHERE r.domain_id = d.id))",
        params![id],
    )?;
    Ok(row.is_some())
}

/// Class and settings of all stores that domains other than the default one have or had, as far as bytes may lie there.
pub fn places(conn: &mut Conn) -> Result<Vec<(String, Json)>> {
    let rows = conn.query(
        "SELECT storage_class, storage_settings FROM domain WHERE name <> 'default'
         UNION ALL SELECT second_class, second_settings FROM domain WHERE second_class IS NOT NULL
         UNION ALL SELECT storage_class, storage_settings FROM dissolving_store",
        &[],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Has a domain keep its files in this store from now on, and look for those that it lacks in `second`.
pub fn set_stores(conn: &mut Conn, id: Id, store: &Store, second: &Second) -> Result<()> {
    conn.execute(
        "UPDATE domain SET updated = $2, storage_class = $3, storage_settings = $4, secrets = $5, second_class = $6,
             second_settings = $7, second_secrets = $8, second_since = $9 WHERE id = $1",
        params![
            id,
            now(),
            store.class.as_str(),
            store.settings.clone(),
            store.secrets.clone(),
            second.store.class.as_str(),
            second.store.settings.clone(),
            second.store.secrets.clone(),
            second.since,
        ],
    )
    .map(drop)
}

/// Changes how the store of a domain is reached.
pub fn set_store(conn: &mut Conn, id: Id, store: &Store) -> Result<()> {
    conn.execute(
        "UPDATE domain SET updated = $2, storage_class = $3, storage_settings = $4, secrets = $5 WHERE id = $1",
        params![id, now(), store.class.as_str(), store.settings.clone(), store.secrets.clone()],
    )
    .map(drop)
}

/// Domains that have had a second store since `before` or longer, in which neither an upload nor a task was begun before
/// that goes on.
pub fn with_settled_second(conn: &mut Conn, before: Instant) -> Result<Vec<Domain>> {
    let condition = "d WHERE d.second_since <= $1
        AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.domain_id = d.id AND u.created <= d.second_since)
        AND NOT EXISTS (SELECT 1 FROM upload_removal r WHERE r.domain_id = d.id AND r.created <= d.second_since)
        AND NOT EXISTS (SELECT 1 FROM task t WHERE t.finished_at IS NULL AND t.domain_id = d.id
            AND t.created <= d.second_since) ORDER BY d.id";
    conn.query(&select(condition), params![before])?.into_iter().map(read).collect()
}

/// Lets go of the second store of a domain, unless it is another one by now.
pub fn forget_second(conn: &mut Conn, id: Id, since: Instant) -> Result<bool> {
    let sql = "UPDATE domain SET second_class = NULL, second_settings = NULL, second_secrets = NULL,
                   second_since = NULL WHERE id = $1 AND second_since = $2";
    Ok(conn.execute(sql, params![id, since])? == 1)
}

/// Has it be kept until later.
pub fn put_off_second(conn: &mut Conn, id: Id, since: Instant, then: Instant) -> Result<()> {
    let sql = "UPDATE domain SET second_since = $3 WHERE id = $1 AND second_since = $2";
    conn.execute(sql, params![id, since, then]).map(drop)
}

/// Whether any repository of the domain that users see has or had a unit.
pub fn has_repositories_with_content(conn: &mut Conn, id: Id) -> Result<bool> {
    let sql = "SELECT 1 FROM repository r WHERE r.domain_id = $1 AND NOT r.user_hidden
                   AND EXISTS (SELECT 1 FROM repository_content m WHERE m.repository_id = r.id) LIMIT 1";
    Ok(conn.query_opt(sql, params![id])?.is_some())
}

/// Whether a table has rows of the domain.
pub fn holds(conn: &mut Conn, table: &str, id: Id) -> Result<bool> {
    Ok(conn.query_opt(&format!("SELECT 1 FROM {table} o WHERE o.domain_id = $1 LIMIT 1"), params![id])?.is_some())
}

/// Whether a task of the domain is at work that began no later than `before`, apart from this one.
pub fn has_running_tasks(conn: &mut Conn, id: Id, before: Instant, except: Id) -> Result<bool> {
    let sql =
        "SELECT 1 FROM task WHERE finished_at IS NULL AND domain_id = $1 AND id <> $2 AND started_at <= $3 LIMIT 1";
    Ok(conn.query_opt(sql, params![id, except, before])?.is_some())
}

/// Whether a task of the domain has not ended, apart from this one.
pub fn has_unfinished_tasks(conn: &mut Conn, id: Id, except: Id) -> Result<bool> {
    let sql = "SELECT 1 FROM task WHERE finished_at IS NULL AND domain_id = $1 AND id <> $2 LIMIT 1";
    Ok(conn.query_opt(sql, params![id, except])?.is_some())
}

/// Deletes the domain with its units, artifacts and the record of its tasks; the task that does this is the default
/// domain's from then on. The stores are put down to be dissolved.
///
/// # Errors
/// `Referenced` when anything else is in it; then the transaction is to be undone.
pub fn delete(conn: &mut Conn, domain: &Domain, own_task: Id) -> Result<()> {
    let id = domain.id;
    conn.execute("UPDATE domain SET default_content_guard_id = NULL WHERE id = $1", params![id])?;
    conn.execute(
        "UPDATE task SET domain_id = (SELECT id FROM domain WHERE name = 'default') WHERE id = $2 AND domain_id = $1",
        params![id, own_task],
    )?;
    conn.execute(
        "UPDATE task SET parent_task_id = NULL WHERE parent_task_id IN (SELECT id FROM task WHERE domain_id = $1)",
        params![id],
    )?;
    for statement in [
        "DELETE FROM task WHERE domain_id = $1 AND finished_at IS NOT NULL",
        "DELETE FROM task_group WHERE domain_id = $1",
        // Units pin versions of hidden repositories, which hold units.
        "DELETE FROM pinned_version WHERE content_id IN (SELECT id FROM content WHERE domain_id = $1)",
        "DELETE FROM repository WHERE domain_id = $1 AND user_hidden",
        "DELETE FROM content WHERE domain_id = $1",
        "DELETE FROM artifact WHERE domain_id = $1",
        "DELETE FROM domain WHERE id = $1",
    ] {
        conn.execute(statement, params![id])?;
    }
    tallies::forget(conn, id)?;
    let stores = [Some(&domain.store), domain.second.as_ref().map(|second| &second.store)];
    stores.into_iter().flatten().try_for_each(|store| put_down(conn, domain, store))
}

fn put_down(conn: &mut Conn, domain: &Domain, store: &Store) -> Result<()> {
    conn.execute(
        "INSERT INTO dissolving_store (id, domain_id, domain_name, storage_class, storage_settings, secrets, created,
             due) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        params![
            Id::new(),
            domain.id,
            domain.name.as_str(),
            store.class.as_str(),
            store.settings.clone(),
            store.secrets.clone(),
            now(),
        ],
    )
    .map(drop)
}

/// Stores that are to be dissolved now. None of a domain that there is again, by a backup that was put in.
pub fn due_to_dissolve(conn: &mut Conn, at: Instant) -> Result<Vec<Dissolving>> {
    let rows = conn.query(
        "SELECT s.id, s.domain_id, s.domain_name, s.storage_class, s.storage_settings, s.secrets, s.created
         FROM dissolving_store s WHERE s.due <= $1 AND NOT EXISTS (SELECT 1 FROM domain d WHERE d.id = s.domain_id)
         ORDER BY s.due",
        params![at],
    )?;
    let read = |row: &Row| {
        Ok(Dissolving {
            id: row.get(0)?,
            domain: row.get(1)?,
            domain_name: row.get(2)?,
            store: Store { class: row.get(3)?, settings: row.get(4)?, secrets: row.get(5)? },
            created: row.get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Has a store be dissolved, once more, at this moment; none: it is done.
pub fn dissolve_at(conn: &mut Conn, id: Id, due: Option<Instant>) -> Result<()> {
    match due {
        Some(due) => conn.execute("UPDATE dissolving_store SET due = $2 WHERE id = $1", params![id, due]),
        None => conn.execute("DELETE FROM dissolving_store WHERE id = $1", params![id]),
    }
    .map(drop)
}
