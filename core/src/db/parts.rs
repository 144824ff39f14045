//! Small objects that belong to one repository and that only its format understands, such as the entries of a
//! list of what it refuses.

use serde_json::Value as Json;

use super::{Conn, Row};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;

/// One object.
#[derive(Clone, Debug)]
pub struct Part {
    pub id: Id,
    pub created: Instant,
    pub updated: Instant,
    pub repository: Id,
    pub fields: Json,
}

const COLUMNS: &str = "id, created, updated, repository_id, fields";

/// The objects of this model in the order they were made.
pub fn of_repository(conn: &mut Conn, repository: Id, model: &str) -> Result<Vec<Part>> {
    let sql =
        format!("SELECT {COLUMNS} FROM repository_part WHERE repository_id = $1 AND model = $2 ORDER BY created, id");
    conn.query(&sql, params![repository, model])?.iter().map(read).collect()
}

pub fn insert(conn: &mut Conn, repository: Id, model: &str, fields: Json) -> Result<Part> {
    let (id, now) = (Id::new(), now());
    conn.execute(
        "INSERT INTO repository_part (id, created, updated, repository_id, model, fields)
         VALUES ($1, $2, $2, $3, $4, $5)",
        params![id, now, repository, model, fields.clone()],
    )?;
    Ok(Part { id, created: now, updated: now, repository, fields })
}

/// Whether there was one to delete.
pub fn delete(conn: &mut Conn, repository: Id, model: &str, id: Id) -> Result<bool> {
    let sql = "DELETE FROM repository_part WHERE repository_id = $1 AND model = $2 AND id = $3";
    Ok(conn.execute(sql, params![repository, model, id])? == 1)
}

fn read(row: &Row) -> Result<Part> {
    Ok(Part {
        id: row.get(0)?,
        created: row.get(1)?,
        updated: row.get(2)?,
        repository: row.get(3)?,
        fields: row.get(4)?,
    })
}
