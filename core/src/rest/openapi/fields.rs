//! A field as a schema.

use serde_json::{Value as Json, json};

use super::schemas::{Side, reference};
use crate::resource::{Access, Field, Wire};

/// The schema of a field, and on the way the names of the schemas that it refers to.
pub fn schema(field: &Field, side: Side, used: &mut dyn FnMut(&str)) -> Json {
    let mut schema = of_type(field, side, used);
    if field.nullable {
        schema["nullable"] = json!(true);
    }
    match field.access {
        Access::ReadOnly => schema["readOnly"] = json!(true),
        Access::WriteOnly => schema["writeOnly"] = json!(true),
        Access::ReadWrite => {}
    }
    let default = field.default.as_ref().filter(|default| !default.is_null());
    if let Some(default) = default.filter(|_| field.access != Access::ReadOnly) {
        schema["default"] = default.clone();
    }
    if !field.description.is_empty() {
        schema["description"] = json!(field.description);
    }
    let is_telling = !matches!(&field.example, Json::String(text) if text.is_empty()) && !field.example.is_null();
    if is_telling && !matches!(field.wire, Wire::File | Wire::TextFile) {
        schema["example"] = field.example.clone();
    }
    schema
}

fn of_type(field: &Field, side: Side, used: &mut dyn FnMut(&str)) -> Json {
    let bounded = |mut schema: Json, least: Option<Json>| {
        if let Some(least) = least {
            schema["minimum"] = least;
        }
        schema
    };
    match &field.wire {
        Wire::Text | Wire::RawText if side.is_input() && !field.blank => json!({"type": "string", "minLength": 1}),
        Wire::Text | Wire::RawText => json!({"type": "string"}),
        Wire::Integer { least } => bounded(json!({"type": "integer", "format": "int64"}), least.map(Json::from)),
        Wire::Number { least } => bounded(json!({"type": "number", "format": "double"}), least.map(Json::from)),
        Wire::Boolean => json!({"type": "boolean"}),
        Wire::DateTime => json!({"type": "string", "format": "date-time"}),
        Wire::Labels => {
            json!({"type": "object", "additionalProperties": {"type": "string", "nullable": true}})
        }
        Wire::Headers => json!({"type": "array", "items": {"type": "object"}}),
        Wire::Choice(choices) => match field.choices_name {
            Some(name) => json!({"allOf": [reference(name)]}),
            None => list_of(choices),
        },
        Wire::Choices(choices) => {
            let item = field.choices_name.map_or_else(|| list_of(choices), reference);
            json!({"type": "array", "items": item})
        }
        Wire::Href(_) => json!({"type": "string", "format": "uri-reference"}),
        Wire::Hrefs if side.is_input() => json!({"type": "array", "items": {"type": "string"}}),
        Wire::Hrefs => json!({"type": "array", "items": {"type": "string", "format": "uri-reference"}}),
        Wire::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Wire::File | Wire::TextFile => json!({"type": "string", "format": "binary"}),
        Wire::Any("") => like(&field.example),
        Wire::Any(name) => {
            let name = if side.is_input() { (*name).to_owned() } else { format!("{name}Response") };
            used(&name);
            match field.example {
                Json::Array(_) => json!({"type": "array", "items": reference(&name)}),
                _ => json!({"allOf": [reference(&name)]}),
            }
        }
    }
}

/// The list of a field's choices, where that has a name of its own.
pub fn named_choices(field: &Field) -> Option<(&'static str, Json)> {
    match field.wire {
        Wire::Choice(choices) | Wire::Choices(choices) => Some((field.choices_name?, list_of(choices))),
        _ => None,
    }
}

fn list_of(choices: &[&str]) -> Json {
    json!({"type": "string", "enum": choices})
}

/// The named schema of what a field holds, or holds a list of, as its example shows it; none when it has no name or
/// no example.
pub fn shown_by_example(field: &Field, side: Side) -> Option<(String, Json)> {
    let Wire::Any(name) = field.wire else { return None };
    let example = match &field.example {
        Json::Array(items) => items.first()?,
        other => other,
    };
    let is_telling = !name.is_empty() && example.as_object().is_some_and(|object| !object.is_empty());
    let name = if side.is_input() { name.to_owned() } else { format!("{name}Response") };
    is_telling.then(|| (name, item_like(example)))
}

/// A schema that fits values like the example.
fn like(example: &Json) -> Json {
    match example {
        Json::Null => json!({}),
        Json::Bool(_) => json!({"type": "boolean"}),
        Json::Number(number) if number.is_f64() => json!({"type": "number"}),
        Json::Number(_) => json!({"type": "integer", "format": "int64"}),
        Json::String(_) => json!({"type": "string"}),
        Json::Object(_) => json!({"type": "object"}),
        Json::Array(items) => json!({"type": "array", "items": items.first().map_or_else(|| json!({}), item_like)}),
    }
}

fn item_like(example: &Json) -> Json {
    let Some(map) = example.as_object() else { return like(example) };
    let mut required: Vec<_> = map.keys().collect();
    required.sort_unstable();
    let properties: Json = map.iter().map(|(name, value)| (name.clone(), like(value))).collect();
    json!({"type": "object", "properties": properties, "required": required})
}
