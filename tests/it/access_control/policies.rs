//! Access policies that were changed.

use serde_json::{Value, json};

use super::{give, group, named_user, user};
use crate::support::pulp::{REPOSITORIES, text};
use crate::support::{Client, Server, random};

/// Changes the policy of this name.
#[track_caller]
fn set(server: &Server, viewset: &str, statements: Value) {
    let found = server.get(&format!("access_policies/?viewset_name={viewset}")).expect(200).json();
    let href = text(&found["results"][0], "pulp_href");
    let body = json!({"statements": statements, "queryset_scoping": {"function": ""}});
    server.patch(&href, body).expect(200);
}

#[test]
fn an_access_policy_is_changed_and_reset() {
    let server = Server::start();
    let policy = server.get("access_policies/?viewset_name=repositories/file/file").expect(200).json();
    let policy = &policy["results"][0];
    let (href, shipped) = (text(policy, "pulp_href"), policy["statements"].clone());
    assert_eq!(
        (&policy["customized"], &policy["queryset_scoping"]["function"]),
        (&json!(false), &json!("scope_queryset"))
    );
    let (_, name, stranger) = named_user(&server);
    let repository = server.repository();
    stranger.get(&repository).expect(404);
    let group = group(&server);
    let group_name = text(&server.get(&group).expect(200).json(), "name");
    let statements = json!([
        {"action": ["list", "retrieve"], "effect": "allow", "principal": "*"},
        {"action": "create", "effect": "allow", "principal": format!("group:{group_name}")},
        {"action": "retrieve", "effect": "deny", "principal": "anonymous"},
    ]);
    let hooks = json!([{"function": "add_roles_for_groups",
        "parameters": {"roles": ["file.filerepository_viewer"], "groups": [group_name]}}]);
    let body = json!({"statements": statements, "creation_hooks": hooks, "queryset_scoping": {"function": ""}});
    let changed = server.patch(&href, body).expect(200).json();
    assert_eq!((&changed["customized"], &changed["statements"]), (&json!(true), &statements));
    stranger.get(&repository).expect(200);
    assert_eq!(server.anonymous().count(REPOSITORIES), 1);
    server.anonymous().get(&repository).expect(401);
    stranger.post(REPOSITORIES, json!({"name": random::name()})).expect(403);
    server.post(&format!("{group}users/"), json!({"username": name})).expect(201);
    let made = stranger.repository();
    let roles = server.get(&format!("{made}list_roles/")).expect(200).json();
    assert_eq!(roles["roles"], json!([{"role": "file.filerepository_viewer", "users": [], "groups": [group_name]}]));
    let reset = server.post(&format!("{href}reset/"), json!({})).expect(200).json();
    assert_eq!((&reset["customized"], &reset["statements"]), (&json!(false), &shipped));
    stranger.get(&repository).expect(404);
    stranger.get(&made).expect(200);
    for (body, part) in [
        (json!({"statements": "x"}), "list"),
        (json!({"statements": [{"action": "x"}]}), "effect"),
        (
            json!({"statements": [{"action": "x", "effect": "allow", "principal": "*", "condition": "nope:x"}]}),
            "nope:x",
        ),
        (
            json!({"statements": [{"action": "x", "effect": "allow", "principal": "*", "conditions": "x"}]}),
            "conditions",
        ),
        (json!({"creation_hooks": [{"function": "nope"}]}), "function"),
        (
            json!({"creation_hooks": [{"function": "add_roles_for_object_creator",
                "parameters": {"roles": "x"}, "permissions": "x"}]}),
            "permissions",
        ),
        (json!({"queryset_scoping": {"function": "nope"}}), "nope"),
        (json!({"queryset_scoping": null}), "null"),
    ] {
        let answer = server.patch(&href, body.clone()).expect(400).text();
        assert!(answer.contains(part), "{body}: {answer}");
    }
}

#[test]
fn what_only_reads_is_safe_whatever_it_is_called() {
    let server = Server::start();
    let (_, stranger) = user(&server);
    let repository = server.repository();
    let roles = format!("{repository}list_roles/");
    stranger.get(&roles).expect(404);
    set(&server, "repositories/file/file", json!([{"action": "<safe_methods>", "effect": "allow", "principal": "*"}]));
    stranger.get(&roles).expect(200);
    stranger.head(&roles).expect(200);
    server.anonymous().get(&format!("{repository}my_permissions/")).expect(200);
    let role = json!({"role": "file.filerepository_viewer"});
    stranger.post(&format!("{repository}add_role/"), role).expect(403);
}

#[test]
fn a_denial_by_what_the_body_names_counts_with_a_body_and_without() {
    let server = Server::start();
    let (href, asker) = user(&server);
    let [seen, hidden] = [(); 2].map(|()| server.remote("http://127.0.0.1:9/", json!({})));
    give(&server, &href, "file.fileremote_viewer", json!(seen));
    let repository = server.repository();
    let condition = "has_remote_param_model_or_domain_or_obj_perms:file.view_fileremote";
    set(
        &server,
        "repositories/file/file",
        json!([
            {"action": ["create", "destroy"], "effect": "allow", "principal": "authenticated"},
            {"action": ["create", "destroy"], "effect": "deny", "principal": "authenticated", "condition": condition},
        ]),
    );
    let make =
        |client: &Client, remote: &str| client.post(REPOSITORIES, json!({"name": random::name(), "remote": remote}));
    make(&asker, &seen).expect(403);
    make(&asker, &hidden).expect(201);
    // A condition about what is not named holds.
    asker.post(REPOSITORIES, json!({"name": random::name()})).expect(403);
    asker.delete(&repository).expect(403);
    server.get(&repository).expect(200);
}

#[test]
fn a_purge_takes_the_tasks_of_who_asks_for_it() {
    let server = Server::start();
    let (href, asker) = user(&server);
    let repository = server.repository();
    give(&server, &href, "file.filerepository_owner", json!(repository));
    let modify = |client: &Client| {
        let task = text(&client.post(&format!("{repository}modify/"), json!({})).expect(202).json(), "task");
        client.wait_for(&task);
        task
    };
    let (own, foreign) = (modify(&asker), modify(&server));
    let all = json!({"finished_before": "2100-01-01T00:00:00Z", "states": ["completed", "failed", "canceled"]});
    asker.completed(asker.post("tasks/purge/", all.clone()));
    asker.get(&own).expect(404);
    server.get(&foreign).expect(200);
    set(&server, "tasks", json!([{"action": "purge", "effect": "allow", "principal": "*"}]));
    server.anonymous().post("tasks/purge/", all).expect(401);
    server.get(&foreign).expect(200);
}
