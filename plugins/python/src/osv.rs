//! Known vulnerabilities in the OSV format: which versions of a project they affect.
//!
//! Records come as the answer about one package (`{"vulns": [...]}`), as a list, or one by one
//! from a dump. Affected is what a record lists under `versions`, and what lies in its ranges of
//! the type `ECOSYSTEM`, which for packages of Python are ordered by PEP 440. Ranges of other
//! types say nothing about releases.

use pep440_rs::Version;
use pith_core::plugin::scan::{Event, is_inside, list_of};
use serde_json::{Value, json};

use crate::name::ProjectName;
use crate::version;

/// The name under which records speak of packages of Python.
pub const ECOSYSTEM: &str = "PyPI";

/// A record that has been understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Vulnerability {
    id: String,
    affected: Vec<Affected>,
    record: Value,
}

/// Why a record is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OsvError {
    #[error("the vulnerabilities are not JSON: {0}")]
    Json(String),
    #[error("in the vulnerability `{id}`: {problem}")]
    Record { id: String, problem: &'static str },
}

#[derive(Clone, Debug, PartialEq)]
struct Affected {
    project: ProjectName,
    versions: Vec<String>,
    /// Each in the order of its versions.
    ranges: Vec<Vec<(Version, Event)>>,
    fixed: Vec<String>,
}

/// Reads all records of an answer, a list or a single record. One that is wrong is an error of
/// its own and hides no other.
pub fn parse(bytes: &[u8]) -> Result<Vec<Result<Vulnerability, OsvError>>, OsvError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| OsvError::Json(error.to_string()))?;
    let records = match value {
        Value::Array(records) => records,
        Value::Object(mut answer) => match answer.remove("vulns") {
            Some(Value::Array(records)) => records,
            Some(Value::Null) => Vec::new(),
            Some(_) => return Err(OsvError::Json("`vulns` is not a list".to_owned())),
            // An empty object is how the service says that it knows of nothing.
            None if answer.is_empty() => Vec::new(),
            None => vec![Value::Object(answer)],
        },
        _ => return Err(OsvError::Json("neither an object nor a list".to_owned())),
    };
    Ok(records.into_iter().map(Vulnerability::from_record).collect())
}

impl Vulnerability {
    /// Understands one record.
    pub fn from_record(record: Value) -> Result<Self, OsvError> {
        let id = record.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
        let wrong = |problem| OsvError::Record { id: id.chars().take(100).collect(), problem };
        if id.is_empty() {
            return Err(wrong("it has no `id`"));
        }
        let mut affected = Vec::new();
        for entry in list_of(&record, "affected").map_err(&wrong)? {
            if let Some(entry) = Affected::parse(entry).map_err(&wrong)? {
                affected.push(entry);
            }
        }
        Ok(Self { id, affected, record })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The record as it came.
    pub fn record(&self) -> &Value {
        &self.record
    }

    /// Whether it has been taken back.
    pub fn is_withdrawn(&self) -> bool {
        self.record.get("withdrawn").is_some_and(|value| !value.is_null())
    }

    /// The projects that have this fault in some release; one may come twice.
    pub fn projects(&self) -> impl Iterator<Item = &ProjectName> {
        self.affected.iter().map(|affected| &affected.project)
    }

    /// Whether a release of a project has this fault.
    pub fn affects(&self, project: &ProjectName, version: &str) -> bool {
        let mine = self.affected.iter().filter(|affected| affected.project == *project);
        mine.into_iter().any(|affected| affected.has(version))
    }

    /// What the JSON API of an index tells about it.
    pub fn to_index_json(&self) -> Value {
        let mut fixed: Vec<&str> = Vec::new();
        for version in self.affected.iter().flat_map(|affected| &affected.fixed) {
            if !fixed.contains(&version.as_str()) {
                fixed.push(version);
            }
        }
        let field = |name: &str| self.record.get(name).cloned().unwrap_or(Value::Null);
        let aliases = Some(field("aliases")).filter(Value::is_array);
        json!({
            "id": self.id,
            "source": "osv",
            "link": format!("https://osv.dev/vulnerability/{}", self.id),
            "aliases": aliases.unwrap_or_else(|| json!([])),
            "details": field("details"),
            "summary": field("summary"),
            "fixed_in": fixed,
            "withdrawn": field("withdrawn"),
        })
    }
}

impl Affected {
    /// None if the entry is not about a package of Python.
    fn parse(entry: &Value) -> Result<Option<Self>, &'static str> {
        let package = |field: &str| entry.get("package").and_then(|package| package.get(field)).and_then(Value::as_str);
        if package("ecosystem").and_then(|name| name.split(':').next()) != Some(ECOSYSTEM) {
            return Ok(None);
        }
        let name = package("name").ok_or("an affected package has no `name`")?;
        let project = ProjectName::parse(name).map_err(|_| "an affected package has an invalid name")?;
        let mut affected = Self { project, versions: Vec::new(), ranges: Vec::new(), fixed: Vec::new() };
        for version in list_of(entry, "versions")? {
            let text = version.as_str().ok_or("an entry of `versions` is not a string")?;
            affected.versions.push(text.to_owned());
        }
        for range in list_of(entry, "ranges")? {
            if range.get("type").and_then(Value::as_str) == Some("ECOSYSTEM") {
                affected.add_range(range)?;
            }
        }
        Ok(Some(affected))
    }

    fn add_range(&mut self, range: &Value) -> Result<(), &'static str> {
        let mut events = Vec::new();
        for event in list_of(range, "events")? {
            let event = event.as_object().ok_or("an event is not an object")?;
            for (name, at) in event {
                let Some(kind) = Event::named(name) else { continue };
                let at = at.as_str().ok_or("an event has no version")?;
                if kind == Event::Limit && at == "*" {
                    continue;
                }
                let parsed = parse_event(kind, at).ok_or("an event has an invalid version")?;
                if kind == Event::Fixed {
                    self.fixed.push(at.to_owned());
                }
                events.push((parsed, kind));
            }
        }
        events.sort();
        self.ranges.push(events);
        Ok(())
    }

    fn has(&self, text: &str) -> bool {
        let listed = self.versions.iter().any(|listed| version::same(listed, text));
        let Some(version) = version::parse(text) else {
            return listed;
        };
        listed || self.ranges.iter().any(|events| is_in_range(events, &version))
    }
}

/// `0` as a beginning stands before every version, pre-releases of 0 and all.
fn parse_event(kind: Event, at: &str) -> Option<Version> {
    if kind == Event::Introduced && at == "0" {
        return version::parse("0.dev0");
    }
    version::parse(at)
}

fn is_in_range(events: &[(Version, Event)], version: &Version) -> bool {
    is_inside(events.iter().map(|(at, event)| (version.cmp(at), *event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(affected: Value) -> Value {
        json!({"id": "X-1", "summary": "s", "aliases": ["CVE-1"], "affected": [affected]})
    }

    fn ranged(events: Value) -> Vulnerability {
        Vulnerability::from_record(record(json!({
            "package": {"ecosystem": "PyPI", "name": "F.oo"},
            "ranges": [{"type": "GIT", "events": [{"introduced": "abc"}]}, {"type": "ECOSYSTEM", "events": events}],
            "versions": ["2004d", "9.0"],
        })))
        .unwrap()
    }

    #[test]
    fn ranges_and_lists_affect() {
        let branches = json!([
            {"introduced": "2.0"}, {"fixed": "2.3"}, {"introduced": "0"}, {"fixed": "1.5"},
            {"introduced": "3.0"}, {"last_affected": "3.1"},
        ]);
        for (events, version, expected) in [
            (&branches, "0.1", true),
            (&branches, "0.dev1", true),
            (&branches, "1.5rc1", true),
            (&branches, "1.5", false),
            (&branches, "1.5.0.post1", false),
            (&branches, "2.0.0", true),
            (&branches, "2.3", false),
            (&branches, "3.1", true),
            (&branches, "3.1.post1", false),
            (&branches, "9", true),
            (&branches, "2004d", true),
            (&branches, "2004e", false),
            (&json!([{"introduced": "0"}]), "1!99", true),
            (&json!([{"introduced": "0"}, {"limit": "*"}]), "5", true),
            (&json!([{"introduced": "0", "fixed": "1"}]), "1", false),
            (&json!([{"introduced": "1"}, {"fixed": "1"}, {"fixed": "2"}]), "1", true),
            (&json!([]), "1", false),
        ] {
            let foo = ProjectName::parse("f-oo").unwrap();
            assert_eq!(ranged(events.clone()).affects(&foo, version), expected, "{events} {version}");
        }
        let other = ProjectName::parse("other").unwrap();
        assert!(!ranged(branches).affects(&other, "0.1"));
    }

    #[test]
    fn answers_come_in_several_shapes() {
        let one = record(json!({"package": {"ecosystem": "npm", "name": "@x/y"}}));
        for (text, expected) in [
            (json!({"vulns": [one, one]}).to_string(), 2),
            (json!([one]).to_string(), 1),
            (one.to_string(), 1),
            ("{}".to_owned(), 0),
            (r#"{"vulns": null}"#.to_owned(), 0),
        ] {
            let found = parse(text.as_bytes()).unwrap();
            assert_eq!(found.len(), expected);
            assert!(found.iter().all(Result::is_ok));
        }
        for text in ["", "7", r#"{"vulns": {}}"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_record_hides_no_other() {
        let package = json!({"ecosystem": "PyPI", "name": "foo"});
        for (affected, expected) in [
            (json!({"package": {"ecosystem": "PyPI"}}), "an affected package has no `name`"),
            (json!({"package": {"ecosystem": "PyPI", "name": "../x"}}), "an affected package has an invalid name"),
            (json!({"package": package, "versions": [1]}), "an entry of `versions` is not a string"),
            (json!({"package": package, "versions": {}}), "a field that should be a list is none"),
            (
                json!({"package": package, "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "x y"}]}]}),
                "an event has an invalid version",
            ),
        ] {
            let good = record(json!({}));
            let found = parse(json!([record(affected), good]).to_string().as_bytes()).unwrap();
            let error = found[0].as_ref().unwrap_err().to_string();
            assert_eq!(error, format!("in the vulnerability `X-1`: {expected}"));
            assert!(found[1].is_ok());
        }
        assert!(Vulnerability::from_record(json!({"affected": []})).is_err());
    }

    #[test]
    fn an_index_tells_it_in_short() {
        let vulnerability = ranged(json!([{"introduced": "0"}, {"fixed": "1.5"}]));
        let expected = json!({
            "id": "X-1", "source": "osv", "link": "https://osv.dev/vulnerability/X-1", "aliases": ["CVE-1"],
            "details": null, "summary": "s", "fixed_in": ["1.5"], "withdrawn": null,
        });
        assert_eq!(vulnerability.to_index_json(), expected);
        assert!(!vulnerability.is_withdrawn());
    }
}
