//! `users/`

use serde_json::json;

use crate::support::Server;
use crate::support::pulp::text;

#[test]
fn a_user_is_made_changed_and_deleted_and_its_password_works() {
    let server = Server::start();
    let made = server.post("users/", json!({"username": "ada", "password": "Yeech6ba"})).expect(201);
    assert!(!made.text().contains("Yeech6ba"));
    let user = made.json();
    let href = text(&user, "pulp_href");
    assert_eq!(user["hidden_fields"], json!([{"name": "password", "is_set": true}]));
    assert_eq!(server.user("ada", "Yeech6ba").get("login/").expect(200).json()["username"], "ada");
    assert_eq!(server.patch(&href, json!({"first_name": "Ada"})).expect(200).json()["first_name"], "Ada");
    assert_eq!(server.count("users/?username=ada"), 1);
    assert_eq!(server.count("users/?username__contains=d"), 2);
    server.delete(&href).expect(204);
    server.user("ada", "Yeech6ba").get("login/").expect(401);
}

#[test]
fn users_that_cannot_be_are_refused() {
    let server = Server::start();
    let cases = [
        (json!({}), json!({"username": ["This field is required."]})),
        (json!({"username": "admin"}), json!({"username": ["This field must be unique."]})),
        (json!({"username": "x", "email": "notmail"}), json!({"email": ["Enter a valid email address."]})),
        (json!({"username": "x", "password": ""}), json!({"password": ["This field may not be blank."]})),
    ];
    for (body, error) in cases {
        assert_eq!(server.post("users/", body.clone()).expect(400).json(), error, "{body}");
    }
    let weak = server.post("users/", json!({"username": "x", "password": "12345"})).expect(400).json();
    let messages = weak["non_field_errors"].to_string();
    assert!(messages.contains("This password is too short. It must contain at least 8 characters."), "{messages}");
    assert!(messages.contains("This password is entirely numeric."), "{messages}");
}

#[test]
fn a_changed_password_ends_the_old_one_at_once() {
    let server = Server::start();
    let user = server.post("users/", json!({"username": "ada", "password": "Yeech6ba"})).expect(201).json();
    let old = server.user("ada", "Yeech6ba");
    old.get("login/").expect(200);
    server.patch(&text(&user, "pulp_href"), json!({"password": "Another5one"})).expect(200);
    old.get("login/").expect(401);
    server.user("ada", "Another5one").get("login/").expect(200);
}
