//! One operation: its path, id, parameters, body and answers.

use serde_json::{Map, Value as Json, json};

use super::super::routes::{BodyDoc, Content, Endpoint};
use super::schemas::{Schemas, Side, reference};
use super::{Options, Subject, parameters};
use crate::resource::{Api, Wire};

/// Ids that Pulp leaves whole when generators of client libraries ask.
const WHOLE: [&str; 9] = [
    "livez_read",
    "login",
    "login_read",
    "login_update",
    "logout",
    "root_read",
    "status_read",
    "task_groups_cancel",
    "tasks_cancel",
];

const FORMS: [&str; 2] = ["multipart/form-data", "application/x-www-form-urlencoded"];

/// The path as clients substitute it: `{file_file_repository_href}modify/`, or with ids.
pub fn path(api: &Api, endpoint: &Endpoint, options: &Options) -> String {
    let names_domain = !api.mount().is_empty() && is_of_domain(endpoint);
    if endpoint.path.starts_with('/') {
        return match names_domain {
            true => endpoint.path.replacen("/{path}/", "/{pulp_domain}/{path}/", 1),
            false => endpoint.path.clone(),
        };
    }
    let api = api.within_any(names_domain);
    match endpoint.doc.href_parameter.filter(|_| !options.pk_path) {
        Some(name) => {
            let behind = endpoint.path.rsplit_once("{}/").map_or("", |(_, behind)| behind);
            format!("{{{name}}}{behind}")
        }
        None => {
            let mut names = id_names(&endpoint.path, endpoint.doc.nested).into_iter();
            let segments = endpoint.path.split('/').map(|segment| match segment {
                "{}" => format!("{{{}}}", names.next().unwrap_or("pulp_id")),
                segment => segment.to_owned(),
            });
            format!("{api}{}", segments.collect::<Vec<_>>().join("/"))
        }
    }
}

/// Whether the operation is found below the name of a domain; what tells of the installation as a whole is not.
pub fn is_of_domain(endpoint: &Endpoint) -> bool {
    !["docs/", "livez/", "status/"].iter().any(|start| endpoint.path.starts_with(start))
}

/// The names that Pulp gives the ids in a path.
pub fn id_names(path: &str, nested: bool) -> Vec<&'static str> {
    let segments: Vec<_> = path.split('/').collect();
    let name = |at: usize| match (at.checked_sub(1).map(|at| segments[at]), segments.get(at + 1)) {
        (Some("versions"), _) => "number",
        (_, Some(&"versions")) => "repository_pk",
        // Below the repository of a part.
        (_, Some(next)) if !next.is_empty() && nested => "repository_pk",
        (Some("users" | "groups"), _) => "id",
        _ => "pulp_id",
    };
    (0..segments.len()).filter(|at| segments[*at] == "{}").map(name).collect()
}

/// The id without the collection that it belongs to: `repositories_file_file_list` is `list`.
fn short_id(endpoint: &Endpoint) -> &str {
    let mut id = endpoint.operation.as_str();
    if WHOLE.contains(&id) {
        return id;
    }
    for segment in endpoint.path.split('/').filter(|segment| !segment.is_empty() && *segment != "{}") {
        let segment = segment.replace('-', "_");
        id = id.strip_prefix(segment.as_str()).and_then(|rest| rest.strip_prefix('_')).unwrap_or(id);
    }
    id
}

pub fn describe(subject: &Subject<'_>, endpoint: &Endpoint, options: &Options, schemas: &mut Schemas<'_>) -> Json {
    let doc = &endpoint.doc;
    let mut described = Map::new();
    let id = if options.bindings { short_id(endpoint) } else { &endpoint.operation };
    described.insert("operationId".into(), json!(id));
    described.insert("summary".into(), json!(doc.summary));
    described.insert("description".into(), json!(doc.description));
    described.insert("tags".into(), json!([doc.tag]));
    described.insert("parameters".into(), json!(parameters::of(endpoint, options, subject.has_domains())));
    if let Some(document) = doc.body.as_ref() {
        described.insert("requestBody".into(), body(document, schemas));
    }
    let security = if is_open(subject, endpoint) { json!([]) } else { json!([{"basicAuth": []}, {"cookieAuth": []}]) };
    described.insert("security".into(), security);
    let resource = endpoint.resource.map(|at| &subject.registry.resources[at]);
    let answers = doc.answers.iter().map(|(status, content)| {
        let mut answer = json!({"description": meaning(*status, content)});
        if let Some(content) = body_of_answer(content, &mut |name, fields| schemas.answer(name, fields, resource)) {
            answer["content"] = content;
        }
        (status.to_string(), answer)
    });
    let mut answers: Map<String, Json> = answers.collect();
    for (_, content) in &doc.answers {
        schemas.add_envelope(content);
    }
    answers.sort_keys();
    // Errors are alike everywhere: messages by field, a list of messages, or a `detail`.
    let error = json!({"description": "What is wrong with the request.", "content": {
        "application/json": {"schema": {}}, "text/html": {"schema": {"type": "string"}},
    }});
    answers.insert("default".into(), error);
    described.insert("responses".into(), Json::Object(answers));
    Json::Object(described)
}

/// Whether nobody has to log in.
fn is_open(subject: &Subject<'_>, endpoint: &Endpoint) -> bool {
    let of_resource = || endpoint.resource.map(|at| &subject.registry.resources[at].policy);
    let policy = endpoint.policy.as_ref().or_else(of_resource);
    policy.is_some_and(|policy| policy.is_open_for(endpoint.verb))
}

fn body(document: &BodyDoc, schemas: &mut Schemas<'_>) -> Json {
    let side = if document.schema.starts_with("Patched") { Side::Patch } else { Side::Request };
    schemas.add(&document.schema, &document.fields, side, None);
    let has_file = document.fields.iter().any(|field| matches!(field.wire, Wire::File | Wire::TextFile));
    let json = (!has_file).then_some("application/json");
    let types = json.into_iter().chain(FORMS);
    let schema = json!({"schema": reference(&document.schema)});
    let content: Map<String, Json> = types.map(|name| (name.to_owned(), schema.clone())).collect();
    json!({"content": content, "required": true})
}

fn body_of_answer(content: &Content, add: &mut dyn FnMut(&str, &[crate::resource::Field])) -> Option<Json> {
    let schema = match content {
        Content::Empty => return None,
        Content::Task => reference("AsyncOperationResponse"),
        Content::TaskGroup => reference("TaskGroupOperationResponse"),
        Content::Object { schema, fields } => {
            add(schema, fields);
            reference(schema)
        }
        Content::Page { schema, fields } => {
            add(schema, fields);
            reference(&format!("Paginated{schema}List"))
        }
        Content::Named(schema) => reference(schema),
        Content::Other { schema, .. } => reference(schema),
        Content::Document { media_types } => {
            let schema = json!({"schema": {"type": "object"}});
            return Some(media_types.iter().map(|name| ((*name).to_owned(), schema.clone())).collect());
        }
    };
    Some(json!({"application/json": {"schema": schema}}))
}

fn meaning(status: u16, content: &Content) -> &'static str {
    match (status, content) {
        (_, Content::Task) => "Accepted; the task does the work.",
        (_, Content::TaskGroup) => "Accepted; the tasks of the group do the work.",
        (_, Content::Page { .. }) => "One page of the list.",
        (201, _) => "Made.",
        (204, _) => "Done; there is nothing to say.",
        (409, _) => "Too late: it has ended already.",
        _ => "As asked.",
    }
}

#[cfg(test)]
mod tests {
    use super::id_names;

    #[test]
    fn ids_in_paths_have_the_names_of_pulp() {
        let check =
            |path: &str, expected: &[&str]| assert_eq!(id_names(path, path.contains("_entries")), expected, "{path}");
        check("repositories/file/file/", &[]);
        check("repositories/file/file/{}/modify/", &["pulp_id"]);
        check("repositories/file/file/{}/versions/", &["repository_pk"]);
        check("repositories/file/file/{}/versions/{}/repair/", &["repository_pk", "number"]);
        check("repositories/a/a/{}/some_entries/{}/", &["repository_pk", "pulp_id"]);
        check("repositories/a/a/{}/some_entries/", &["repository_pk"]);
        check("users/{}/", &["id"]);
    }
}
