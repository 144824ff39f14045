//! What must not happen: tasks of others stopped, roles given twice or on what cannot be.

use std::thread::{scope, sleep};
use std::time::Duration;

use serde_json::{Value, json};

use super::{give, named_user, user};
use crate::support::pulp::text;
use crate::support::{Server, random};

/// A group of two tasks that have ended: its address and theirs.
fn group_of_tasks(server: &Server) -> (String, Vec<String>) {
    let remote = server.remote("http://127.0.0.1:9/", json!({"policy": "on_demand", "max_retries": 0}));
    let body = json!({"name": random::name(), "remote": remote, "paths": ["a", "b"]});
    let source = text(&server.post("acs/file/file/", body).expect(201).json(), "pulp_href");
    let begun = server.post(&format!("{source}refresh/"), json!({})).expect(202).json();
    let group = text(&begun, "task_group");
    for _ in 0..3000 {
        let seen = server.get(&group).expect(200).json();
        if seen["all_tasks_dispatched"] == true && ["waiting", "running"].iter().all(|state| seen[*state] == 0) {
            let tasks = seen["tasks"].as_array().unwrap().iter();
            return (group, tasks.map(|task| text(task, "pulp_href")).collect());
        }
        sleep(Duration::from_millis(20));
    }
    panic!("the refresh does not end");
}

#[test]
fn a_group_of_tasks_is_stopped_by_who_may_change_each() {
    let server = Server::start();
    let (group, tasks) = group_of_tasks(&server);
    assert_eq!(tasks.len(), 2);
    let (href, asker) = user(&server);
    let stop = || asker.patch(&group, json!({"state": "canceled"}));
    stop().expect(404);
    give(&server, &href, "core.task_viewer", json!(tasks[0]));
    asker.get(&group).expect(200);
    stop().expect(403);
    give(&server, &href, "core.task_owner", json!(tasks[0]));
    stop().expect(403);
    give(&server, &href, "core.task_owner", json!(tasks[1]));
    // Let through, and then told that all have ended.
    stop().expect(409);
    let (href, keeper) = user(&server);
    give(&server, &href, "core.task_owner", Value::Null);
    keeper.patch(&group, json!({"state": "canceled"})).expect(409);
}

#[test]
fn roles_are_given_on_no_object_that_cannot_be() {
    let server = Server::start();
    let (href, _) = user(&server);
    let id = "01a1fe65-ed86-7239-9e42-33410d1bb681";
    for object in [
        format!("prn:core.group:{id}"),
        format!("/pulp/api/v3/groups/{id}/"),
        "prn:core.group:9999".to_owned(),
        "/pulp/api/v3/repositories/file/file/5/".to_owned(),
        format!("/pulp/api/v3/repositories/file/file/{id}/"),
    ] {
        for role in ["core.group_viewer", "file.filerepository_viewer"] {
            let body = json!({"role": role, "content_object": object});
            let answer = server.post(&format!("{href}roles/"), body).expect(400).text();
            assert!(answer.contains("Invalid value"), "{object}: {answer}");
        }
    }
    assert_eq!(server.count(&format!("{href}roles/")), 0);
}

#[test]
fn a_role_is_given_once_however_many_give_it() {
    let server = Server::start();
    let (href, name, _) = named_user(&server);
    let repository = server.repository();
    let role = "file.filerepository_viewer";
    let (assignment, nested) =
        (json!({"role": role, "content_object": repository}), json!({"role": role, "users": [name]}));
    let (roles, add) = (format!("{href}roles/"), format!("{repository}add_role/"));
    let given: usize = scope(|scope| {
        let ask = |at: usize| match at % 2 {
            0 => server.post(&roles, assignment.clone()).status,
            _ => server.post(&add, nested.clone()).status,
        };
        let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || ask(at))).collect();
        let statuses = threads.into_iter().map(|thread| thread.join().unwrap());
        statuses
            .filter(|status| {
                assert!([201, 400].contains(status), "{status}");
                *status == 201
            })
            .count()
    });
    assert_eq!((given, server.count(&roles)), (1, 1));
}
