//! Units whose files are to be signed, and those that came of signing them.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::content::DetailTable;
use super::{Conn, Value};
use crate::error::Result;
use crate::id::{Id, Sha256};
use crate::params;

/// A unit of one file.
#[derive(Clone, Debug)]
pub struct Unsigned {
    pub unit: Id,
    /// Its artifact and the digest of that; none where only an upstream has the file.
    pub file: Option<(Id, Sha256)>,
    pub labels: Json,
    /// What its signed form has from it.
    pub carried: Vec<Value>,
}

/// Those of the units that are of this type, in the order of their ids, with the named columns.
pub fn unsigned(
    conn: &mut Conn,
    units: &[Id],
    (pulp_type, table): (&str, &DetailTable),
    carried: &[&str],
) -> Result<Vec<Unsigned>> {
    let columns: String = carried.iter().map(|column| format!(", d.{column}")).collect();
    let sql = format!(
        "SELECT c.id, a.id, a.sha256, c.labels{columns}
         FROM content c JOIN {} d ON d.content_id = c.id JOIN content_artifact f ON f.content_id = c.id
         LEFT JOIN artifact a ON a.id = f.artifact_id
         WHERE c.id = ANY($1) AND c.pulp_type = $2 ORDER BY c.id",
        table.name
    );
    let rows = conn.query(&sql, params![units.to_vec(), pulp_type])?;
    let unsigned = |row: super::Row| {
        let (artifact, sha256): (Option<Id>, Option<Sha256>) = (row.get(1)?, row.get(2)?);
        let carried = (0..carried.len()).map(|at| row.get(4 + at)).collect::<Result<_>>()?;
        Ok(Unsigned { unit: row.get(0)?, file: artifact.zip(sha256), labels: row.get(3)?, carried })
    };
    rows.into_iter().map(unsigned).collect()
}

/// Whether any of the units of this type has a file that only an upstream has.
pub fn lack_files(conn: &mut Conn, units: &[Id], pulp_type: &str) -> Result<bool> {
    let lacking = conn.query_opt(
        "SELECT 1 FROM content c JOIN content_artifact f ON f.content_id = c.id
         WHERE c.id = ANY($1) AND c.pulp_type = $2 AND f.artifact_id IS NULL LIMIT 1",
        params![units.to_vec(), pulp_type],
    )?;
    Ok(lacking.is_some())
}

/// What came of signing these files with a key, as far as that was done.
pub fn known(conn: &mut Conn, domain: Id, sha256: &[Sha256], signed_by: &str) -> Result<HashMap<Sha256, Id>> {
    let texts: Vec<String> = sha256.iter().map(ToString::to_string).collect();
    let rows = conn.query(
        "SELECT sha256, content_id FROM signing_result WHERE domain_id = $1 AND signed_by = $2 AND sha256 = ANY($3)",
        params![domain, signed_by, texts],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Notes what came of signing a file. Where somebody else has done the same meanwhile, theirs counts: that unit.
pub fn note(conn: &mut Conn, domain: Id, (sha256, signed_by): (&Sha256, &str), unit: Id) -> Result<Id> {
    let row = vec![domain.into(), sha256.as_str().into(), signed_by.into(), unit.into()];
    conn.insert_ignoring("signing_result", &["domain_id", "sha256", "signed_by", "content_id"], &[row])?;
    let known = known(conn, domain, std::slice::from_ref(sha256), signed_by)?;
    Ok(known.get(sha256).copied().unwrap_or(unit))
}

/// Whether all of these units are here.
pub fn are_here(conn: &mut Conn, units: &[Id]) -> Result<bool> {
    if units.is_empty() {
        return Ok(true);
    }
    let row = conn.query_one("SELECT count(*) FROM content WHERE id = ANY($1)", params![units.to_vec()])?;
    Ok(usize::try_from(row.get::<i64>(0)?).is_ok_and(|count| count == units.len()))
}
