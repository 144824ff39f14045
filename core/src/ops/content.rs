//! Storing units of content: each once, whoever brings it.

use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use crate::db::content::{self, NewUnit, StoredFile};
use crate::db::{Conn, artifacts};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::plugin::{ContentType, DetailTable, Unit};

/// A unit as it is stored now.
#[derive(Clone, Debug)]
pub struct StoredUnit {
    pub id: Id,
    /// It was not there before.
    pub created: bool,
    /// In the order of [`Unit::files`].
    pub files: Vec<StoredFile>,
}

/// The ids of the units, in their order; those that do not exist are made. Files get the artifacts whose
/// digest is theirs, if there are any. Whatever existed is safe from the clean-up of orphans for a while.
///
/// # Errors
/// `Internal` when a unit does not fit its type's table.
pub fn get_or_create(conn: &mut Conn, domain: Id, content_type: &dyn ContentType, units: &[Unit]) -> Result<Vec<Id>> {
    let stored = store(conn, domain, content_type, units, &json!({}))?;
    content::touch(conn, &existing(&stored))?;
    Ok(stored.into_iter().map(|unit| unit.id).collect())
}

/// As [`get_or_create`] for one unit, which gets `labels` if it is new.
pub fn get_or_create_labelled(
    conn: &mut Conn,
    domain: Id,
    content_type: &dyn ContentType,
    unit: &Unit,
    labels: &Json,
) -> Result<StoredUnit> {
    let stored = store(conn, domain, content_type, std::slice::from_ref(unit), labels)?;
    content::touch(conn, &existing(&stored))?;
    stored.into_iter().next().ok_or_else(|| Error::internal("a unit was not stored"))
}

fn existing(stored: &[StoredUnit]) -> Vec<Id> {
    stored.iter().filter(|unit| !unit.created).map(|unit| unit.id).collect()
}

/// The unit of each key and the one that stands for it: fresh, or found.
struct Resolved<'a> {
    unit: &'a Unit,
    id: Id,
    created: bool,
}

/// As [`get_or_create`], and tells which files there are; existing units are not touched, so that a caller
/// that puts them into a version in the same transaction writes nothing for those that are in it already.
pub fn store(
    conn: &mut Conn,
    domain: Id,
    content_type: &dyn ContentType,
    units: &[Unit],
    labels: &Json,
) -> Result<Vec<StoredUnit>> {
    let table = content_type.table();
    let keys = units.iter().map(|unit| content::natural_key(&table, &unit.columns)).collect::<Result<Vec<_>>>()?;
    let distinct: HashMap<&str, &Unit> = keys.iter().map(String::as_str).zip(units).collect();
    let resolved = resolve(conn, domain, content_type, &table, (&keys, &distinct), labels)?;
    let files = store_files(conn, domain, &resolved, units)?;
    let stored = |(key, unit): (&String, &Unit)| {
        let found = resolved.get(key.as_str()).ok_or_else(|| Error::internal("a unit was not stored"))?;
        let file = |wanted: &crate::plugin::UnitFile| {
            let key = (found.id, wanted.relative_path.as_str().to_owned());
            files.get(&key).cloned().ok_or_else(|| Error::internal("a file of a unit was not stored"))
        };
        let files = unit.files.iter().map(file).collect::<Result<Vec<_>>>()?;
        Ok(StoredUnit { id: found.id, created: found.created, files })
    };
    keys.iter().zip(units).map(stored).collect()
}

fn resolve<'a>(
    conn: &mut Conn,
    domain: Id,
    content_type: &dyn ContentType,
    table: &DetailTable,
    (keys, distinct): (&[String], &HashMap<&'a str, &'a Unit>),
    labels: &Json,
) -> Result<HashMap<&'a str, Resolved<'a>>> {
    let all: Vec<_> = distinct.values().map(|unit| unit.columns.as_slice()).collect();
    let found = content::find(conn, domain, table, &all)?;
    // In the order in which they are given, which that of their ids keeps.
    let mut seen = HashSet::new();
    let absent = keys.iter().filter(|key| !found.contains_key(*key) && seen.insert(key.as_str()));
    let absent = absent.filter_map(|key| distinct.get_key_value(key.as_str()));
    let fresh = |unit: &&'a Unit| NewUnit { id: Id::new(), columns: &unit.columns, repo_key: unit.repo_key.as_deref() };
    let fresh: Vec<_> = absent.map(|(_, unit)| fresh(unit)).collect();
    let made = content::insert(conn, domain, content_type.pulp_type(), table, &fresh, labels)?;
    let own: HashSet<Id> = fresh.iter().map(|unit| unit.id).collect();
    let one = |(key, unit): (&&'a str, &&'a Unit)| {
        let existing = found.get(*key).map(|id| (*id, false));
        let (id, created) = existing
            .or_else(|| made.get(*key).map(|id| (*id, own.contains(id))))
            .ok_or_else(|| Error::internal("a unit was not stored"))?;
        Ok((*key, Resolved { unit, id, created }))
    };
    distinct.iter().map(one).collect()
}

type Files = HashMap<(Id, String), StoredFile>;

fn files_by_path(files: Vec<StoredFile>) -> Files {
    files.into_iter().map(|file| ((file.content, file.relative_path.clone()), file)).collect()
}

/// Completes the files of units, and their artifacts as far as those are known.
fn store_files(conn: &mut Conn, domain: Id, resolved: &HashMap<&str, Resolved<'_>>, units: &[Unit]) -> Result<Files> {
    let artifacts = known_artifacts(conn, domain, units)?;
    let existing: Vec<Id> = resolved.values().filter(|unit| !unit.created).map(|unit| unit.id).collect();
    let mut files = files_by_path(content::files(conn, &existing)?);
    let mut fresh = Vec::new();
    for Resolved { unit, id, .. } in resolved.values() {
        for wanted in &unit.files {
            let artifact = wanted.sha256.as_ref().and_then(|sha256| artifacts.get(sha256)).copied();
            let key = (*id, wanted.relative_path.as_str().to_owned());
            match (files.get_mut(&key), artifact) {
                (Some(file), Some(artifact)) if file.artifact.is_none() => {
                    content::attach(conn, file.id, artifact)?;
                    file.artifact = Some(artifact);
                }
                (Some(_), _) => {}
                (None, _) => {
                    let file = StoredFile { id: Id::new(), content: *id, relative_path: key.1.clone(), artifact };
                    fresh.push(file.clone());
                    files.insert(key, file);
                }
            }
        }
    }
    // By id, so that neighbours in the index are neighbours on the disk.
    fresh.sort_by_key(|file| file.content);
    if content::insert_files(conn, &fresh)? < fresh.len() as u64 {
        // Another transaction added some of them meanwhile.
        let all: Vec<Id> = resolved.values().map(|unit| unit.id).collect();
        return Ok(files_by_path(content::files(conn, &all)?));
    }
    Ok(files)
}

fn known_artifacts(conn: &mut Conn, domain: Id, units: &[Unit]) -> Result<HashMap<Sha256, Id>> {
    let mut wanted: Vec<Sha256> =
        units.iter().flat_map(|unit| unit.files.iter().filter_map(|file| file.sha256.clone())).collect();
    wanted.sort_unstable();
    wanted.dedup();
    Ok(artifacts::by_sha256(conn, domain, &wanted)?.into_iter().map(|(sha256, known)| (sha256, known.id)).collect())
}
