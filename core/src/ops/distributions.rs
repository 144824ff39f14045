//! The rules of distributions, and the record of what each served last.

use serde_json::json;

use super::configured::Change;
use crate::app::App;
use crate::db::{Conn, FromValue, Value};
use crate::error::Result;
use crate::id::{Id, RelativePath, now};
use crate::params;
use crate::resource::{Errors, Resource, Scope};

/// Checks the base path against all others, and that one source at most is named.
pub fn check(
    scope: &Scope<'_>,
    conn: &mut Conn,
    resource: &Resource,
    change: &Change,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<()> {
    if let Some(path) = change.get::<String>("base_path") {
        check_base_path(scope, conn, &path, existing, errors)?;
    }
    if errors.is_empty() {
        check_source(conn, resource, change, existing, errors)?;
    }
    Ok(())
}

fn check_base_path(
    scope: &Scope<'_>,
    conn: &mut Conn,
    path: &str,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<()> {
    let parsed = path.parse::<RelativePath>().ok().filter(|_| !path.contains(char::is_whitespace));
    let Some(parsed) = parsed else {
        errors.add("base_path", format!("Relative path is not in canonical form. {path}"));
        return Ok(());
    };
    let mut around: Vec<String> = parsed.parents().map(str::to_owned).collect();
    around.push(path.to_owned());
    let below = format!("{}/%", path.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let rows = conn.query(
        "SELECT id, base_path FROM distribution
         WHERE domain_id = $1 AND (base_path = ANY($2) OR base_path LIKE $3 ESCAPE '\\')",
        params![scope.domain, around, below],
    )?;
    for row in rows {
        if Some(row.get::<Id>(0)?) == existing {
            continue;
        }
        if row.get::<String>(1)? == path {
            errors.add("base_path", "This field must be unique.");
        } else {
            errors.0.insert("base_path".into(), json!({"base_path": "Overlaps with an existing distribution."}));
        }
        return Ok(());
    }
    Ok(())
}

fn check_source(
    conn: &mut Conn,
    resource: &Resource,
    change: &Change,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<()> {
    let names = ["repository", "publication", "repository_version"];
    let stored = match existing {
        None => vec![Value::Null; names.len()],
        Some(id) => {
            conn.query_one(
                "SELECT repository_id, publication_id, repository_version_id FROM distribution WHERE id = $1",
                params![id],
            )?
            .0
        }
    };
    let used = names.iter().zip(stored).filter(|(name, stored)| {
        let value = change.column(&format!("{name}_id")).unwrap_or(stored);
        resource.field(name).is_some() && Option::<Id>::from_value(value).flatten().is_some()
    });
    let used: Vec<_> = used.map(|(name, _)| format!("'{name}'")).collect();
    if change.get::<bool>("checkpoint") == Some(true) && used.iter().any(|name| name != "'repository'") {
        errors.non_field("The 'checkpoint' attribute may only be used with the 'repository' attribute.");
    } else if used.len() > 1 {
        errors.non_field(format!("Only one of the attributes {} may be used simultaneously.", used.join(" and ")));
    }
    Ok(())
}

/// The newest publication that a distribution serves: its own, its version's or its repository's.
const SERVED: &str = "SELECT coalesce(d.publication_id,
    (SELECT p.id FROM publication p WHERE p.repository_version_id = d.repository_version_id
     ORDER BY p.created DESC LIMIT 1),
    (SELECT p.id FROM repository_version v CROSS JOIN publication p
     WHERE v.repository_id = d.repository_id AND p.repository_version_id = v.id
     ORDER BY v.number DESC, p.created DESC LIMIT 1)) FROM distribution d WHERE d.id = $1";

/// Records which publication a distribution serves from now on. The one before is still answered for the
/// retention period, so that a client in the middle of its reading finds the rest.
pub fn note_served(app: &App, conn: &mut Conn, distribution: Id) -> Result<()> {
    let now = now();
    let served = conn.query_one(SERVED, params![distribution])?.get::<Option<Id>>(0)?;
    let until = now + app.config.distributed_publication_retention_period;
    conn.execute(
        "UPDATE distributed_publication SET expires_at = $3
         WHERE distribution_id = $1 AND expires_at IS NULL AND publication_id IS DISTINCT FROM $2",
        params![distribution, served, until],
    )?;
    if let Some(served) = served {
        conn.execute(
            "INSERT INTO distributed_publication (distribution_id, publication_id, created, expires_at)
             VALUES ($1, $2, $3, NULL)
             ON CONFLICT (distribution_id, publication_id) DO UPDATE SET expires_at = NULL",
            params![distribution, served, now],
        )?;
    }
    Ok(())
}

/// [`note_served`] for all distributions of a repository, after a publication came or went.
pub fn note_repository(app: &App, conn: &mut Conn, repository: Id) -> Result<()> {
    let rows = conn.query(
        "SELECT id FROM distribution WHERE repository_id = $1 OR repository_version_id IN
             (SELECT id FROM repository_version WHERE repository_id = $1)",
        params![repository],
    )?;
    for row in rows {
        note_served(app, conn, row.get(0)?)?;
    }
    Ok(())
}
