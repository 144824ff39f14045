//! All rows of the database as they were at one moment, in a form that either database can take in again: each value
//! as SQLite keeps it. A UUID is 16 bytes, a time its text, JSON its text, true and false are 1 and 0.

use super::{Conn, Db, Migrations, Row, Value, migrate, sqlite};
use crate::error::Result;
use crate::id::format_instant;
use crate::params;

/// Rows that PostgreSQL sends at once.
const SLICE: usize = 1000;

/// Tables whose rows say what is so now in this one installation: which migrations ran, which processes live, which
/// bytes come and go, and which uploads are unfinished, whose chunks are no artifacts; and what is counted from others.
const PASSING: [&str; 9] = [
    "migration",
    "app_status",
    "artifact_arrival",
    "artifact_removal",
    "dissolving_store",
    "tally",
    "upload",
    "upload_chunk",
    "upload_removal",
];

impl Db {
    /// Runs `work` on a connection that sees the database as it is at the first statement, whatever others write
    /// meanwhile.
    pub async fn snapshot<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.read(move |conn| {
            conn.plain(match conn {
                Conn::Sqlite(_) => "BEGIN",
                Conn::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            })?;
            let result = work(conn);
            let ended = conn.plain("ROLLBACK");
            result.and_then(|value| ended.map(|()| value))
        })
        .await
    }
}

/// The tables of a database, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Those that a copy of the installation needs.
    pub ours: Vec<String>,
    /// Those that somebody else made.
    pub others: Vec<String>,
}

/// The tables of the database at hand. Those that none of the migrations made are not the installation's.
pub fn tables(conn: &mut Conn, sets: &[Migrations]) -> Result<Tables> {
    let made = migrate::tables(sets);
    let present = present(conn)?.into_iter().filter(|name| !PASSING.contains(&name.as_str()));
    let (ours, others) = present.partition(|name| made.contains(name));
    Ok(Tables { ours, others })
}

/// All tables, in the order of their names.
pub fn present(conn: &mut Conn) -> Result<Vec<String>> {
    let rows = conn.query(
        match conn {
            Conn::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
            Conn::Postgres(_) => {
                "SELECT table_name::text FROM information_schema.tables
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
            }
        },
        &[],
    )?;
    let mut names: Vec<String> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    names.sort_unstable();
    Ok(names)
}

/// The columns of a table with their types, as the database at hand names them.
pub fn columns(conn: &mut Conn, table: &str) -> Result<Vec<(String, String)>> {
    let sql = match conn {
        Conn::Sqlite(_) => "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
        Conn::Postgres(_) => {
            "SELECT column_name::text, data_type::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name::text = $1 ORDER BY ordinal_position"
        }
    };
    conn.query(sql, params![table])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The migrations that were applied, oldest first.
pub fn applied(conn: &mut Conn) -> Result<Vec<(String, String)>> {
    let rows = conn.query("SELECT component, name FROM migration ORDER BY component, name", &[])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Hands over every row of a table. Only a slice of them is in memory at any time.
pub fn each_row(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    mut take: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let sql = format!("SELECT {} FROM {table}", columns.join(", "));
    if let Conn::Sqlite(conn) = conn {
        return sqlite::each_row(conn, &sql, &mut take);
    }
    // Named by table, since a statement that is kept prepared has the columns of one.
    let cursor = format!("dump_of_{table}");
    conn.plain(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}"))?;
    loop {
        let rows = conn.query(&format!("FETCH FORWARD {SLICE} FROM {cursor}"), &[])?;
        if rows.is_empty() {
            return conn.plain(&format!("CLOSE {cursor}"));
        }
        for row in rows {
            take(Row(row.0.into_iter().map(plain).collect()))?;
        }
    }
}

/// A value as SQLite would keep it.
fn plain(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::Int(value.into()),
        Value::Id(id) => Value::Bytes(id.0.as_bytes().to_vec()),
        Value::Instant(instant) => Value::Text(format_instant(instant)),
        Value::Json(json) => Value::Text(json.to_string()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Address, CORE, sqlite_file};

    #[test]
    fn tables_of_others_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 2).unwrap();
        db.migrate_core().unwrap();
        db.write_blocking(|conn| conn.batch("CREATE TABLE guest_book (id INTEGER, line TEXT)")).unwrap();
        let found = db.read_blocking(|conn| tables(conn, &[CORE])).unwrap();
        assert_eq!(found.others, ["guest_book"]);
        assert!(found.ours.iter().any(|name| name == "artifact"), "{found:?}");
    }
}
