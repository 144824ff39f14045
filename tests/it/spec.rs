//! Three ratchets on the API description (`api-spec/`).
//!
//! 1. What `pith openapi` prints is `openapi.json`.
//! 2. What Pulp's description has and ours lacks is `missing.txt`, which may only shrink.
//! 3. What we have and Pulp has not is told in `deviations.md`.
//! 4. Every operation answers: 401 to strangers, nothing above 499 to the administrator.
//!
//! `PITH_UPDATE_SPEC=1` writes the first two files instead of comparing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::server::pith;

/// Open to everybody, as in Pulp.
const PUBLIC: [&str; 13] = [
    "root_read",
    "status_read",
    "livez_read",
    "docs_api.json_get",
    "docs_api.yaml_get",
    "pypi_read",
    "pypi_simple_read",
    "pypi_simple_package_read",
    "pypi_pypi_read",
    "pypi_integrity_provenance_read",
    "pypi_rss_updates.xml_updates",
    "pypi_rss_packages.xml_packages",
    "pypi_rss_project_releases.xml_project_releases",
];

#[test]
fn the_committed_description_is_the_generated_one() {
    let generated = serde_json::to_string_pretty(&ours()).unwrap() + "\n";
    compare("openapi.json", &generated);
}

#[test]
fn what_we_lack_is_what_the_list_of_missing_things_says() {
    let ours = parts_of_ours(&ours());
    let missing: Vec<_> = parts_of_theirs().into_iter().filter(|part| !ours.contains(part)).collect();
    let without_details = missing.iter().filter(|part| !is_implied(part, &missing));
    let lines: String = without_details.map(|part| format!("{part}\n")).collect();
    compare("missing.txt", &lines);
}

#[test]
fn what_only_we_have_is_told() {
    let (theirs, told) = (parts_of_theirs(), fs::read_to_string(file("deviations.md")).unwrap());
    let own: Vec<_> = parts_of_ours(&ours()).into_iter().filter(|part| !theirs.contains(part)).collect();
    let untold: Vec<_> =
        own.iter().filter(|part| !is_implied(part, &own) && !told.contains(&format!("`{part}`"))).collect();
    assert!(untold.is_empty(), "not in deviations.md: {untold:#?}");
}

#[test]
fn every_operation_refuses_strangers_and_survives_the_administrator() {
    let server = Server::start();
    let stranger = server.anonymous();
    let description = stranger.get("docs/api.json?pk_path=1").expect(200).json();
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

/// Parameters that pass over what they cannot read, as Pulp's do.
const LENIENT: [&str; 3] = ["limit", "offset", "minimal"];

#[test]
fn filters_refuse_values_of_another_type_by_name_and_survive_all_others() {
    let server = Server::start();
    let description = server.get("docs/api.json?pk_path=1").expect(200).json();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for (path, _, operation) in operations(&description).into_iter().filter(|(_, method, _)| *method == "get") {
        for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let value = schema.get("items").unwrap_or(schema);
            let is_text = value["type"] == "string" && value.get("format").is_none();
            let is_typed = !is_text && value["type"] != "boolean" && !LENIENT.contains(&name);
            for sent in ["x", "%00", "9e99999,%27,"] {
                asked += 1;
                let answer = server.get(&format!("{}?{name}={sent}", concrete(path)));
                let is_named = answer.status == 404 || (answer.status == 400 && answer.text().contains(name));
                if answer.status >= 500 || (is_typed && !is_named) {
                    wrong.push(format!("{path}?{name}={sent}: {} {}", answer.status, answer.text()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 3000, "{asked}");
}

#[test]
fn what_the_description_refers_to_is_in_it() {
    let description = ours();
    let text = description.to_string();
    let dangling: BTreeSet<_> = text
        .split("#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| description["components"]["schemas"][*name].is_null())
        .collect();
    assert!(dangling.is_empty(), "{dangling:?}");
    let ids: Vec<_> =
        operations(&description).iter().map(|(_, _, operation)| operation["operationId"].clone()).collect();
    let unique: BTreeSet<_> = ids.iter().map(Value::to_string).collect();
    assert_eq!(unique.len(), ids.len());
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

/// A path with nothing behind it.
fn concrete(path: &str) -> String {
    let absent = "00000000-0000-7000-8000-000000000000";
    let path = path.replace("{pulp_id}", absent).replace("{repository_pk}", absent);
    let path = path.replace("{number}", "1").replace("{id}", "987654");
    regex::Regex::new(r"\{\w+\}").unwrap().replace_all(&path, "nothing").into_owned()
}

/// Each operation with its place, parameter and field as a line.
fn parts_of_ours(description: &Value) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for (path, method, operation) in operations(description) {
        let id = operation["operationId"].as_str().unwrap();
        parts.insert(format!("operation {id}"));
        parts.insert(format!("place {id} {method} {path}"));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            parts.insert(format!("parameter {id} {}", parameter["name"].as_str().unwrap()));
        }
        // All operations have it, and the list of the reference leaves it out.
        parts.remove(&format!("parameter {id} X-Task-Diagnostics"));
    }
    for (name, schema) in description["components"]["schemas"].as_object().into_iter().flatten() {
        parts.insert(format!("schema {name}"));
        let fields = schema["properties"].as_object().into_iter().flatten();
        parts.extend(fields.map(|(field, _)| format!("field {name} {field}")));
    }
    parts
}

fn parts_of_theirs() -> BTreeSet<String> {
    let facts: Value = serde_json::from_str(&fs::read_to_string(file("pulp-3.json")).unwrap()).unwrap();
    let mut parts = BTreeSet::new();
    for (id, operation) in facts["operations"].as_object().unwrap() {
        parts.insert(format!("operation {id}"));
        parts.insert(format!(
            "place {id} {} {}",
            operation["method"].as_str().unwrap(),
            operation["path"].as_str().unwrap()
        ));
        let parameters = operation["parameters"].as_object().into_iter().flatten();
        parts.extend(parameters.map(|(name, _)| format!("parameter {id} {name}")));
    }
    for (name, fields) in facts["schemas"].as_object().unwrap() {
        parts.insert(format!("schema {name}"));
        // A list of choices has no fields but its choices.
        let fields = fields.as_object().into_iter().flatten().filter(|(field, _)| !field.is_empty());
        parts.extend(fields.map(|(field, _)| format!("field {name} {field}")));
    }
    parts
}

/// Whether the whole operation or schema is missing, so that its details need not be listed.
fn is_implied(part: &str, missing: &[String]) -> bool {
    let words: Vec<_> = part.split(' ').collect();
    let whole = match words.as_slice() {
        ["parameter", id, _] | ["place", id, _, _] => format!("operation {id}"),
        ["field", name, _] => format!("schema {name}"),
        _ => return false,
    };
    missing.binary_search(&whole).is_ok()
}
