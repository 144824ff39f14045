//! What clients say of modules: fields, and the document that is published of them.

use pith_core::resource::Errors;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::modulemd::{self, Document, Snippet, Snippets};

/// The text of a field; empty when it is not there or null.
pub(super) fn text<'a>(given: &'a Map<String, Json>, name: &str) -> &'a str {
    given.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// A field as a list or a map; of a form, in which all is text, as JSON. A map that has nothing may be an empty list.
pub(super) fn typed<T: DeserializeOwned + Default>(
    given: &Map<String, Json>,
    name: &str,
    expected: &str,
    errors: &mut Errors,
) -> T {
    let read = match given.get(name) {
        None | Some(Json::Null) => return T::default(),
        Some(Json::Array(list)) if list.is_empty() => return T::default(),
        Some(Json::String(text)) => serde_json::from_str(text),
        Some(value) => T::deserialize(value),
    };
    read.unwrap_or_else(|_| {
        errors.add(name, format!("must be {expected}"));
        T::default()
    })
}

/// The one document of the field `snippet`, and what it is if it says that. What the fields say is believed, also
/// where the document says otherwise, as clients of Pulp are used to.
pub(super) fn snippet(given: &Map<String, Json>, errors: &mut Errors) -> Option<(Option<Document>, Snippet)> {
    let mut documents = Snippets::new(text(given, "snippet").as_bytes());
    let one = documents.next_snippet().and_then(|one| Ok((one, documents.next_snippet()?)));
    let read = match one {
        Ok((Some(snippet), None)) => modulemd::parse_any(&snippet).map(|document| (document, snippet)),
        Ok(_) => {
            errors.add("snippet", "must hold one YAML document");
            return None;
        }
        Err(problem) => Err(problem),
    };
    read.map_err(|problem| errors.add("snippet", problem.to_string())).ok()
}

/// That the document is of another kind.
pub(super) fn wrong_kind(expected: &str, errors: &mut Errors) {
    errors.add("snippet", format!("must be a document `{expected}`"));
}
