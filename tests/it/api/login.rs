//! `login/`: sessions by cookie.

use serde_json::json;

use crate::support::pulp::REPOSITORIES;
use crate::support::{Answer, Server};

/// The value of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> String {
    let cookies = answer.headers.get_all("Set-Cookie").iter().map(|value| value.to_str().unwrap());
    let pairs = cookies.flat_map(|line| line.split([';', ',']));
    let found = pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no cookie {name} in {answer:?}")).1.trim_matches('"').to_owned()
}

#[test]
fn a_session_stands_for_the_password_and_needs_its_token_to_change_anything() {
    let server = Server::start();
    server.anonymous().request("POST", "login/").send().expect(401);
    server.anonymous().get("login/").expect(401);
    let login = server.request("POST", "login/").send().expect(201);
    assert_eq!(login.json()["username"], "admin");
    let (session, token) = (cookie(&login, "sessionid"), cookie(&login, "csrftoken"));
    let client = server.anonymous();
    let request = |method: &str, path: &str| {
        client.request(method, path).header("Cookie", &format!("sessionid={session}; csrftoken={token}"))
    };
    assert_eq!(request("GET", "login/").send().expect(200).json()["username"], "admin");
    let refused = request("POST", REPOSITORIES).json(&json!({"name": "a"})).send().expect(403).json();
    assert_eq!(refused, json!({"detail": "CSRF Failed: CSRF token missing."}));
    request("POST", REPOSITORIES).header("X-CSRFToken", &token).json(&json!({"name": "a"})).send().expect(201);
    let logout = request("DELETE", "login/").header("X-CSRFToken", &token).send().expect(204);
    assert_eq!(cookie(&logout, "sessionid"), "");
    request("GET", "login/").send().expect(401);
}

#[test]
fn users_change_their_own_data_and_password() {
    let server = Server::start();
    server.post("users/", json!({"username": "ada", "password": "Yeech6ba"})).expect(201);
    let ada = server.user("ada", "Yeech6ba");
    assert_eq!(ada.patch("login/", json!({"email": "ada@example.com"})).expect(200).json()["email"], "ada@example.com");
    let cases = [
        (json!({"username": "admin"}), "This field must be unique"),
        (json!({"old_password": "wrong", "new_password": "Another5one"}), "Old password is incorrect."),
        (
            json!({"old_password": "Yeech6ba", "new_password": "Yeech6ba"}),
            "New password cannot be the same as the old password.",
        ),
        (json!({"new_password": "Another5one"}), "Old password is required to update the password."),
    ];
    for (body, message) in cases {
        let answer = ada.patch("login/", body.clone()).expect(400).text();
        assert!(answer.contains(message), "{body}: {answer}");
    }
    ada.patch("login/", json!({"old_password": "Yeech6ba", "new_password": "Another5one"})).expect(200);
    ada.get("login/").expect(401);
    server.user("ada", "Another5one").get("login/").expect(200);
}
