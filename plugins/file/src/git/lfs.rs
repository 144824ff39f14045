//! Large files that a repository has pointers to and a server beside it keeps (Git LFS).
//!
//! ```text
//! version https://git-lfs.github.com/spec/v1
//! oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
//! size 12345
//!
//! POST <url>.git/info/lfs/objects/batch   {"operation": "download", "objects": [{"oid": …, "size": …}, …]}
//! {"objects": [{"oid": …, "size": …, "actions": {"download": {"href": …, "header": {…}}}}, …]}
//! ```

use std::collections::HashMap;

use pith_core::id::Sha256;
use serde_json::{Value as Json, json};

use super::error::shown;

/// The type of questions and answers.
pub const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
/// Where to ask, below the address of the repository.
pub const BATCH: &str = "info/lfs/objects/batch";
/// Objects asked for at once: what servers take.
pub const TOGETHER: usize = 100;
/// Pointers are smaller.
pub const LARGEST_POINTER: u64 = 1024;
/// Headers that one object is asked for with.
const MOST_HEADERS: usize = 20;

/// A file that is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    pub sha256: Sha256,
    pub size: u64,
}

impl Pointer {
    /// None when the text of a file is not that of a pointer.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let rest = text.strip_prefix("version https://git-lfs.github.com/spec/v1\noid sha256:")?;
        let (oid, size) = rest.strip_suffix('\n')?.split_once("\nsize ")?;
        let is_lower = oid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
        let size = size.parse().ok().filter(|size: &u64| is_number && i64::try_from(*size).is_ok())?;
        Some(Self { sha256: oid.parse().ok().filter(|_| is_lower)?, size })
    }
}

/// Where an object is, and what headers to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub url: String,
    pub headers: Vec<(String, String)>,
}

/// The question for the places of objects.
pub fn question(pointers: &[Pointer]) -> Vec<u8> {
    let objects = pointers.iter().map(|pointer| json!({"oid": pointer.sha256.to_string(), "size": pointer.size}));
    let objects: Vec<_> = objects.collect();
    json!({"operation": "download", "transfers": ["basic"], "objects": objects}).to_string().into_bytes()
}

/// The places of the objects, in their order.
///
/// # Errors
/// What is wrong with the answer, or what the server says of an object that it does not have.
pub fn places(answer: &[u8], pointers: &[Pointer]) -> Result<Vec<Place>, String> {
    let answer: Json =
        serde_json::from_slice(answer).map_err(|_| "the answer about LFS objects is no JSON".to_owned())?;
    let objects = answer.get("objects").and_then(Json::as_array).ok_or("the answer about LFS objects names none")?;
    let named = objects.iter().filter_map(|object| Some((object.get("oid")?.as_str()?, object)));
    let named: HashMap<&str, &Json> = named.collect();
    let place = |pointer: &Pointer| {
        let oid = pointer.sha256.to_string();
        let object = named.get(oid.as_str()).ok_or_else(|| format!("the server does not tell where `{oid}` is"))?;
        place(object).map_err(|problem| format!("the LFS object `{oid}` cannot be had: {problem}"))
    };
    pointers.iter().map(place).collect()
}

fn place(object: &Json) -> Result<Place, String> {
    if let Some(error) = object.get("error").filter(|error| !error.is_null()) {
        let message = error.get("message").and_then(Json::as_str).unwrap_or("unknown error");
        return Err(format!("the server says: {}", shown(message.as_bytes())));
    }
    let download = object.pointer("/actions/download").ok_or("the server does not tell where it is")?;
    let url = download.get("href").and_then(Json::as_str).unwrap_or_default();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err("its address is not an http(s) address".to_owned());
    }
    let header = download.get("header").and_then(Json::as_object);
    let headers: Vec<_> = header
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .take(MOST_HEADERS)
        .collect();
    Ok(Place { url: url.to_owned(), headers })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    fn pointer() -> Pointer {
        Pointer { sha256: OID.parse().unwrap(), size: 12 }
    }

    #[test]
    fn a_pointer_is_exactly_that() {
        let text = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12\n");
        assert_eq!(Pointer::parse(text.as_bytes()), Some(pointer()));
        for (from, to) in [
            ("12\n", "12"),
            ("12\n", "+12\n"),
            ("12\n", "12\nx\n"),
            ("12\n", "99999999999999999999\n"),
            ("12\n", "9223372036854775808\n"),
            ("4d", "4D"),
            ("4d", ""),
            ("sha256", "sha1"),
            ("version", " version"),
        ] {
            assert_eq!(Pointer::parse(text.replacen(from, to, 1).as_bytes()), None, "{from} {to}");
        }
    }

    fn check(object: Json, expected: Result<Place, &str>) {
        let found = places(json!({"objects": [object]}).to_string().as_bytes(), &[pointer()]);
        match expected {
            Ok(place) => assert_eq!(found, Ok(vec![place])),
            Err(problem) => assert!(found.as_ref().is_err_and(|found| found.contains(problem)), "{found:?}"),
        }
    }

    #[test]
    fn places_are_told_with_headers() {
        let place = |headers: &[(&str, &str)]| Place {
            url: "http://h/o".into(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        };
        let at = |download: Json| json!({"oid": OID, "size": 12, "actions": {"download": download}});
        check(at(json!({"href": "http://h/o"})), Ok(place(&[])));
        check(at(json!({"href": "http://h/o", "header": {"A": "b", "C": 5}})), Ok(place(&[("A", "b")])));
        check(at(json!({"href": "file:///etc/passwd"})), Err("not an http(s) address"));
        check(at(json!({})), Err("not an http(s) address"));
        check(json!({"oid": OID}), Err("does not tell where it is"));
        check(json!({"oid": OID, "error": {"code": 404, "message": "gone\nfor good"}}), Err("says: gone for good"));
        check(json!({"oid": "x"}), Err("does not tell where"));
        assert!(places(b"<html>", &[]).is_err());
        assert!(places(b"{}", &[]).is_err());
    }
}
