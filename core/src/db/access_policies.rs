//! Access policies as far as they were changed. Each has a row from the start, so that it has an address.

use serde_json::Value as Json;

use super::{Conn, Value};
use crate::error::Result;
use crate::id::{Id, now};
use crate::params;

/// What was changed of a policy; what is none was not.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    pub statements: Option<Json>,
    pub creation_hooks: Option<Json>,
    pub queryset_scoping: Option<Json>,
}

/// Sees to it that there is a row for each of these.
pub fn ensure(conn: &mut Conn, viewsets: &[&str]) -> Result<()> {
    let known = conn.query("SELECT viewset_name FROM access_policy", &[])?;
    let known = known.iter().map(|row| row.get(0)).collect::<Result<Vec<String>>>()?;
    let missing = viewsets.iter().filter(|name| !known.iter().any(|one| one == *name));
    let rows: Vec<Vec<Value>> =
        missing.map(|name| vec![Id::new().into(), now().into(), now().into(), (*name).into(), false.into()]).collect();
    let columns = ["id", "created", "updated", "viewset_name", "customized"];
    conn.insert_ignoring("access_policy", &columns, &rows).map(drop)
}

/// What the policy with this id is about.
pub fn viewset(conn: &mut Conn, id: Id) -> Result<Option<String>> {
    let row = conn.query_opt("SELECT viewset_name FROM access_policy WHERE id = $1", params![id])?;
    row.map(|row| row.get(0)).transpose()
}

/// The viewsets of all policies whose statements were changed.
pub fn changed(conn: &mut Conn) -> Result<Vec<String>> {
    let rows = conn.query("SELECT viewset_name FROM access_policy WHERE statements IS NOT NULL", &[])?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Changes what is given; the rest stays.
pub fn change(conn: &mut Conn, id: Id, changed: &Changed) -> Result<()> {
    conn.execute(
        "UPDATE access_policy SET updated = $2, customized = $3, statements = coalesce($4, statements),
             creation_hooks = coalesce($5, creation_hooks), queryset_scoping = coalesce($6, queryset_scoping)
         WHERE id = $1",
        params![
            id,
            now(),
            true,
            changed.statements.clone(),
            changed.creation_hooks.clone(),
            changed.queryset_scoping.clone()
        ],
    )
    .map(drop)
}

/// Forgets all changes.
pub fn reset(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute(
        "UPDATE access_policy SET updated = $2, customized = $3, statements = NULL, creation_hooks = NULL,
             queryset_scoping = NULL WHERE id = $1",
        params![id, now(), false],
    )
    .map(drop)
}

/// The creation hooks of a policy, where they were changed.
pub fn creation_hooks(conn: &mut Conn, viewset: &str) -> Result<Option<Json>> {
    let row = conn.query_opt(
        "SELECT creation_hooks FROM access_policy WHERE viewset_name = $1 AND creation_hooks IS NOT NULL",
        params![viewset],
    )?;
    row.map(|row| row.get(0)).transpose()
}
