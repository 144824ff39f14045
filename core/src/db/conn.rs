//! One connection to either database: statements in, rows out.

use super::{Address, Row, Value, dialect, postgres, sqlite};
use crate::error::{Error, Result};

/// A connection, inside a transaction when it writes.
pub enum Conn {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Session>),
}

/// What writers of PostgreSQL must not do at the same time; on SQLite all writers take turns anyway.
/// Held until the transaction ends. Take several in the order of this enumeration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    Migrations,
    /// A task's reservation.
    Resource(String),
    /// Base paths must not overlap.
    BasePaths,
    /// Who claims the next task.
    Queue,
    /// Bytes are being announced; processes of an earlier version remove them under it, those of any domain.
    Arrivals,
    /// Bytes of a domain are being announced (shared) or removed.
    ArrivalsOf(crate::id::Id),
}

impl Conn {
    pub fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(conn) => sqlite::query(conn, sql, params),
            Self::Postgres(session) => postgres::query(session, sql, params),
        }
    }

    /// The first row, if any.
    pub fn query_opt(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// The row that must be there.
    pub fn query_one(&mut self, sql: &str, params: &[Value]) -> Result<Row> {
        self.query_opt(sql, params)?.ok_or_else(|| Error::internal("a statement answered no row"))
    }

    /// The number of rows changed.
    pub fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        match self {
            Self::Sqlite(conn) => sqlite::execute(conn, sql, params),
            Self::Postgres(session) => postgres::execute(session, sql, params),
        }
    }

    /// Inserts many rows; those that clash with a unique key are left out. Returns how many were new.
    pub fn insert_ignoring(&mut self, table: &str, columns: &[&str], rows: &[Vec<Value>]) -> Result<u64> {
        self.insert_many(table, columns, rows, " ON CONFLICT DO NOTHING")
    }

    /// Inserts many rows.
    ///
    /// # Errors
    /// `Duplicate` when one clashes with a unique key.
    pub fn insert_all(&mut self, table: &str, columns: &[&str], rows: &[Vec<Value>]) -> Result<u64> {
        self.insert_many(table, columns, rows, "")
    }

    fn insert_many(&mut self, table: &str, columns: &[&str], rows: &[Vec<Value>], suffix: &str) -> Result<u64> {
        let head = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
        match self {
            Self::Sqlite(conn) => {
                let sql = format!("{head}{}{suffix}", placeholders(1, columns.len()));
                sqlite::execute_each(conn, &sql, rows)
            }
            Self::Postgres(session) => postgres::insert_many(session, &head, columns.len(), rows, suffix),
        }
    }

    /// Statements of a migration, several at once.
    pub(super) fn batch(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(conn) => {
                conn.execute_batch(&dialect::sqlite_schema(sql)).map_err(|cause| sqlite::error(&cause))
            }
            Self::Postgres(session) => session.client.batch_execute(sql).map_err(|cause| postgres::error(&cause)),
        }
    }

    /// Has rows of `other` whose `column` is the id of a row of `table` deleted along with that row. For what refers to
    /// rows of many tables, so that no foreign key can say it. Does nothing when it was done before.
    pub(super) fn delete_along(&mut self, table: &str, other: &str, column: &str) -> Result<()> {
        let name = format!("{table}_{other}");
        let delete = format!("DELETE FROM {other} WHERE {column} = OLD.id");
        match self {
            Self::Sqlite(_) => self.plain(&format!(
                "CREATE TRIGGER IF NOT EXISTS {name} AFTER DELETE ON {table} FOR EACH ROW BEGIN {delete}; END"
            )),
            Self::Postgres(_) => {
                let known =
                    format!("SELECT 1 FROM pg_trigger WHERE tgname = '{name}' AND tgrelid = '{table}'::regclass");
                if self.query_opt(&known, &[])?.is_some() {
                    return Ok(());
                }
                self.plain(&format!(
                    "CREATE OR REPLACE FUNCTION delete_{other}() RETURNS trigger LANGUAGE plpgsql
                         AS 'BEGIN {delete}; RETURN NULL; END';
                     CREATE TRIGGER {name} AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION delete_{other}()"
                ))
            }
        }
    }

    /// Runs `work` so that its error, or its panic, undoes its own changes and no others.
    pub fn savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.plain("SAVEPOINT part")?;
        let mut open = Open { conn: self, undo: "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part", done: false };
        let value = work(open.conn)?;
        open.conn.plain("RELEASE SAVEPOINT part")?;
        open.done = true;
        Ok(value)
    }

    /// Runs `work` in a transaction of its own.
    pub(super) fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.plain("BEGIN")?;
        let mut open = Open { conn: self, undo: "ROLLBACK", done: false };
        let value = work(open.conn)?;
        open.conn.plain("COMMIT")?;
        open.done = true;
        Ok(value)
    }

    pub(super) fn plain(&mut self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(conn) => conn.execute_batch(sql).map_err(|cause| sqlite::error(&cause)),
            Self::Postgres(session) => session.client.batch_execute(sql).map_err(|cause| postgres::error(&cause)),
        }
    }

    /// Runs `work` with its joins carried out in the order written and by indexes. For statements that start
    /// at few rows: PostgreSQL knows tables that have just been filled too little to find that out, and took
    /// ten minutes for a check of 200,000 new units that takes seconds this way.
    pub fn joining_as_written<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let Self::Sqlite(_) = self {
            return work(self);
        }
        self.plain(
            "SET LOCAL join_collapse_limit = 1; SET LOCAL enable_hashjoin = off;
             SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off; SET LOCAL jit = off",
        )?;
        // An error ends the transaction and with it the settings.
        let value = work(self)?;
        self.plain(
            "SET LOCAL join_collapse_limit TO DEFAULT; SET LOCAL enable_hashjoin TO DEFAULT;
             SET LOCAL enable_mergejoin TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL jit TO DEFAULT",
        )?;
        Ok(value)
    }

    /// Waits until no other transaction holds `lock`, then holds it until this one ends.
    pub fn lock(&mut self, lock: &Lock) -> Result<()> {
        self.advisory(lock, "pg_advisory_xact_lock")
    }

    /// As [`Conn::lock`], but together with others that share it.
    pub fn lock_shared(&mut self, lock: &Lock) -> Result<()> {
        self.advisory(lock, "pg_advisory_xact_lock_shared")
    }

    fn advisory(&mut self, lock: &Lock, function: &str) -> Result<()> {
        if let Self::Postgres(_) = self {
            self.query(&format!("SELECT {function}(hashtextextended($1, 0))"), &[Value::Text(format!("{lock:?}"))])?;
        }
        Ok(())
    }
}

/// Rolls back when the work fails or panics.
struct Open<'a> {
    conn: &'a mut Conn,
    undo: &'static str,
    done: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.done
            && let Err(error) = self.conn.plain(self.undo)
        {
            tracing::warn!(%error, "rolling back failed");
        }
    }
}

/// `($1, $2, $3)`, counted from `first`.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let names: Vec<_> = (first..first + count).map(|n| format!("${n}")).collect();
    format!("({})", names.join(", "))
}

/// Opens the pool's connections.
pub(super) struct Manager(pub Address);

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = Error;

    fn connect(&self) -> Result<Conn> {
        match &self.0 {
            Address::Sqlite(path) => sqlite::open_reader(path).map(Conn::Sqlite),
            Address::Postgres(url) => postgres::connect(url).map(|session| Conn::Postgres(Box::new(session))),
        }
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<()> {
        conn.plain("SELECT 1")
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        match conn {
            Conn::Sqlite(conn) => !conn.is_autocommit(),
            Conn::Postgres(session) => session.client.is_closed(),
        }
    }
}
