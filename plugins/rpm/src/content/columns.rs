//! Values of columns. PostgreSQL keeps no NUL characters, which YAML can hold: they are left out.

use pith_core::plugin::Value;
use serde::Serialize;
use serde_json::Value as Json;

/// A text.
pub(super) fn text(value: &str) -> Value {
    without_nul(value).into()
}

/// A text; null for an empty one.
pub(super) fn optional(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { text(value) }
}

/// Lists and maps, as the API shows them.
pub(super) fn json(value: &impl Serialize) -> Value {
    // Lists and maps of texts and numbers always can be JSON.
    cleaned(serde_json::to_value(value).unwrap_or_default()).into()
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

fn cleaned(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(if text.contains('\0') { without_nul(&text) } else { text }),
        Json::Array(items) => items.into_iter().map(cleaned).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (without_nul(&key), cleaned(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    #[test]
    fn nul_characters_are_left_out() {
        assert_eq!(text("a\0b"), Value::from("ab"));
        assert_eq!(optional(""), Value::Null);
        assert_eq!(json(&value!({"k\0": ["\0v", 1]})), Value::from(value!({"k": ["v", 1]})));
    }
}
