//! Records of known vulnerabilities in the schema of OSV, about RPM packages: which versions they affect.
//!
//! ```text
//! {"id": "…", "affected": [{
//!     "package": {"ecosystem": "Rocky Linux:9", "name": "…"},
//!     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "0:1.2-3.el9"}]}],
//!     "versions": ["…"]
//! }]}
//! ```
//!
//! Versions are in the order of rpm; one without an epoch has epoch 0.

use std::cmp::Ordering;

use pith_core::plugin::scan::{Event, is_inside, list_of};
use serde_json::Value as Json;

use crate::evr::Evr;

/// A record that has been understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Vulnerability {
    record: Json,
    is_withdrawn: bool,
    affected: Vec<Affected>,
}

#[derive(Clone, Debug, PartialEq)]
struct Affected {
    package: String,
    versions: Vec<Evr>,
    /// Each in the order of its versions.
    ranges: Vec<Vec<(Bound, Event)>>,
}

/// Where an event is.
#[derive(Clone, Debug, PartialEq)]
enum Bound {
    /// Before every version.
    Start,
    At(Evr),
}

impl Vulnerability {
    /// Understands what a record says about packages of these ecosystems, each with its release: `Rocky Linux:9`. A
    /// record may say it more closely (`Red Hat:enterprise_linux:9::appstream`).
    ///
    /// # Errors
    /// What is wrong with the record, naming it.
    pub fn from_record(record: Json, ecosystems: &[String]) -> Result<Self, String> {
        let id: String = record.get("id").and_then(Json::as_str).unwrap_or_default().chars().take(100).collect();
        let wrong = |problem: &str| format!("in the vulnerability `{id}`: {problem}");
        let mut affected = vec![];
        for entry in list_of(&record, "affected").map_err(wrong)? {
            affected.extend(Affected::parse(entry, ecosystems).map_err(wrong)?);
        }
        let is_withdrawn = record.get("withdrawn").is_some_and(|value| !value.is_null());
        Ok(Self { record, is_withdrawn, affected })
    }

    /// The record as it came.
    pub fn record(&self) -> &Json {
        &self.record
    }

    /// The packages that have the fault in some version; none when the record was taken back.
    pub fn packages(&self) -> Vec<String> {
        let known = self.affected.iter().filter(|_| !self.is_withdrawn);
        known.map(|affected| affected.package.clone()).collect()
    }

    pub fn affects(&self, package: &str, version: &Evr) -> bool {
        self.affected.iter().any(|affected| affected.package == package && affected.has(version))
    }
}

impl Affected {
    /// None if the entry is about another ecosystem.
    fn parse(entry: &Json, ecosystems: &[String]) -> Result<Option<Self>, &'static str> {
        let package = |field: &str| entry.get("package").and_then(|package| package.get(field)).and_then(Json::as_str);
        let ecosystem = package("ecosystem").unwrap_or_default();
        let is_of = |known: &String| {
            ecosystem.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        if !ecosystems.iter().any(is_of) {
            return Ok(None);
        }
        let package = package("name").ok_or("an affected package has no `name`")?.to_owned();
        let mut affected = Self { package, versions: vec![], ranges: vec![] };
        for version in list_of(entry, "versions")? {
            affected.versions.push(Evr::parse(version.as_str().ok_or("an entry of `versions` is not a string")?));
        }
        for range in list_of(entry, "ranges")? {
            if range.get("type").and_then(Json::as_str) == Some("ECOSYSTEM") {
                affected.ranges.push(events(range)?);
            }
        }
        Ok(Some(affected))
    }

    fn has(&self, version: &Evr) -> bool {
        let is_listed = self.versions.iter().any(|listed| listed.compare(version) == Ordering::Equal);
        is_listed || self.ranges.iter().any(|events| is_within(events, version))
    }
}

impl Bound {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Start, Self::Start) => Ordering::Equal,
            (Self::Start, Self::At(_)) => Ordering::Less,
            (Self::At(_), Self::Start) => Ordering::Greater,
            (Self::At(left), Self::At(right)) => left.compare(right),
        }
    }
}

fn events(range: &Json) -> Result<Vec<(Bound, Event)>, &'static str> {
    let mut events = vec![];
    for event in list_of(range, "events")? {
        for (name, at) in event.as_object().ok_or("an event is not an object")? {
            let Some(kind) = Event::named(name) else { continue };
            match at.as_str().ok_or("an event has no version")? {
                "*" if kind == Event::Limit => {}
                "0" if kind == Event::Introduced => events.push((Bound::Start, kind)),
                at => events.push((Bound::At(Evr::parse(at)), kind)),
            }
        }
    }
    events.sort_by(|left, right| left.0.compare(&right.0).then(left.1.cmp(&right.1)));
    Ok(events)
}

fn is_within(events: &[(Bound, Event)], version: &Evr) -> bool {
    is_inside(events.iter().map(|(at, event)| match at {
        Bound::Start => (Ordering::Greater, *event),
        Bound::At(at) => (version.compare(at), *event),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(ecosystem: &str, events: Json) -> Result<Vulnerability, String> {
        let affected = json!([{
            "package": {"ecosystem": ecosystem, "name": "bash"},
            "ranges": [{"type": "GIT", "events": [{"introduced": "abc"}]}, {"type": "ECOSYSTEM", "events": events}],
            "versions": ["9-1"],
        }]);
        let record = json!({"id": "X-1", "affected": affected});
        Vulnerability::from_record(record, &["Rocky Linux:9".to_owned(), "Red Hat:enterprise_linux:9".to_owned()])
    }

    #[test]
    fn ranges_are_in_the_order_of_rpm() {
        let branches = json!([
            {"introduced": "0:2.0-1"}, {"fixed": "0:2.3-4.el9"}, {"introduced": "0"}, {"fixed": "1.5-1"},
            {"introduced": "1:3.0-1"}, {"last_affected": "1:3.1-1"},
        ]);
        let record = read("Rocky Linux:9", branches).expect("a record");
        for (version, expected) in [
            ("0.1~beta-1", true),
            ("1.5~rc1-1", true),
            ("1.5-1", false),
            ("0:1.5-1.1", false),
            ("2.0-1", true),
            ("2.3-4.el8", true),
            ("2.3-4.el9", false),
            ("2.10-1", false),
            ("9-1", true),
            ("1:3.1-1", true),
            ("1:3.1-2", false),
        ] {
            assert_eq!(record.affects("bash", &Evr::parse(version)), expected, "{version}");
        }
        assert!(!record.affects("zsh", &Evr::parse("1-1")));
    }

    #[test]
    fn only_the_ecosystems_asked_for_count() {
        let all = || json!([{"introduced": "0"}]);
        for (ecosystem, expected) in [
            ("Rocky Linux:9", true),
            ("Rocky Linux:90", false),
            ("Rocky Linux:8", false),
            ("Rocky Linux", false),
            ("Red Hat:enterprise_linux:9::appstream", true),
            ("PyPI", false),
        ] {
            assert_eq!(!read(ecosystem, all()).expect("a record").packages().is_empty(), expected, "{ecosystem}");
        }
    }

    #[test]
    fn wrong_records_are_told() {
        for (events, named) in
            [(json!({}), "should be a list"), (json!([1]), "not an object"), (json!([{"fixed": 1}]), "no version")]
        {
            let problem = read("Rocky Linux:9", events).expect_err("a problem");
            assert!(problem.contains("X-1") && problem.contains(named), "{problem}");
        }
        let withdrawn = json!({"id": "X", "withdrawn": "2024-01-01T00:00:00Z", "affected": [
            {"package": {"ecosystem": "Rocky Linux:9", "name": "a"}}]});
        let read = Vulnerability::from_record(withdrawn, &["Rocky Linux:9".to_owned()]).expect("a record");
        assert!(read.packages().is_empty());
    }
}
