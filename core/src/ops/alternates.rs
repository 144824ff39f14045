//! What must hold of alternate content sources, and what they forget when they are changed.

use serde_json::{Value as Json, json};

use super::configured::Change;
use crate::db::{Conn, Value, alternates, remotes};
use crate::error::Result;
use crate::id::Id;
use crate::resource::{Errors, Resource};

/// Checks the remote and the paths. The latter are kept each once, and never none.
pub fn check(conn: &mut Conn, resource: &Resource, change: &mut Change, errors: &mut Errors) -> Result<()> {
    if let Some((_, Value::Json(paths))) = change.columns.iter_mut().find(|(name, _)| name == "paths") {
        *paths = check_paths(paths, errors);
    }
    let Some(remote) = change.get::<Id>("remote_id") else { return Ok(()) };
    let Some(remote) = remotes::by_id(conn, remote)? else { return Ok(()) };
    if Some(remote.pulp_type.as_str()) != resource.pulp_type {
        errors.add("remote", format!("Type for Remote '{}' does not match ACS type.", remote.name));
    } else if remote.policy != "on_demand" {
        errors.add("remote", "Remote used with alternate content source must have the 'on_demand' policy.");
    }
    Ok(())
}

fn check_paths(given: &Json, errors: &mut Errors) -> Json {
    let mut paths: Vec<&str> = Vec::new();
    for (at, path) in given.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::trim).enumerate() {
        if path.is_empty() {
            errors.add_item("paths", at, "This field may not be blank.");
        } else if path.starts_with('/') {
            errors.add("paths", "Path cannot start with a slash.");
            break;
        } else if !paths.contains(&path) {
            paths.push(path);
        }
    }
    if paths.is_empty() { json!([""]) } else { json!(paths) }
}

/// What was found at other paths, or with another remote, does not count any more. To be called before the change is
/// written.
pub fn forget_what_changes(conn: &mut Conn, id: Id, change: &Change) -> Result<()> {
    let Some(before) = alternates::by_id(conn, id)? else { return Ok(()) };
    if change.get::<Id>("remote_id").is_some_and(|remote| remote != before.remote) {
        return alternates::forget_all_but(conn, id, &[]);
    }
    match change.column("paths") {
        Some(Value::Json(paths)) => alternates::forget_all_but(conn, id, &alternates::texts(paths)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kept_once_and_never_none() {
        for (given, expected, wrong) in [
            (json!([]), json!([""]), json!({})),
            (json!([" a ", "b/", "a"]), json!(["a", "b/"]), json!({})),
            (json!(["a", "/b", "/c"]), json!(["a"]), json!({"paths": ["Path cannot start with a slash."]})),
            (json!(["a", ""]), json!(["a"]), json!({"paths": {"1": ["This field may not be blank."]}})),
        ] {
            let mut errors = Errors::default();
            assert_eq!(check_paths(&given, &mut errors), expected, "{given}");
            assert_eq!(Json::Object(errors.0), wrong, "{given}");
        }
    }
}
