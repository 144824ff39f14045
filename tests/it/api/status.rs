//! `status/`, `livez/`, the root and the API description.

use serde_json::{Value, json};

use crate::support::Server;

#[test]
fn status_is_open_to_everybody_and_says_what_runs() {
    let server = Server::start();
    let status = server.anonymous().get("status/").expect(200).json();
    assert_eq!(status["database_connection"]["connected"], true);
    assert!(!status["online_workers"].as_array().unwrap().is_empty());
    let components: Vec<_> =
        status["versions"].as_array().unwrap().iter().map(|version| &version["component"]).collect();
    assert!(components.contains(&&json!("core")) && components.contains(&&json!("file")), "{components:?}");
    assert_eq!(status["content_settings"]["content_path_prefix"], "/pulp/content/");
    assert!(status["storage"]["used"].is_u64());
    server.post("status/", json!({})).expect(405);
}

#[test]
fn livez_says_nothing() {
    let server = Server::start();
    assert!(server.anonymous().get("livez/").expect(200).body.is_empty());
}

#[test]
fn the_root_lists_the_collections() {
    let server = Server::start();
    let root = server.anonymous().get("").expect(200).json();
    let address = root["repositories/file/file"].as_str().unwrap();
    server.get(address).expect(200);
}

#[test]
fn the_description_is_served_in_all_forms() {
    let server = Server::start();
    let anonymous = server.anonymous();
    anonymous.get("docs/").expect(200);
    server.post("docs/", json!({})).expect(405);
    let paths = |query: &str| {
        let document = anonymous.get(&format!("docs/api.json{query}")).expect(200).json();
        assert_eq!(document["openapi"], "3.0.1");
        document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert!(paths("").iter().any(|path| path == "{file_file_repository_href}sync/"));
    assert!(paths("?pk_path=1").iter().all(|path| path.starts_with('/')));
    assert!(paths("?component=file").iter().all(|path| !path.contains("/status/")));
    assert!(anonymous.get("docs/api.yaml").expect(200).text().starts_with("openapi: "));
    let nonsense = anonymous.get("docs/api.json?component=nope").expect(400).json();
    assert_eq!(nonsense, json!({"detail": "Invalid component specified."}));
}

#[test]
fn every_answer_carries_a_correlation_id() {
    let server = Server::start();
    let sent = |value: Option<&str>| {
        let request = server.request("GET", "status/");
        let request = value.into_iter().fold(request, |request, value| request.header("Correlation-ID", value));
        request.send().header("Correlation-ID").unwrap().to_owned()
    };
    assert_eq!(sent(Some("deadbeefdeadbeefdeadbeefdeadbeef")), "deadbeefdeadbeefdeadbeefdeadbeef");
    for made in [sent(None), sent(Some("not an id"))] {
        assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
    }
    assert!(server.anonymous().get("repositories/file/file/").expect(401).header("Correlation-ID").is_some());
}

#[test]
fn requests_without_or_with_wrong_credentials_are_refused() {
    let server = Server::start();
    let detail = |answer: Value| answer["detail"].as_str().unwrap().to_owned();
    let none = server.anonymous().get("tasks/").expect(401);
    assert_eq!(none.header("WWW-Authenticate"), Some("Basic realm=\"api\""));
    assert_eq!(detail(none.json()), "Authentication credentials were not provided.");
    assert_eq!(detail(server.user("admin", "wrong").get("tasks/").expect(401).json()), "Invalid username/password.");
    let header = |value: &str| {
        detail(server.anonymous().request("GET", "tasks/").header("Authorization", value).send().expect(401).json())
    };
    assert_eq!(header("Basic zzz"), "Invalid basic header. Credentials not correctly base64 encoded.");
    assert_eq!(header("Basic"), "Invalid basic header. No credentials provided.");
    assert_eq!(header("Bearer x"), "Authentication credentials were not provided.");
}
