//! Labels: set, unset, replaced, selected by.

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::pulp::REPOSITORIES;

#[test]
fn labels_are_set_and_unset_one_by_one() {
    let server = Server::start();
    for object in [server.repository(), server.upload("a", b"bytes"), server.remote("http://a/", json!({}))] {
        let set =
            |key: &str, value: Value| server.post(&format!("{object}set_label/"), json!({"key": key, "value": value}));
        assert_eq!(set("a", json!(null)).expect(201).json(), json!({"key": "a", "value": null}));
        set("b", json!("")).expect(201);
        set("c", json!("one")).expect(201);
        set("c", json!("two")).expect(201);
        let labels = || server.get(&object).expect(200).json()["pulp_labels"].clone();
        assert_eq!(labels(), json!({"a": null, "b": "", "c": "two"}));
        let unset = |key: &str| server.post(&format!("{object}unset_label/"), json!({"key": key}));
        assert_eq!(unset("c").expect(201).json(), json!({"key": "c", "value": "two"}));
        assert_eq!(labels(), json!({"a": null, "b": ""}));
        let absent = json!({"key": ["Label 'c' is not set on the object."]});
        assert_eq!(unset("c").expect(400).json(), absent);
    }
}

#[test]
fn an_update_replaces_all_labels() {
    let server = Server::start();
    let repository = server.repository_with(json!({"pulp_labels": {"a": "1", "b": "x,y"}}));
    server.completed(server.patch(&repository, json!({"pulp_labels": {"c": "2"}})));
    assert_eq!(server.get(&repository).expect(200).json()["pulp_labels"], json!({"c": "2"}));
}

#[test]
fn labels_of_odd_characters_are_refused() {
    let server = Server::start();
    let key =
        "Key '@' contains invalid characters. Only alphanumerics, underscores, spaces, hyphens, and dots are allowed.";
    let cases = [
        (json!({"@": "x"}), json!([key])),
        (json!({"a": "x(y"}), json!(["Key 'a' contains value with parenthesis."])),
        (json!([1]), json!(["Expected a dictionary of items but got type \"list\"."])),
        (json!({"a": {"b": 1}}), json!({"a": ["Not a valid string."]})),
    ];
    for (labels, error) in cases {
        let answer = server.post(REPOSITORIES, json!({"name": "x", "pulp_labels": labels})).expect(400).json();
        assert_eq!(answer, json!({"pulp_labels": error}), "{labels}");
    }
    server.post(REPOSITORIES, json!({"name": "x", "pulp_labels": "abc"})).expect(400);
    let repository = server.repository();
    let set = server.post(&format!("{repository}set_label/"), json!({"key": "@", "value": "x"})).expect(400).json();
    assert_eq!(set, json!({"non_field_errors": [key]}));
}

#[test]
fn objects_are_selected_by_their_labels() {
    let server = Server::start();
    for labels in [
        json!({"env": "production", "on": "true"}),
        json!({"env": "staging", "on": "false"}),
        json!({"by": "r4,r2"}),
        json!({"by": "r4"}),
        json!({"empty": ""}),
        json!({}),
    ] {
        server.repository_with(json!({"pulp_labels": labels}));
    }
    let cases = [
        ("env", 2),
        ("!env", 4),
        ("env=production", 1),
        ("env!=production", 1),
        ("env~prod", 1),
        ("env~PROD", 1),
        ("env=production,on=true", 1),
        ("env=production,on!=false", 1),
        ("!env,on=false", 0),
        ("by=r4", 1),
        ("by=r4\\,r2", 1),
        ("empty=", 1),
        ("empty~", 1),
    ];
    for (selection, count) in cases {
        let value = selection.replace(',', "%2C").replace('\\', "%5C").replace('!', "%21");
        assert_eq!(server.count(&format!("{REPOSITORIES}?pulp_label_select={value}")), count, "{selection}");
    }
}
