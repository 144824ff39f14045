//! The parameters of an operation: in the path, in headers, in the query.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::routes::{Content, Endpoint};
use super::Options;
use super::operation::{id_names, is_of_domain};
use crate::resource::Input;

/// All parameters, sorted by place and name.
pub fn of(endpoint: &Endpoint, options: &Options, has_domains: bool) -> Vec<Json> {
    let mut parameters = BTreeMap::new();
    let mut add = |place: &'static str, name: &str, parameter: Json| {
        parameters.entry((place, name.to_owned())).or_insert(parameter);
    };
    for (name, parameter) in in_path(endpoint, options) {
        add("path", name, parameter);
    }
    if has_domains && is_of_domain(endpoint) && (options.pk_path || endpoint.doc.href_parameter.is_none()) {
        let name = json!({"required": true, "schema": {"type": "string"}, "description": "The name of the domain."});
        add("path", "pulp_domain", name);
    }
    add("header", "X-Task-Diagnostics", diagnostics());
    for name in &endpoint.doc.headers {
        add("header", name, header(name));
    }
    for (name, parameter) in usual(endpoint) {
        add("query", name, parameter);
    }
    for filter in &endpoint.doc.filters {
        add("query", &filter.name, query(&filter.input, &filter.description));
    }
    let named = parameters.into_iter().map(|((place, name), parameter)| {
        let mut whole = Map::from_iter([("name".to_owned(), json!(name)), ("in".to_owned(), json!(place))]);
        whole.extend(parameter.as_object().cloned().unwrap_or_default());
        Json::Object(whole)
    });
    named.collect()
}

fn in_path(endpoint: &Endpoint, options: &Options) -> Vec<(&'static str, Json)> {
    let required = |schema: Json, text: &str| json!({"required": true, "schema": schema, "description": text});
    if let Some(name) = endpoint.doc.href_parameter.filter(|_| !options.pk_path) {
        return vec![(name, required(json!({"type": "string"}), "The `pulp_href` of the object."))];
    }
    if !endpoint.doc.parameters.is_empty() {
        let text = |name: &str| match name {
            "path" => "The base path of the distribution.".to_owned(),
            name => format!("The {name} in the path."),
        };
        let named = endpoint.doc.parameters.iter();
        return named.map(|name| (*name, required(json!({"type": "string"}), &text(name)))).collect();
    }
    let describe = |name| match name {
        "number" => (name, required(json!({"type": "integer"}), "The number of the version.")),
        "id" => (name, required(json!({"type": "integer"}), "The id.")),
        "repository_pk" => (name, required(json!({"type": "string", "format": "uuid"}), "The id of the repository.")),
        _ => (name, required(json!({"type": "string", "format": "uuid"}), "The id of the object.")),
    };
    id_names(&endpoint.path, endpoint.doc.nested).into_iter().map(describe).collect()
}

fn diagnostics() -> Json {
    json!({
        "schema": {"type": "array", "items": {"type": "string"}},
        "description": "What to record about the tasks of this request: `memory`.",
    })
}

fn header(name: &str) -> Json {
    let description = match name {
        "Content-Range" => "Which bytes of the whole the body holds: `bytes 0-1023/4096`.",
        _ => "",
    };
    json!({"required": true, "schema": {"type": "string"}, "description": description})
}

/// What all lists, and all that show objects, have in common.
fn usual(endpoint: &Endpoint) -> Vec<(&'static str, Json)> {
    let doc = &endpoint.doc;
    let repeated = |text: &str| json!({"schema": {"type": "array", "items": {"type": "string"}}, "description": text});
    let mut usual = Vec::new();
    if doc.selects {
        usual.push(("fields", repeated("Show these fields only.")));
        usual.push(("exclude_fields", repeated("Leave these fields out.")));
    }
    if doc.answers.iter().any(|(_, content)| matches!(content, Content::Page { .. })) {
        usual.push(("limit", query(&Input::Integer, "How many results one page has; 100 when not said.")));
        usual.push(("offset", query(&Input::Integer, "How many results to pass over.")));
        let expression =
            "Filters joined by `AND`, `OR`, `NOT` and parentheses: `name=\"a\" OR name__startswith=\"b\"`.";
        usual.push(("q", query(&Input::Text, expression)));
        if !doc.ordering.is_empty() {
            usual.push(("ordering", ordering(&doc.ordering)));
        }
    }
    usual
}

fn ordering(names: &[&'static str]) -> Json {
    let falling = names.iter().map(|name| format!("-{name}"));
    let mut all: Vec<String> = falling.chain(names.iter().map(|name| (*name).to_owned())).collect();
    all.sort_unstable();
    all.dedup();
    listed(json!({"type": "string", "enum": all}), "Sort by these; `-` turns the direction.")
}

/// A list in one parameter, its items separated by commas.
fn listed(items: Json, description: &str) -> Json {
    json!({
        "schema": {"type": "array", "items": items},
        "style": "form",
        "explode": false,
        "description": description,
    })
}

fn query(input: &Input, description: &str) -> Json {
    let one = |schema: Json| json!({"schema": schema, "description": description});
    match input {
        Input::Text => one(json!({"type": "string"})),
        Input::TextList => listed(json!({"type": "string"}), description),
        Input::Integer => one(json!({"type": "integer"})),
        Input::IntegerRange => listed(json!({"type": "integer"}), description),
        Input::Number => one(json!({"type": "number"})),
        Input::Boolean => one(json!({"type": "boolean"})),
        Input::DateTime => one(json!({"type": "string", "format": "date-time"})),
        Input::DateTimeRange => listed(json!({"type": "string", "format": "date-time"}), description),
        Input::UuidList => listed(json!({"type": "string", "format": "uuid"}), description),
        Input::Choice(choices) => one(json!({"type": "string", "enum": choices})),
        Input::ChoiceList(choices) => listed(json!({"type": "string", "enum": choices}), description),
    }
}
