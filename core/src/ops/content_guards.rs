//! What must hold of guards that ask others, or name what the configuration has.

use serde_json::Value as Json;

use crate::db::{Conn, Lock, content_guards};
use crate::error::Result;
use crate::guards::{MOST_ASKED, variable};
use crate::id::Id;
use crate::resource::{Draft, Errors, Kind, Scope, Target};

/// The guards that a composite one shall ask; none when the draft leaves them as they are. None of them may ask the
/// guard itself, directly or through others. Also finds what is wrong with a variable that it names.
pub fn check(
    scope: &Scope<'_>,
    conn: &mut Conn,
    draft: &Draft,
    existing: Option<Id>,
    errors: &mut Errors,
) -> Result<Option<Vec<Id>>> {
    variable::check(draft, scope.guard_variables, errors);
    let Some(given) = draft.get("guards").and_then(Json::as_array) else { return Ok(None) };
    let mut members = Vec::new();
    for href in given.iter().filter_map(Json::as_str) {
        match scope.registry.resolve(scope, conn, Target::Kind(Kind::ContentGuard), href)? {
            Ok(id) if !members.contains(&id) => members.push(id),
            Ok(_) => {}
            Err(unresolved) => unresolved.tell(scope, "guards", errors),
        }
    }
    let reached = content_guards::reached(conn, &members, MOST_ASKED)?;
    if existing.is_some_and(|id| reached.contains(&id)) {
        errors.add("guards", "a guard cannot ask itself, nor another that asks it");
    } else if reached.len() >= MOST_ASKED {
        errors.add("guards", format!("with those that they ask, these are more than {MOST_ASKED} guards"));
    }
    Ok(Some(members))
}

/// Keeps two changes from making a circle together. To be called before [`check`] where its result is written.
pub fn lock(conn: &mut Conn) -> Result<()> {
    conn.lock(&Lock::Resource("content_guard_members".to_owned()))
}
