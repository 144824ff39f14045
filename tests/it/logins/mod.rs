//! The ways to say who asks, and what wrong ones come to.

mod guessing;
mod oidc;
mod proxies;
mod tokens;

use serde_json::{Value, json};

use crate::support::pulp::text;
use crate::support::{Client, Server, random};

const PASSWORD: &str = "Yeech6ba-of-tests";

/// A new user: name, address and a client with the password.
#[track_caller]
fn user(server: &Server) -> (String, String, Client) {
    let name = random::name();
    let made = server.post("users/", json!({"username": name, "password": PASSWORD})).expect(201).json();
    let client = server.user(&name, PASSWORD);
    (name, text(&made, "pulp_href"), client)
}

#[track_caller]
fn give(server: &Server, user: &str, role: &str, object: Value) {
    server.post(&format!("{user}roles/"), json!({"role": role, "content_object": object})).expect(201);
}
