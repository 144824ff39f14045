//! Advisories as clients send them: Pulp's JSON.
//!
//! ```json
//! {"id": "RHSA-2024:0001", "issued": "2024-01-02 03:04:05", "type": "security", "version": "1",
//!  "pkglist": [{"name": "base", "packages": [{"name": "bear", "version": "4.1", "release": "1", "arch": "noarch"}]}],
//!  "references": [{"href": "https://example.org/", "id": "1", "type": "bugzilla", "title": "a bug"}]}
//! ```

use pith_core::error::{Error, Result};
use pith_core::resource::Errors;
use serde::Deserialize;

use crate::text::{excerpt, is_xml};
use crate::updateinfo::{Advisory, AdvisoryPackage, Collection, Module, Reference, timestamp};

/// The most objects in an advisory, so that many small ones do not fill the memory.
const MAX_OBJECTS: usize = 100_000;

/// Reads an advisory.
///
/// # Errors
/// `Invalid` under `file` when it is not of this shape, `InvalidBody` naming the fields at fault.
pub(super) fn parse(bytes: &[u8]) -> Result<Advisory> {
    if bytes.iter().filter(|byte| **byte == b'{').count() > MAX_OBJECTS {
        return Err(Error::field("file", format!("an advisory has at most {MAX_OBJECTS} objects")));
    }
    // A list of values would be taken for those of the fields.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::field("file", "not an advisory in JSON: it is no object"));
    }
    let sent: SentAdvisory = serde_json::from_slice(bytes).map_err(|error| {
        let problem: String = error.to_string().chars().take(200).collect();
        Error::field("file", format!("not an advisory in JSON: {problem}"))
    })?;
    let advisory = Advisory::from(sent);
    check(&advisory)?;
    Ok(advisory)
}

fn check(advisory: &Advisory) -> Result<()> {
    let mut errors = Errors::default();
    if advisory.id.is_empty() {
        errors.add("id", "This field is required.");
    }
    for (name, date) in [("issued_date", &advisory.issued_date), ("updated_date", &advisory.updated_date)] {
        if !date.is_empty() && timestamp(date).is_none() {
            errors.add(name, format!("`{}` is no date", excerpt(date)));
        }
    }
    // Advisories that are written by hand often lack more than that; clients pass over such packages.
    if let Some(at) = advisory.packages().position(|package| package.name.is_empty()) {
        errors.add("pkglist", format!("package {} has no `name`", at + 1));
    }
    errors.into_result()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SentAdvisory {
    id: Text,
    #[serde(alias = "issued")]
    issued_date: Text,
    #[serde(alias = "updated")]
    updated_date: Text,
    #[serde(alias = "from")]
    fromstr: Text,
    status: Text,
    title: Text,
    summary: Text,
    description: Text,
    version: Text,
    r#type: Text,
    severity: Text,
    solution: Text,
    release: Text,
    rights: Text,
    pushcount: Text,
    reboot_suggested: Flag,
    pkglist: Option<Vec<SentCollection>>,
    references: Option<Vec<SentReference>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SentCollection {
    name: Text,
    #[serde(alias = "short")]
    shortname: Text,
    module: Option<SentModule>,
    packages: Option<Vec<SentPackage>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SentModule {
    name: Text,
    stream: Text,
    version: Text,
    context: Text,
    arch: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SentPackage {
    name: Text,
    epoch: Text,
    version: Text,
    release: Text,
    arch: Text,
    src: Text,
    filename: Text,
    sum: Text,
    sum_type: Text,
    reboot_suggested: Flag,
    restart_suggested: Flag,
    relogin_suggested: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SentReference {
    href: Text,
    #[serde(alias = "ref_id")]
    id: Text,
    #[serde(alias = "ref_type")]
    r#type: Text,
    title: Text,
}

/// Numbers and null do as texts too.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Text {
    Words(String),
    Number(serde_json::Number),
    #[default]
    Nothing,
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text {
            // What XML cannot hold could not be published.
            Text::Words(text) if text.chars().all(is_xml) => text,
            Text::Words(text) => text.chars().filter(|c| is_xml(*c)).collect(),
            Text::Number(number) => number.to_string(),
            Text::Nothing => Self::new(),
        }
    }
}

/// A truth value, also as older tools spell it.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(i64),
    Text(String),
    #[default]
    Nothing,
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::Bool(flag) => flag,
            Flag::Number(number) => number != 0,
            Flag::Text(text) => matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
            Flag::Nothing => false,
        }
    }
}

impl From<SentAdvisory> for Advisory {
    fn from(sent: SentAdvisory) -> Self {
        Self {
            id: String::from(sent.id).trim().to_owned(),
            from: sent.fromstr.into(),
            status: sent.status.into(),
            kind: sent.r#type.into(),
            version: sent.version.into(),
            title: sent.title.into(),
            issued_date: sent.issued_date.into(),
            updated_date: sent.updated_date.into(),
            rights: sent.rights.into(),
            release: sent.release.into(),
            pushcount: sent.pushcount.into(),
            severity: sent.severity.into(),
            summary: sent.summary.into(),
            description: sent.description.into(),
            solution: sent.solution.into(),
            reboot_suggested: sent.reboot_suggested.into(),
            references: sent.references.unwrap_or_default().into_iter().map(Into::into).collect(),
            collections: sent.pkglist.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

impl From<SentReference> for Reference {
    fn from(sent: SentReference) -> Self {
        Self { href: sent.href.into(), id: sent.id.into(), kind: sent.r#type.into(), title: sent.title.into() }
    }
}

impl From<SentCollection> for Collection {
    fn from(sent: SentCollection) -> Self {
        Self {
            name: sent.name.into(),
            shortname: sent.shortname.into(),
            module: sent.module.map(Into::into),
            packages: sent.packages.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

impl From<SentModule> for Module {
    fn from(sent: SentModule) -> Self {
        Self {
            name: sent.name.into(),
            stream: sent.stream.into(),
            version: String::from(sent.version).parse().unwrap_or(0),
            context: sent.context.into(),
            arch: sent.arch.into(),
        }
    }
}

impl From<SentPackage> for AdvisoryPackage {
    fn from(sent: SentPackage) -> Self {
        Self {
            name: sent.name.into(),
            epoch: sent.epoch.into(),
            version: sent.version.into(),
            release: sent.release.into(),
            arch: sent.arch.into(),
            src: sent.src.into(),
            filename: sent.filename.into(),
            sum: sent.sum.into(),
            sum_type: sent.sum_type.into(),
            reboot_suggested: sent.reboot_suggested.into(),
            restart_suggested: sent.restart_suggested.into(),
            relogin_suggested: sent.relogin_suggested.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advisory_is_read() {
        let advisory = parse(
            br#"{"id": "A-1", "issued": "2020-03-08 20:04:01", "updated": null, "version": 2, "fromstr": "me\u0001",
                 "reboot_suggested": "True", "unknown": [1],
                 "pkglist": [{"packages": [{"name": "bear", "version": "4.1", "release": 1, "arch": "noarch",
                                            "restart_suggested": 1}], "module": null}],
                 "references": [{"href": "h", "ref_id": "1", "ref_type": "cve"}]}"#,
        )
        .unwrap();
        assert_eq!((advisory.id.as_str(), advisory.version.as_str(), advisory.from.as_str()), ("A-1", "2", "me"));
        assert!(advisory.reboot_suggested);
        let package = advisory.packages().next().unwrap();
        assert_eq!((package.release.as_str(), package.restart_suggested), ("1", true));
        assert_eq!((advisory.references[0].id.as_str(), advisory.references[0].kind.as_str()), ("1", "cve"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = format!(r#"{{"pkglist": [{}{{}}]}}"#, "{},".repeat(MAX_OBJECTS));
        for (text, named) in [
            ("", "file"),
            ("[]", "file"),
            ("[1]", "file"),
            (r#"{"id": ["x"]}"#, "file"),
            ("{}", "id"),
            (r#"{"id": "A", "issued": "yesterday"}"#, "issued_date"),
            (r#"{"id": "A", "pkglist": [{"packages": [{"name": "x"}, {"arch": "noarch"}]}]}"#, "package 2"),
            (many.as_str(), "file"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text).public_text();
            assert!(error.contains(named) && error.len() < 500, "{error}");
        }
    }
}
