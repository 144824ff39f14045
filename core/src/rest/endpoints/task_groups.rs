//! Groups of tasks that belong together.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::list::read_object;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::position;
use super::tasks::{cancel_fields, expect_cancelation};
use crate::auth::policy::{Policy, Verb};
use crate::db::Conn;
use crate::db::tasks::{self, State, TaskGroup, TaskRow};
use crate::error::Result;
use crate::id::{Id, Instant, format_instant};
use crate::resource::kinds::identity;
use crate::resource::{Field, Kind, Operation, Record, Registry, Resource, Scope};

const PATH: &str = "task-groups/";

/// How many of its tasks are in each state; Pulp's `skipped` never occurs here.
const COUNTS: [(&str, Option<State>); 7] = [
    ("waiting", Some(State::Waiting)),
    ("skipped", None),
    ("running", Some(State::Running)),
    ("completed", Some(State::Completed)),
    ("canceled", Some(State::Canceled)),
    ("failed", Some(State::Failed)),
    ("canceling", Some(State::Canceling)),
];

pub fn resource() -> Resource {
    Resource {
        kind: Kind::TaskGroup,
        noun: "task group",
        href_parameter: "task_group_href",
        from: "task_group t".into(),
        fields: fields(),
        can: vec![Operation::List, Operation::Read],
        policy: Policy::task_groups(),
        description: "Tasks that belong together.",
        enrich: Some(add_tasks),
        ..Resource::generic(PATH, "task_groups", "TaskGroup", "Task-Groups")
    }
}

fn fields() -> Vec<Field> {
    let mut fields = identity();
    fields.push(Field::text("description", "What the tasks are about.", "Import of an export").read_only());
    fields.push(Field::boolean("all_tasks_dispatched", "No further task will join.", true).read_only());
    fields.extend(COUNTS.map(|(name, _)| {
        Field::integer(name, None, "How many of the tasks are in this state.", 1).shown(&[], |_, _, _| json!(0))
    }));
    let empty = |field: Field| field.shown(&[], |_, _, _| json!([]));
    let report = json!([{"code": "import.version", "done": 2, "total": 2}]);
    fields.push(empty(Field::any(
        "group_progress_reports",
        "GroupProgressReport",
        "The progress of all tasks, by code.",
        report,
    )));
    fields.push(empty(Field::any("tasks", "MinimalTask", "The tasks, in short.", json!([{"state": "completed"}]))));
    fields
}

fn add_tasks(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let ids: Vec<Id> = records.iter().filter_map(Record::id).collect();
    let groups = tasks::groups(conn, &ids)?;
    for (record, json) in records.iter().zip(shown) {
        let Some(group) = groups.iter().find(|group| Some(group.id) == record.id()) else { continue };
        for (name, state) in COUNTS {
            put(json, name, json!(state.map_or(0, |state| group.count(state))));
        }
        put(json, "tasks", group.tasks.iter().map(|task| show_task(scope, task)).collect());
        if json.get("group_progress_reports").is_some() {
            put(json, "group_progress_reports", reports(conn, group)?);
        }
    }
    Ok(())
}

/// Sets what the client wants to see.
fn put(json: &mut Json, name: &str, value: Json) {
    if let Some(place) = json.get_mut(name) {
        *place = value;
    }
}

fn reports(conn: &mut Conn, group: &TaskGroup) -> Result<Json> {
    let reports = tasks::group_progress(conn, group)?.into_iter().map(|row| {
        json!({"message": row.message, "code": row.code, "total": row.total, "done": row.done, "suffix": row.suffix})
    });
    Ok(reports.collect())
}

/// A task with the fields of [`super::tasks::MINIMAL`].
fn show_task(scope: &Scope<'_>, task: &TaskRow) -> Json {
    let time = |instant: Option<Instant>| instant.map(format_instant);
    let worker = task.worker_id.filter(|_| task.finished_at.is_none());
    json!({
        "pulp_href": format!("{}tasks/{}/", scope.api, task.id),
        "prn": crate::id::prn("core", "Task", task.id),
        "pulp_created": format_instant(task.created),
        "pulp_last_updated": format_instant(task.updated),
        "pulp_api_version": "v3",
        "name": task.name,
        "state": task.state.as_str(),
        "unblocked_at": time(task.unblocked_at),
        "started_at": time(task.started_at),
        "finished_at": time(task.finished_at),
        "worker": worker.and_then(|id| scope.link("workers/", id)),
    })
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let object = || Content::Object { schema: "TaskGroupResponse".into(), fields: fields() };
    let text = "Ask all tasks of a group to stop, each of which the asker must be allowed to change. When all have ended the answer is 409 and nothing changes.";
    vec![Endpoint {
        operation: "task_groups_cancel".into(),
        method: Method::PATCH,
        path: format!("{PATH}{{}}/"),
        resource: position(registry, PATH),
        policy: None,
        verb: Verb::Update,
        run: |request| Box::pin(cancel(request)),
        doc: Doc {
            tag: "Task-Groups".into(),
            summary: summary(text),
            description: text.into(),
            body: Some(BodyDoc { schema: "PatchedTaskCancel".into(), fields: cancel_fields() }),
            answers: vec![(200, object()), (409, object())],
            href_parameter: Some("task_group_href"),
            ..Doc::default()
        },
    }]
}

async fn cancel(mut request: Request) -> Result<Answer> {
    let id = request.id()?;
    expect_cancelation(&mut request).await?;
    let group = request.app.db.read(move |conn| tasks::groups(conn, &[id])).await?.pop();
    let group = group.ok_or_else(|| request.not_found())?;
    request.permit_on_tasks(id).await?;
    let has_ended = group.all_tasks_dispatched && group.tasks.iter().all(|task| task.state.is_final());
    if !has_ended {
        crate::tasks::cancel_group(&request.app, id).await?;
    }
    let answer = read_object(request, id.into()).await?;
    Ok(if has_ended { answer.with_status(409) } else { answer })
}
