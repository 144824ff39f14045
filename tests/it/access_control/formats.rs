//! The same of RPM and Python packages: what `formats/record` has asked Pulp, and the roles that Pulp ships.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{give, user};
use crate::support::pulp::text;
use crate::support::{Client, Server, random};

/// The cells of a table's lines.
fn rows(table: &'static str) -> Vec<Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect()).collect()
}

fn filled(template: &str, values: &BTreeMap<&str, String>, actor: &str) -> String {
    let mut filled = template.replace("{actor}", actor);
    while filled.contains("{random}") {
        filled = filled.replacen("{random}", &random::name(), 1);
    }
    values.iter().fold(filled, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The address of a new object.
fn made(server: &Server, list: &str, body: &Value) -> String {
    let answer = server.post(list, body.clone());
    if answer.status == 201 {
        return text(&answer.json(), "pulp_href");
    }
    let task = server.completed(answer);
    let mut created = task["created_resources"].as_array().unwrap().iter().filter_map(Value::as_str);
    created.find(|href| !href.contains("/versions/")).unwrap_or_else(|| panic!("{list}: {task:#}")).to_owned()
}

#[test]
fn everybody_is_answered_about_packages_as_pulp_answers_them() {
    let server = Server::start();
    let [stranger, viewer, owner] = [(); 3].map(|()| user(&server));
    let mut values = BTreeMap::from([("stamp", random::name())]);
    for cells in rows(include_str!("formats/cast.tsv")) {
        let [name, list, body, kind] = cells[..] else { panic!("{cells:?}") };
        let body = serde_json::from_str(&filled(body, &values, "")).unwrap();
        values.insert(name, made(&server, list, &body));
        if kind != "-" {
            give(&server, &viewer.0, &format!("{kind}_viewer"), json!(values[name]));
            give(&server, &owner.0, &format!("{kind}_owner"), json!(values[name]));
        }
    }
    let names = ["nobody", "stranger", "viewer", "owner", "admin"];
    let clients = [server.anonymous(), stranger.1, viewer.1, owner.1, Client::clone(&server)];
    let mut wrong = Vec::new();
    for cells in rows(include_str!("formats/requests.tsv")) {
        let [method, path, body, expected @ ..] = &cells[..] else { panic!("{cells:?}") };
        let asked = names.iter().zip(&clients).zip(expected);
        for ((name, client), expected) in asked.filter(|(_, expected)| **expected != "-") {
            let request = client.request(method, &filled(path, &values, name));
            let answer = match body.is_empty() {
                true => request.send(),
                false => request.json(&serde_json::from_str::<Value>(&filled(body, &values, name)).unwrap()).send(),
            };
            // Behind that of Pulp stands ours, where it is another.
            let expected = expected.rsplit('/').next().unwrap();
            if answer.status.to_string() != expected {
                wrong.push(format!("{method} {path} {body} by {name}: {} not {expected}", answer.status));
            }
            if answer.status == 202
                && let Some(task) = answer.json()["task"].as_str()
            {
                server.wait_for(task);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_roles_of_packages_are_those_of_pulp() {
    let server = Server::start();
    let listed = server.get("roles/?locked=true&limit=1000").expect(200).json();
    let here: BTreeMap<String, Vec<String>> = listed["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| {
            let permissions = role["permissions"].as_array().unwrap().iter();
            let mut permissions: Vec<_> = permissions.map(|name| name.as_str().unwrap().to_owned()).collect();
            permissions.sort();
            (text(role, "name"), permissions)
        })
        .filter(|(name, _)| name.starts_with("rpm.") || name.starts_with("python."))
        .collect();
    let expected = rows(include_str!("formats/roles.tsv"));
    let expected = expected.iter().map(|cells| (cells[0].to_owned(), cells[1].split(' ').map(str::to_owned).collect()));
    assert_eq!(here, expected.collect::<BTreeMap<String, Vec<String>>>());
}
