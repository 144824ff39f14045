//! Exporters and importers as they are configured.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::db::Conn;
use crate::db::exchange as rows;
use crate::download::allowed_path;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::ops::configured;
use crate::resource::{Draft, Errors, Kind, Scope, Target};

/// Whether exports may go below this path. Links are followed as far as it exists.
pub fn is_allowed(path: &str, allowed: &[PathBuf]) -> bool {
    // What goes up and down again may be elsewhere by the time of the export.
    let is_plain = path.starts_with('/') && !path.split('/').any(|segment| segment == "..");
    is_plain && allowed_path(Path::new(path), allowed).is_some()
}

/// The repositories that a draft of an exporter names; none when it names none.
pub fn exporter(
    scope: &Scope<'_>,
    conn: &mut Conn,
    draft: &Draft,
    allowed: &[PathBuf],
    errors: &mut Errors,
) -> Result<Option<Vec<Id>>> {
    if let Some(path) = draft.get("path").and_then(Json::as_str)
        && !is_allowed(path, allowed)
    {
        errors.add("path", format!("Path '{path}' is not an allowed export path"));
    }
    let Some(hrefs) = draft.get("repositories").and_then(Json::as_array) else { return Ok(None) };
    let mut ids = Vec::new();
    for href in hrefs.iter().filter_map(Json::as_str) {
        let found = configured::resolve(scope, conn, Target::Kind(Kind::Repository), "repositories", href, errors)?;
        if let Some(id) = found
            && !ids.contains(&id)
        {
            ids.push(id);
        }
    }
    Ok(Some(ids))
}

/// The repositories that a draft of an importer maps names to; none when it maps none.
///
/// # Errors
/// `InvalidBody` naming those that do not exist.
pub fn importer(
    scope: &Scope<'_>,
    conn: &mut Conn,
    draft: &Draft,
    errors: &mut Errors,
) -> Result<Option<Vec<(String, Id)>>> {
    let given = match draft.get("repo_mapping") {
        None => return Ok(None),
        Some(Json::Object(given)) => given,
        Some(other) => {
            let kind = crate::resource::type_name(other);
            errors.add("repo_mapping", format!("Expected a dictionary of items but got type \"{kind}\"."));
            return Ok(None);
        }
    };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (source, target) in given {
        let name = match target {
            Json::String(name) => name.clone(),
            Json::Number(number) => number.to_string(),
            _ => {
                let message = if target.is_null() { "This field may not be null." } else { "Not a valid string." };
                let problems = errors.0.entry("repo_mapping").or_insert_with(|| json!({}));
                problems[source] = json!([message]);
                continue;
            }
        };
        match rows::repository_named(conn, scope.domain, &name)? {
            Some((id, _)) => found.push((source.clone(), id)),
            None => missing.push(format!("'{name}'")),
        }
    }
    if errors.is_empty() && !missing.is_empty() {
        let text = format!("Failed to find repositories from repo_mapping: names: [{}]", missing.join(", "));
        return Err(Error::InvalidBody(json!([text])));
    }
    Ok(Some(found))
}
