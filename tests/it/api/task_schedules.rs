//! `task-schedules/`

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::pulp::text;

const SCHEDULES: &str = "task-schedules/";

fn only(server: &Server) -> Value {
    let list = server.get(SCHEDULES).expect(200).json();
    assert_eq!(list["count"], 1, "{list:#}");
    list["results"][0].clone()
}

#[test]
fn the_clean_up_of_orphans_is_scheduled_and_a_restart_does_not_put_it_off() {
    let mut server = Server::start();
    let schedule = only(&server);
    assert_eq!(schedule["task_name"], "pulpcore.app.tasks.orphan.orphan_cleanup");
    assert_eq!((&schedule["dispatch_interval"], &schedule["last_task"]), (&json!("1 00:00:00"), &Value::Null));
    assert!(text(&schedule, "prn").starts_with("prn:core.taskschedule:"));
    let (created, next) = (text(&schedule, "pulp_created"), text(&schedule, "next_dispatch"));
    assert!(next > created && next[..10] != created[..10], "{created} {next}");
    server.restart();
    assert_eq!(only(&server), schedule);
    let href = text(&schedule, "pulp_href");
    assert_eq!(server.get(&href).expect(200).json(), schedule);
    assert_eq!(server.count("tasks/"), 0);

    let count = |query: &str| server.count(&format!("{SCHEDULES}?{query}"));
    assert_eq!(count("name__contains=stale"), 1);
    assert_eq!(count("task_name=something"), 0);
    server.post(SCHEDULES, json!({"name": "a"})).expect(405);
    server.patch(&href, json!({})).expect(405);
    server.delete(&href).expect(405);
}

#[test]
fn a_schedule_can_be_switched_off() {
    let server = Server::start_with(&[("PITH_ORPHAN_CLEANUP_INTERVAL", "0")]);
    let schedule = only(&server);
    assert_eq!((&schedule["dispatch_interval"], &schedule["next_dispatch"]), (&Value::Null, &Value::Null));
}
