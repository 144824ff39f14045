//! A header whose value, in base64, is what the guard expects, or holds it in JSON where a filter of `jq` finds it.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value as Json;

use super::is_equal;
use super::jq::Filter;
use crate::error::{Error, Result};
use crate::plugin::{Asked, Gate, GuardType, Refused};
use crate::resource::{Draft, Errors};

pub const HEADER: &str = "core.header";

/// Proxies differ in whether they keep the `=` at the end.
pub const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The same for whatever is wrong, so that nothing is learned by trying.
const DENIED: Refused = Refused("Access denied.");

pub struct HeaderGuard;

impl GuardType for HeaderGuard {
    fn pulp_type(&self) -> &'static str {
        HEADER
    }

    fn gate(&self, settings: &Json, _: &Json) -> Result<Arc<dyn Gate>> {
        let text = |name: &str| settings.get(name).and_then(Json::as_str);
        let needed = |name: &str| text(name).ok_or_else(|| Error::internal(format!("a guard without `{name}`")));
        let filter = text("jq_filter").map(Filter::parse).transpose().map_err(Error::internal)?;
        Ok(Arc::new(HeaderGate {
            name: needed("header_name")?.to_owned(),
            value: needed("header_value")?.to_owned(),
            filter,
        }))
    }
}

/// Finds what is wrong with a guard's settings before it is kept.
pub fn check(draft: &Draft, errors: &mut Errors) {
    if let Some(Err(problem)) = draft.get("jq_filter").and_then(Json::as_str).map(Filter::parse) {
        errors.add("jq_filter", problem);
    }
    let name = draft.get("header_name").and_then(Json::as_str);
    if name.is_some_and(|name| actix_web::http::header::HeaderName::from_bytes(name.as_bytes()).is_err()) {
        errors.add("header_name", "is no name of a header");
    }
}

/// A gate for who sends this value in base64.
pub(super) fn plain(name: &str, value: &str) -> Arc<dyn Gate> {
    Arc::new(HeaderGate { name: name.to_owned(), value: value.to_owned(), filter: None })
}

struct HeaderGate {
    name: String,
    value: String,
    filter: Option<Filter>,
}

impl HeaderGate {
    fn sent(&self, asked: &Asked<'_>) -> Option<String> {
        let bytes = BASE64.decode(asked.header(&self.name)?.trim()).ok()?;
        match &self.filter {
            None => String::from_utf8(bytes).ok(),
            Some(filter) => match filter.first(&serde_json::from_slice(&bytes).ok()?)? {
                Json::String(text) => Some(text),
                _ => None,
            },
        }
    }
}

impl Gate for HeaderGate {
    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refused> {
        let sent = self.sent(asked).ok_or(DENIED)?;
        if is_equal(sent.as_bytes(), self.value.as_bytes()) { Ok(()) } else { Err(DENIED) }
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::id::now;

    fn admits(settings: &Json, sent: &[&str]) -> bool {
        let gate = HeaderGuard.gate(settings, &Json::Null).unwrap();
        let sent: Vec<String> = sent.iter().map(|text| (*text).to_owned()).collect();
        let headers = |name: &str| if name == "x-id" { sent.clone() } else { vec![] };
        gate.admit(&Asked { path: "", address: "", query: "", now: now(), headers: &headers }).is_ok()
    }

    #[test]
    fn the_value_is_compared_after_base64() {
        let settings = json!({"header_name": "x-id", "header_value": "12345", "jq_filter": null});
        assert!(admits(&settings, &["MTIzNDU="]) && admits(&settings, &[" MTIzNDU "]));
        for wrong in ["", "12345", "MTIzNDY=", "MTIzND", "////", "ä"] {
            assert!(!admits(&settings, &[wrong]), "{wrong}");
        }
        assert!(!admits(&settings, &[]) && !admits(&settings, &["MTIzNDU=", "MTIzNDU="]));
    }

    #[test]
    fn a_filter_finds_the_value_in_json() {
        let settings = json!({"header_name": "x-id", "header_value": "42", "jq_filter": ".user.org"});
        let sent = |text: &str| admits(&settings, &[&STANDARD.encode(text)]);
        assert!(sent(r#"{"user": {"org": "42"}}"#));
        for wrong in [r#"{"user": {"org": 42}}"#, r#"{"user": null}"#, r#"{"user": 1}"#, "[]", "", "{", "42"] {
            assert!(!sent(wrong), "{wrong}");
        }
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        let told = |settings: Json| {
            let mut errors = Errors::default();
            check(settings.as_object().unwrap(), &mut errors);
            errors.0.keys().cloned().collect::<Vec<_>>()
        };
        assert!(told(json!({"header_name": "x-id", "jq_filter": ".a"})).is_empty());
        assert!(told(json!({"jq_filter": null})).is_empty());
        assert_eq!(told(json!({"header_name": "x id", "jq_filter": ".a |"})), ["jq_filter", "header_name"]);
    }
}
