//! Users, groups, roles and access policies: who may do what, and who sees which rows.

mod formats;
mod naming;
mod policies;
mod refusals;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::pulp::{DISTRIBUTIONS, FILES, PUBLICATIONS, REPOSITORIES, text};
use crate::support::{Client, Server, random};

const PASSWORD: &str = "Yeech6ba-of-tests";
const GUARDS: &str = "contentguards/core/rbac/";

/// A new user: the address and a client.
fn user(server: &Server) -> (String, Client) {
    let (href, _, client) = named_user(server);
    (href, client)
}

fn named_user(server: &Server) -> (String, String, Client) {
    let name = random::name();
    let made = server.post("users/", json!({"username": name, "password": PASSWORD})).expect(201).json();
    let client = server.user(&name, PASSWORD);
    (text(&made, "pulp_href"), name, client)
}

#[track_caller]
fn give(server: &Server, principal: &str, role: &str, object: Value) -> String {
    let body = json!({"role": role, "content_object": object});
    text(&server.post(&format!("{principal}roles/"), body).expect(201).json(), "pulp_href")
}

#[track_caller]
fn group(server: &Client) -> String {
    text(&server.post("groups/", json!({"name": random::name()})).expect(201).json(), "pulp_href")
}

fn names(answer: &Value, key: &str) -> Vec<String> {
    answer["results"].as_array().unwrap().iter().map(|row| text(row, key)).collect()
}

/// The objects of the table and who asks.
struct Cast {
    values: BTreeMap<&'static str, String>,
    actors: [(&'static str, Client); 5],
}

fn cast(server: &Server) -> Cast {
    let mut values = BTreeMap::new();
    values.insert("repository", server.repository());
    values.insert("foreign", server.repository());
    values.insert("remote", server.remote("http://127.0.0.1:9/PULP_MANIFEST", json!({})));
    let artifact = server.artifact(random::name().as_bytes());
    values.insert("artifact", artifact.clone());
    let body = json!({"relative_path": random::name(), "artifact": artifact, "repository": values["repository"]});
    let task = server.completed(server.post(FILES, body));
    let created = task["created_resources"].as_array().unwrap().iter().filter_map(Value::as_str);
    values.insert("unit", created.clone().find(|href| href.contains("/content/")).unwrap().to_owned());
    let publication = server.created(server.post(PUBLICATIONS, json!({"repository": values["repository"]})));
    values.insert("publication", publication);
    let publication = server.created(server.post(PUBLICATIONS, json!({"repository": values["foreign"]})));
    values.insert("foreign_publication", publication);
    let index = server.post("repositories/python/python/", json!({"name": random::name()})).expect(201).json();
    values.insert("index", text(&index, "pulp_href"));
    let body = json!({"name": random::name(), "base_path": random::name()});
    values.insert("distribution", server.created(server.post(DISTRIBUTIONS, body)));
    let guard = server.post(GUARDS, json!({"name": random::name()})).expect(201).json();
    values.insert("guard", text(&guard, "pulp_href"));
    for name in ["upload", "foreign_upload"] {
        values.insert(name, text(&server.post("uploads/", json!({"size": 5})).expect(201).json(), "pulp_href"));
    }
    values.insert("group", group(server));
    let modified = server.post(&format!("{}modify/", values["repository"]), json!({})).expect(202).json();
    values.insert("task", text(&modified, "task"));
    server.wait_for(&values["task"]);
    let [stranger, viewer, owner] = [(); 3].map(|()| user(server));
    values.insert("user", stranger.0.clone());
    for (object, model) in [
        ("repository", "file.filerepository"),
        ("index", "python.pythonrepository"),
        ("remote", "file.fileremote"),
        ("publication", "file.filepublication"),
        ("distribution", "file.filedistribution"),
        ("guard", "core.rbaccontentguard"),
        ("upload", "core.upload"),
        ("group", "core.group"),
        ("task", "core.task"),
    ] {
        give(server, &viewer.0, &format!("{model}_viewer"), json!(values[object]));
        give(server, &owner.0, &format!("{model}_owner"), json!(values[object]));
    }
    let admin = Client::clone(server);
    let actors = [
        ("nobody", server.anonymous()),
        ("stranger", stranger.1),
        ("viewer", viewer.1),
        ("owner", owner.1),
        ("admin", admin),
    ];
    Cast { values, actors }
}

impl Cast {
    fn fill(&self, template: &str, actor: &str) -> String {
        let mut filled = template.replace("{actor}", actor);
        while filled.contains("{random}") {
            filled = filled.replacen("{random}", &random::name(), 1);
        }
        self.values.iter().fold(filled, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

#[test]
fn everybody_is_answered_as_pulp_answers_them() {
    let server = Server::start();
    let cast = cast(&server);
    let mut wrong = Vec::new();
    let lines = include_str!("access_control/expected.tsv").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        let [method, path, body, expected @ ..] = &cells[..] else { panic!("{line}") };
        for ((name, client), expected) in cast.actors.iter().zip(expected).filter(|(_, status)| **status != "-") {
            let request = client.request(method, &cast.fill(path, name));
            let answer = match body.is_empty() {
                true => request.send(),
                false => request.json(&serde_json::from_str(&cast.fill(body, name)).unwrap()).send(),
            };
            if answer.status.to_string() != *expected {
                wrong.push(format!("{method} {path} {body} by {name}: {} not {expected}", answer.status));
            }
            if answer.status == 202 && *method != "DELETE" {
                server.wait_for(&text(&answer.json(), "task"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_list_shows_what_its_reader_may_view() {
    let server = Server::start();
    let (seen, hidden) = (server.repository(), server.repository());
    server.modify(&seen, &[&server.upload("seen", b"seen")], &[]);
    server.modify(&hidden, &[&server.upload("hidden", b"hidden")], &[]);
    server.upload("nowhere", b"nowhere");
    let (href, reader) = user(&server);
    let counts = |client: &Client| {
        let lists = [REPOSITORIES, "repositories/", FILES, "content/", "repository_versions/", "tasks/"];
        lists.map(|list| client.count(list))
    };
    assert_eq!(counts(&reader), [0; 6]);
    give(&server, &href, "file.filerepository_viewer", json!(seen));
    assert_eq!(counts(&reader), [1, 1, 1, 1, 2, 0]);
    reader.get(&seen).expect(200);
    reader.get(&hidden).expect(404);
    assert_eq!(names(&reader.get(FILES).expect(200).json(), "relative_path"), ["seen"]);
    assert_eq!(reader.count(&format!("{FILES}?repository_version={hidden}versions/1/")), 0);
    reader.get(&format!("{hidden}versions/")).expect(403);
    // For everything.
    give(&server, &href, "file.filerepository_viewer", Value::Null);
    assert_eq!(counts(&reader), [2, 2, 2, 2, 4, 0]);
    // What belongs to no repository is seen by administrators alone.
    assert_eq!(server.count(FILES), 3);
}

#[test]
fn a_role_of_a_group_is_one_of_its_users_as_long_as_they_are_in_it() {
    let server = Server::start();
    let repository = server.repository();
    let (href, name, reader) = named_user(&server);
    let group = group(&server);
    let assignment = give(&server, &group, "file.filerepository_viewer", json!(repository));
    reader.get(&repository).expect(404);
    let member = server.post(&format!("{group}users/"), json!({"username": name})).expect(201).json();
    assert_eq!((text(&member, "username"), text(&member, "pulp_href")), (name, href.clone()));
    assert_eq!(server.get(&href).expect(200).json()["groups"][0]["pulp_href"], json!(group));
    reader.get(&repository).expect(200);
    assert_eq!(reader.count(REPOSITORIES), 1);
    assert_eq!(
        reader.get(&format!("{repository}my_permissions/")).expect(200).json()["permissions"],
        json!(["file.view_filerepository"])
    );
    server.delete(&format!("{group}users/{}/", href.rsplit('/').nth(1).unwrap())).expect(204);
    reader.get(&repository).expect(404);
    server.delete(&assignment).expect(204);
    server.get(&assignment).expect(404);
    server.delete(&group).expect(204);
    server.get(&group).expect(404);
}

#[test]
fn whoever_creates_owns_and_shares() {
    let server = Server::start();
    let (creator, maker) = user(&server);
    let (_, name, friend) = named_user(&server);
    maker.post(REPOSITORIES, json!({"name": random::name()})).expect(403);
    for role in ["file.filerepository", "file.filepublication", "file.filedistribution", "core.upload"] {
        give(&server, &creator, &format!("{role}_creator"), Value::Null);
    }
    let repository = maker.repository();
    let publication = maker.created(maker.post(PUBLICATIONS, json!({"repository": repository})));
    let body = json!({"name": random::name(), "base_path": random::name(), "publication": publication});
    let distribution = maker.created(maker.post(DISTRIBUTIONS, body));
    let upload = text(&maker.post("uploads/", json!({"size": 5})).expect(201).json(), "pulp_href");
    for href in [&repository, &publication, &distribution, &upload] {
        maker.get(href).expect(200);
        friend.get(href).expect(404);
    }
    let owned = server.get(&format!("{repository}list_roles/")).expect(200).json();
    assert_eq!(owned["roles"].as_array().unwrap().len(), 1);
    assert_eq!(owned["roles"][0]["role"], "file.filerepository_owner");
    // Administrators own what they make too: they may not stay administrators.
    let guard = server.made("contentguards/core/rbac/", json!({}));
    let owned = server.get(&format!("{guard}list_roles/")).expect(200).json();
    let admin = |role: &str| json!({"role": format!("core.rbaccontentguard_{role}"), "users": ["admin"], "groups": []});
    assert_eq!(owned["roles"], json!([admin("downloader"), admin("owner")]));
    let role = json!({"role": "file.filerepository_viewer", "users": [name]});
    friend.post(&format!("{repository}add_role/"), role.clone()).expect(404);
    maker.post(&format!("{repository}add_role/"), role.clone()).expect(201);
    let again = maker.post(&format!("{repository}add_role/"), role.clone()).expect(400).json();
    assert_eq!(again, json!({"non_field_errors": [format!("The role is already assigned to user '{name}'.")]}));
    friend.get(&repository).expect(200);
    friend.patch(&repository, json!({"description": "mine"})).expect(403);
    maker.post(&format!("{repository}remove_role/"), role.clone()).expect(201);
    maker.post(&format!("{repository}remove_role/"), role).expect(400);
    friend.get(&repository).expect(404);
    // Tasks are their askers', and what the administrator's tasks do is no business of theirs.
    let task = text(&maker.post(&format!("{repository}modify/"), json!({})).expect(202).json(), "task");
    friend.get(&task).expect(404);
    assert_eq!(server.get(&format!("{task}list_roles/")).expect(200).json()["roles"][0]["role"], "core.task_owner");
}

#[test]
fn roles_go_with_their_object_their_user_and_themselves() {
    let server = Server::start();
    let repository = server.repository();
    let (href, name, reader) = named_user(&server);
    let roles = format!("{href}roles/");
    give(&server, &href, "file.filerepository_viewer", json!(repository));
    server.completed(server.delete(&repository));
    assert_eq!(server.count(&roles), 0);
    let permissions = json!(["core.view_task", "file.view_filerepository"]);
    let role = server.post("roles/", json!({"name": name, "permissions": permissions})).expect(201).json();
    assert_eq!((&role["permissions"], &role["locked"]), (&permissions, &json!(false)));
    let other = server.repository();
    give(&server, &href, &name, json!(other));
    reader.get(&other).expect(200);
    server.patch(&text(&role, "pulp_href"), json!({"permissions": ["core.view_task"]})).expect(200);
    reader.get(&other).expect(404);
    server.delete(&text(&role, "pulp_href")).expect(204);
    assert_eq!(server.count(&roles), 0);
    server.delete(&href).expect(204);
    server.get(&roles).expect(404);
}

#[test]
fn roles_that_cannot_be_are_refused_by_name() {
    let server = Server::start();
    let cases = [
        (json!({}), "name"),
        (json!({"name": "x", "permissions": ["nope"]}), "not in the format"),
        (json!({"name": "x", "permissions": ["file.nope"]}), "does not exist"),
        (json!({"name": "core.task_owner", "permissions": []}), "unique"),
    ];
    for (body, part) in cases {
        let answer = server.post("roles/", body.clone()).expect(400).text();
        assert!(answer.contains(part), "{body}: {answer}");
    }
    let shipped = server.get("roles/?name=core.task_owner").expect(200).json();
    let href = text(&shipped["results"][0], "pulp_href");
    assert_eq!(server.delete(&href).expect(403).json(), json!({"detail": "The role is locked."}));
    server.patch(&href, json!({"permissions": []})).expect(403);
    let found = server.get("roles/?contains_permission=core.view_task&contains_permission=core.add_task").expect(200);
    assert_eq!(found.json()["count"], 3);
    let names = names(&server.get("roles/?for_object_type=/pulp/api/v3/uploads/").expect(200).json(), "name");
    assert_eq!(names.len(), 3, "{names:?}");
    server.get("roles/?for_object_type=/nowhere/").expect(400);
    let (user, _) = user(&server);
    let repository = server.repository();
    for (body, part) in [
        (json!({"role": "core.task_owner"}), "content_object"),
        (json!({"role": "nope", "content_object": null}), "does not exist"),
        (json!({"role": "core.task_owner", "content_object": "/nowhere/"}), "Invalid value"),
        (json!({"role": "core.task_owner", "content_object": repository}), "does not carry any permission"),
    ] {
        let answer = server.post(&format!("{user}roles/"), body.clone()).expect(400).text();
        assert!(answer.contains(part), "{body}: {answer}");
    }
    server.get("users/9999/roles/").expect(404);
}

#[test]
fn a_guard_lets_through_who_was_given_its_permission() {
    let server = Server::start_with(&[("PITH_REDIRECT_TO_OBJECT_STORAGE", "false")]);
    let guard = text(&server.post(GUARDS, json!({"name": random::name()})).expect(201).json(), "pulp_href");
    let body = json!({"name": random::name(), "base_path": random::name(), "content_guard": guard});
    let distribution = server.created(server.post(DISTRIBUTIONS, body));
    let base = text(&server.get(&distribution).expect(200).json(), "base_url");
    let (_, name, reader) = named_user(&server);
    let (_, member_name, member) = named_user(&server);
    let group = group(&server);
    let group_name = text(&server.get(&group).expect(200).json(), "name");
    server.post(&format!("{group}users/"), json!({"username": member_name})).expect(201);
    let status = |client: &Client| client.get(&base).status;
    assert_eq!([status(&reader), status(&member), status(&server.anonymous())], [403; 3]);
    let role = json!({"role": "core.rbaccontentguard_downloader", "users": [name], "groups": [group_name]});
    server.post(&format!("{guard}add_role/"), role.clone()).expect(201);
    assert_eq!([status(&reader), status(&member), status(&server)], [404; 3]);
    assert_eq!(status(&server.anonymous()), 403);
    let shown = server.get(&guard).expect(200).json();
    let users: Vec<&Value> = shown["users"].as_array().unwrap().iter().map(|user| &user["username"]).collect();
    assert_eq!((users, &shown["groups"][0]["name"]), (vec![&json!("admin"), &json!(name)], &json!(group_name)));
    server.post(&format!("{guard}remove_role/"), role).expect(201);
    assert_eq!([status(&reader), status(&member)], [403; 2]);
}

#[test]
fn uploads_to_an_index_are_for_who_may_modify_its_repository() {
    let server = Server::start();
    let (href, sender) = user(&server);
    let made = server.post("repositories/python/python/", json!({"name": random::name()})).expect(201).json();
    let repository = text(&made, "pulp_href");
    let base_path = random::name();
    let body = json!({"name": random::name(), "base_path": base_path, "repository": repository});
    server.created(server.post("distributions/python/pypi/", body));
    let send = |client: &Client| client.request("POST", &format!("/pypi/{base_path}/legacy/")).send().status;
    assert_eq!(send(&sender), 403);
    give(&server, &href, "python.pythonrepository_owner", json!(repository));
    // Let through, and then told that nothing was sent.
    assert_eq!(send(&sender), send(&server));
    assert_ne!(send(&sender), 403);
}
