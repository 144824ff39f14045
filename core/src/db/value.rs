//! Values that go into and come out of SQL on either database.

use crate::error::{Error, Result};
use crate::id::{Id, Instant, Sha256};

/// One SQL parameter or column. Lists are parameters only, for `= ANY($n)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Id(Id),
    Instant(Instant),
    Json(serde_json::Value),
    Bytes(Vec<u8>),
    Ids(Vec<Id>),
    Texts(Vec<String>),
    Ints(Vec<i64>),
}

macro_rules! from {
    ($($type:ty => |$value:ident| $expr:expr;)*) => {
        $(impl From<$type> for Value { fn from($value: $type) -> Self { $expr } })*
    };
}

from! {
    bool => |value| Self::Bool(value);
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    f64 => |value| Self::Real(value);
    String => |value| Self::Text(value);
    &str => |value| Self::Text(value.to_owned());
    &String => |value| Self::Text(value.clone());
    Sha256 => |value| Self::Text(value.to_string());
    &Sha256 => |value| Self::Text(value.to_string());
    Id => |value| Self::Id(value);
    Instant => |value| Self::Instant(value);
    serde_json::Value => |value| Self::Json(value);
    Vec<Id> => |value| Self::Ids(value);
    Vec<String> => |value| Self::Texts(value);
    Vec<i64> => |value| Self::Ints(value);
    Vec<u8> => |value| Self::Bytes(value);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The parameters of a statement: `params![id, name]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Value::from($value)),*] };
}

/// One row of an answer; columns by position.
#[derive(Debug, Clone)]
pub struct Row(pub Vec<Value>);

impl Row {
    /// The column at `at`.
    ///
    /// # Errors
    /// `Internal` when the column is absent or of another type: the statement and its reader disagree.
    pub fn get<T: FromValue>(&self, at: usize) -> Result<T> {
        let value = self.0.get(at).ok_or_else(|| Error::internal(format!("no column {at}")))?;
        T::from_value(value).ok_or_else(|| Error::internal(format!("column {at} holds {value:?}")))
    }
}

/// Reads a column; SQLite answers in its few storage classes, PostgreSQL in its own types.
pub trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            Value::Int(value) => Some(*value != 0),
            _ => None,
        }
    }
}

impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Real(value) => Some(*value),
            #[expect(clippy::cast_precision_loss, reason = "SQLite hands whole numbers out as integers")]
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl FromValue for Sha256 {
    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value)?.parse().ok()
    }
}

impl FromValue for Id {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Id(value) => Some(*value),
            Value::Bytes(value) => uuid::Uuid::from_slice(value).ok().map(Id),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(value) => Some(value.clone()),
            _ => None,
        }
    }
}

impl FromValue for Instant {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Instant(value) => Some(*value),
            Value::Text(value) => value.parse().ok(),
            _ => None,
        }
    }
}

impl FromValue for serde_json::Value {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Json(value) => Some(value.clone()),
            Value::Text(value) => serde_json::from_str(value).ok(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}
