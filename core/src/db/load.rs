//! Rows of a dump go into a database that has the same tables and nothing in them, in one transaction.

use super::{Conn, Value, dump};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::params;

/// A table while rows are put into it.
pub struct Target {
    table: String,
    columns: Vec<String>,
    kinds: Vec<Kind>,
}

/// What the database at hand wants of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As it is.
    Plain,
    Bool,
    Id,
    Instant,
    Json,
    Real,
}

impl Target {
    /// # Errors
    /// `Malformed`: the database has no such table, or the table no such column.
    pub fn new(conn: &mut Conn, table: &str, columns: &[String]) -> Result<Self> {
        let known = dump::columns(conn, table)?;
        let kind = |column: &String| {
            let found = known.iter().find(|(name, _)| name == column).map(|(_, kind)| kind.as_str());
            found.map(Kind::of).ok_or_else(|| {
                Error::Malformed(format!("the backup has `{table}.{column}`, which this version does not know"))
            })
        };
        let kinds = columns.iter().map(kind).collect::<Result<_>>()?;
        Ok(Self { table: table.to_owned(), columns: columns.to_vec(), kinds })
    }

    /// Puts rows in.
    ///
    /// # Errors
    /// `Malformed`: a value does not fit its column.
    pub fn insert(&self, conn: &mut Conn, rows: Vec<Vec<Value>>) -> Result<()> {
        let typed = |row: Vec<Value>| {
            if row.len() != self.kinds.len() {
                return Err(Error::Malformed(format!("a row of `{}` has a wrong number of values", self.table)));
            }
            row.into_iter()
                .zip(&self.kinds)
                .zip(&self.columns)
                .map(|((value, kind), column)| {
                    kind.typed(value).ok_or_else(|| {
                        Error::Malformed(format!("a value of `{}.{column}` is of a wrong kind", self.table))
                    })
                })
                .collect::<Result<Vec<_>>>()
        };
        let rows = rows.into_iter().map(typed).collect::<Result<Vec<_>>>()?;
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        conn.insert_all(&self.table, &columns, &rows).map(drop)
    }
}

impl Kind {
    /// SQLite declares more than it keeps, so its own types mean nothing here.
    fn of(declared: &str) -> Self {
        match declared {
            "uuid" => Self::Id,
            "timestamp with time zone" => Self::Instant,
            "jsonb" => Self::Json,
            "boolean" => Self::Bool,
            "double precision" => Self::Real,
            _ => Self::Plain,
        }
    }

    fn typed(self, value: Value) -> Option<Value> {
        Some(match (self, value) {
            (_, Value::Null) => Value::Null,
            (Self::Plain, value) => value,
            (Self::Bool, Value::Int(value)) => Value::Bool(value != 0),
            (Self::Id, Value::Bytes(bytes)) => Value::Id(Id(uuid::Uuid::from_slice(&bytes).ok()?)),
            (Self::Instant, Value::Text(text)) => Value::Instant(text.parse().ok()?),
            (Self::Json, Value::Text(text)) => Value::Json(serde_json::from_str(&text).ok()?),
            (Self::Real, Value::Real(value)) => Value::Real(value),
            #[expect(clippy::cast_precision_loss, reason = "SQLite hands whole numbers out as integers")]
            (Self::Real, Value::Int(value)) => Value::Real(value as f64),
            _ => return None,
        })
    }
}

/// Whether nobody has used the database yet: it has no domain and no user.
pub fn is_unused(conn: &mut Conn) -> Result<bool> {
    let used = "SELECT 1 FROM domain UNION ALL SELECT 1 FROM auth_user LIMIT 1";
    Ok(conn.query_opt(used, &[])?.is_none())
}

/// Removes all rows of a table.
pub fn clear(conn: &mut Conn, table: &str) -> Result<()> {
    conn.execute(&format!("DELETE FROM {table}"), &[]).map(drop)
}

/// Runs `work`, which puts in the rows of all tables in any order: what refers to what is checked at its end.
pub fn unordered<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    if let Conn::Sqlite(_) = conn {
        conn.plain("PRAGMA defer_foreign_keys = ON")?;
        return work(conn);
    }
    // PostgreSQL checks at once what was not declared otherwise; only a superuser may switch that off. Both
    // statements are part of the transaction.
    let references = conn.query(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
         WHERE contype = 'f' AND connamespace = current_schema()::regnamespace",
        &[],
    )?;
    let references: Vec<(String, String, String)> =
        references.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect::<Result<_>>()?;
    for (table, name, _) in &references {
        conn.plain(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}"))?;
    }
    let value = work(conn)?;
    for (table, name, definition) in &references {
        conn.plain(&format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"))?;
    }
    // Until its own upkeep looks, it would plan as if the tables were empty.
    conn.plain("ANALYZE")?;
    Ok(value)
}

/// Lets new rows of a table get numbers behind those that were put in; SQLite does so by itself.
pub fn continue_numbers(conn: &mut Conn, table: &str) -> Result<()> {
    if let Conn::Sqlite(_) = conn {
        return Ok(());
    }
    let numbered = conn.query(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema()
             AND table_name::text = $1 AND column_default LIKE 'nextval(%'",
        params![table],
    )?;
    for row in numbered {
        let column: String = row.get(0)?;
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'),
                 (SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)"
        );
        conn.query(&sql, &[])?;
    }
    Ok(())
}
