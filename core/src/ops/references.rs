//! References that keep what they point to from being deleted. Those that formats keep in the details of repositories,
//! remotes and other configured objects the database does not know, so deleting asks here.

use serde_json::{Value as Json, json};

use crate::db::{Conn, Value, alternates};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;
use crate::resource::{Field, Kind, Registry, Resource, Source, Target, Wire};

/// More names tell nobody more.
const NAMED: i64 = 5;

/// How a reference stands in the details.
pub fn detail(id: &Value) -> Json {
    match id {
        Value::Id(id) => json!(id),
        _ => Json::Null,
    }
}

/// # Errors
/// `Conflict` when something cannot be without the object, with the names of some that is.
pub fn refuse_if_named(registry: &Registry, conn: &mut Conn, kind: Kind, id: Id) -> Result<()> {
    let mut holders = Vec::new();
    for resource in &registry.resources {
        for field in resource.fields.iter().filter(|field| points_to(field, kind)) {
            holders.extend(holders_of(conn, resource, field, id)?);
        }
    }
    if kind == Kind::Remote {
        let names = alternates::names_with_remote(conn, id)?.into_iter();
        holders.extend(names.map(|name| format!("alternate content source `{name}` (remote)")));
    }
    match holders.as_slice() {
        [] => Ok(()),
        holders => Err(Error::Conflict(format!("it is in use: {}", holders.join(", ")))),
    }
}

fn points_to(field: &Field, kind: Kind) -> bool {
    let target = match field.wire {
        Wire::Href(Target::Kind(target) | Target::Typed(target, _) | Target::OneOf(target, _)) => target,
        _ => return false,
    };
    target == kind && matches!(field.source, Source::Detail)
}

/// Objects of a resource whose details name the id: `rpm repository releases (metadata_signing_service)`.
fn holders_of(conn: &mut Conn, resource: &Resource, field: &Field, id: Id) -> Result<Vec<String>> {
    let table = resource.kind.table();
    let column = match resource.kind {
        Kind::Repository | Kind::Remote | Kind::Distribution => "name",
        // What has no name goes by its id.
        _ => "CAST(id AS text)",
    };
    let sql = format!(
        "SELECT {column} FROM {table} WHERE pulp_type = $1 AND (details ->> '{}') = $2 ORDER BY id LIMIT {NAMED}",
        field.name
    );
    let rows = conn.query(&sql, params![resource.pulp_type.unwrap_or_default(), id.to_string()])?;
    let described = |name: String| format!("{} `{name}` ({})", resource.noun, field.name);
    rows.iter().map(|row| row.get::<String>(0).map(described)).collect()
}
