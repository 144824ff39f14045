//! The schemas of bodies, collected while operations are described.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::routes::Content;
use super::{Subject, fields, named};
use crate::resource::{Field, Kind, Resource};

/// What a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    /// A body that may leave out what does not change.
    Patch,
    Answer,
}

impl Side {
    pub fn is_input(self) -> bool {
        self != Self::Answer
    }
}

/// Schemas by their names.
pub struct Schemas<'a> {
    subject: &'a Subject<'a>,
    named: BTreeMap<String, Json>,
}

pub fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

impl<'a> Schemas<'a> {
    pub fn new(subject: &'a Subject<'a>) -> Self {
        Self { subject, named: BTreeMap::new() }
    }

    /// Adds the schema of an object with these fields; of several by one name the one with more fields stays.
    pub fn add(&mut self, name: &str, fields: &[Field], side: Side, resource: Option<&Resource>) {
        let mut used = Vec::new();
        let mut properties = BTreeMap::new();
        for field in fields {
            let field = match resource {
                Some(resource) => with_own_example(field, resource, self.subject.api.as_str()),
                None => field.clone(),
            };
            properties.insert(field.name, fields::schema(&field, side, &mut |name| used.push(name.to_owned())));
        }
        let known = self.named.get(name).and_then(|schema| schema["properties"].as_object());
        if known.is_some_and(|known| known.len() >= properties.len()) {
            return;
        }
        let mut required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        required.sort_unstable();
        let mut schema = json!({"type": "object", "properties": properties});
        // An answer has the fields that `fields` asked for.
        if !required.is_empty() && side == Side::Request {
            schema["required"] = json!(required);
        }
        self.named.insert(name.to_owned(), schema);
        used.iter().for_each(|name| self.add_named(name));
        for (name, schema) in fields.iter().filter_map(fields::named_choices) {
            self.named.entry(name.to_owned()).or_insert(schema);
        }
        // What formats give a name, only their examples tell.
        for (name, schema) in fields.iter().filter_map(|field| fields::shown_by_example(field, side)) {
            if used.contains(&name) && self.named.get(&name) == Some(&named::unknown()) {
                self.named.insert(name, schema);
            }
        }
    }

    /// Adds the schema of an answer; the examples of its identity are of the resource where it shows that.
    pub fn answer(&mut self, name: &str, fields: &[Field], resource: Option<&Resource>) {
        let own = resource.filter(|resource| name == format!("{}Response", resource.schema()));
        self.add(name, fields, Side::Answer, own);
    }

    /// Adds what stands around an answer's object, or the schema that was written by hand.
    pub fn add_envelope(&mut self, content: &Content) {
        match content {
            Content::Task => self.add_named("AsyncOperationResponse"),
            Content::TaskGroup => self.add_named("TaskGroupOperationResponse"),
            Content::Page { schema, .. } => {
                self.named.entry(format!("Paginated{schema}List")).or_insert_with(|| named::page(schema));
            }
            Content::Named(schema) => self.add_named(schema),
            Content::Other { schema, json } => self.insert(schema, json.clone()),
            Content::Empty | Content::Object { .. } | Content::Document { .. } => {}
        }
    }

    /// Adds a schema known by name, with all that it refers to.
    fn add_named(&mut self, name: &str) {
        if self.named.contains_key(name) {
            return;
        }
        match name {
            "RemoteNetworkConfig" => self.add(name, &self.network_fields(), Side::Request, None),
            _ => self.insert(name, named::schema(name)),
        }
    }

    fn insert(&mut self, name: &str, schema: Json) {
        let mut used = Vec::new();
        references(&schema, &mut used);
        self.named.insert(name.to_owned(), schema);
        used.iter().for_each(|name| self.add_named(name));
    }

    /// How a remote reads: its settings without those that say what and where.
    fn network_fields(&self) -> Vec<Field> {
        let registry = self.subject.registry;
        let Some(remote) = registry.resources.iter().find(|resource| resource.kind == Kind::Remote) else {
            return vec![];
        };
        let own = ["name", "url", "pulp_labels", "policy"];
        let settings = remote.fields.iter().filter(|field| field.access != crate::resource::Access::ReadOnly);
        settings.filter(|field| !own.contains(&field.name)).cloned().collect()
    }

    pub fn finish(self) -> Map<String, Json> {
        self.named.into_iter().collect()
    }
}

fn with_own_example(field: &Field, resource: &Resource, api: &str) -> Field {
    let id = if resource.kind.is_numbered() { "1" } else { "01a1fe65-ed86-7239-9e42-33410d1bb681" };
    let example = match field.name {
        "pulp_href" => json!(format!("{api}{}{id}/", resource.path)),
        "prn" => json!(resource.prn(id)),
        _ => return field.clone(),
    };
    Field { example, ..field.clone() }
}

/// The names that a schema refers to.
fn references(schema: &Json, found: &mut Vec<String>) {
    match schema {
        Json::Object(map) => {
            let target = map.get("$ref").and_then(Json::as_str);
            found.extend(target.and_then(|target| target.rsplit('/').next()).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Json::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}
