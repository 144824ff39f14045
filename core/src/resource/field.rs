//! A field: its name and type on the wire, where it is kept, and how input becomes a value, with the
//! messages that clients of Django REST framework know.

use serde_json::{Map, Value as Json, json};

use super::{Kind, Show};
use crate::error::{Error, NON_FIELD, Result};

/// The type of a field on the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Wire {
    Text,
    /// Text that keeps its white space (certificates, keys, passwords).
    RawText,
    Integer {
        least: Option<i64>,
    },
    Number {
        least: Option<f64>,
    },
    Boolean,
    DateTime,
    /// A map of label keys to text or null.
    Labels,
    /// A list of `{"name": "value"}`.
    Headers,
    Choice(&'static [&'static str]),
    /// A list of some of these.
    Choices(&'static [&'static str]),
    Href(Target),
    Hrefs,
    Texts,
    /// A file in a multipart form.
    File,
    /// A file in a multipart form that is text and small; read as that text.
    TextFile,
    /// Anything; the named schema if not empty.
    Any(&'static str),
}

/// What an href or PRN must point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any object of the kind.
    Kind(Kind),
    /// An object of the kind and of this `pulp_type`; a signing service that makes signatures of this class.
    Typed(Kind, &'static str),
    /// An object of the kind and of one of these types.
    OneOf(Kind, &'static [&'static str]),
    /// A kind of object that this server has none of yet: only null is accepted.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadWrite,
    ReadOnly,
    WriteOnly,
}

/// Where a field's value is kept.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A column of the kind's table, of the same name unless told.
    Column(&'static str),
    /// A key of the `details` column. References are kept by id; what they point to is not deleted while they do. They
    /// are to kinds without types, or to one type.
    Detail,
    /// A key of the encrypted `secrets` column.
    Secret,
    /// Made from other columns, which the list must select.
    Shown(&'static [&'static str], Show),
    /// Read by the verb that takes it, kept nowhere under this name.
    Input,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: &'static str,
    pub wire: Wire,
    pub access: Access,
    pub required: bool,
    pub nullable: bool,
    /// Empty text is a value.
    pub blank: bool,
    /// Taken when the field is left out of a create or a full update.
    pub default: Option<Json>,
    /// Taken when the field is left out of a create only.
    pub initial: Option<Json>,
    pub source: Source,
    pub description: &'static str,
    pub example: Json,
    /// How the API's description calls the list of its choices, where that has a name of its own.
    pub choices_name: Option<&'static str>,
}

impl Field {
    fn of(name: &'static str, wire: Wire, description: &'static str, example: Json) -> Self {
        Self {
            name,
            wire,
            access: Access::ReadWrite,
            required: false,
            nullable: false,
            blank: false,
            default: None,
            initial: None,
            source: Source::Column(name),
            description,
            example,
            choices_name: None,
        }
    }

    pub fn text(name: &'static str, description: &'static str, example: &'static str) -> Self {
        Self::of(name, Wire::Text, description, json!(example))
    }

    pub fn raw_text(name: &'static str, description: &'static str, example: &'static str) -> Self {
        Self::of(name, Wire::RawText, description, json!(example))
    }

    pub fn integer(name: &'static str, least: Option<i64>, description: &'static str, example: i64) -> Self {
        Self::of(name, Wire::Integer { least }, description, json!(example))
    }

    pub fn number(name: &'static str, least: f64, description: &'static str, example: f64) -> Self {
        Self::of(name, Wire::Number { least: Some(least) }, description, json!(example))
    }

    pub fn boolean(name: &'static str, description: &'static str, example: bool) -> Self {
        Self::of(name, Wire::Boolean, description, json!(example))
    }

    pub fn date_time(name: &'static str, description: &'static str) -> Self {
        Self::of(name, Wire::DateTime, description, json!("2026-11-21T13:57:35.239134Z"))
    }

    pub fn labels() -> Self {
        let field =
            Self::of("pulp_labels", Wire::Labels, "Labels: keys with a text or nothing.", json!({"env": "dev"}));
        Self { initial: Some(json!({})), source: Source::Column("labels"), ..field }
    }

    pub fn choice(
        name: &'static str,
        choices: &'static [&'static str],
        description: &'static str,
        example: &'static str,
    ) -> Self {
        Self::of(name, Wire::Choice(choices), description, json!(example))
    }

    /// A list of some of these.
    pub fn choices(
        name: &'static str,
        choices: &'static [&'static str],
        description: &'static str,
        example: Json,
    ) -> Self {
        Self::of(name, Wire::Choices(choices), description, example)
    }

    /// Gives the list of its choices a name, as generators of client libraries want it: `MethodEnum`.
    pub fn named(self, choices_name: &'static str) -> Self {
        Self { choices_name: Some(choices_name), ..self }
    }

    pub fn href(name: &'static str, target: Target, description: &'static str, example: &'static str) -> Self {
        Self::of(name, Wire::Href(target), description, json!(example))
    }

    pub fn hrefs(name: &'static str, description: &'static str, example: &'static str) -> Self {
        Self { source: Source::Input, ..Self::of(name, Wire::Hrefs, description, json!([example])) }
    }

    pub fn texts(name: &'static str, description: &'static str, example: Json) -> Self {
        Self::of(name, Wire::Texts, description, example)
    }

    pub fn file(description: &'static str) -> Self {
        Self {
            source: Source::Input,
            access: Access::WriteOnly,
            ..Self::of("file", Wire::File, description, json!("bytes"))
        }
    }

    /// A small text in a file.
    pub fn text_file(name: &'static str, description: &'static str) -> Self {
        Self::of(name, Wire::TextFile, description, json!("text")).input()
    }

    pub fn any(name: &'static str, schema: &'static str, description: &'static str, example: Json) -> Self {
        Self::of(name, Wire::Any(schema), description, example)
    }

    pub fn headers(name: &'static str, description: &'static str) -> Self {
        Self::of(name, Wire::Headers, description, json!([{"X-Token": "…"}]))
    }

    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    pub fn blank(self) -> Self {
        Self { blank: true, ..self }
    }

    pub fn default(self, value: Json) -> Self {
        Self { default: Some(value), ..self }
    }

    pub fn initial(self, value: Json) -> Self {
        Self { initial: Some(value), ..self }
    }

    pub fn column(self, name: &'static str) -> Self {
        Self { source: Source::Column(name), ..self }
    }

    pub fn detail(self) -> Self {
        Self { source: Source::Detail, ..self }
    }

    pub fn input(self) -> Self {
        Self { source: Source::Input, access: Access::WriteOnly, ..self }
    }

    /// Kept encrypted, never returned.
    pub fn secret(self) -> Self {
        Self { source: Source::Secret, access: Access::WriteOnly, nullable: true, ..self }
    }

    /// Computed from `columns`; never written.
    pub fn shown(self, columns: &'static [&'static str], show: Show) -> Self {
        Self { source: Source::Shown(columns, show), access: Access::ReadOnly, ..self }
    }

    /// Also taken from clients, who may send what is shown.
    pub fn writable(self) -> Self {
        Self { access: Access::ReadWrite, ..self }
    }

    pub fn read_only(self) -> Self {
        Self { access: Access::ReadOnly, ..self }
    }
}

/// What is wrong with an input, by field, in the order found.
#[derive(Debug, Default)]
pub struct Errors(pub Map<String, Json>);

impl Errors {
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        let messages = self.0.entry(field).or_insert_with(|| json!([]));
        if let Some(list) = messages.as_array_mut() {
            list.push(Json::String(message.into()));
        }
    }

    /// As [`Errors::add`], of one item of a list.
    pub fn add_item(&mut self, field: &str, at: usize, message: &str) {
        let items = self.0.entry(field).or_insert_with(|| json!({}));
        if let Some(items) = items.as_object_mut() {
            items.insert(at.to_string(), json!([message]));
        }
    }

    pub fn non_field(&mut self, message: impl Into<String>) {
        self.add(NON_FIELD, message);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Errors
    /// `InvalidBody` when anything was added.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::InvalidBody(Json::Object(self.0))) }
    }
}

/// What an input is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Create,
    /// PUT
    Replace,
    /// PATCH
    Change,
}

/// Input whose fields have their types; by field name. References are still hrefs or PRNs.
pub type Draft = Map<String, Json>;

impl Mode {
    /// Reads `given` by the rules of `fields`. Unknown names are refused, read-only ones ignored.
    pub fn parse(self, fields: &[Field], given: &Map<String, Json>, errors: &mut Errors) -> Draft {
        let mut draft = Draft::new();
        for field in fields.iter().filter(|field| field.access != Access::ReadOnly) {
            match given.get(field.name) {
                Some(value) => match field.parse(value) {
                    Ok(value) => drop(draft.insert(field.name.to_owned(), value)),
                    Err(message) => drop(errors.0.insert(field.name.to_owned(), message)),
                },
                None => self.absent(field, &mut draft, errors),
            }
        }
        for name in given.keys().filter(|name| !fields.iter().any(|field| field.name == name.as_str())) {
            errors.add(name, "Unexpected field");
        }
        draft
    }

    fn absent(self, field: &Field, draft: &mut Draft, errors: &mut Errors) {
        let value = match self {
            Self::Create => field.default.as_ref().or(field.initial.as_ref()),
            Self::Replace => field.default.as_ref(),
            Self::Change => return,
        };
        match value {
            Some(value) => drop(draft.insert(field.name.to_owned(), value.clone())),
            None if field.required && matches!(field.wire, Wire::File | Wire::TextFile) => {
                errors.add(field.name, "No file was submitted.")
            }
            None if field.required => errors.add(field.name, "This field is required."),
            None => {}
        }
    }
}

impl Field {
    /// A JSON value as this field's; the error is what stands under the field's name in the answer.
    pub fn parse(&self, value: &Json) -> Result<Json, Json> {
        let message = |text: &str| Err(json!([text]));
        if value.is_null() {
            return if self.nullable { Ok(Json::Null) } else { message("This field may not be null.") };
        }
        match &self.wire {
            Wire::Text | Wire::RawText => self.parse_text(value),
            Wire::Integer { least } => parse_integer(value, *least).map_err(|text| json!([text])),
            Wire::Number { least } => parse_number(value, *least).map_err(|text| json!([text])),
            Wire::Boolean => parse_boolean(value).map_or_else(|| message("Must be a valid boolean."), |b| Ok(json!(b))),
            Wire::DateTime => match value.as_str().and_then(super::filter::parse_date_time) {
                Some(instant) => Ok(json!(crate::id::format_instant(instant))),
                None => message(
                    "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
                ),
            },
            Wire::Labels => parse_labels(value),
            Wire::Headers => parse_headers(value),
            Wire::Choice(choices) => match value.as_str().filter(|text| choices.contains(text)) {
                Some(text) => Ok(json!(text)),
                None => Err(json!([format!("\"{}\" is not a valid choice.", plain(value))])),
            },
            Wire::Href(_) => match value.as_str() {
                Some("") if self.nullable => Ok(Json::Null),
                Some(text) => Ok(json!(text)),
                None => Err(json!([format!("Incorrect type. Expected URL string, received {}.", type_name(value))])),
            },
            Wire::Hrefs | Wire::Texts => parse_texts(value),
            Wire::Choices(choices) => parse_choices(value, choices),
            Wire::TextFile => match value.as_str() {
                Some(text) => Ok(json!(text)),
                None => message("The submitted data was not a file. Check the encoding type on the form."),
            },
            Wire::File => message("The submitted data was not a file. Check the encoding type on the form."),
            Wire::Any(_) => Ok(value.clone()),
        }
    }

    fn parse_text(&self, value: &Json) -> Result<Json, Json> {
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => return Err(json!(["Not a valid string."])),
        };
        let text = if self.wire == Wire::Text { text.trim().to_owned() } else { text };
        if text.is_empty() && !self.blank {
            return Err(json!(["This field may not be blank."]));
        }
        if text.contains('\0') {
            return Err(json!(["Null characters are not allowed."]));
        }
        Ok(json!(text))
    }
}

/// How Python would print a value in a message.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Python's name of a JSON type.
pub(crate) fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}

fn parse_integer(value: &Json, least: Option<i64>) -> Result<Json, String> {
    let invalid = || "A valid integer is required.".to_owned();
    let text = match value {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_owned(),
        _ => return Err(invalid()),
    };
    // 3.0 is a whole number to DRF.
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text.is_empty() || !text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let number: i64 = text.parse().map_err(|_| {
        let side = if text.starts_with('-') { ("greater", i64::MIN) } else { ("less", i64::MAX) };
        format!("Ensure this value is {} than or equal to {}.", side.0, side.1)
    })?;
    match least {
        Some(least) if number < least => Err(format!("Ensure this value is greater than or equal to {least}.")),
        _ => Ok(json!(number)),
    }
}

fn parse_number(value: &Json, least: Option<f64>) -> Result<Json, String> {
    let number = match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite()).ok_or("A valid number is required.")?;
    match least {
        Some(least) if number < least => Err(format!("Ensure this value is greater than or equal to {least:?}.")),
        _ => Ok(json!(number)),
    }
}

/// The spellings DRF takes for a truth value.
pub(crate) fn parse_boolean(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Json::String(text) => match text.to_ascii_lowercase().as_str() {
            "t" | "y" | "yes" | "true" | "on" | "1" => Some(true),
            "f" | "n" | "no" | "false" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The message for a label that cannot be, if it cannot.
pub fn check_label(key: &str, value: Option<&str>) -> Option<String> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '.');
    if key.is_empty() || !key.chars().all(allowed) {
        return Some(format!(
            "Key '{key}' contains invalid characters. Only alphanumerics, underscores, spaces, hyphens, and dots are allowed."
        ));
    }
    value.filter(|value| value.contains(['(', ')'])).map(|_| format!("Key '{key}' contains value with parenthesis."))
}

fn parse_labels(value: &Json) -> Result<Json, Json> {
    // A multipart form can only carry the map as text.
    let decoded: Option<Json> = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    let value = decoded.as_ref().unwrap_or(value);
    let Some(map) = value.as_object() else {
        return Err(json!([format!("Expected a dictionary of items but got type \"{}\".", type_name(value))]));
    };
    let mut labels = Map::new();
    for (key, value) in map {
        let value = match value {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => return Err(json!({key: ["Not a valid string."]})),
        };
        if let Some(message) = check_label(key, value.as_deref()) {
            return Err(json!([message]));
        }
        labels.insert(key.clone(), json!(value));
    }
    Ok(Json::Object(labels))
}

fn parse_headers(value: &Json) -> Result<Json, Json> {
    let list = parse_list(value)?;
    for (at, item) in list.iter().enumerate() {
        let Some(map) = item.as_object() else {
            let text = format!("Expected a dictionary of items but got type \"{}\".", type_name(item));
            return Err(json!({at.to_string(): [text]}));
        };
        if map.values().any(|value| value.is_array() || value.is_object() || value.is_null()) {
            return Err(json!({at.to_string(): ["Not a valid string."]}));
        }
    }
    let list = list.iter().map(|item| {
        let pairs = item.as_object().into_iter().flatten();
        Json::Object(pairs.map(|(name, value)| (name.clone(), json!(plain(value)))).collect())
    });
    Ok(Json::Array(list.collect()))
}

fn parse_list(value: &Json) -> Result<&Vec<Json>, Json> {
    value.as_array().ok_or_else(|| json!([format!("Expected a list of items but got type \"{}\".", type_name(value))]))
}

fn parse_choices(value: &Json, choices: &[&str]) -> Result<Json, Json> {
    let texts = parse_texts(value)?;
    let listed = texts.as_array().into_iter().flatten().filter_map(Json::as_str);
    match listed.clone().find(|text| !choices.contains(text)) {
        Some(wrong) => Err(json!([format!("\"{wrong}\" is not a valid choice.")])),
        None => Ok(texts),
    }
}

fn parse_texts(value: &Json) -> Result<Json, Json> {
    // A multipart form can only carry the list as text.
    let decoded: Option<Json> =
        value.as_str().filter(|text| text.starts_with('[')).and_then(|text| serde_json::from_str(text).ok());
    let value = decoded.as_ref().unwrap_or(value);
    let mut texts = Vec::new();
    let mut wrong = Map::new();
    for (at, item) in parse_list(value)?.iter().enumerate() {
        match item {
            Json::String(text) if text.contains('\0') => {
                drop(wrong.insert(at.to_string(), json!(["Null characters are not allowed."])));
            }
            Json::String(text) => texts.push(json!(text)),
            Json::Number(number) => texts.push(json!(number.to_string())),
            Json::Null => drop(wrong.insert(at.to_string(), json!(["This field may not be null."]))),
            _ => drop(wrong.insert(at.to_string(), json!(["Not a valid string."]))),
        }
    }
    if wrong.is_empty() { Ok(Json::Array(texts)) } else { Err(Json::Object(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &Field, input: Json, expected: Result<Json, Json>) {
        assert_eq!(field.parse(&input), expected, "{input}");
    }

    #[test]
    fn text_is_trimmed_and_never_blank() {
        let field = Field::text("name", "", "");
        check(&field, json!(" a "), Ok(json!("a")));
        check(&field, json!(5), Ok(json!("5")));
        check(&field, json!(" "), Err(json!(["This field may not be blank."])));
        check(&field, json!("a\0"), Err(json!(["Null characters are not allowed."])));
        check(&field, json!([1]), Err(json!(["Not a valid string."])));
        check(&field, Json::Null, Err(json!(["This field may not be null."])));
    }

    #[test]
    fn integers_keep_their_bounds() {
        let field = Field::integer("n", Some(1), "", 1);
        check(&field, json!("7"), Ok(json!(7)));
        check(&field, json!(0), Err(json!(["Ensure this value is greater than or equal to 1."])));
        check(&field, json!("x"), Err(json!(["A valid integer is required."])));
        check(&field, json!(true), Err(json!(["A valid integer is required."])));
        let huge = "99999999999999999999";
        check(&field, json!(huge), Err(json!([format!("Ensure this value is less than or equal to {}.", i64::MAX)])));
    }

    #[test]
    fn labels_are_a_map_of_texts() {
        let field = Field::labels();
        check(&field, json!({"a": 5, "b": null}), Ok(json!({"a": "5", "b": null})));
        check(&field, json!([1]), Err(json!(["Expected a dictionary of items but got type \"list\"."])));
        check(&field, json!({"a": {}}), Err(json!({"a": ["Not a valid string."]})));
        check(&field, json!({"ab": "x(y"}), Err(json!(["Key 'ab' contains value with parenthesis."])));
    }

    #[test]
    fn unknown_fields_are_refused_and_read_only_ones_ignored() {
        let fields = [Field::text("name", "", "").required(), Field::text("prn", "", "").read_only()];
        let mut errors = Errors::default();
        let given = json!({"prn": "x", "nope": 1});
        let draft = Mode::Create.parse(&fields, given.as_object().unwrap(), &mut errors);
        assert!(draft.is_empty());
        assert_eq!(Json::Object(errors.0), json!({"name": ["This field is required."], "nope": ["Unexpected field"]}));
    }
}
