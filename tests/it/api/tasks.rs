//! `tasks/`

use serde_json::{Value, json};

use crate::support::pulp::text;
use crate::support::{Reply, Server, Upstream};

/// A task that runs until canceled: a sync from an upstream which never answers. And its remote.
fn running_sync(server: &Server, repository: &str) -> (String, String) {
    let upstream = Box::leak(Box::new(Upstream::answering(|_, _| Reply::Hang(std::time::Duration::from_secs(60)))));
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    let answer = server.post(&format!("{repository}sync/"), json!({"remote": remote})).expect(202);
    (text(&answer.json(), "task"), remote)
}

#[test]
fn a_short_task_is_over_when_its_answer_arrives() {
    let server = Server::start();
    let repository = server.repository();
    let answer = server.patch(&repository, json!({"description": "new"})).expect(202).json();
    let task = server.get(&text(&answer, "task")).expect(200).json();
    assert_eq!(task["state"], "completed");
    assert!(answer.as_object().unwrap().len() == 1, "clients do not wait when there is more");
}

#[test]
fn a_task_tells_who_asked_for_what_and_when() {
    let server = Server::start();
    let repository = server.get(&server.repository()).expect(200).json();
    let request = server
        .request("PATCH", &text(&repository, "pulp_href"))
        .header("Correlation-ID", "deadbeefdeadbeefdeadbeefdeadbeef");
    let answer = request.json(&json!({"description": "new"})).send();
    assert_eq!(answer.header("Correlation-ID"), Some("deadbeefdeadbeefdeadbeefdeadbeef"));
    let task = server.completed(answer);
    assert_eq!(task["logging_cid"], "deadbeefdeadbeefdeadbeefdeadbeef");
    assert_eq!(task["created_by"], "/pulp/api/v3/users/1/");
    assert_eq!(task["reserved_resources_record"][0], repository["prn"]);
    assert!(text(&json!({"": task["reserved_resources_record"][1]}), "").starts_with("shared:prn:core.domain:"));
    assert_eq!(server.count("tasks/?logging_cid=deadbeefdeadbeefdeadbeefdeadbeef"), 1);
}

#[test]
fn a_running_task_and_one_that_waits_for_it_are_canceled() {
    let server = Server::start();
    let repository = server.repository();
    let (running, _) = running_sync(&server, &repository);
    let waiting = text(&server.patch(&repository, json!({"description": "new"})).expect(202).json(), "task");
    assert_eq!(server.get(&waiting).expect(200).json()["state"], "waiting");
    server.delete(&waiting).expect(409);
    let canceled = json!({"state": "canceled"});
    server.patch(&waiting, canceled.clone()).expect(200);
    let never_ran = server.wait_for(&waiting);
    assert_eq!((never_ran["state"].clone(), never_ran["started_at"].clone()), (json!("canceled"), Value::Null));
    assert!(never_ran["finished_at"].is_string());
    server.patch(&running, canceled.clone()).expect(200);
    assert_eq!(server.wait_for(&running)["state"], "canceled");
    assert_eq!(server.patch(&running, canceled).expect(409).json()["state"], "canceled");
    server.completed(server.patch(&repository, json!({"description": "newer"})));
    server.delete(&running).expect(204);
    server.get(&running).expect(404);
}

#[test]
fn a_task_is_only_ever_canceled() {
    let server = Server::start();
    let task = text(&server.completed(server.delete(&server.repository())), "pulp_href");
    let only = json!({"state": ["The only acceptable value for 'state' is 'canceled'."]});
    assert_eq!(server.patch(&task, json!({"state": "running"})).expect(400).json(), only);
    assert_eq!(server.patch(&task, json!({})).expect(400).json(), json!({"state": ["This field is required."]}));
    let absent = "tasks/00000000-0000-7000-8000-000000000000/";
    server.patch(absent, json!({"state": "canceled"})).expect(404);
}

#[test]
fn tasks_are_found_by_what_they_reserve_and_make() {
    let server = Server::start();
    let repository = server.repository();
    let upstream = Upstream::with_manifest(&[("a", b"bytes")]);
    let remote = server.remote(&upstream.url("PULP_MANIFEST"), json!({}));
    let sync = server.sync(&repository, &remote);
    server.completed(server.patch(&repository, json!({"description": "new"})));
    let remote_prn = text(&server.get(&remote).expect(200).json(), "prn");
    let count = |query: String| server.count(&format!("tasks/?{query}"));
    assert_eq!(count(format!("reserved_resources={repository}")), 2);
    assert_eq!(count(format!("exclusive_resources={repository}")), 2);
    assert_eq!(count(format!("exclusive_resources={remote}")), 0);
    assert_eq!(count(format!("shared_resources={remote_prn}")), 1);
    assert_eq!(count(format!("reserved_resources__in={repository},{remote_prn}")), 1);
    assert_eq!(count("reserved_resources=nonsense".into()), 0);
    assert_eq!(count(format!("created_resources={repository}versions/1/")), 1);
    assert_eq!(count(format!("name={}", text(&sync, "name"))), 1);
    assert_eq!(count("state__in=completed,failed".into()), 2);
    assert_eq!(count("state=waiting".into()), 0);
    server.get("tasks/?state=nonsense").expect(400);
    server.get("tasks/?created_resources=nonsense").expect(400);
}

#[test]
fn tasks_are_found_by_their_relations_and_times() {
    let server = Server::start();
    let task = server.completed(server.delete(&server.repository()));
    let href = text(&task, "pulp_href");
    let count = |query: &str| server.count(&format!("tasks/?{query}"));
    let worker = text(&server.get("workers/").expect(200).json()["results"][0], "pulp_href");
    let absent = "/pulp/api/v3/task-groups/00000000-0000-7000-8000-000000000000/";
    for (query, expected) in [
        ("parent_task=null".to_owned(), 1),
        ("child_tasks=null".to_owned(), 1),
        ("task_group=null".to_owned(), 1),
        (format!("parent_task={href}"), 0),
        (format!("child_tasks={href}"), 0),
        (format!("task_group={absent}"), 0),
        (format!("worker={worker}"), 0),
        ("worker=nobody".to_owned(), 0),
        ("finished_at__lt=2999-01-01&started_at__isnull=false".to_owned(), 1),
        ("pulp_created__gt=2999-01-01".to_owned(), 0),
        ("state__ne=failed&name__contains=delete".to_owned(), 1),
        (format!("logging_cid={}", text(&task, "logging_cid")), 1),
        (format!("pulp_href__in={href}&prn__in={}", text(&task, "prn")), 1),
        ("q=state%3Dcompleted AND NOT name__contains%3Dsync".to_owned(), 1),
        (format!("shared_resources__in={}", vec!["nonsense"; 2000].join(",")), 0),
        ("reserved_resources=&created_resources=&worker=&parent_task=".to_owned(), 1),
    ] {
        assert_eq!(count(&query.replace(' ', "%20")), expected, "{query}");
    }
    for query in [
        "parent_task=nonsense",
        "task_group=/pulp/api/v3/task-groups/",
        "child_tasks=/pulp/api/v3/tasks/",
        "created_resources=/pulp/api/v3/tasks/",
        "state=COMPLETED",
        "started_at=nonsense",
        "result=1",
    ] {
        server.get(&format!("tasks/?{query}")).expect(400);
    }
    for order in ["error", "result", "-state", "finished_at,name"] {
        assert_eq!(count(&format!("ordering={order}")), 1);
    }
    for path in ["tasks/5/", "task-groups/5/", "workers/5/"] {
        server.get(path).expect(404);
    }
}

#[test]
fn groups_of_tasks_are_listed_and_absent_ones_not_found() {
    let server = Server::start();
    assert_eq!(server.count("task-groups/"), 0);
    let absent = "task-groups/00000000-0000-7000-8000-000000000000/";
    let none = json!({"detail": "No TaskGroup matches the given query."});
    assert_eq!(server.get(absent).expect(404).json(), none);
    assert_eq!(server.patch(absent, json!({"state": "canceled"})).expect(404).json(), none);
    server.patch(absent, json!({"state": "completed"})).expect(400);
}

#[test]
fn a_minimal_task_leaves_the_long_fields_out() {
    let server = Server::start();
    let task = text(&server.completed(server.delete(&server.repository())), "pulp_href");
    let minimal = server.get(&format!("{task}?minimal=true")).expect(200).json();
    for key in ["progress_reports", "error", "parent_task", "result"] {
        assert!(minimal.get(key).is_none(), "{key}");
    }
    assert_eq!(server.get(&format!("{task}?fields=state,nonsense")).expect(200).json(), json!({"state": "completed"}));
}

#[test]
fn old_tasks_are_purged() {
    let server = Server::start();
    let task = text(&server.completed(server.delete(&server.repository())), "pulp_href");
    let total = |body: Value| {
        let purge = server.completed(server.post("tasks/purge/", body));
        let reports = purge["progress_reports"].as_array().unwrap().clone();
        reports.iter().find(|report| report["code"] == "purge.tasks.total").unwrap()["total"].clone()
    };
    assert_eq!(total(json!({"finished_before": "1970-01-01T00:00"})), 0);
    total(json!({}));
    server.get(&task).expect(200);
    let tomorrow = "2999-01-01T00:00";
    total(json!({"finished_before": tomorrow, "states": ["failed"]}));
    server.get(&task).expect(200);
    total(json!({"finished_before": tomorrow, "states": ["completed"]}));
    server.get(&task).expect(404);
}

#[test]
fn a_purge_of_nonsense_is_refused() {
    let server = Server::start();
    for body in [
        json!({"finished_before": "abc"}),
        json!({"finished_before": null}),
        json!({"states": ["BAD"]}),
        json!({"states": ["running"]}),
        json!({"states": "completed"}),
    ] {
        server.post("tasks/purge/", body).expect(400);
    }
    let running = server.post("tasks/purge/", json!({"states": ["running"]})).expect(400).json();
    assert_eq!(running, json!({"states": ["\"running\" is not a valid choice."]}));
}

#[test]
fn a_task_measures_its_memory_when_asked_to() {
    let server = Server::start();
    let cleanup = |diagnostics: Option<&str>| {
        let request = server.request("POST", "orphans/cleanup/");
        let request =
            diagnostics.into_iter().fold(request, |request, value| request.header("X-Task-Diagnostics", value));
        let task = server.completed(request.json(&json!({})).send());
        server.get(&format!("{}profile_artifacts/", text(&task, "pulp_href"))).expect(200).json()["urls"].clone()
    };
    assert_eq!(cleanup(None), json!({}));
    let url = text(&cleanup(Some("memory")), "memory_profile");
    let profile = server.download(&url).expect(200);
    assert!(profile.text().contains('\t'), "{}", profile.text());
    // It is one of the artifact distribution, which whoever has the address can read.
    let distributions = server.get("distributions/core/artifacts/").expect(200).json();
    let base = text(&distributions["results"][0], "base_url");
    assert!(url.starts_with(&base), "{url} {base}");
    let artifact = url.strip_prefix(&base).unwrap().split_once('?').unwrap().0;
    assert_eq!(server.get(&format!("artifacts/{artifact}/")).expect(200).json()["size"], profile.body.len());
    assert_eq!(server.anonymous().download(&url).expect(200).body, profile.body);
    server.anonymous().get(&format!("{base}{artifact}")).expect(403);
    let other = server.artifact(b"some bytes").rsplit('/').nth(1).unwrap().to_owned();
    server.anonymous().get(&url.replace(artifact, &other)).expect(403);
}

#[test]
fn tasks_of_one_repository_run_in_the_order_of_their_coming() {
    let server = Server::start();
    let repository = server.repository();
    let units: Vec<_> = (0..8).map(|number| server.upload(&number.to_string(), &[number])).collect();
    let answers: Vec<_> = units
        .iter()
        .map(|unit| server.post(&format!("{repository}modify/"), json!({"add_content_units": [unit]})))
        .collect();
    for (number, answer) in answers.into_iter().enumerate() {
        let task = server.completed(answer);
        let version = format!("{repository}versions/{}/", number + 1);
        assert_eq!(task["created_resources"], json!([version]));
        assert_eq!(server.units_in(&version), number as u64 + 1);
    }
}
