//! The filters of the list of tasks.

use serde_json::json;

use crate::db::Value;
use crate::error::{Error, Result};
use crate::resource::kinds::{foreign_key, identity_filters};
use crate::resource::{Clause, Filter, FilterContext, Input, Kind, Lookup, Reference};

/// The states a client may filter by; Pulp's `skipped` never occurs here.
const STATES: [&str; 7] = ["canceled", "canceling", "completed", "failed", "running", "skipped", "waiting"];

pub fn filters() -> Vec<Filter> {
    use Lookup::{Contains, Exact, In, Ne};
    let mut filters = Filter::text("name", "t.name", &[Exact, Contains, In, Ne]);
    filters.extend(Filter::text("logging_cid", "t.logging_cid", &[Exact, Contains]));
    for (name, column) in [
        ("pulp_created", "t.created"),
        ("started_at", "t.started_at"),
        ("unblocked_at", "t.unblocked_at"),
        ("finished_at", "t.finished_at"),
    ] {
        filters.extend(Filter::date_time(name, column));
    }
    filters.push(Filter::custom(
        "state",
        Input::Choice(STATES.to_vec()),
        "Keep the tasks in this state.",
        |_, text| Ok(Clause::new("t.state = {}", [text.into()])),
    ));
    filters.extend(Filter::text("state", "t.state", &[In, Ne]));
    filters.extend(relation_filters());
    filters.extend(reservation_filters());
    filters.extend(identity_filters());
    filters
}

fn relation_filters() -> [Filter; 5] {
    let filter = |name, description, apply| Filter::custom(name, Input::Text, description, apply);
    [
        filter("parent_task", "Keep the tasks that this one asked for.", |context, text| {
            by_key(context, text, "t.parent_task_id", Kind::Task)
        }),
        filter("task_group", "Keep the tasks of this group.", |context, text| {
            by_key(context, text, "t.task_group_id", Kind::TaskGroup)
        }),
        filter("child_tasks", "Keep the task that asked for this one.", by_child),
        filter("worker", "Keep what this worker runs, by its address, PRN or name.", by_worker),
        filter("created_resources", "Keep the tasks that made this.", by_created),
    ]
}

fn by_key(context: &mut FilterContext<'_>, text: &str, column: &str, kind: Kind) -> Result<Clause> {
    Ok(foreign_key(context, text, column, kind)?.unwrap_or_else(Clause::always))
}

fn by_child(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text == "null" {
        return Ok(Clause::new("NOT EXISTS (SELECT 1 FROM task c WHERE c.parent_task_id = t.id)", []));
    }
    let Some(child) = foreign_key(context, text, "c.id", Kind::Task)? else { return Ok(Clause::always()) };
    let sql = format!("t.id IN (SELECT c.parent_task_id FROM task c WHERE {})", child.sql);
    Ok(Clause { sql, ..child })
}

fn by_worker(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    let registry = context.scope.registry;
    Ok(match registry.parse(context.scope.api, text) {
        _ if text.is_empty() => Clause::always(),
        Some(Reference::Object(at, id)) if registry.resources[at].kind == Kind::Worker => {
            Clause::new("t.finished_at IS NULL AND t.worker_id = {}", [id.into()])
        }
        _ => Clause::new(
            "t.finished_at IS NULL AND t.worker_id IN (SELECT w.id FROM app_status w WHERE w.name = {})",
            [text.into()],
        ),
    })
}

fn by_created(context: &mut FilterContext<'_>, text: &str) -> Result<Clause> {
    if text.is_empty() {
        return Ok(Clause::always());
    }
    let (registry, api) = (context.scope.registry, context.scope.api);
    let invalid = |message: String| Error::InvalidBody(json!([message]));
    let no_object = || invalid(format!("URI not valid: {text}"));
    let reference = registry.parse(api, text).ok_or_else(no_object)?;
    let (column, name, noun) = match &reference {
        Reference::Object(at, id) => {
            let resource = &registry.resources[*at];
            ("path", format!("{}{id}/", resource.path), resource.model.to_ascii_lowercase())
        }
        Reference::Version { resource, repository, number } => {
            let path = format!("{}{repository}/versions/{number}/", registry.resources[*resource].path);
            ("path", path, "repositoryversion".to_owned())
        }
        Reference::VersionId(id) => {
            ("prn", crate::id::prn("core", "RepositoryVersion", id), "repositoryversion".to_owned())
        }
        Reference::Collection(_) => return Err(no_object()),
    };
    if registry.find(&context.scope, context.conn, &reference)?.is_none() {
        return Err(invalid(format!("URI {text} not found for {noun}.")));
    }
    let sql = format!("t.seq IN (SELECT c.task_seq FROM created_resource c WHERE c.{column} = {{}})");
    Ok(Clause::new(sql, [Value::Text(name)]))
}

fn reservation_filters() -> [Filter; 6] {
    let one = |name, description, apply| Filter::custom(name, Input::Text, description, apply);
    let all = |name, description, apply| Filter::custom(name, Input::TextList, description, apply);
    [
        one("reserved_resources", "Keep the tasks that reserve this.", |context, text| holding(context, &[text], "")),
        all("reserved_resources__in", "Keep the tasks that reserve all of these.", |context, text| {
            holding(context, &text.split(',').collect::<Vec<_>>(), "")
        }),
        one("exclusive_resources", "Keep the tasks that reserve this for themselves.", |context, text| {
            holding(context, &[text], "AND NOT r.shared")
        }),
        all("exclusive_resources__in", "Keep the tasks that reserve all of these for themselves.", |context, text| {
            holding(context, &text.split(',').collect::<Vec<_>>(), "AND NOT r.shared")
        }),
        one("shared_resources", "Keep the tasks that reserve this together with others.", |context, text| {
            holding(context, &[text], "AND r.shared")
        }),
        all(
            "shared_resources__in",
            "Keep the tasks that reserve all of these together with others.",
            |context, text| holding(context, &text.split(',').collect::<Vec<_>>(), "AND r.shared"),
        ),
    ]
}

/// The tasks that reserve every one of what `texts` names by address, PRN or any other name.
fn holding(context: &mut FilterContext<'_>, texts: &[&str], sharing: &str) -> Result<Clause> {
    let mut names = Vec::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        names.push(reserved_name(context, text)?);
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(Clause::always());
    }
    let count = Value::Int(i64::try_from(names.len()).unwrap_or(i64::MAX));
    let sql = format!(
        "t.seq IN (SELECT r.task_seq FROM task_resource r WHERE r.resource = ANY({{}}) {sharing}
             GROUP BY r.task_seq HAVING count(DISTINCT r.resource) = {{}})"
    );
    Ok(Clause::new(sql, [names.into(), count]))
}

fn reserved_name(context: &mut FilterContext<'_>, text: &str) -> Result<String> {
    let registry = context.scope.registry;
    Ok(match registry.parse(context.scope.api, text) {
        Some(Reference::Object(at, id)) => registry.resources[at].prn(id),
        Some(reference @ Reference::Version { .. }) => {
            let id = registry.find(&context.scope, context.conn, &reference)?;
            id.map_or_else(|| text.to_owned(), |id| crate::id::prn("core", "RepositoryVersion", id))
        }
        _ => text.to_owned(),
    })
}
