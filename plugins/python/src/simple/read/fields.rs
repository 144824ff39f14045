//! Typed access to the fields of a file's entry in JSON. A field of a wrong type names itself where the file is
//! nothing without it; any other counts as not told.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use super::{CoreMetadata, Hashes, excerpt};

/// More text than any specifier, reason or version has.
const MAX_TEXT: usize = 16 << 10;

pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// A text; what is none counts as not told.
    pub(super) fn text(&self, field: &str) -> Result<Option<&'a str>, String> {
        match self.0.get(field) {
            Some(Value::String(text)) => checked(field, text).map(Some),
            _ => Ok(None),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, field: &str) -> Result<&'a str, String> {
        match self.0.get(field) {
            None | Some(Value::Null) => Err(format!("has no `{field}`")),
            Some(Value::String(text)) => checked(field, text),
            Some(_) => Err(format!("`{field}` is not a string")),
        }
    }

    /// A text that says something.
    pub(super) fn some_text(&self, field: &str) -> Result<Option<String>, String> {
        let text = self.text(field)?.filter(|text| !text.trim().is_empty());
        Ok(text.map(str::to_owned))
    }

    pub(super) fn size(&self, field: &str) -> Option<u64> {
        // A database's integer ends before an unsigned one.
        self.0.get(field)?.as_u64().filter(|&size| size <= i64::MAX as u64)
    }

    /// A point in time; a text that is none counts as not told.
    pub(super) fn time(&self, field: &str) -> Result<Option<DateTime<Utc>>, String> {
        Ok(self.text(field)?.and_then(parse_time))
    }

    pub(super) fn hashes(&self, field: &str) -> Result<Hashes, String> {
        let wrong = || format!("`{field}` is not an object of strings");
        let mut hashes = Hashes::default();
        match self.0.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => {
                for (algorithm, digest) in entries {
                    match digest {
                        Value::String(digest) => hashes.insert(algorithm, digest),
                        Value::Null => {}
                        _ => return Err(wrong()),
                    }
                }
            }
            Some(_) => return Err(wrong()),
        }
        Ok(hashes)
    }

    /// PEP 714: true, false, or the digests of the metadata.
    pub(super) fn core_metadata(&self, field: &str) -> Option<CoreMetadata> {
        match self.0.get(field)? {
            Value::Bool(false) => Some(CoreMetadata::NotServed),
            Value::Bool(true) => Some(CoreMetadata::Served { sha256: None }),
            Value::Object(_) => {
                let sha256 = self.hashes(field).ok()?.sha256().map(str::to_owned);
                Some(CoreMetadata::Served { sha256 })
            }
            _ => None,
        }
    }

    /// PEP 592: false, true, or the reason.
    pub(super) fn yanked(&self, field: &str) -> Result<Option<String>, String> {
        match self.0.get(field) {
            Some(Value::Bool(true)) => Ok(Some(String::new())),
            // The specification wants a reason here; pip takes an empty one for false.
            Some(Value::String(reason)) if !reason.is_empty() => Ok(Some(checked(field, reason)?.to_owned())),
            _ => Ok(None),
        }
    }
}

/// A serial; some indexes write it as a text.
pub(super) fn serial(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64(),
    }
}

fn checked<'a>(field: &str, text: &'a str) -> Result<&'a str, String> {
    if text.len() > MAX_TEXT || text.contains('\0') {
        return Err(format!("`{field}` is not a sensible text: `{}`", excerpt(text)));
    }
    Ok(text)
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    // The older field has no zone; it means UTC.
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
    naive.ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_several_forms() {
        for (text, expected) in [
            ("2026-11-21T14:01:43.281503Z", Some("2026-11-21T14:01:43.281503+00:00")),
            ("2026-11-21 14:01:43+02:00", Some("2026-11-21T12:01:43+00:00")),
            ("2018-05-10T02:02:10", Some("2018-05-10T02:02:10+00:00")),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text).map(|time| time.to_rfc3339()).as_deref(), expected);
        }
    }
}
