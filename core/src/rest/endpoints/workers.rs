//! Workers: the processes that run tasks.

use serde_json::{Value as Json, json};

use crate::auth::policy::Policy;
use crate::id::{Id, now};
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{
    Clause, Field, Filter, FilterContext, Input, Kind, Operation, Record, Resource, Scope, Target, parse_boolean,
};

/// Of all processes the workers.
const WORKERS: &str = "(SELECT * FROM app_status WHERE app_type = 'worker') t";
/// The oldest task that a worker runs.
const CURRENT_TASK: &str = "(SELECT task.id FROM task WHERE task.finished_at IS NULL AND task.worker_id = t.id \
                            ORDER BY task.seq LIMIT 1)";
/// The name of that task's domain.
const CURRENT_DOMAIN: &str = "(SELECT domain.name FROM task JOIN domain ON domain.id = task.domain_id \
                              WHERE task.finished_at IS NULL AND task.worker_id = t.id ORDER BY task.seq LIMIT 1)";

pub fn resource() -> Resource {
    let own = [("last_heartbeat", "t.last_heartbeat"), ("name", "t.name"), ("versions", "t.versions")];
    Resource {
        kind: Kind::Worker,
        noun: "worker",
        href_parameter: "worker_href",
        from: WORKERS.into(),
        fields: fields(),
        filters: filters(),
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Policy::administrators(),
        description: "Processes that run tasks.",
        ..Resource::generic("workers/", "workers", "AppStatus", "Workers")
    }
}

fn fields() -> Vec<Field> {
    let task = "/pulp/api/v3/tasks/01a1fe66-342c-763a-9068-8e288e011baf/";
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "The process and its host.", "22713@localhost").read_only(),
        Field::date_time("last_heartbeat", "When it was last heard of.").read_only(),
        Field::any("versions", "", "Version by component.", json!({"core": "3.123.1"})).read_only(),
        Field::href("current_task", Target::Nothing, "The task it runs, the oldest of several.", task)
            .nullable()
            .shown(&[CURRENT_TASK, CURRENT_DOMAIN], show_task),
    ]);
    fields
}

fn show_task(scope: &Scope<'_>, _: &Resource, worker: &Record) -> Json {
    let task = worker.get::<Id>(CURRENT_TASK).zip(worker.get::<String>(CURRENT_DOMAIN));
    json!(task.map(|(id, domain)| format!("{}tasks/{id}/", scope.api.within(&domain))))
}

fn filters() -> Vec<Filter> {
    let mut filters = Filter::name("name", "t.name");
    filters.extend(Filter::date_time("last_heartbeat", "t.last_heartbeat"));
    filters.push(Filter::custom(
        "online",
        Input::Boolean,
        "Keep those lately heard of, or the others.",
        |context, text| Ok(heard_of(context, text, true)),
    ));
    filters.push(Filter::custom(
        "missing",
        Input::Boolean,
        "Keep those not lately heard of, or the others.",
        |context, text| Ok(heard_of(context, text, false)),
    ));
    filters.extend(identity_filters());
    filters
}

/// Pulp passes over what is no truth value here.
fn heard_of(context: &FilterContext<'_>, text: &str, when_true: bool) -> Clause {
    let Some(asked) = parse_boolean(&json!(text)) else { return Clause::always() };
    let operator = if asked == when_true { ">=" } else { "<" };
    Clause::new(format!("t.last_heartbeat {operator} {{}}"), [(now() - context.scope.worker_ttl).into()])
}
