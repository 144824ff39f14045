//! What a client asks to be copied.

use std::collections::BTreeMap;

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::{Operands, OperationTask};
use pith_core::resource::{Draft, Errors};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::WORK;
use crate::resources::PULP_TYPE;

const FIELD: &str = "config";

/// The most entries of a configuration.
const MAX_ENTRIES: usize = 1000;

/// A checked request, as the task is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub entries: Vec<Entry>,
    pub dependency_solving: bool,
    pub dependency_upgrade: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// A version.
    pub source: Id,
    /// A repository.
    pub destination: Id,
    /// The version that the destination starts from; none: its newest.
    pub base: Option<Id>,
    /// The units; none: all of the version.
    pub content: Option<Vec<Id>>,
}

pub(super) fn prepare(draft: &Draft, operands: &mut dyn Operands, errors: &mut Errors) -> Result<OperationTask> {
    let is_set = |name: &str, default| draft.get(name).and_then(Json::as_bool).unwrap_or(default);
    let mut task = OperationTask { work: WORK, name: "pulp_rpm.app.tasks.copy.copy_content", ..Default::default() };
    let mut entries = vec![];
    for (wanted, at) in listed(draft.get(FIELD), errors).iter().zip(0..) {
        if let Some(entry) = entry(wanted, at, operands, &mut task, errors)? {
            entries.push(entry);
        }
    }
    check_bases(&entries, errors);
    task.shared.retain(|prn| !task.exclusive.contains(prn));
    for list in [&mut task.shared, &mut task.exclusive] {
        list.sort_unstable();
        list.dedup();
    }
    task.args = json!(Request {
        entries,
        dependency_solving: is_set("dependency_solving", true),
        dependency_upgrade: is_set("dependency_upgrade", false),
    });
    Ok(task)
}

/// The entries, each an object with keys that are known.
fn listed(config: Option<&Json>, errors: &mut Errors) -> Vec<Map<String, Json>> {
    const KNOWN: [&str; 4] = ["source_repo_version", "dest_repo", "dest_base_version", "content"];
    // A form can only carry the list as text.
    let decoded: Option<Json> = config.and_then(Json::as_str).and_then(|text| serde_json::from_str(text).ok());
    let Some(list) = decoded.as_ref().or(config).and_then(Json::as_array) else {
        errors.add(FIELD, "Expected a list of objects.");
        return vec![];
    };
    if list.len() > MAX_ENTRIES {
        errors.add(FIELD, format!("There are more than {MAX_ENTRIES} entries."));
        return vec![];
    }
    let mut found = vec![];
    for (item, at) in list.iter().zip(0..) {
        let Some(entry) = item.as_object() else {
            errors.add(FIELD, wrong(at, "an object is expected"));
            continue;
        };
        for name in entry.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            errors.add(FIELD, wrong(at, &format!("`{name}` is not expected")));
        }
        found.push(entry.clone());
    }
    found
}

fn wrong(at: usize, text: &str) -> String {
    format!("Entry {at}: {text}.")
}

fn text<'a>(entry: &'a Map<String, Json>, name: &str, at: usize, errors: &mut Errors) -> Option<&'a str> {
    let found = entry.get(name).and_then(Json::as_str);
    if found.is_none() {
        errors.add(FIELD, wrong(at, &format!("`{name}` is required and must be a string")));
    }
    found
}

/// An entry with what its task reserves.
fn entry(
    wanted: &Map<String, Json>,
    at: usize,
    operands: &mut dyn Operands,
    task: &mut OperationTask,
    errors: &mut Errors,
) -> Result<Option<Entry>> {
    let (source, destination) =
        (text(wanted, "source_repo_version", at, errors), text(wanted, "dest_repo", at, errors));
    let (Some(source), Some(destination)) = (source, destination) else { return Ok(None) };
    let refused = |name: &str, message: &str| wrong(at, &format!("`{name}`: {}", message.trim_end_matches('.')));
    let content = match units(wanted, at, operands, errors)? {
        Ok(content) => content,
        Err(()) => return Ok(None),
    };
    let (source, from) = match operands.version(PULP_TYPE, source)? {
        Ok(found) => found,
        Err(message) => {
            errors.add(FIELD, refused("source_repo_version", &message));
            return Ok(None);
        }
    };
    let to = match operands.repository(PULP_TYPE, destination)? {
        Ok(found) => found,
        Err(message) => {
            errors.add(FIELD, refused("dest_repo", &message));
            return Ok(None);
        }
    };
    let base = match base(wanted, to.repository, operands)? {
        Ok(base) => base,
        Err(message) => {
            errors.add(FIELD, refused("dest_base_version", &message));
            return Ok(None);
        }
    };
    task.shared.push(from.prn);
    task.exclusive.push(to.prn);
    Ok(Some(Entry { source, destination: to.repository, base, content }))
}

/// The reference takes the number of a version here; an href does as well.
fn base(wanted: &Map<String, Json>, repository: Id, operands: &mut dyn Operands) -> Result<Result<Option<Id>, String>> {
    let found = match wanted.get("dest_base_version") {
        None | Some(Json::Null) => return Ok(Ok(None)),
        Some(Json::String(text)) => operands.version(PULP_TYPE, text)?.map(|(version, _)| version),
        Some(number) => match number.as_i64() {
            Some(number) => operands.numbered_version(repository, number)?,
            None => Err("the number of a version is expected".to_owned()),
        },
    };
    Ok(found.map(Some))
}

type Units = std::result::Result<Option<Vec<Id>>, ()>;

fn units(wanted: &Map<String, Json>, at: usize, operands: &mut dyn Operands, errors: &mut Errors) -> Result<Units> {
    let Some(content) = wanted.get("content").filter(|content| !content.is_null()) else { return Ok(Ok(None)) };
    let texts: Option<Vec<String>> =
        content.as_array().and_then(|list| list.iter().map(|one| one.as_str().map(str::to_owned)).collect());
    let Some(texts) = texts else {
        errors.add(FIELD, wrong(at, "`content` must be a list of strings"));
        return Ok(Err(()));
    };
    Ok(Ok(Some(operands.units(FIELD, &texts, errors)?)))
}

/// Of one destination there is one next version, which starts from one other.
fn check_bases(entries: &[Entry], errors: &mut Errors) {
    let mut bases: BTreeMap<Id, Option<Id>> = BTreeMap::new();
    for entry in entries {
        if *bases.entry(entry.destination).or_insert(entry.base) != entry.base {
            errors.add(FIELD, "Entries with the same `dest_repo` name different versions as `dest_base_version`.");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use pith_core::plugin::Operand;

    use super::*;

    /// Knows the repositories `r0` to `r9`, versions of them such as `r1v2`, and units.
    struct Named(Vec<Id>);

    impl Named {
        fn at(&self, text: &str) -> Option<Operand> {
            let at: usize = text.strip_prefix('r')?.get(..1)?.parse().ok()?;
            Some(Operand { repository: *self.0.get(at)?, prn: format!("prn:{}", &text[..2]) })
        }
    }

    impl Operands for Named {
        fn domain(&self) -> Id {
            self.0[0]
        }

        fn repository(&mut self, _: &'static str, text: &str) -> Result<Result<Operand, String>> {
            Ok(self.at(text).ok_or_else(|| "absent.".to_owned()))
        }

        fn repositories(&mut self, _: &'static str) -> Result<Vec<Operand>> {
            Ok(vec![])
        }

        fn version(&mut self, _: &'static str, text: &str) -> Result<Result<(Id, Operand), String>> {
            Ok(self.at(text).map(|one| (one.repository, one)).ok_or_else(|| "absent.".to_owned()))
        }

        fn numbered_version(&mut self, repository: Id, number: i64) -> Result<Result<Id, String>> {
            Ok(if number < 9 { Ok(repository) } else { Err("absent.".to_owned()) })
        }

        fn units(&mut self, _: &str, texts: &[String], _: &mut Errors) -> Result<Vec<Id>> {
            Ok(texts.iter().map(|_| Id::new()).collect())
        }
    }

    fn prepared(config: Json) -> std::result::Result<OperationTask, String> {
        let mut errors = Errors::default();
        let mut named = Named((0..10).map(|_| Id::new()).collect());
        let draft = json!({"config": config}).as_object().cloned().unwrap();
        let task = prepare(&draft, &mut named, &mut errors).unwrap();
        if errors.is_empty() { Ok(task) } else { Err(Json::Object(errors.0).to_string()) }
    }

    #[test]
    fn sources_are_shared_and_destinations_are_not() {
        let entry = |from: &str, to: &str| json!({"source_repo_version": from, "dest_repo": to, "content": ["u"]});
        let task = prepared(json!([entry("r1v1", "r2"), entry("r2v1", "r3"), entry("r1v2", "r3")])).unwrap();
        assert_eq!((task.exclusive, task.shared), (vec!["prn:r2".into(), "prn:r3".into()], vec!["prn:r1".into()]));
        let request: Request = serde_json::from_value(task.args).unwrap();
        assert!(request.dependency_solving && !request.dependency_upgrade && request.entries.len() == 3);
    }

    #[test]
    fn what_is_wrong_with_a_configuration_is_named() {
        let good = json!({"source_repo_version": "r1v1", "dest_repo": "r2"});
        let with = |name: &str, value: Json| {
            let mut entry = good.clone();
            entry[name] = value;
            json!([good.clone(), entry])
        };
        prepared(json!([good])).unwrap();
        prepared(json!(json!([good]).to_string())).unwrap();
        prepared(json!([])).unwrap();
        for (config, named) in [
            (good.clone(), "list"),
            (json!(null), "list"),
            (json!("r1"), "list"),
            (json!([good, "r2"]), "Entry 1: an object"),
            (json!([{"dest_repo": "r2"}]), "source_repo_version"),
            (json!([{"source_repo_version": "r1v1"}]), "dest_repo"),
            (with("source_repo", json!("r1")), "`source_repo` is not expected"),
            (with("source_repo_version", json!(5)), "source_repo_version"),
            (with("source_repo_version", json!("x")), "absent"),
            (with("dest_repo", json!("x")), "absent"),
            (with("content", json!("x")), "content"),
            (with("content", json!([5])), "content"),
            (with("dest_base_version", json!(9)), "absent"),
            (with("dest_base_version", json!({})), "number"),
            (with("dest_base_version", json!(1)), "different versions"),
        ] {
            let text = prepared(config.clone()).expect_err(named);
            assert!(text.contains(named) && text.starts_with("{\"config\""), "{config}: {text}");
        }
    }
}
