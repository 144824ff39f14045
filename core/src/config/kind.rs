//! What a key may hold, and how a value is read from plain text (environment) or checked (file).

use serde_json::Value;

/// Says what is wrong with a text; `Err` completes the sentence "the value …".
pub type TextCheck = fn(&str) -> Result<(), String>;

/// The same for all texts of a list together.
pub type ListCheck = fn(&[&str]) -> Result<(), String>;

pub enum Kind {
    Text(TextCheck),
    /// A text that is never repeated in a message.
    Secret,
    /// One of these words.
    Choice(&'static [&'static str]),
    Boolean,
    /// A whole number; the unit is for the reader.
    Integer {
        least: u64,
        most: u64,
        unit: &'static str,
    },
    TextList(ListCheck),
}

impl Kind {
    /// How the documentation names the type.
    pub fn name(&self) -> String {
        match self {
            Self::Text(_) | Self::Secret => "text".into(),
            Self::Choice(words) => format!("one of {}", quoted(words)),
            Self::Boolean => "true or false".into(),
            Self::Integer { unit: "", .. } => "whole number".into(),
            Self::Integer { unit, .. } => format!("whole number of {unit}"),
            Self::TextList(_) => "list of texts".into(),
        }
    }

    /// Reads what stands in a variable: JSON for lists, plain text for all else.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = match self {
            Self::Text(_) | Self::Secret | Self::Choice(_) => Value::from(text),
            Self::Boolean => match text.trim().to_ascii_lowercase().as_str() {
                "true" => Value::from(true),
                "false" => Value::from(false),
                _ => return Err(self.expectation(&Value::from(text))),
            },
            Self::Integer { .. } => match text.trim().parse::<u64>() {
                Ok(number) => Value::from(number),
                Err(_) => return Err(self.expectation(&Value::from(text))),
            },
            Self::TextList(_) => match serde_json::from_str(text) {
                Ok(value @ Value::Array(_)) => value,
                _ => return Err(format!("must be a list in JSON, as `[\"a\", \"b\"]` is; found `{text}`")),
            },
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Whether this value is possible.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match (self, value) {
            (Self::Text(check), Value::String(text)) => return non_empty(text).and_then(|()| check(text)),
            (Self::Secret, Value::String(text)) => return non_empty(text),
            (Self::Choice(words), Value::String(text)) => words.contains(&text.as_str()),
            (Self::Boolean, Value::Bool(_)) => true,
            (Self::Integer { least, most, .. }, Value::Number(number)) => {
                number.as_u64().is_some_and(|number| (*least..=*most).contains(&number))
            }
            (Self::TextList(check), Value::Array(items)) => match items.iter().map(Value::as_str).collect() {
                Some::<Vec<&str>>(texts) => return check(&texts),
                None => false,
            },
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.expectation(value)) }
    }

    fn expectation(&self, found: &Value) -> String {
        let expected = match self {
            Self::Text(_) | Self::Secret => "must be text".into(),
            Self::Choice(words) => format!("must be one of {}", quoted(words)),
            Self::Boolean => "must be true or false".into(),
            Self::Integer { least, most: u64::MAX, .. } => format!("must be a whole number from {least} up"),
            Self::Integer { least, most, .. } => format!("must be a whole number from {least} to {most}"),
            Self::TextList(_) => "must be a list of texts".into(),
        };
        match (self, found) {
            (Self::Secret, _) => expected,
            _ => format!("{expected}; found `{}`", shortened(found)),
        }
    }
}

fn non_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(()) }
}

pub fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A message stays one line however long the value is.
fn shortened(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.escape_debug().to_string(),
        other => other.to_string(),
    };
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
