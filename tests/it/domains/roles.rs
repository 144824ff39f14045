//! Who may do what where there are domains: roles that were given for one of them, and roles on domains as such.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{domain, folder, server};
use crate::support::http::Client;
use crate::support::pulp::{REPOSITORIES, text};
use crate::support::random;
use crate::support::server::Server;

const PASSWORD: &str = "Yeech6ba-of-tests";

/// A new user: the address and a client.
fn user(server: &Server) -> (String, Client) {
    let name = random::name();
    let body = json!({"username": name, "password": PASSWORD});
    let made = server.within("default").post("users/", body).expect(201).json();
    (text(&made, "pulp_href"), server.user(&name, PASSWORD))
}

/// Gives a role, and tells what was given.
#[track_caller]
fn give(server: &Server, user: &str, role: &str, object: Value, domain: Value) -> Value {
    let body = json!({"role": role, "content_object": object, "domain": domain});
    server.within("default").post(&format!("{user}roles/"), body).expect(201).json()
}

fn count(client: &Client, path: &str) -> Value {
    client.get(path).expect(200).json()["count"].clone()
}

#[test]
fn a_role_that_was_given_for_a_domain_counts_there_alone() {
    let (server, places) = (server(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let [(our_href, ours), (their_href, theirs)] = places.each_ref().map(|place| domain(&server, place.path()));
    let their_name = text(&server.within("default").get(&their_href).expect(200).json(), "name");
    let our_name = text(&server.within("default").get(&our_href).expect(200).json(), "name");
    let (our_repository, their_repository) = (ours.repository(), theirs.repository());
    let (href, client) = user(&server);
    let [here, there] = [&our_name, &their_name].map(|name| client.within(name));
    for role in ["file.filerepository_creator", "file.filerepository_viewer"] {
        let given = give(&server, &href, role, Value::Null, json!(our_href));
        assert_eq!(given["domain"], json!(our_href));
    }
    // Named as any other reference can be.
    let named = [
        format!("http://{}{our_href}", server.address()),
        text(&server.within("default").get(&our_href).expect(200).json(), "prn"),
    ];
    for (named, role) in named.iter().zip(["file.fileremote_creator", "file.fileremote_viewer"]) {
        assert_eq!(give(&server, &href, role, Value::Null, json!(named))["domain"], json!(our_href));
    }
    here.get(&our_repository).expect(200);
    assert_eq!((count(&here, REPOSITORIES), count(&there, REPOSITORIES)), (json!(1), json!(0)));
    here.post(REPOSITORIES, json!({"name": "mine"})).expect(201);
    there.post(REPOSITORIES, json!({"name": "mine"})).expect(403);
    client.within("default").post(REPOSITORIES, json!({"name": "mine"})).expect(403);
    let as_if_ours = their_repository.replace(&their_name, &our_name);
    there.get(&their_repository).expect(404);
    here.get(&as_if_ours).expect(404);
    let root = server.within("default");
    let roles = |domain: &str| count(&root, &format!("{href}roles/?domain={domain}"));
    assert_eq!((roles(&our_href), roles(&their_href)), (json!(4), json!(0)));
    // On one object of another domain: that is where it is, and no other way leads to it.
    let role = "file.filerepository_viewer";
    let given = give(&server, &href, role, json!(their_repository), Value::Null);
    assert_eq!(given["content_object"], json!(their_repository));
    there.get(&their_repository).expect(200);
    here.get(&as_if_ours).expect(404);
    assert_eq!(count(&there, REPOSITORIES), 1);
}

#[test]
fn domains_are_made_seen_and_kept_by_roles_on_them() {
    let (server, place) = (server(), TempDir::new().unwrap());
    let ((creator, maker), (viewer, reader)) = (user(&server), user(&server));
    let [maker, reader] = [maker, reader].map(|client| client.within("default"));
    let name = random::name();
    let mut body = folder(place.path());
    body["name"] = json!(name);
    maker.post("domains/", body.clone()).expect(403);
    assert_eq!(count(&maker, "domains/"), 0);
    give(&server, &creator, "core.domain_creator", Value::Null, Value::Null);
    let href = text(&maker.post("domains/", body).expect(201).json(), "pulp_href");
    assert_eq!((count(&maker, "domains/"), count(&reader, "domains/")), (json!(1), json!(0)));
    reader.get(&href).expect(404);
    give(&server, &viewer, "core.domain_viewer", json!(href), Value::Null);
    reader.get(&href).expect(200);
    reader.patch(&href, json!({"description": "theirs"})).expect(403);
    reader.delete(&href).expect(403);
    maker.completed(maker.patch(&href, json!({"description": "ours"})));
    // To keep a domain is not to use what is in it.
    maker.within(&name).post(REPOSITORIES, json!({"name": "a"})).expect(403);
    maker.completed(maker.delete(&href));
    server.within("default").get(&href).expect(404);
}
