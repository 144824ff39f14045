//! Three ratchets on the API description (`api-spec/`).
//!
//! 1. What `pith openapi` prints is `openapi.json`.
//! 2. What Pulp's description has and ours lacks is `missing.txt`, which may only shrink.
//! 3. Every operation answers: 401 to strangers, nothing above 499 to the administrator.
//!
//! `PITH_UPDATE_SPEC=1` writes the first two files instead of comparing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::server::pith;

/// Open to everybody in Pulp too.
const PUBLIC: [&str; 4] = ["status_read", "livez_read", "docs_api.json_get", "docs_api.yaml_get"];

#[test]
fn the_committed_description_is_the_generated_one() {
    let generated = serde_json::to_string_pretty(&ours()).unwrap() + "\n";
    compare("openapi.json", &generated);
}

#[test]
fn what_we_lack_is_what_the_list_of_missing_things_says() {
    let theirs: Value = serde_json::from_str(&fs::read_to_string(file("pulp-3.json")).unwrap()).unwrap();
    let ours = parts_of_ours(&ours());
    let missing: Vec<_> = parts_of_theirs(&theirs).into_iter().filter(|part| !ours.contains(part)).collect();
    let without_details: Vec<_> = missing.iter().filter(|part| !is_implied(part, &missing)).collect();
    let lines: String = without_details.iter().map(|part| format!("{part}\n")).collect();
    compare("missing.txt", &lines);
}

#[test]
fn every_operation_refuses_strangers_and_survives_the_administrator() {
    let server = Server::start();
    let (stranger, description) = (server.anonymous(), ours());
    let mut wrong = Vec::new();
    for (path, method, operation) in operations(&description) {
        let id = operation["operationId"].as_str().unwrap();
        let path = concrete(path);
        let send = |client: &crate::support::Client| {
            let request = client.request(&method.to_uppercase(), &path);
            let request = if ["post", "put", "patch"].contains(&method) { request.json(&json!({})) } else { request };
            request.send().status
        };
        let (refused, answered) = (send(&stranger), send(&server));
        if (refused == 401) == PUBLIC.contains(&id) || answered >= 500 || answered == 405 {
            wrong.push(format!("{id}: {refused} to strangers, {answered} to the administrator"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn ours() -> Value {
    let output = pith().arg("openapi").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("api-spec").join(name)
}

#[track_caller]
fn compare(name: &str, generated: &str) {
    if std::env::var("PITH_UPDATE_SPEC").is_ok() {
        fs::write(file(name), generated).unwrap();
    }
    let committed = fs::read_to_string(file(name)).unwrap_or_default();
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (committed.lines().collect(), generated.lines().collect());
    let gone: Vec<_> = old.difference(&new).take(20).collect();
    let come: Vec<_> = new.difference(&old).take(20).collect();
    assert!(committed == generated, "{name} differs; only committed: {gone:#?}, only generated: {come:#?}");
}

fn operations(description: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = description["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    operations.filter(|(_, _, operation)| operation["operationId"].is_string()).collect()
}

/// A path with nothing behind it: `{…_href}` becomes the path of an object that is not there.
fn concrete(path: &str) -> String {
    let absent = "00000000-0000-7000-8000-000000000000";
    match path.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((href, rest)) => format!("/pulp/api/v3/{}{rest}", collection(href).replace("ID", absent)),
        None => path.replace("{pulp_id}", absent),
    }
}

/// The path of an object for the parameter that stands for its href. Names of collections are not always the
/// plural of it, so those that can be derived are, and the rest is 404 to all, which is an answer too.
fn collection(parameter: &str) -> String {
    let kinds = [
        ("file_file_repository_version_href", "repositories/file/file/ID/versions/1/"),
        ("file_file_repository_href", "repositories/file/file/ID/"),
        ("file_file_remote_href", "remotes/file/file/ID/"),
        ("file_file_publication_href", "publications/file/file/ID/"),
        ("file_file_distribution_href", "distributions/file/file/ID/"),
        ("file_file_content_href", "content/file/files/ID/"),
        ("user_href", "users/ID/"),
        ("task_group_href", "task-groups/ID/"),
    ];
    match kinds.iter().find(|(name, _)| *name == parameter) {
        Some((_, path)) => (*path).to_owned(),
        None => format!("{}s/ID/", parameter.trim_end_matches("_href")),
    }
}

/// Each operation, parameter and field as a line.
fn parts_of_ours(description: &Value) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for (_, _, operation) in operations(description) {
        let id = operation["operationId"].as_str().unwrap();
        parts.insert(format!("operation {id}"));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            parts.insert(format!("parameter {id} {}", parameter["name"].as_str().unwrap()));
        }
    }
    for (name, schema) in description["components"]["schemas"].as_object().into_iter().flatten() {
        parts.insert(format!("schema {name}"));
        let fields = schema["properties"].as_object().into_iter().flatten();
        parts.extend(fields.map(|(field, _)| format!("field {name} {field}")));
    }
    parts
}

fn parts_of_theirs(facts: &Value) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for (id, operation) in facts["operations"].as_object().unwrap() {
        parts.insert(format!("operation {id}"));
        for parameter in operation["params"].as_array().into_iter().flatten() {
            parts.insert(format!("parameter {id} {}", parameter["name"].as_str().unwrap()));
        }
    }
    for (name, schema) in facts["schemas"].as_object().unwrap() {
        parts.insert(format!("schema {name}"));
        let fields = schema["properties"].as_object().into_iter().flatten();
        parts.extend(fields.map(|(field, _)| format!("field {name} {field}")));
    }
    parts
}

/// Whether the whole operation or schema is missing, so that its details need not be listed.
fn is_implied(part: &str, missing: &[String]) -> bool {
    let words: Vec<_> = part.split(' ').collect();
    let whole = match words.as_slice() {
        ["parameter", id, _] => format!("operation {id}"),
        ["field", name, _] => format!("schema {name}"),
        _ => return false,
    };
    missing.binary_search(&whole).is_ok()
}
