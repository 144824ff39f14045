//! Where sealed values are: a column `secrets` of any table that has an `id`, what waiting tasks are to do, and the
//! probe of the installation. A table that keeps them under another name has to be named here.

use super::{Conn, Migrations, Value, dump};
use crate::error::Result;
use crate::params;

/// A column, and the key of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    table: String,
    key: &'static str,
    column: &'static str,
}

/// A sealed value and the key of its row.
pub struct Sealed {
    pub key: Value,
    pub text: String,
}

/// All places in the tables of these migrations.
pub fn places(conn: &mut Conn, sets: &[Migrations]) -> Result<Vec<Place>> {
    let mut places = vec![
        Place { table: "task".into(), key: "seq", column: "payload" },
        Place { table: "installation".into(), key: "name", column: "value" },
        Place { table: "domain".into(), key: "id", column: "second_secrets" },
        Place { table: "dissolving_store".into(), key: "id", column: "secrets" },
    ];
    for table in dump::tables(conn, sets)?.ours {
        let columns = dump::columns(conn, &table)?;
        let has = |name| columns.iter().any(|(column, _)| column == name);
        if has("id") && has("secrets") {
            places.push(Place { table, key: "id", column: "secrets" });
        }
    }
    Ok(places)
}

/// Values of a place behind the key `after` that begin with `sealed` and not with `newest`, in the order of their keys.
pub fn outdated(
    conn: &mut Conn,
    place: &Place,
    (sealed, newest): (&str, &str),
    after: Option<Value>,
    limit: i64,
) -> Result<Vec<Sealed>> {
    let Place { table, key, column } = place;
    let mut values = params![format!("{sealed}%"), format!("{newest}%"), limit].to_vec();
    let behind = match after {
        Some(after) => {
            values.push(after);
            format!("AND {key} > $4")
        }
        None => String::new(),
    };
    let sql = format!(
        "SELECT {key}, {column} FROM {table} WHERE {column} LIKE $1 AND {column} NOT LIKE $2 {behind}
         ORDER BY {key} LIMIT $3"
    );
    conn.query(&sql, &values)?.iter().map(|row| Ok(Sealed { key: row.get(0)?, text: row.get(1)? })).collect()
}

/// Puts a new form in the place of an old one. False when somebody else changed the value meanwhile.
pub fn replace(conn: &mut Conn, place: &Place, old: &Sealed, text: &str) -> Result<bool> {
    let Place { table, key, column } = place;
    let sql = format!("UPDATE {table} SET {column} = $1 WHERE {key} = $2 AND {column} = $3");
    Ok(conn.execute(&sql, &[text.into(), old.key.clone(), old.text.as_str().into()])? == 1)
}

/// What follows `sealed` in the values of a place: the ids of the keys that are in use there, of so many characters.
pub fn key_ids(conn: &mut Conn, place: &Place, sealed: &str, length: usize) -> Result<Vec<String>> {
    let Place { table, column, .. } = place;
    let sql =
        format!("SELECT DISTINCT substr({column}, {}, {length}) FROM {table} WHERE {column} LIKE $1", sealed.len() + 1);
    conn.query(&sql, params![format!("{sealed}%")])?.iter().map(|row| row.get(0)).collect()
}
