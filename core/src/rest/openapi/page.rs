//! The description as a page for people: one file, no scripts, nothing fetched from elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>REST API</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
summary { cursor: pointer; padding: .3rem 0 }
code { font: 14px ui-monospace, monospace }
b { display: inline-block; width: 4.5rem; font: bold 13px ui-monospace, monospace; color: #05a }
details { border-bottom: 1px solid #ddd }
table { border-collapse: collapse; margin: .5rem 0 1rem 4.5rem }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
h2 { margin-top: 2rem }
</style>
";

/// The page of a description.
pub fn html(document: &Json) -> String {
    let mut by_tag: BTreeMap<&str, Vec<(&str, &str, &Json)>> = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            by_tag
                .entry(operation["tags"][0].as_str().unwrap_or_default())
                .or_default()
                .push((method, path, operation));
        }
    }
    let mut page = HEAD.to_owned();
    let title = document["info"]["title"].as_str().unwrap_or_default();
    let _ = write!(
        page,
        "<h1>{}</h1>\n<p>For programs: <a href=\"api.json\">api.json</a>, <a href=\"api.yaml\">api.yaml</a>.</p>\n",
        escaped(title)
    );
    for (tag, operations) in by_tag {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(tag));
        for (method, path, operation) in operations {
            add_operation(&mut page, document, (method, path), operation);
        }
    }
    page
}

fn add_operation(page: &mut String, document: &Json, (method, path): (&str, &str), operation: &Json) {
    let _ = write!(
        page,
        "<details><summary><b>{}</b><code>{}</code></summary>\n<p>{}</p>\n<table>\n",
        method.to_uppercase(),
        escaped(path),
        escaped(operation["description"].as_str().unwrap_or_default()),
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        add_row(page, parameter["name"].as_str().unwrap_or_default(), &parameter["schema"], parameter);
    }
    let bodies = operation["requestBody"]["content"].as_object();
    let body = bodies.and_then(|bodies| bodies.values().next()).map(|body| &body["schema"]["$ref"]);
    let schema = body.and_then(Json::as_str).and_then(|name| document.pointer(name.trim_start_matches('#')));
    for (name, field) in schema.and_then(|schema| schema["properties"].as_object()).into_iter().flatten() {
        add_row(page, name, field, field);
    }
    page.push_str("</table></details>\n");
}

fn add_row(page: &mut String, name: &str, schema: &Json, described: &Json) {
    let _ = writeln!(
        page,
        "<tr><td><code>{}</code><td>{}<td>{}",
        escaped(name),
        escaped(schema["type"].as_str().unwrap_or_default()),
        escaped(described["description"].as_str().unwrap_or_default()),
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
