//! Users that a proxy names in a header, and clients that say they were one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::user;
use crate::formats::python_uploads::Index;
use crate::support::pulp::REPOSITORIES;
use crate::support::wheel::Wheel;
use crate::support::{Answer, Server, random};

const TRUSTED: (&str, &str) = ("PITH_TRUSTED_PROXIES", r#"["127.0.0.0/8", "::1"]"#);
const ELSEWHERE: (&str, &str) = ("PITH_TRUSTED_PROXIES", r#"["192.0.2.0/24"]"#);
const HEADER: (&str, &str) = ("PITH_REMOTE_USER_HEADER", "X-Remote-User");
const CREATES: (&str, &str) = ("PITH_CREATE_REMOTE_USERS", "true");
const JSON_HEADER: (&str, &str) = ("PITH_AUTHENTICATION_JSON_HEADER", "HTTP_X_IDENTITY");
const JSON_FILTER: (&str, &str) = ("PITH_AUTHENTICATION_JSON_HEADER_JQ_FILTER", ".identity.user.username");

fn ask(server: &Server, headers: &[(&str, &str)]) -> Answer {
    let client = server.anonymous();
    headers.iter().fold(client.request("GET", "login/"), |request, (name, value)| request.header(name, value)).send()
}

fn identity(username: &Value) -> String {
    STANDARD.encode(json!({"identity": {"user": {"username": username}}}).to_string())
}

#[test]
fn a_trusted_proxy_names_the_user() {
    let server = Server::start_with(&[TRUSTED, HEADER]);
    let (name, href, _) = user(&server);
    assert_eq!(ask(&server, &[("X-Remote-User", &name)]).expect(200).json()["username"], json!(name));
    assert_eq!(ask(&server, &[("x-remote-user", "admin")]).expect(200).json()["username"], "admin");
    // It counts whatever the client sends beside, and without it the client speaks for itself.
    let admin = server.request("GET", "login/").header("X-Remote-User", &name).send().expect(200);
    assert_eq!(admin.json()["username"], json!(name));
    assert_eq!(server.get("login/").expect(200).json()["username"], "admin");
    ask(&server, &[]).expect(401);
    // Who is not here is not let in, nor made.
    let before = server.count("users/");
    ask(&server, &[("X-Remote-User", "nobody-here")]).expect(401);
    assert_eq!(server.count("users/"), before);
    server.patch(&href, json!({"is_active": false})).expect(200);
    ask(&server, &[("X-Remote-User", &name)]).expect(401);
    server.delete(&href).expect(204);
    ask(&server, &[("X-Remote-User", &name)]).expect(401);
}

#[test]
fn a_client_that_is_no_trusted_proxy_gets_nothing_by_the_headers() {
    let own = identity(&json!("admin"));
    for settings in [&[][..], &[TRUSTED], &[ELSEWHERE, HEADER, JSON_HEADER, JSON_FILTER, CREATES]] {
        let server = Server::start_with(settings);
        let lies = [
            ("X-Remote-User", "admin"),
            ("Remote-User", "admin"),
            ("X-Identity", &own),
            ("X-Forwarded-For", "192.0.2.1"),
            ("Forwarded", "for=192.0.2.1"),
        ];
        ask(&server, &lies).expect(401);
        // They do not stand in the way of anybody, either.
        let request = server.request("GET", "login/");
        lies.iter().fold(request, |request, (name, value)| request.header(name, value)).send().expect(200);
        assert_eq!(server.count("users/"), 1);
    }
}

#[test]
fn a_user_who_is_here_for_the_first_time_is_made_without_rights() {
    let server = Server::start_with(&[TRUSTED, HEADER, CREATES]);
    let names: Vec<String> = (0..4).map(|_| random::name()).collect();
    std::thread::scope(|scope| {
        for name in names.iter().chain(&names) {
            scope.spawn(|| ask(&server, &[("X-Remote-User", name)]).expect(200));
        }
    });
    assert_eq!(server.count("users/"), 1 + names.len() as u64);
    let made = server.get(&format!("users/?username={}", names[0])).expect(200).json()["results"][0].clone();
    assert_eq!((&made["is_active"], &made["is_staff"], &made["groups"]), (&json!(true), &json!(false), &json!([])));
    let client = server.anonymous();
    let refused = client.request("POST", REPOSITORIES).header("X-Remote-User", &names[0]);
    refused.json(&json!({"name": random::name()})).send().expect(403);
    server.user(&names[0], "!").get("login/").expect(401);
    server.user(&names[0], "").get("login/").expect(401);
}

#[test]
fn a_header_that_names_nobody_lets_nobody_in() {
    let server = Server::start_with(&[TRUSTED, HEADER, JSON_HEADER, JSON_FILTER, CREATES]);
    let long = "x".repeat(151);
    for wrong in ["", " ", &long, "a\tb"] {
        ask(&server, &[("X-Remote-User", wrong)]).expect(401);
    }
    ask(&server, &[("X-Remote-User", "admin"), ("X-Remote-User", "admin")]).expect(401);
    let encoded = |text: &str| STANDARD.encode(text);
    for wrong in [
        "",
        "admin",
        "////",
        &encoded(""),
        &encoded("{"),
        &encoded("\"admin\""),
        &encoded("{\"identity\": null}"),
        &identity(&json!(null)),
        &identity(&json!(1)),
        &identity(&json!(["admin"])),
        &identity(&json!("")),
        &identity(&json!(long)),
        &identity(&json!("a\u{0}b")),
        &encoded(&"[".repeat(4000)),
    ] {
        ask(&server, &[("X-Identity", wrong)]).expect(401);
    }
    assert_eq!(server.count("users/"), 1);
}

#[test]
fn a_proxy_tells_of_the_user_in_json() {
    let server = Server::start_with(&[TRUSTED, JSON_HEADER, JSON_FILTER, CREATES]);
    let (name, _, _) = user(&server);
    let told = ask(&server, &[("X-Identity", &identity(&json!(name)))]).expect(200).json();
    assert_eq!(told["username"], json!(name));
    let padded = identity(&json!("new-here"));
    ask(&server, &[("X-Identity", padded.trim_end_matches('='))]).expect(200);
    assert_eq!(server.count("users/?username=new-here"), 1);
}

#[test]
fn a_page_of_another_site_sends_nothing_in_the_name_of_the_proxys_user() {
    let server = Server::start_with(&[TRUSTED, HEADER, ("PITH_CONTENT_ORIGIN", "https://packages.example.org")]);
    let create = |origin: &str| {
        let client = server.anonymous();
        let request = client.request("POST", REPOSITORIES).header("X-Remote-User", "admin").header("Origin", origin);
        request.json(&json!({"name": random::name()})).send().status
    };
    let own = format!("http://{}", server.address());
    assert_eq!((create(&own), create("https://packages.example.org")), (201, 201));
    for other in ["https://evil.example.org", "null", "", "https://packages.example.org.evil.example"] {
        assert_eq!(create(other), 403, "{other}");
    }
}

#[test]
fn indexes_know_the_proxys_user_too() {
    let server = Server::start_with(&[TRUSTED, HEADER]);
    let index = Index::new(&server);
    let send = |headers: &[(&str, &str)]| {
        let client = server.anonymous();
        let request = client.request("POST", &index.path("legacy/")).multipart(Wheel::new("some", "1.0").form());
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().status
    };
    assert_eq!(send(&[]), 401);
    assert_eq!(send(&[("X-Remote-User", "admin")]), 202);
}

#[test]
fn settings_that_would_believe_nobody_or_cannot_be_read_stop_the_start() {
    for (settings, told) in [
        (&[HEADER][..], "trusted_proxies"),
        (&[JSON_HEADER, JSON_FILTER], "trusted_proxies"),
        (&[TRUSTED, JSON_HEADER], "authentication_json_header_jq_filter"),
        (&[TRUSTED, JSON_FILTER], "authentication_json_header"),
        (&[TRUSTED, JSON_HEADER, (JSON_FILTER.0, ".a |")], "authentication_json_header_jq_filter"),
        (&[TRUSTED, (HEADER.0, "X Remote")], "remote_user_header"),
        (&[("PITH_TRUSTED_PROXIES", r#"["10.0.0.0/33"]"#)], "trusted_proxies"),
        (&[("PITH_TRUSTED_PROXIES", r#"["proxy.example.org"]"#)], "trusted_proxies"),
    ] {
        let refusal = Server::refusal(settings);
        assert!(refusal.contains(told), "{settings:?}: {refusal}");
    }
}
