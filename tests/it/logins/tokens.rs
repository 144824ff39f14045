//! `tokens/`: what programs send in place of a password.

use std::process::Command;

use serde_json::{Value, json};

use super::{PASSWORD, give, user};
use crate::formats::python_uploads::Index;
use crate::support::multipart::Multipart;
use crate::support::pulp::{DISTRIBUTIONS, FILES, PUBLICATIONS, REPOSITORIES, text};
use crate::support::wheel::Wheel;
use crate::support::{Client, Server, random, until};

/// A new token: its address and itself.
#[track_caller]
fn made(client: &Client, fields: Value) -> (String, String) {
    let mut body = json!({"name": "t"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let made = client.post("tokens/", body).expect(201).json();
    (text(&made, "pulp_href"), text(&made, "token"))
}

/// A client with a new token.
#[track_caller]
fn bearing(client: &Client, fields: Value) -> Client {
    client.bearing(&made(client, fields).1)
}

/// The moment that many seconds from now.
fn moment(seconds: i64) -> String {
    let said = Command::new("date").args(["-u", "-d", &format!("{seconds} seconds"), "+%FT%TZ"]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_token_is_shown_once_and_stands_for_its_user() {
    let server = Server::start();
    let (name, _, client) = user(&server);
    let answer = client.post("tokens/", json!({"name": "ci"})).expect(201);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    let made = answer.json();
    let (href, token) = (text(&made, "pulp_href"), text(&made, "token"));
    assert!(token.starts_with("pith_") && token.len() == 48, "{token}");
    for (field, value) in [
        ("name", json!("ci")),
        ("user", json!(name)),
        ("read_only", json!(false)),
        ("objects", Value::Null),
        ("expires", Value::Null),
        ("last_used", Value::Null),
    ] {
        assert_eq!(made[field], value, "{field}");
    }
    let shown = client.get(&href).expect(200);
    assert!(shown.json().get("token").is_none() && !shown.text().contains(&token[5..]));
    for (user, status) in [("__token__", 200), ("", 200), (&*name, 200), ("admin", 401), ("somebody", 401)] {
        server.user(user, &token).get("login/").expect(status);
    }
    assert_eq!(server.anonymous().bearing(&token).get("login/").expect(200).json()["username"], json!(name));
    until("the use is kept", || (!client.get(&href).json()["last_used"].is_null()).then_some(()));
    client.delete(&href).expect(204);
    server.anonymous().bearing(&token).get("login/").expect(401);
    server.user("__token__", &token).get("login/").expect(401);
}

#[test]
fn everybody_sees_and_revokes_their_own_tokens_and_administrators_all() {
    let server = Server::start();
    let ((_, _, ada), (name, _, bob)) = (user(&server), user(&server));
    let (of_ada, _) = made(&ada, json!({"name": "a"}));
    let refused = ada.post("tokens/", json!({"name": "b", "user": name})).expect(400).json();
    assert_eq!(refused, json!({"user": ["only administrators make tokens of others"]}));
    let (of_bob, token) = made(&server, json!({"user": name}));
    assert_eq!(server.anonymous().bearing(&token).get("login/").expect(200).json()["username"], json!(name));
    assert_eq!((ada.count("tokens/"), bob.count("tokens/"), server.count("tokens/")), (1, 1, 2));
    assert_eq!(server.count(&format!("tokens/?user={name}")), 1);
    assert_eq!(server.count("tokens/?name=a"), 1);
    bob.get(&of_ada).expect(404);
    bob.delete(&of_ada).expect(404);
    ada.delete(&of_ada).expect(204);
    server.delete(&of_bob).expect(204);
    server.anonymous().get("tokens/").expect(401);
    assert_eq!(server.count("tokens/"), 0);
}

#[test]
fn what_is_no_token_lets_nobody_in() {
    let server = Server::start();
    let (_, user_href, client) = user(&server);
    let (_, token) = made(&client, json!({}));
    let other = format!("{}{}", &token[..47], if token.ends_with('A') { 'B' } else { 'A' });
    for wrong in [&token[..47], &other, &format!("{token}A"), "pith_", "pith_ ", &"pith_A".repeat(20_000 / 6)] {
        let told = server.anonymous().bearing(wrong).get("tokens/").status;
        assert!(told == 401 || (told == 431 && wrong.len() > 1000), "{wrong}: {told}");
    }
    let (_, brief) = made(&client, json!({"expires": moment(2)}));
    server.anonymous().bearing(&brief).get("login/").expect(200);
    until("it has ended", || (server.anonymous().bearing(&brief).get("login/").status == 401).then_some(()));
    server.patch(&user_href, json!({"is_active": false})).expect(200);
    server.anonymous().bearing(&token).get("login/").expect(401);
    server.patch(&user_href, json!({"is_active": true})).expect(200);
    server.anonymous().bearing(&token).get("login/").expect(200);
    server.delete(&user_href).expect(204);
    server.anonymous().bearing(&token).get("login/").expect(401);
    assert_eq!(server.count("tokens/"), 0);
}

#[test]
fn what_a_token_shall_be_is_checked() {
    let server = Server::start();
    let group = server.post("groups/", json!({"name": random::name()})).expect(201).json();
    let many: Vec<String> = (0..101).map(|_| "prn:file.filerepository:x".to_owned()).collect();
    let item = |at: &str| json!({at: ["names no object that has an id"]});
    for (body, field, told) in [
        (json!({}), "name", json!(["This field is required."])),
        (json!({"name": "x".repeat(151)}), "name", json!(["Ensure this field has no more than 150 characters."])),
        (json!({"name": "a", "user": "nobody-here"}), "user", json!(["there is no such user"])),
        (json!({"name": "a", "expires": moment(-1)}), "expires", json!(["must lie in the future"])),
        (json!({"name": "a", "objects": ["prn:core.group:1"]}), "objects", item("0")),
        (json!({"name": "a", "objects": [7]}), "objects", item("0")),
        (json!({"name": "a", "objects": [text(&group, "pulp_href")]}), "objects", item("0")),
        (json!({"name": "a", "objects": ["/pulp/api/v3/repositories/file/file/"]}), "objects", item("0")),
        (json!({"name": "a", "token": "pith_mine"}), "token", json!(["Unexpected field"])),
    ] {
        assert_eq!(server.post("tokens/", body.clone()).expect(400).json()[field], told, "{body}");
    }
    for objects in [json!(many), json!("all"), json!({})] {
        assert!(
            server.post("tokens/", json!({"name": "a", "objects": objects})).expect(400).json()["objects"].is_array()
        );
    }
    assert_eq!(server.count("tokens/"), 0);
}

#[test]
fn a_token_does_no_more_than_its_user() {
    let server = Server::start();
    let (_, user_href, client) = user(&server);
    let repository = server.repository();
    let token = bearing(&client, json!({}));
    token.get(&repository).expect(404);
    token.post(REPOSITORIES, json!({"name": random::name()})).expect(403);
    token
        .post(&format!("{user_href}roles/"), json!({"role": "file.filerepository_owner", "content_object": null}))
        .expect(403);
    give(&server, &user_href, "file.filerepository_viewer", json!(repository));
    token.get(&repository).expect(200);
    token.post(&format!("{repository}modify/"), json!({})).expect(403);
}

#[test]
fn a_token_makes_nothing_that_would_outlive_it() {
    let server = Server::start();
    let (_, user_href, client) = user(&server);
    for token in
        [bearing(&client, json!({})), bearing(&server, json!({})), bearing(&server, json!({"expires": moment(600)}))]
    {
        token.post("tokens/", json!({"name": "more"})).expect(403);
        token.request("POST", "login/").send().expect(403);
        token.patch("login/", json!({"old_password": PASSWORD, "new_password": "Another5one"})).expect(403);
    }
    let admin = bearing(&server, json!({}));
    admin.patch(&user_href, json!({"password": "Another5one"})).expect(403);
    admin.post("users/", json!({"username": random::name(), "password": "Another5one"})).expect(403);
    admin.patch(&user_href, json!({"first_name": "Ada"})).expect(200);
    client.get("login/").expect(200);
}

#[test]
fn nobody_takes_a_role_by_a_token_that_may_not_give_it() {
    let server = Server::start();
    let (name, user_href, client) = user(&server);
    let (own, other) = (server.repository(), server.repository());
    give(&server, &user_href, "file.filerepository_owner", json!(own));
    give(&server, &user_href, "file.filerepository_owner", json!(other));
    let add = |client: &Client, repository: &str| {
        let body = json!({"role": "file.filerepository_viewer", "users": [name]});
        client.post(&format!("{repository}add_role/"), body).status
    };
    let everything = json!({"role": "file.filerepository_owner", "content_object": null});
    let (reading, confined, whole) = (
        bearing(&client, json!({"read_only": true})),
        bearing(&client, json!({"objects": [own]})),
        bearing(&client, json!({})),
    );
    assert_eq!((add(&reading, &own), add(&confined, &other), add(&confined, &own)), (403, 403, 201));
    for token in [&reading, &confined, &whole, &bearing(&server, json!({"objects": [own]}))] {
        token.post(&format!("{user_href}roles/"), everything.clone()).expect(403);
        token.post("groups/", json!({"name": random::name()})).expect(403);
        token.post("roles/", json!({"name": random::name(), "permissions": []})).expect(403);
        token.patch("access_policies/", json!({})).expect(405);
    }
    assert_eq!(server.count(&format!("{user_href}roles/")), 3);
}

#[test]
fn what_looks_like_a_token_is_no_password() {
    let server = Server::start();
    let (_, token) = made(&server, json!({}));
    let refused = server.post("users/", json!({"username": random::name(), "password": token})).expect(400).json();
    assert!(refused["password"].is_array(), "{refused}");
}

#[test]
fn one_that_only_reads_changes_nothing() {
    let server = Server::start();
    let (href, token) = made(&server, json!({"read_only": true}));
    let token = server.anonymous().bearing(&token);
    let repository = server.repository();
    token.get(&repository).expect(200);
    token.head(REPOSITORIES).expect(200);
    assert!(token.count(REPOSITORIES) > 0);
    token.post(REPOSITORIES, json!({"name": random::name()})).expect(403);
    token.patch(&repository, json!({"description": "x"})).expect(403);
    token.post(&format!("{repository}modify/"), json!({})).expect(403);
    token.delete(&repository).expect(403);
    token.delete(&href).expect(403);
    let index = Index::new(&server);
    index.send(&token, &Wheel::new("some", "1.0")).expect(403);
}

#[test]
fn one_for_some_objects_reaches_no_others() {
    let server = Server::start();
    let (one, other, remote) =
        (server.repository(), server.repository(), server.remote("http://127.0.0.1:9/x", json!({})));
    let (_, user_href, user) = user(&server);
    for repository in [&one, &other] {
        give(&server, &user_href, "file.filerepository_owner", json!(repository));
    }
    give(&server, &user_href, "file.filepublication_creator", Value::Null);
    give(&server, &user_href, "file.fileremote_viewer", json!(remote));
    for client in [Client::clone(&server), user] {
        let token = bearing(&client, json!({"objects": [one]}));
        assert_eq!(token.get(&one).expect(200).json()["pulp_href"], json!(one));
        token.get(&format!("{one}versions/")).expect(200);
        token.get(&other).expect(403);
        token.get(&format!("{other}versions/0/")).expect(403);
        token.patch(&other, json!({"description": "x"})).expect(403);
        token.delete(&other).expect(403);
        let listed = token.get(REPOSITORIES).expect(200).json();
        assert_eq!((&listed["count"], &listed["results"][0]["pulp_href"]), (&json!(1), &json!(one)));
        assert_eq!(token.count(FILES) + token.count("tasks/"), 0);
        // What bodies name counts too.
        token.patch(&one, json!({"remote": remote})).expect(403);
        token.post(&format!("{one}modify/"), json!({"base_version": format!("{other}versions/0/")})).expect(403);
        token.post(PUBLICATIONS, json!({"repository": other})).expect(403);
        token.post(PUBLICATIONS, json!({})).expect(403);
        token.post("orphans/cleanup/", json!({})).expect(403);
        token.post(DISTRIBUTIONS, json!({"name": random::name(), "base_path": random::name()})).expect(403);
        let form = |repository: Option<&str>| {
            let form = Multipart::new().field("relative_path", &random::name()).file("file", random::name().as_bytes());
            repository.into_iter().fold(form, |form, repository| form.field("repository", repository))
        };
        for repository in [None, Some(&*other), Some("/pulp/api/v3/repositories/file/file/")] {
            token.request("POST", FILES).multipart(form(repository)).send().expect(403);
        }
        // It waits for the tasks that it made, and sees no others.
        let answer = token.request("POST", FILES).multipart(form(Some(&one))).send();
        token.completed(answer);
        let publication = token.post(PUBLICATIONS, json!({"repository": one})).expect(202).json();
        token.wait_for(&text(&publication, "task"));
        let foreign = client.post(&format!("{other}modify/"), json!({})).expect(202).json();
        token.get(&text(&foreign, "task")).expect(403);
    }
}

#[test]
fn indexes_and_guarded_distributions_take_tokens() {
    let server = Server::start();
    let (index, other) = (Index::new(&server), Index::new(&server));
    let (_, token) = made(&server, json!({"objects": [index.repository]}));
    let twine = server.user("__token__", &token);
    index.send(&twine, &Wheel::new("some", "1.0")).expect(202);
    other.send(&twine, &Wheel::new("some", "1.0")).expect(403);
    other.send(&server.user("__token__", &token[..47]), &Wheel::new("some", "1.0")).expect(401);
    let guard = server.post("contentguards/core/rbac/", json!({"name": random::name()})).expect(201).json();
    let (_, user_href, user) = user(&server);
    give(&server, &user_href, "core.rbaccontentguard_downloader", guard["pulp_href"].clone());
    for index in [&index, &other] {
        server.completed(server.patch(&index.distribution, json!({"content_guard": guard["pulp_href"]})));
    }
    let read = |fields: Value, index: &Index| {
        let (_, token) = made(&user, fields);
        server.user("__token__", &token).get(&index.path("simple/")).status
    };
    assert_eq!(server.anonymous().get(&index.path("simple/")).status, 403);
    assert_eq!(read(json!({"read_only": true}), &index), 200);
    for object in [&index.repository, &index.distribution, &text(&guard, "pulp_href")] {
        assert_eq!(read(json!({"objects": [object]}), &index), 200, "{object}");
    }
    assert_eq!(read(json!({"objects": [other.distribution]}), &index), 403);
    assert_eq!(read(json!({"objects": []}), &index), 403);
    let (_, stranger) = made(&server, json!({"objects": [other.repository]}));
    assert_eq!(server.user("__token__", &stranger).get(&index.path("simple/")).status, 403);
}

#[test]
fn the_access_log_says_which_token_spoke() {
    let server = Server::start_with(&[("PITH_ACCESS_LOG", "true"), ("PITH_LOG_FORMAT", "json")]);
    let (href, token) = made(&server, json!({}));
    server.anonymous().bearing(&token).get("tasks/").expect(200);
    let log = server.log();
    let id = href.trim_end_matches('/').rsplit('/').next().unwrap();
    let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.rfind(|line| line["operation"] == "tasks_list").unwrap();
    assert_eq!((&line["token"], &line["user"]), (&json!(id), &json!("admin")));
    assert!(!log.contains(&token[5..]));
}

#[test]
fn nothing_that_is_kept_could_be_sent() {
    let server = Server::start();
    let (_, token) = made(&server, json!({}));
    let kept = std::fs::read(server.data().join("pith.db"));
    for bytes in kept.into_iter().chain(std::fs::read(server.data().join("pith.db-wal"))) {
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()));
    }
}
