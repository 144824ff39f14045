//! Upstream servers as objects: what they are set to, what is never shown, who may do what.

use serde_json::json;

use super::{Pair, UPSTREAMS, publish};
use crate::support::Server;
use crate::support::pulp::{PASSWORD, text};

#[test]
fn an_upstream_server_is_made_changed_and_deleted_at_once() {
    let server = Server::start();
    let fields = json!({"name": "up", "base_url": "http://127.0.0.1:9", "api_root": "/pulp/", "username": "u",
                        "password": "hidden away"});
    let made = server.post(UPSTREAMS, fields.clone()).expect(201).json();
    let href = text(&made, "pulp_href");
    assert!(text(&made, "prn").starts_with("prn:core.upstreampulp:"));
    assert_eq!((&made["policy"], &made["tls_validation"]), (&json!("all"), &json!(true)));
    let hidden = json!([{"name": "client_key", "is_set": false}, {"name": "username", "is_set": true},
                        {"name": "password", "is_set": true}]);
    assert_eq!(made["hidden_fields"], hidden);
    assert!(!made.to_string().contains("hidden away"));
    assert_eq!(server.post(UPSTREAMS, fields).expect(400).json(), json!({"name": ["This field must be unique."]}));
    let changed = server.patch(&href, json!({"policy": "nodelete", "password": null})).expect(200).json();
    assert_eq!((&changed["policy"], &changed["hidden_fields"][2]["is_set"]), (&json!("nodelete"), &json!(false)));
    server.put(&href, json!({"name": "u2", "base_url": "http://h", "api_root": "/"})).expect(200);
    assert_eq!(server.count(&format!("{UPSTREAMS}?base_url__contains=h&last_replication__isnull=true")), 1);
    server.delete(&href).expect(204);
    server.get(&href).expect(404);
}

#[test]
fn what_cannot_work_is_refused_under_its_field() {
    let server = Server::start();
    for (field, value, message) in [
        ("base_url", "nonsense", "Enter a valid URL."),
        ("base_url", "file:///etc", "Enter a valid URL."),
        ("api_root", "", "This field may not be blank."),
        ("policy", "some", "\"some\" is not a valid choice."),
        ("remote_policy", "never", "\"never\" is not a valid choice."),
        ("q_select", "name=", "Syntax error in expression."),
        ("q_select", "invalid='testing'", "Filter 'invalid' does not exist."),
        ("ca_cert", "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----", "Invalid ca_cert specified"),
    ] {
        let mut fields = json!({"name": "up", "base_url": "http://h", "api_root": "/pulp/"});
        fields[field] = json!(value);
        let told = server.post(UPSTREAMS, fields).expect(400).json();
        assert!(told[field].to_string().contains(json!(message).to_string().trim_matches('"')), "{field}: {told}");
    }
    let href = server.made(UPSTREAMS, json!({"base_url": "http://h", "api_root": "/pulp/"}));
    let told = server.post(&format!("{href}replicate/"), json!({"q_select": "name="})).expect(400).json();
    assert_eq!(told, json!({"q_select": ["Syntax error in expression."]}));
    assert_eq!(server.count("task-groups/"), 0);
}

#[test]
fn roles_say_who_replicates() {
    let pair = Pair::new(json!({"name": "up"}));
    publish(&pair.upstream, "files", b"bytes");
    let user = |role: &str| {
        let (href, name) = pair.replica.new_user();
        if !role.is_empty() {
            let given = json!({"role": role, "content_object": null, "domain": null});
            pair.replica.post(&format!("{href}roles/"), given).expect(201);
        }
        pair.replica.user(&name, PASSWORD)
    };
    let replicate = format!("{}replicate/", pair.href);
    for (role, sees, replicates) in [
        ("", 404, 404),
        ("core.upstreampulp_viewer", 200, 403),
        ("core.upstreampulp_user", 200, 202),
        ("core.upstreampulp_owner", 200, 202),
    ] {
        let user = user(role);
        user.get(&pair.href).expect(sees);
        let answer = user.post(&replicate, json!({})).expect(replicates);
        if replicates == 202 {
            pair.replica.wait_for_group(answer);
        }
    }
    assert!(user("core.upstreampulp_user").patch(&pair.href, json!({"policy": "nodelete"})).status == 403);
    let creator = user("core.upstreampulp_creator");
    let fields = json!({"name": "mine", "base_url": "http://h", "api_root": "/pulp/"});
    let made = text(&creator.post(UPSTREAMS, fields).expect(201).json(), "pulp_href");
    let roles = pair.replica.get(&format!("{made}list_roles/")).expect(200).json();
    assert_eq!(roles["roles"][0]["role"], "core.upstreampulp_owner");
}
