//! Tasks: what was asked for, how far it is, and how to stop or forget it.

use actix_web::http::Method;
use chrono::{Days, NaiveTime};
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list::read_object;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::super::write::Holds;
use super::{position, task_filters};
use crate::auth::policy::{Owned, Verb};
use crate::db::Conn;
use crate::db::tasks::{State, TaskChildren};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};
use crate::resource::kinds::{BASE_ORDERING, base_fields};
use crate::resource::{Errors, Field, Kind, Mode, Operation, Record, Registry, Resource, Scope, Target};
use crate::tasks::{self, CancelOutcome, PURGE, PurgeOptions};

pub const PATH: &str = "tasks/";

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
        filters: task_filters::filters(),
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Owned::new("core", "task")
            .not_created()
            .common_action("purge")
            .action_by("profile_artifacts", "view_{}_profile_artifacts")
            .shipped_role("core.task_user_dispatcher", &["core.add_task"])
            .policy(),
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
    json!(id.and_then(|id| scope.link(path, id)))
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

/// What asks a task or a group to stop.
pub fn cancel_fields() -> Vec<Field> {
    vec![Field::text("state", "`canceled`: nothing else can be asked for.", "canceled").input()]
}

fn purge_fields() -> Vec<Field> {
    vec![
        Field::date_time("finished_before", "Keep what ended later; a month ago unless told.").input(),
        Field::choices(
            "states",
            &FINAL_STATES,
            "Which tasks go; the completed ones unless told.",
            json!(["completed"]),
        )
        .named("StatesEnum")
        .input(),
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
    errors.into_result()?;
    // An access policy may let everybody in; nobody's tasks are none, not everybody's.
    let actor = request.actor.as_ref().ok_or_else(Error::anonymous)?;
    let options = PurgeOptions {
        finished_before: finished_before.unwrap_or_else(a_month_ago),
        states,
        created_by: (!actor.is_superuser).then_some(actor.user_id),
    };
    let args = serde_json::to_value(options).map_err(Error::internal)?;
    request.dispatch("pulpcore.app.tasks.purge.purge", PURGE.key(), args, Holds::default()).await
}

/// The beginning of the day up to which Pulp purges by itself.
fn a_month_ago() -> Instant {
    let now = now();
    now.checked_sub_days(KEPT).unwrap_or(now).with_time(NaiveTime::MIN).earliest().unwrap_or(now)
}
