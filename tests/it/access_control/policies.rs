//! Access policies that were changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{give, group, named_user, names, user};
use crate::formats::Index;
use crate::support::multipart::Multipart;
use crate::support::pulp::{FILES, REPOSITORIES, text};
use crate::support::wheel::Wheel;
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
fn what_is_no_repository_has_policies_too() {
    let server = Server::start();
    let (_, _, stranger) = named_user(&server);
    stranger.get("artifacts/").expect(403);
    server.artifact(b"some bytes");
    set(&server, "artifacts", json!([{"action": "list", "effect": "allow", "principal": "authenticated"}]));
    assert_eq!(stranger.count("artifacts/"), 1);
    server.anonymous().get("artifacts/").expect(401);
    stranger.request("POST", "artifacts/").json(&json!({})).send().expect(403);
    stranger.get("login/").expect(200);
    set(&server, "login", json!([{"action": "create", "effect": "allow", "principal": "authenticated"}]));
    stranger.get("login/").expect(403);
    stranger.request("POST", "login/").send().expect(201);
    stranger.patch("login/", json!({"first_name": "Ada"})).expect(403);
    server.anonymous().get("login/").expect(401);
}

#[test]
fn the_policies_of_an_index_are_obeyed() {
    let server = Server::start();
    let index = Index::new(&server);
    let answer = index.send(&server, &Wheel::new("hello", "1.0")).expect(202);
    server.wait_for(&text(&answer.json(), "task"));
    let names =
        names(&server.get("access_policies/?viewset_name__startswith=pypi/").expect(200).json(), "viewset_name");
    let expected = ["integrity", "legacy", "pypi", "root", "rss", "simple", "yank"].map(|name| format!("pypi/{name}"));
    assert_eq!(BTreeSet::from_iter(names), BTreeSet::from(expected));
    let (page, detail) = (index.path("simple/"), index.path("simple/hello/"));
    let anonymous = server.anonymous();
    let open = anonymous.get(&page).expect(200);
    let conditional = |client: &Client| {
        let modified = open.header("Last-Modified").unwrap();
        client.request("GET", &page).header("If-Modified-Since", modified).send()
    };
    conditional(&anonymous).expect(304);
    // Readers must say who they are.
    let (user, _, reader) = named_user(&server);
    let condition = "index_has_perm:python.view_pythondistribution";
    let statement = json!({"action": ["list", "retrieve"], "effect": "allow", "principal": "authenticated"});
    set(&server, "pypi/simple", json!([statement]));
    conditional(&anonymous).expect(401);
    anonymous.get(&detail).expect(401);
    anonymous.head(&page).expect(401);
    server.user("admin", "nonsense").get(&page).expect(401);
    let answer = reader.get(&page).expect(200);
    assert_eq!(answer.header("Cache-Control"), Some("private, no-cache"));
    conditional(&reader).expect(304);
    anonymous.get(&index.path("pypi/hello/json/")).expect(200);
    // And must be allowed to see the distribution.
    let mut statement = statement;
    statement["condition"] = json!(condition);
    set(&server, "pypi/simple", json!([statement]));
    reader.get(&page).expect(403);
    give(&server, &user, "python.pythondistribution_viewer", json!(index.distribution));
    reader.get(&page).expect(200);
    // Nobody may upload by this address any more, but by the other.
    index.send(&reader, &Wheel::new("hello", "1.1")).expect(403);
    give(&server, &user, "python.pythonrepository_owner", json!(index.repository));
    let form = || Wheel::new("hello", "1.1").form();
    reader.request("POST", &page).multipart(form()).send().expect(403);
    reader.request("POST", &index.path("legacy/")).multipart(form()).send().expect(202);
    set(&server, "pypi/legacy", json!([{"action": "create", "effect": "allow", "principal": "*"}]));
    let form = Wheel::new("hello", "1.2").form();
    anonymous.request("POST", &index.path("legacy/")).multipart(form).send().expect(401);
    let found = server.get("access_policies/?viewset_name=pypi/simple").expect(200).json();
    server.post(&format!("{}reset/", text(&found["results"][0], "pulp_href")), json!({})).expect(200);
    anonymous.get(&page).expect(200);
}

#[test]
fn conditions_about_an_index_hold_nowhere_else() {
    let server = Server::start();
    let (_, _, stranger) = named_user(&server);
    for condition in ["index_has_perm:file.view_filerepository", "index_has_repo_perm:file.view_filerepository"] {
        let statement = json!({"action": "*", "effect": "allow", "principal": "*", "condition": condition});
        set(&server, "repositories/file/file", json!([statement]));
        stranger.get(REPOSITORIES).expect(403);
    }
}

#[test]
fn labels_come_with_an_upload_from_those_who_may_label() {
    let server = Server::start();
    let (href, _, owner) = named_user(&server);
    let repository = server.repository();
    give(&server, &href, "file.filerepository_owner", json!(repository));
    let upload = |labels: &str| {
        let form = Multipart::new().field("repository", &repository).field("relative_path", "x");
        let form = if labels.is_empty() { form } else { form.field("pulp_labels", labels) };
        owner.request("POST", FILES).multipart(form.file("file", b"some bytes")).send()
    };
    for none in ["", "{}"] {
        owner.completed(upload(none));
    }
    let told = upload(r#"{"a": "b"}"#).expect(400).json();
    assert!(told["pulp_labels"].is_array(), "{told}");
    upload("nonsense").expect(400);
    give(&server, &href, "core.content_labeler", Value::Null);
    owner.completed(upload(r#"{"a": "b"}"#));
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
