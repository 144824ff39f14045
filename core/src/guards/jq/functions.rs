//! The functions that filters may call. None does more work than its input and its arguments are long.

use std::cmp::Ordering;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jaq_core::ops::Math;
use serde_json::{Map, Number, Value as Json, json};

use super::convert::Expression;

/// Makes a value of the input and of the arguments' values; none is an error of the filter.
pub type Native = fn(&Json, &[Json]) -> Option<Json>;

/// What a name stands for.
pub enum Function {
    Native(Native),
    Constant(Json),
    Empty,
    /// What runs its argument.
    Of(fn(Box<Expression>) -> Expression),
}

impl Function {
    /// The function of this name with so many arguments.
    pub fn find(name: &str, arguments: usize) -> Option<Self> {
        let native: Native = match (name, arguments) {
            ("null", 0) => return Some(Self::Constant(Json::Null)),
            ("true", 0) => return Some(Self::Constant(json!(true))),
            ("false", 0) => return Some(Self::Constant(json!(false))),
            ("empty", 0) => return Some(Self::Empty),
            ("select", 1) => return Some(Self::Of(Expression::Select)),
            ("map", 1) => return Some(Self::Of(Expression::Map)),
            ("first", 1) => return Some(Self::Of(Expression::First)),
            ("any", 0 | 1) => return Some(Self::Of(Expression::Any)),
            ("all", 0 | 1) => return Some(Self::Of(Expression::All)),
            ("not", 0) => |input, _| Some(json!(!is_true(input))),
            ("length", 0) => |input, _| length(input),
            ("keys", 0) => |input, _| keys(input),
            ("type", 0) => |input, _| Some(json!(type_of(input))),
            ("first", 0) => |input, _| Some(input.as_array()?.first().cloned().unwrap_or_default()),
            ("last", 0) => |input, _| Some(input.as_array()?.last().cloned().unwrap_or_default()),
            ("tostring", 0) => {
                |input, _| Some(input.as_str().map_or_else(|| json!(input.to_string()), |text| json!(text)))
            }
            ("tonumber", 0) => |input, _| match input {
                Json::String(text) => serde_json::from_str::<Number>(text.trim()).ok().map(Json::Number),
                number => number.is_number().then(|| number.clone()),
            },
            ("fromjson", 0) => |input, _| serde_json::from_str(input.as_str()?).ok(),
            ("@base64d", 0) => |input, _| decoded(input.as_str()?).map(Json::String),
            ("ascii_downcase", 0) => |input, _| Some(json!(input.as_str()?.to_ascii_lowercase())),
            ("ascii_upcase", 0) => |input, _| Some(json!(input.as_str()?.to_ascii_uppercase())),
            ("has", 1) => has,
            ("contains", 1) => |input, arguments| {
                // Each member is compared with each.
                let part = arguments.first().filter(|part| members(part) <= MOST_MEMBERS)?;
                contains(input, part).map(Json::Bool)
            },
            ("startswith", 1) => {
                |input, arguments| of_texts(input, arguments, |text, part| json!(text.starts_with(part)))
            }
            ("endswith", 1) => |input, arguments| of_texts(input, arguments, |text, part| json!(text.ends_with(part))),
            ("ltrimstr", 1) => |input, arguments| {
                of_texts(input, arguments, |text, part| json!(text.strip_prefix(part).unwrap_or(text)))
            },
            ("rtrimstr", 1) => |input, arguments| {
                of_texts(input, arguments, |text, part| json!(text.strip_suffix(part).unwrap_or(text)))
            },
            ("split", 1) => |input, arguments| of_texts(input, arguments, split),
            ("join", 1) => join,
            _ => return None,
        };
        Some(Self::Native(native))
    }
}

/// All but null and false.
pub fn is_true(value: &Json) -> bool {
    !matches!(value, Json::Null | Json::Bool(false))
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn length(value: &Json) -> Option<Json> {
    Some(match value {
        Json::Null => json!(0),
        Json::Bool(_) => return None,
        Json::Number(number) => from_number(number.as_f64()?.abs())?,
        Json::String(text) => json!(text.chars().count()),
        Json::Array(list) => json!(list.len()),
        Json::Object(map) => json!(map.len()),
    })
}

fn keys(value: &Json) -> Option<Json> {
    match value {
        Json::Array(list) => Some((0..list.len()).map(Json::from).collect()),
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            Some(json!(keys))
        }
        _ => None,
    }
}

fn has(input: &Json, arguments: &[Json]) -> Option<Json> {
    match (input, arguments.first()?) {
        (Json::Object(map), Json::String(key)) => Some(json!(map.contains_key(key))),
        (Json::Array(list), Json::Number(at)) => Some(json!(at.as_u64().is_some_and(|at| at < list.len() as u64))),
        _ => None,
    }
}

/// The largest value that others are searched for, in members of all levels.
const MOST_MEMBERS: usize = 32;

fn members(value: &Json) -> usize {
    match value {
        Json::Array(list) => list.iter().map(members).sum::<usize>() + 1,
        Json::Object(map) => map.values().map(members).sum::<usize>() + 1,
        _ => 1,
    }
}

/// As `jq` has it: a part of a text, and for lists and maps parts of their members.
fn contains(whole: &Json, part: &Json) -> Option<bool> {
    match (whole, part) {
        (Json::String(whole), Json::String(part)) => Some(whole.contains(part.as_str())),
        (Json::Array(list), Json::Array(parts)) => {
            Some(parts.iter().all(|part| list.iter().any(|one| contains(one, part) == Some(true))))
        }
        (Json::Object(map), Json::Object(parts)) => {
            Some(parts.iter().all(|(key, part)| map.get(key).is_some_and(|one| contains(one, part) == Some(true))))
        }
        _ => (type_of(whole) == type_of(part)).then(|| whole == part),
    }
}

fn of_texts(input: &Json, arguments: &[Json], make: fn(&str, &str) -> Json) -> Option<Json> {
    Some(make(input.as_str()?, arguments.first()?.as_str()?))
}

fn split(text: &str, separator: &str) -> Json {
    match (text, separator) {
        ("", _) => json!([]),
        (text, "") => text.chars().map(|c| json!(c.to_string())).collect(),
        (text, separator) => text.split(separator).map(Json::from).collect(),
    }
}

fn join(input: &Json, arguments: &[Json]) -> Option<Json> {
    let separator = arguments.first()?.as_str()?;
    let text = |value: &Json| match value {
        Json::Null => Some(String::new()),
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        Json::Array(_) | Json::Object(_) => None,
    };
    let parts: Option<Vec<String>> = input.as_array()?.iter().map(text).collect();
    Some(json!(parts?.join(separator)))
}

fn decoded(text: &str) -> Option<String> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    String::from_utf8(ENGINE.decode(text).ok()?).ok()
}

/// Whole numbers stay whole.
fn from_number(number: f64) -> Option<Json> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
        return Some(json!(number as i64));
    }
    Number::from_f64(number).map(Json::Number)
}

/// `-value`
pub fn negative(value: &Json) -> Option<Json> {
    from_number(-value.as_f64()?)
}

/// `left + right` and the like.
pub fn calculate(left: &Json, operation: Math, right: &Json) -> Option<Json> {
    match (left, operation, right) {
        (Json::Null, Math::Add, value) | (value, Math::Add, Json::Null) => Some(value.clone()),
        (Json::String(one), Math::Add, Json::String(other)) => Some(json!(format!("{one}{other}"))),
        (Json::Array(one), Math::Add, Json::Array(other)) => Some(one.iter().chain(other).cloned().collect()),
        (Json::Object(one), Math::Add, Json::Object(other)) => {
            let entries = one.iter().chain(other).map(|(key, value)| (key.clone(), value.clone()));
            Some(Json::Object(entries.collect::<Map<_, _>>()))
        }
        (Json::Number(one), operation, Json::Number(other)) => {
            let (one, other) = (one.as_f64()?, other.as_f64()?);
            match operation {
                Math::Add => from_number(one + other),
                Math::Sub => from_number(one - other),
                Math::Mul => from_number(one * other),
                Math::Div => (other != 0.0).then_some(one / other).and_then(from_number),
                Math::Rem => (other.trunc() != 0.0).then(|| one.trunc() % other.trunc()).and_then(from_number),
            }
        }
        _ => None,
    }
}

/// The order of `jq`: by type, then by value.
pub fn order(left: &Json, right: &Json) -> Ordering {
    let rank = |value: &Json| match value {
        Json::Null => 0,
        Json::Bool(false) => 1,
        Json::Bool(true) => 2,
        Json::Number(_) => 3,
        Json::String(_) => 4,
        Json::Array(_) => 5,
        Json::Object(_) => 6,
    };
    match (left, right) {
        (Json::Number(one), Json::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
        },
        (Json::String(one), Json::String(other)) => one.cmp(other),
        (Json::Array(one), Json::Array(other)) => {
            let differing = one.iter().zip(other).map(|(one, other)| order(one, other)).find(|order| order.is_ne());
            differing.unwrap_or_else(|| one.len().cmp(&other.len()))
        }
        (Json::Object(one), Json::Object(other)) => {
            let sorted = |map: &Map<String, Json>| {
                let mut keys: Vec<_> = map.keys().cloned().collect();
                keys.sort_unstable();
                keys
            };
            let keys = sorted(one);
            keys.cmp(&sorted(other)).then_with(|| {
                let differing = keys.iter().map(|key| order(&one[key], &other[key])).find(|order| order.is_ne());
                differing.unwrap_or(Ordering::Equal)
            })
        }
        _ => rank(left).cmp(&rank(right)),
    }
}
