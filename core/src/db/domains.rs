//! Domains: what is kept of each, and what lies in one.

use serde_json::{Value as Json, json};

use super::{Conn, Row, Value};
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

const COLUMNS: [&str; 8] = [
    "id",
    "updated",
    "name",
    "storage_class",
    "storage_settings",
    "secrets",
    "redirect_to_object_storage",
    "hide_guarded_distributions",
];

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
    let values: Option<Vec<Value>> = COLUMNS.iter().map(|name| value(name)).collect();
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
    Ok(Domain {
        id: row.get(0)?,
        updated: row.get(1)?,
        name: row.get(2)?,
        store: Store { class: row.get(3)?, settings: row.get(4)?, secrets: row.get(5)? },
        redirect_to_object_storage: row.get(6)?,
        hide_guarded_distributions: row.get(7)?,
    })
}

/// Domains that have something to be cleared away: bytes put down for removal, uploads untouched since `before`.
pub fn untidy(conn: &mut Conn, before: Instant) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT d.id FROM domain d WHERE EXISTS (SELECT 1 FROM artifact_removal r WHERE r.domain_id = d.id)
             OR d.id IN (SELECT u.domain_id FROM upload u WHERE u.updated <= $1)",
        params![before],
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

/// Whether a table has rows of the domain.
pub fn holds(conn: &mut Conn, table: &str, id: Id) -> Result<bool> {
    Ok(conn.query_opt(&format!("SELECT 1 FROM {table} o WHERE o.domain_id = $1 LIMIT 1"), params![id])?.is_some())
}

/// Forgets the domain with the record of its tasks.
///
/// # Errors
/// `Referenced` when anything else is in it, a task that has not ended too; then the transaction is to be undone.
pub fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("UPDATE domain SET default_content_guard_id = NULL WHERE id = $1", params![id])?;
    conn.execute(
        "UPDATE task SET parent_task_id = NULL WHERE parent_task_id IN (SELECT id FROM task WHERE domain_id = $1)",
        params![id],
    )?;
    conn.execute("DELETE FROM task WHERE domain_id = $1 AND finished_at IS NOT NULL", params![id])?;
    conn.execute("DELETE FROM task_group WHERE domain_id = $1", params![id])?;
    conn.execute("DELETE FROM domain WHERE id = $1", params![id]).map(drop)
}
