//! Content units and their files as rows. Which unit is which is the content type's to say, by its
//! [`DetailTable`].

use std::collections::HashMap;

use super::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, now};
use crate::params;
use crate::storage::Digests;

/// The table in which a content type keeps its own columns, beside core's `content`.
#[derive(Clone, Copy, Debug)]
pub struct DetailTable {
    /// Has `content_id` as primary key and a `domain_id`.
    pub name: &'static str,
    /// The columns a unit gives values for, in that order.
    pub columns: &'static [&'static str],
    /// Positions in `columns` that identify a unit within a domain: text or whole numbers, never null.
    /// The table has a unique key over the domain and them, in this order.
    pub natural_key: &'static [usize],
}

/// A unit's natural key as one text, to find it among others.
pub fn natural_key(table: &DetailTable, columns: &[Value]) -> Result<String> {
    let value = |at: &usize| columns.get(*at).ok_or_else(|| Error::internal("a unit lacks a column of its key"));
    Ok(joined(table.natural_key.iter().map(value).collect::<Result<Vec<_>>>()?))
}

/// A unit to be inserted.
#[derive(Clone, Copy)]
pub struct NewUnit<'a> {
    pub id: Id,
    /// Values for [`DetailTable::columns`].
    pub columns: &'a [Value],
    pub repo_key: Option<&'a str>,
}

fn joined<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().fold(String::new(), |mut key, value| {
        match value {
            Value::Text(text) => key.push_str(&format!("{}:{text}", text.len())),
            other => key.push_str(&format!("{other:?};")),
        }
        key
    })
}

/// The units that exist, by natural key.
pub fn find(conn: &mut Conn, domain: Id, table: &DetailTable, units: &[&[Value]]) -> Result<HashMap<String, Id>> {
    if units.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql =
        format!("SELECT content_id, {} FROM {} WHERE domain_id = $1", key_columns(table).join(", "), table.name);
    let mut params = vec![Value::Id(domain)];
    for (at, column) in table.natural_key.iter().zip(key_columns(table)) {
        let values = list(units.iter().filter_map(|columns| columns.get(*at)))?;
        // The first column finds, the others only filter: as an expression, lest SQLite looks up every
        // combination of the lists in the index.
        let column = match &values {
            _ if params.len() == 1 => column.to_owned(),
            Value::Ints(_) => format!("({column} + 0)"),
            _ => format!("({column} || '')"),
        };
        params.push(values);
        sql.push_str(&format!(" AND {column} = ANY(${})", params.len()));
    }
    let rows = conn.query(&sql, &params)?;
    rows.into_iter().map(|row| Ok((joined(row.0.iter().skip(1)), row.get(0)?))).collect()
}

fn key_columns(table: &DetailTable) -> Vec<&'static str> {
    table.natural_key.iter().filter_map(|at| table.columns.get(*at).copied()).collect()
}

/// Distinct values as one parameter.
fn list<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Value> {
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    for value in values {
        match value {
            Value::Text(text) => texts.push(text.clone()),
            Value::Int(number) => numbers.push(*number),
            _ => return Err(Error::internal("a natural key has columns of text and whole numbers only")),
        }
    }
    texts.sort_unstable();
    texts.dedup();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(if numbers.is_empty() { Value::Texts(texts) } else { Value::Ints(numbers) })
}

/// Inserts units under fresh ids, without their files. Units that another transaction made meanwhile are
/// left out: the answer says for each whether it is this one's.
pub fn insert(
    conn: &mut Conn,
    domain: Id,
    pulp_type: &str,
    table: &DetailTable,
    units: &[NewUnit<'_>],
    labels: &serde_json::Value,
) -> Result<HashMap<String, Id>> {
    // Two transactions that insert the same ones must do so in one order, or each waits for the other.
    let mut sorted = Vec::with_capacity(units.len());
    for unit in units {
        sorted.push((natural_key(table, unit.columns)?, *unit));
    }
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let now = Value::from(now());
    let (domain_id, labels) = (Value::from(domain), Value::from(labels.clone()));
    let master = |(_, unit): &(String, NewUnit<'_>)| -> Vec<Value> {
        let times = [now.clone(), now.clone(), now.clone()];
        let own = [domain_id.clone(), pulp_type.into(), labels.clone(), unit.repo_key.into()];
        [unit.id.into()].into_iter().chain(times).chain(own).collect()
    };
    let columns = ["id", "created", "updated", "timestamp_of_interest", "domain_id", "pulp_type", "labels", "repo_key"];
    conn.insert_all("content", &columns, &sorted.iter().map(master).collect::<Vec<_>>())?;
    let columns = [&["content_id", "domain_id"], table.columns].concat();
    let details = |(_, unit): &(String, NewUnit<'_>)| [&[unit.id.into(), domain_id.clone()], unit.columns].concat();
    let made = conn.insert_ignoring(table.name, &columns, &sorted.iter().map(details).collect::<Vec<_>>())?;
    if made == sorted.len() as u64 {
        return Ok(sorted.into_iter().map(|(key, unit)| (key, unit.id)).collect());
    }
    let found = find(conn, domain, table, &sorted.iter().map(|(_, unit)| unit.columns).collect::<Vec<_>>())?;
    let lost = sorted.iter().filter(|(key, unit)| found.get(key) != Some(&unit.id)).map(|(_, unit)| unit.id);
    conn.execute("DELETE FROM content WHERE id = ANY($1)", params![lost.collect::<Vec<_>>()])?;
    Ok(found)
}

/// One file of a unit as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    pub id: Id,
    pub content: Id,
    pub relative_path: String,
    /// None while only an upstream has the bytes.
    pub artifact: Option<Id>,
}

/// The files of some units, in no order.
pub fn files(conn: &mut Conn, content: &[Id]) -> Result<Vec<StoredFile>> {
    let rows = conn.query(
        "SELECT id, content_id, relative_path, artifact_id FROM content_artifact WHERE content_id = ANY($1)",
        params![content.to_vec()],
    )?;
    let file = |row: Row| {
        Ok(StoredFile { id: row.get(0)?, content: row.get(1)?, relative_path: row.get(2)?, artifact: row.get(3)? })
    };
    rows.into_iter().map(file).collect()
}

/// Adds files to units; those whose path the unit has already are left out.
pub fn insert_files(conn: &mut Conn, files: &[StoredFile]) -> Result<u64> {
    let row = |file: &StoredFile| -> Vec<Value> {
        vec![file.id.into(), file.content.into(), file.artifact.into(), file.relative_path.as_str().into()]
    };
    let rows: Vec<_> = files.iter().map(row).collect();
    conn.insert_ignoring("content_artifact", &["id", "content_id", "artifact_id", "relative_path"], &rows)
}

/// Gives a file its bytes, unless it has some.
pub fn attach(conn: &mut Conn, file: Id, artifact: Id) -> Result<()> {
    conn.execute(
        "UPDATE content_artifact SET artifact_id = $1 WHERE id = $2 AND artifact_id IS NULL",
        params![artifact, file],
    )?;
    Ok(())
}

/// Keeps unused units from being cleaned up as orphans for another while. To the minute: units that were
/// touched just now are not written again.
pub fn touch(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let now = now();
    conn.execute(
        "UPDATE content SET timestamp_of_interest = $1 WHERE id = ANY($2) AND timestamp_of_interest < $3",
        params![now, ids.to_vec(), now - chrono::TimeDelta::minutes(1)],
    )?;
    Ok(())
}

/// Size and digests of the artifact at a path of a unit; none while only an upstream has it.
pub fn artifact_of(conn: &mut Conn, unit: Id, relative_path: &str) -> Result<Option<(u64, Digests)>> {
    let row = conn.query_opt(
        "SELECT a.size, a.md5, a.sha1, a.sha224, a.sha256, a.sha384, a.sha512
         FROM content_artifact ca JOIN artifact a ON a.id = ca.artifact_id
         WHERE ca.content_id = $1 AND ca.relative_path = $2",
        params![unit, relative_path],
    )?;
    row.as_ref().map(super::artifacts::facts).transpose()
}

/// Gives a unit other values. Whether any was different.
pub fn update(conn: &mut Conn, table: &DetailTable, unit: Id, columns: &[Value]) -> Result<bool> {
    let mut params = vec![Value::Id(unit)];
    let (mut set, mut differs) = (vec![], vec![]);
    for (name, value) in table.columns.iter().zip(columns) {
        params.push(value.clone());
        set.push(format!("{name} = ${}", params.len()));
        differs.push(format!("{name} IS DISTINCT FROM ${}", params.len()));
    }
    let sql =
        format!("UPDATE {} SET {} WHERE content_id = $1 AND ({})", table.name, set.join(", "), differs.join(" OR "));
    let changed = conn.execute(&sql, &params)? > 0;
    if changed {
        conn.execute("UPDATE content SET updated = $2 WHERE id = $1", params![unit, now()])?;
    }
    Ok(changed)
}
