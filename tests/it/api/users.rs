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

#[test]
fn users_are_found_by_number_address_and_prn() {
    let server = Server::start();
    let user = server.post("users/", json!({"username": "ada", "email": "ada@example.com"})).expect(201).json();
    let href = text(&user, "pulp_href");
    assert_eq!(user["prn"], format!("prn:auth.user:{}", user["id"]));
    assert_eq!(server.count(&format!("users/?pulp_href__in={href},/pulp/api/v3/users/1/")), 2);
    assert_eq!(server.count(&format!("users/?prn__in={}", text(&user, "prn"))), 1);
    assert_eq!(server.count("users/?email__icontains=EXAMPLE&is_active=true"), 1);
    let newest_first = server.get("users/").expect(200).json();
    assert_eq!(newest_first["results"][0]["username"], "ada");
    let id = "00000000-0000-7000-8000-000000000000";
    assert_eq!(server.count(&format!("users/?pulp_id__in={id}")), 0);
    assert_eq!(server.count(&format!("workers/?pulp_href__in=/pulp/api/v3/users/{id}/")), 0);
    for query in
        ["pulp_href__in=nonsense", "prn__in=nonsense", "prn__in=prn:auth.user:x", "pulp_id__in=1", "ordering=password"]
    {
        server.get(&format!("users/?{query}")).expect(400);
    }
    for absent in ["users/99999/", "users/99999999999999999999/", &format!("users/{id}/")] {
        let answer = server.get(absent).expect(404).json();
        assert_eq!(answer, json!({"detail": "No User matches the given query."}), "{absent}");
        server.patch(absent, json!({})).expect(404);
        server.delete(absent).expect(404);
    }
}

#[test]
fn a_replaced_user_keeps_what_has_no_default() {
    let server = Server::start();
    let body = json!({"username": "ada", "first_name": "Ada", "is_active": false, "password": "Yeech6ba"});
    let href = text(&server.post("users/", body).expect(201).json(), "pulp_href");
    server.user("ada", "Yeech6ba").get("login/").expect(401);
    let replaced = server.put(&href, json!({"username": "ada"})).expect(200).json();
    assert_eq!((&replaced["first_name"], &replaced["is_active"]), (&json!("Ada"), &json!(true)));
    server.user("ada", "Yeech6ba").get("login/").expect(200);
    server.patch(&href, json!({"password": null})).expect(200);
    server.user("ada", "Yeech6ba").get("login/").expect(401);
    server.user("ada", "").get("login/").expect(401);
    server.user("ada", "!").get("login/").expect(401);
}

#[test]
fn users_who_are_no_administrators_may_only_ask_for_themselves() {
    let server = Server::start();
    server.post("users/", json!({"username": "ada", "password": "Yeech6ba"})).expect(201);
    let ada = server.user("ada", "Yeech6ba");
    ada.get("login/").expect(200);
    assert_eq!(ada.count("tasks/"), 0);
    for path in ["users/", "users/1/", "workers/"] {
        ada.get(path).expect(403);
    }
    ada.patch("users/1/", json!({"password": "Another5one"})).expect(403);
    ada.patch("login/", json!({"is_active": true, "is_superuser": true})).expect(400);
}

#[test]
fn filters_of_numbered_objects_refuse_what_is_no_number() {
    let server = Server::start();
    for (address, error) in [
        ("groups/?pulp_id__in=x", json!({"pulp_id__in": ["Enter a valid UUID."]})),
        ("users/?pulp_id__in=x", json!({"pulp_id__in": ["Enter a valid UUID."]})),
        ("groups/?id=x", json!({"id": ["Enter a number."]})),
        ("groups/?id=99999999999999999999", json!({"id": ["Enter a number."]})),
        ("groups/?id__in=1,x", json!({"id__in": ["Enter a number."]})),
        ("groups/?id__in=%00", json!({"id__in": ["Null characters are not allowed."]})),
        ("roles/?contains_permission=%00", json!({"contains_permission": ["Null characters are not allowed."]})),
    ] {
        assert_eq!(server.get(address).expect(400).json(), error, "{address}");
    }
    let id = server.post("groups/", json!({"name": "one"})).expect(201).json()["id"].clone();
    for (query, count) in [
        (format!("id__in={id},987654"), 1),
        ("id__in=".to_owned(), 1),
        ("pulp_id__in=00000000-0000-7000-8000-000000000000".to_owned(), 0),
    ] {
        assert_eq!(server.count(&format!("groups/?{query}")), count, "{query}");
    }
}
