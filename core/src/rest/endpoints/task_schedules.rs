//! Schedules: tasks that are dispatched over and over.

use serde_json::{Value as Json, json};

use crate::auth::policy::Owned;
use crate::id::Id;
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{Field, Filter, Kind, Operation, Record, Resource, Scope, Target};

const SECONDS: &str = "t.dispatch_interval";
const LAST_TASK: &str = "t.last_task_id";
const DAY: i64 = 24 * 60 * 60;

pub fn resource() -> Resource {
    let own = [
        ("dispatch_interval", SECONDS),
        ("name", "t.name"),
        ("next_dispatch", "t.next_dispatch"),
        ("task_name", "t.task_name"),
    ];
    Resource {
        kind: Kind::TaskSchedule,
        noun: "task schedule",
        href_parameter: "task_schedule_href",
        from: "task_schedule t".into(),
        fields: fields(),
        filters: filters(),
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Owned::new("core", "taskschedule").not_created().unchanged().kept().policy(),
        description: "Tasks that are dispatched over and over.",
        ..Resource::generic("task-schedules/", "task_schedules", "TaskSchedule", "Task-Schedules")
    }
}

fn fields() -> Vec<Field> {
    let task = "/pulp/api/v3/tasks/01a1fe66-342c-763a-9068-8e288e011baf/";
    let name = "pulpcore.app.tasks.orphan.orphan_cleanup";
    let mut fields = base_fields();
    fields.extend([
        Field::text("name", "What it is called.", "Clean up stale content periodically").required(),
        Field::text("task_name", "The name of the task.", name).required(),
        Field::text(
            "dispatch_interval",
            "The time between two dispatches; null when it is switched off.",
            "1 00:00:00",
        )
        .required()
        .nullable()
        .shown(&[SECONDS], |_, _, schedule| json!(schedule.get::<i64>(SECONDS).map(interval))),
        Field::date_time("next_dispatch", "When it is due.").nullable().read_only(),
        Field::href("last_task", Target::Nothing, "The task that was dispatched last, if it is still there.", task)
            .nullable()
            .shown(&[LAST_TASK], show_task),
    ]);
    fields
}

fn show_task(scope: &Scope<'_>, _: &Resource, schedule: &Record) -> Json {
    json!(schedule.get::<Id>(LAST_TASK).map(|id| format!("{}tasks/{id}/", scope.api)))
}

/// `1 00:00:00`: days, hours, minutes and seconds, as Pulp writes them.
fn interval(seconds: i64) -> String {
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days == 0 { time } else { format!("{days} {time}") }
}

fn filters() -> Vec<Filter> {
    let names = |name, column| Filter::name(name, column).into_iter();
    let wanted = |filter: &Filter| {
        ["name", "name__contains", "task_name", "task_name__contains"].contains(&filter.name.as_str())
    };
    let mut filters: Vec<_> = names("name", "t.name").chain(names("task_name", "t.task_name")).filter(wanted).collect();
    filters.extend(identity_filters());
    filters
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn intervals_are_days_and_a_time() {
        for (seconds, expected) in [(86_400, "1 00:00:00"), (61, "00:01:01"), (10 * 86_400 + 3_600, "10 01:00:00")] {
            assert_eq!(interval(seconds), expected);
        }
    }
}
