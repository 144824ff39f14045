//! The values of a row: how they are spelled, and how they are read.

use serde_json::{Map, Value as Json};

/// The most values that one row, or a text of JSON in it, holds: they take many times the memory of their text.
pub(super) const MOST_VALUES: usize = 2_000_000;

/// A row, by the names of its columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(pub Map<String, Json>);

/// A text; null is an empty one.
pub fn text(value: Option<&str>) -> Json {
    Json::String(value.unwrap_or_default().to_owned())
}

/// A boolean.
pub fn flag(value: bool) -> Json {
    Json::String(if value { "1" } else { "0" }.to_owned())
}

/// A whole number; null is an empty text.
pub fn number(value: Option<i64>) -> Json {
    Json::String(value.map(|value| value.to_string()).unwrap_or_default())
}

/// A list or a map as JSON in a text; null for an empty one.
pub fn json_text(value: &Json) -> Json {
    let is_empty = match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::String(text) => text.is_empty(),
        _ => false,
    };
    if is_empty { Json::Null } else { Json::String(value.to_string()) }
}

impl Facts {
    /// The text of a column; empty when it is null or not there.
    pub fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Json::String(text)) => text.clone(),
            Some(Json::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// A text; none for an empty one.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).as_str(), "1" | "true" | "True")
    }

    /// A whole number; none for an empty text.
    ///
    /// # Errors
    /// A text that names the column.
    pub fn number(&self, name: &str) -> Result<Option<i64>, String> {
        match self.optional(name) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| format!("`{name}` is no whole number")),
        }
    }

    /// A list or map; null for none.
    ///
    /// # Errors
    /// A text that names the column.
    pub fn json(&self, name: &str) -> Result<Json, String> {
        match self.0.get(name) {
            None | Some(Json::Null) => Ok(Json::Null),
            Some(Json::String(text)) if text.is_empty() => Ok(Json::Null),
            // Commas in texts count as well, which errs on the safe side.
            Some(Json::String(text)) if text.bytes().filter(|byte| *byte == b',').count() >= MOST_VALUES => {
                Err(format!("`{name}` has more than {MOST_VALUES} values"))
            }
            Some(Json::String(text)) => serde_json::from_str(text).map_err(|_| format!("`{name}` is no JSON")),
            Some(other) => Ok(other.clone()),
        }
    }
}

impl FromIterator<(&'static str, Json)> for Facts {
    fn from_iter<T: IntoIterator<Item = (&'static str, Json)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_spelled_as_texts() {
        let facts: Facts = [
            ("a", text(Some("x"))),
            ("b", text(None)),
            ("c", flag(true)),
            ("d", number(Some(-3))),
            ("e", number(None)),
            ("f", json_text(&json!({"k": [1]}))),
            ("g", json_text(&json!([]))),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            Json::Object(facts.0.clone()),
            json!({"a": "x", "b": "", "c": "1", "d": "-3", "e": "", "f": "{\"k\":[1]}", "g": null})
        );
        assert_eq!((facts.text("a"), facts.optional("b"), facts.flag("c")), ("x".into(), None, true));
        assert_eq!((facts.number("d"), facts.number("e")), (Ok(Some(-3)), Ok(None)));
        assert_eq!((facts.json("f"), facts.json("g")), (Ok(json!({"k": [1]})), Ok(Json::Null)));
        facts.number("a").expect_err("no number");
        facts.json("a").expect_err("no JSON");
        let many = |count: usize| Facts::from_iter([("m", text(Some(&format!("[{}0]", "0,".repeat(count - 1)))))]);
        many(MOST_VALUES).json("m").expect("so many");
        let error = many(MOST_VALUES + 1).json("m").expect_err("one more");
        assert_eq!(error, "`m` has more than 2000000 values");
    }
}
