//! `remotes/`

use serde_json::json;

use crate::support::Server;
use crate::support::pulp::REMOTES;

#[test]
fn a_new_remote_has_the_defaults_and_shows_no_secret() {
    let server = Server::start();
    let body = json!({"name": "up", "url": "http://a/", "username": "me", "password": "very secret"});
    let answer = server.post(REMOTES, body).expect(201);
    assert!(!answer.text().contains("very secret") && !answer.text().contains("\"me\""));
    let remote = answer.json();
    assert_eq!(remote["policy"], "immediate");
    assert_eq!(remote["tls_validation"], true);
    let hidden = json!([
        {"name": "client_key", "is_set": false}, {"name": "proxy_username", "is_set": false},
        {"name": "proxy_password", "is_set": false}, {"name": "username", "is_set": true}, {"name": "password", "is_set": true},
    ]);
    assert_eq!(remote["hidden_fields"], hidden);
    assert!(!server.log().contains("very secret"));
}

#[test]
fn remotes_that_cannot_work_are_refused() {
    let server = Server::start();
    let credentials = "The remote url contains username or password. Please use remote username or password instead.";
    let cases = [
        (json!({}), json!({"name": ["This field is required."], "url": ["This field is required."]})),
        (json!({"name": "r", "url": ""}), json!({"url": ["This field may not be blank."]})),
        (json!({"name": "r", "url": "http://u:p@h/"}), json!({"url": [credentials]})),
        (json!({"name": "r", "url": "http://u@h/"}), json!({"url": [credentials]})),
        (
            json!({"name": "r", "url": "file:///etc/x"}),
            json!({"url": ["The path '/etc/x' does not start with any of the allowed import paths"]}),
        ),
        (
            json!({"name": "r", "url": "http://a/", "policy": "foo"}),
            json!({"policy": ["\"foo\" is not a valid choice."]}),
        ),
        (
            json!({"name": "r", "url": "http://a/", "download_concurrency": 0, "total_timeout": -1, "rate_limit": "x"}),
            json!({
                "download_concurrency": ["Ensure this value is greater than or equal to 1."],
                "total_timeout": ["Ensure this value is greater than or equal to 0.0."],
                "rate_limit": ["A valid integer is required."],
            }),
        ),
        (
            json!({"name": "r", "url": "http://a/", "headers": "x", "tls_validation": null}),
            json!({"headers": ["Expected a list of items but got type \"str\"."], "tls_validation": ["This field may not be null."]}),
        ),
        (
            json!({"name": "r", "url": "http://a/", "ca_cert": "x"}),
            json!({"ca_cert": ["No ca_cert specified in string x"]}),
        ),
        (
            json!({"name": "r", "url": "http://a/", "proxy_url": "http://u:p@h/"}),
            json!({"proxy_url": ["proxy_url must not contain credentials"]}),
        ),
        (
            json!({"name": "r", "url": "http://a/", "proxy_username": "x"}),
            json!({"non_field_errors": ["proxy credentials cannot be specified without a proxy"]}),
        ),
        (
            json!({"name": "r", "url": "http://a/", "proxy_url": "http://h", "proxy_username": "x"}),
            json!({"non_field_errors": ["proxy username and password can only be specified together"]}),
        ),
    ];
    for (body, error) in cases {
        assert_eq!(server.post(REMOTES, body.clone()).expect(400).json(), error, "{body}");
    }
    assert_eq!(server.count(REMOTES), 0);
}

#[test]
fn an_update_that_changes_nothing_is_no_task() {
    let server = Server::start();
    let remote = server.remote("http://a/", json!({"name": "up", "password": "secret", "username": "me"}));
    server.patch(&remote, json!({})).expect(200);
    server.patch(&remote, json!({"password": "secret"})).expect(200);
    server.put(&remote, json!({"name": "up", "url": "http://a/"})).expect(200);
    server.completed(server.patch(&remote, json!({"policy": "streamed"})));
    server.completed(server.put(&remote, json!({"name": "up", "url": "http://a/"})));
    assert_eq!(
        server.get(&remote).expect(200).json()["policy"],
        "immediate",
        "a field with a default falls back to it"
    );
}

#[test]
fn numbers_and_headers_return_as_they_came() {
    let server = Server::start();
    let fields = json!({
        "total_timeout": 32.0, "connect_timeout": 66.5, "sock_read_timeout": 3.125, "max_retries": 5,
        "headers": [{"a": "1"}, {"b": "2"}, {"a": "1"}],
    });
    let remote = server.get(&server.remote("http://a/", fields.clone())).expect(200).json();
    for (key, value) in fields.as_object().unwrap() {
        assert_eq!(&remote[key], value, "{key}");
    }
}

#[test]
fn a_deleted_remote_leaves_its_repository_without() {
    let server = Server::start();
    let remote = server.remote("http://a/", json!({}));
    let repository = server.repository_with(json!({"remote": remote}));
    server.completed(server.delete(&remote));
    server.get(&remote).expect(404);
    assert!(server.get(&repository).expect(200).json()["remote"].is_null());
}
