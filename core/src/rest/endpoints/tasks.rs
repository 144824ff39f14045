//! Tasks: what was asked for, how far it is, and how to stop or forget it.

use actix_web::http::Method;
use chrono::{Days, NaiveTime};
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list::read_object;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::super::write::{Holds, exists};
use super::position;
use crate::auth::policy::{Owned, Verb};
use crate::db::tasks::{State, TaskChildren};
use crate::db::{Conn, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::resource::kinds::{BASE_ORDERING, base_fields, foreign_key, identity_filters};
use crate::resource::{
    Clause, Errors, Field, Filter, FilterContext, Input, Kind, Lookup, Mode, Operation, Record, Reference, Registry,
    Resource, Scope, Target,
};
use crate::tasks::{self, CancelOutcome, PURGE, PurgeOptions};

const PATH: &str = "tasks/";

/// The fields of a task when a client asks for `minimal`, and of the tasks of a group.
pub const MINIMAL: [&str; 11] = [
    "pulp_href",
    "prn",
    "pulp_created",
    "pulp_last_updated",
    "pulp_api_version",
    "name",
    "state",
    "unblocked_at",
    "started_at",
    "finished_at",
    "worker",
];

/// The states a client may filter by; Pulp's `skipped` never occurs here.
const STATES: [&str; 7] = ["canceled", "canceling", "completed", "failed", "running", "skipped", "waiting"];
/// The states of tasks that may be purged.
const FINAL_STATES: [&str; 4] = ["skipped", "completed", "failed", "canceled"];
/// How many days tasks are kept when a purge does not say.
const KEPT: Days = Days::new(30);

pub fn resource() -> Resource {
    let own = [
        ("error", "t.error"),
        ("finished_at", "t.finished_at"),
        ("logging_cid", "t.logging_cid"),
        ("name", "t.name"),
        ("result", "t.result"),
        ("started_at", "t.started_at"),
        ("state", "t.state"),
        ("unblocked_at", "t.unblocked_at"),
    ];
    Resource {
        kind: Kind::Task,
        noun: "task",
        href_parameter: "task_href",
        from: "task t".into(),
        fields: fields(),
        filters: filters(),
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Owned::new("core", "task").policy(),
        description: "Work that was asked for.",
        enrich: Some(add_children),
        ..Resource::generic(PATH, "tasks", "Task", "Tasks")
    }
}

fn fields() -> Vec<Field> {
    let task = "/pulp/api/v3/tasks/01a1fe66-342c-763a-9068-8e288e011baf/";
    let time = |name, description| Field::date_time(name, description).nullable().read_only();
    let href = |name, description, example| Field::href(name, Target::Nothing, description, example).nullable();
    let mut fields = base_fields();
    fields.extend([
        Field::text("state", "Where the task stands.", "completed").read_only(),
        Field::text("name", "What the task does.", "pulp_file.app.tasks.synchronizing.synchronize").read_only(),
        Field::text("logging_cid", "The correlation id of the request that asked for it.", "7bdf5cc65ac94f40")
            .read_only(),
        href("created_by", "The user who asked for it.", "/pulp/api/v3/users/1/")
            .shown(&["created_by"], |scope, _, task| show_link(scope, "users/", task.get::<i64>("t.created_by"))),
        time("unblocked_at", "When nothing was in its way any more."),
        time("started_at", "When it began."),
        time("finished_at", "When it ended, in whatever way."),
        Field::any("error", "", "Why it failed.", json!({"description": "404 Not Found", "traceback": null}))
            .nullable()
            .read_only(),
        href("worker", "The worker that runs it now.", "/pulp/api/v3/workers/01a1fe4f-c706-71cf-9de5-622ec8d15a55/")
            .shown(&["worker_id", "finished_at"], show_worker),
        href("parent_task", "The task that asked for this one.", task)
            .shown(&["parent_task_id"], |scope, _, task| show_link(scope, PATH, task.get::<Id>("t.parent_task_id"))),
        child("child_tasks", "The tasks that this one asked for.", json!([task])),
        href(
            "task_group",
            "The group it belongs to.",
            "/pulp/api/v3/task-groups/01a1fe66-342c-763a-9068-8e288e011baf/",
        )
        .shown(&["task_group_id"], |scope, _, task| {
            show_link(scope, "task-groups/", task.get::<Id>("t.task_group_id"))
        }),
        child("progress_reports", "How far it is.", json!([{"code": "sync.downloading.artifacts", "done": 3}])),
        child("created_resources", "The addresses of what it made.", json!(["/pulp/api/v3/publications/file/file/…/"])),
        child("created_resource_prns", "The PRNs of what it made.", json!(["prn:file.filepublication:…"])),
        child("reserved_resources_record", "What it reserves.", json!(["prn:file.filerepository:…"])),
        Field::any("result", "", "What it returned.", json!(null)).nullable().read_only(),
        Field::text("pulp_api_version", "The version of the API.", "v3").shown(&[], |_, _, _| json!("v3")),
    ]);
    fields
}

/// A list that [`add_children`] fills.
fn child(name: &'static str, description: &'static str, example: Json) -> Field {
    let schema = if name == "progress_reports" { "ProgressReport" } else { "" };
    Field::any(name, schema, description, example).shown(&["seq"], |_, _, _| json!([]))
}

fn show_link(scope: &Scope<'_>, path: &str, id: Option<impl std::fmt::Display>) -> Json {
    json!(id.map(|id| format!("{}{path}{id}/", scope.api)))
}

fn show_worker(scope: &Scope<'_>, _: &Resource, task: &Record) -> Json {
    // Workers come and go; Pulp does not name the one that ran a finished task either.
    let runs = task.get::<Instant>("t.finished_at").is_none();
    show_link(scope, "workers/", task.get::<Id>("t.worker_id").filter(|_| runs))
}

fn add_children(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let keys: Vec<_> = records.iter().map(|record| record.get::<i64>("t.seq").zip(record.id())).collect();
    let known: Vec<_> = keys.iter().flatten().copied().collect();
    if known.is_empty() {
        return Ok(());
    }
    let mut children = crate::db::tasks::children(conn, &known)?;
    for (key, json) in keys.iter().zip(shown) {
        if let Some(found) = key.and_then(|(seq, _)| children.remove(&seq)) {
            fill(scope, found, json);
        }
    }
    Ok(())
}

fn fill(scope: &Scope<'_>, children: TaskChildren, json: &mut Json) {
    let report = |row: &crate::db::tasks::ProgressRow| {
        json!({
            "message": row.message, "code": row.code, "state": row.state.as_str(),
            "total": row.total, "done": row.done, "suffix": row.suffix,
        })
    };
    let created = &children.created_resources;
    let values: [(&str, Json); 5] = [
        ("progress_reports", children.progress_reports.iter().map(report).collect()),
        ("created_resources", created.iter().map(|made| format!("{}{}", scope.api, made.path)).collect()),
        ("created_resource_prns", created.iter().map(|made| made.prn.clone()).collect()),
        ("child_tasks", children.child_tasks.iter().map(|id| show_link(scope, PATH, Some(id))).collect()),
        ("reserved_resources_record", json!(children.reserved_resources_record)),
    ];
    for (name, value) in values {
        if let Some(place) = json.get_mut(name) {
            *place = value;
        }
    }
}

fn filters() -> Vec<Filter> {
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
        Reference::VersionId(_) => ("prn", text.to_owned(), "repositoryversion".to_owned()),
        Reference::Collection(_) => return Err(no_object()),
    };
    if registry.find(context.conn, &reference)?.is_none() {
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
            let id = registry.find(context.conn, &reference)?;
            id.map_or_else(|| text.to_owned(), |id| crate::id::prn("core", "RepositoryVersion", id))
        }
        _ => text.to_owned(),
    })
}

/// What asks a task or a group to stop.
pub fn cancel_fields() -> Vec<Field> {
    vec![Field::text("state", "`canceled`: nothing else can be asked for.", "canceled").input()]
}

fn purge_fields() -> Vec<Field> {
    vec![
        Field::date_time("finished_before", "Keep what ended later; a month ago unless told.").input(),
        Field::texts("states", "Which tasks go; the completed ones unless told.", json!(["completed"])).input(),
    ]
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let object = || Content::Object { schema: "TaskResponse".into(), fields: fields() };
    let endpoint = |name: &str, method, path: &str, verb, run: Run, text: &str, body, answers| Endpoint {
        operation: format!("tasks_{name}"),
        method,
        path: format!("{PATH}{path}"),
        resource: at,
        policy: None,
        verb,
        run,
        doc: Doc {
            tag: "Tasks".into(),
            summary: summary(text),
            description: text.into(),
            body,
            answers,
            href_parameter: path.starts_with("{}").then_some("task_href"),
            ..Doc::default()
        },
    };
    let body = |schema: &str, fields| Some(BodyDoc { schema: schema.into(), fields });
    let urls = json!({
        "type": "object", "required": ["urls"],
        "properties": {"urls": {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}},
    });
    vec![
        endpoint(
            "cancel",
            Method::PATCH,
            "{}/",
            Verb::Update,
            |request| Box::pin(cancel(request)),
            "Ask a task to stop. One that has ended is answered with 409 and stays as it is.",
            body("PatchedTaskCancel", cancel_fields()),
            vec![(200, object()), (409, object())],
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Forget a task that has ended.",
            None,
            vec![(204, Content::Empty)],
        ),
        endpoint(
            "purge",
            Method::POST,
            "purge/",
            Verb::Action("purge"),
            |request| Box::pin(purge(request)),
            "Forget many tasks that have ended.",
            body("Purge", purge_fields()),
            vec![(202, Content::Task)],
        ),
        endpoint(
            "profile_artifacts",
            Method::GET,
            "{}/profile_artifacts/",
            Verb::Action("profile_artifacts"),
            |request| Box::pin(profile_artifacts(request)),
            "List what was measured while a task ran. Nothing is, at present.",
            None,
            vec![(200, Content::Other { schema: "ProfileArtifactResponse".into(), json: urls })],
        ),
    ]
}

/// # Errors
/// `Invalid` unless the body asks for the state `canceled`.
pub async fn expect_cancelation(request: &mut Request) -> Result<()> {
    let input = request.input(&[]).await?;
    match input.fields.get("state") {
        None => Err(Error::field("state", "This field is required.")),
        Some(state) if state == State::Canceled.as_str() => Ok(()),
        Some(_) => Err(Error::field("state", "The only acceptable value for 'state' is 'canceled'.")),
    }
}

async fn cancel(mut request: Request) -> Result<Answer> {
    let id = request.id()?;
    expect_cancelation(&mut request).await?;
    let outcome = tasks::cancel(&request.app, id).await?;
    let answer = read_object(request, id.into()).await?;
    Ok(if outcome == CancelOutcome::Finished { answer.with_status(409) } else { answer })
}

async fn delete(request: Request) -> Result<Answer> {
    let id = request.id()?;
    request.app.db.write(move |conn| crate::db::tasks::delete(conn, id)).await?;
    Ok(Answer::empty(204))
}

async fn profile_artifacts(request: Request) -> Result<Answer> {
    let (app, at, id) = (request.app.clone(), request.resource_at()?, request.id()?);
    request.app.db.read(move |conn| exists(conn, &app.registry.resources[at], id)).await?;
    Ok(Answer::ok(json!({"urls": {}})))
}

async fn purge(mut request: Request) -> Result<Answer> {
    let fields = purge_fields();
    let mut input = request.input(&fields).await?;
    // Pulp does not mind other fields here.
    input.fields.retain(|name, _| fields.iter().any(|field| field.name == name.as_str()));
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    let finished_before = draft.get("finished_before").and_then(Json::as_str).and_then(|text| text.parse().ok());
    let states = match draft.get("states").and_then(Json::as_array) {
        Some(states) => states.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        None => vec![State::Completed.to_string()],
    };
    if let Some(wrong) = states.iter().find(|state| !FINAL_STATES.contains(&state.as_str())) {
        errors.add("states", format!("\"{wrong}\" is not a valid choice."));
    }
    errors.into_result()?;
    let is_superuser = request.actor.as_ref().is_some_and(|actor| actor.is_superuser);
    let options = PurgeOptions {
        finished_before: finished_before.unwrap_or_else(a_month_ago),
        states,
        created_by: if is_superuser { None } else { request.user_id() },
    };
    let args = serde_json::to_value(options).map_err(Error::internal)?;
    request.dispatch("pulpcore.app.tasks.purge.purge", PURGE.key(), args, Holds::default()).await
}

/// The beginning of the day up to which Pulp purges by itself.
fn a_month_ago() -> Instant {
    let now = now();
    now.checked_sub_days(KEPT).unwrap_or(now).with_time(NaiveTime::MIN).earliest().unwrap_or(now)
}
