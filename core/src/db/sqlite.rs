//! The embedded database: readers, and the one thread that writes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, Value as Raw, ValueRef};

use super::{Conn, Row, Value, dialect};
use crate::error::{Error, Result};
use crate::id::format_instant;
use crate::metrics::Level;

/// The most work that shares one commit; what waits longer starts the next one.
const LARGEST_GROUP: usize = 64;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

pub(super) fn open_reader(path: &Path) -> Result<rusqlite::Connection> {
    let conn = open(path)?;
    conn.pragma_update(None, "query_only", true).map_err(|cause| error(&cause))?;
    Ok(conn)
}

fn open(path: &Path) -> Result<rusqlite::Connection> {
    let conn = rusqlite::Connection::open(path)
        .map_err(|cause| Error::storage(format!("cannot open the database `{}`", path.display()), cause))?;
    configure(&conn).map_err(|cause| error(&cause))?;
    Ok(conn)
}

fn configure(conn: &rusqlite::Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_secs(30))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on the disk when it returns. Grouping is what makes it cheap.
    conn.pragma_update(None, "synchronous", "FULL")?;
    // Pages that a bulk changes again and again go to the file once in a while, not after every commit.
    conn.pragma_update(None, "wal_autocheckpoint", 4096)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", -8192)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // LIKE must distinguish case as PostgreSQL's does; ILIKE is spelled with lower().
    conn.pragma_update(None, "case_sensitive_like", true)?;
    // Plans do not depend on the values bound, so statements are not prepared again for each.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    rusqlite::vtab::array::load_module(conn)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // SQLite's own knows no letters beyond ASCII.
    conn.create_scalar_function("lower", 1, flags, |context| {
        Ok(context.get_raw(0).as_str_or_null()?.map(str::to_lowercase))
    })?;
    // PostgreSQL has this one.
    conn.create_scalar_function("jsonb_exists", 2, flags, |context| {
        let map = context.get_raw(0).as_str_or_null()?.map(serde_json::from_str::<serde_json::Value>);
        let key = context.get_raw(1).as_str()?;
        Ok(map.is_some_and(|map| map.is_ok_and(|map| map.get(key).is_some())))
    })?;
    // `text REGEXP pattern` calls regexp(pattern, text).
    conn.create_scalar_function("regexp", 2, flags, |context| {
        let pattern =
            context.get_or_create_aux(0, |raw| -> Result<regex::Regex, Box<dyn std::error::Error + Send + Sync>> {
                Ok(regex::Regex::new(raw.as_str()?)?)
            })?;
        Ok(context.get_raw(1).as_str_or_null()?.is_some_and(|text| pattern.is_match(text)))
    })
}

/// What the writer keeps of the file in memory, as SQLite counts it: KiB, negative. A version of
/// many units is looked at several times, and the content in it.
const WRITER_CACHE: i64 = -(64 << 10);

/// Tells the submitter of a piece of work how it went, once the fate of the group is known.
type Reply = Box<dyn FnOnce(Option<&Error>) + Send>;
/// One piece of work; without a connection it is not done, for that reason.
type Job = Box<dyn FnOnce(Result<&mut Conn, &Error>) -> Reply + Send>;

/// The thread that writes. Work that waits while one commit is under way shares the next one, so that
/// its cost (a sync of the disk) is paid once for all of it.
pub(super) struct Writer {
    jobs: Sender<Job>,
    queued: Arc<Level>,
}

impl Writer {
    /// `queued` tells how much work waits.
    pub fn open(path: &Path, queued: Arc<Level>) -> Result<Self> {
        let conn = open(path)?;
        conn.pragma_update(None, "cache_size", WRITER_CACHE).map_err(|cause| error(&cause))?;
        Self::on(Conn::Sqlite(conn), queued)
    }

    fn on(conn: Conn, queued: Arc<Level>) -> Result<Self> {
        let (jobs, queue) = channel();
        let waiting = Queue { jobs: queue, queued: queued.clone() };
        std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || run(conn, &waiting))
            .map_err(Error::internal)?;
        Ok(Self { jobs, queued })
    }

    /// Queues `work`; `done` hears of its result after the commit.
    pub fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<()> {
        let job: Job = Box::new(move |conn| {
            let result = match conn {
                Ok(conn) => catch_unwind(AssertUnwindSafe(|| conn.savepoint(work)))
                    .unwrap_or_else(|panic| Err(Error::internal(panic_text(panic.as_ref())))),
                Err(cause) => Err(unwritable(cause)),
            };
            Box::new(move |failed: Option<&Error>| {
                done(match failed {
                    Some(error) if result.is_ok() => Err(unwritable(error)),
                    _ => result,
                });
            })
        });
        self.queued.raise();
        self.jobs.send(job).map_err(|_| {
            self.queued.lower();
            Error::internal("the database's writer has ended")
        })
    }
}

fn unwritable(cause: &Error) -> Error {
    Error::storage("cannot write the database", cause)
}

/// The work that waits, and the count of it.
struct Queue {
    jobs: Receiver<Job>,
    queued: Arc<Level>,
}

impl Queue {
    /// The next piece of work, waited for; none when there will be no more.
    fn wait(&self) -> Option<Job> {
        self.jobs.recv().ok().inspect(|_| self.queued.lower())
    }

    fn next(&self) -> Option<Job> {
        self.jobs.try_recv().ok().inspect(|_| self.queued.lower())
    }
}

fn run(mut conn: Conn, queue: &Queue) {
    while let Some(first) = queue.wait() {
        if let Err(cause) = conn.plain("BEGIN IMMEDIATE") {
            undo(&mut conn);
            first(Err(&cause))(None);
            continue;
        }
        let mut replies = vec![first(Ok(&mut conn))];
        while replies.len() < LARGEST_GROUP
            && let Some(next) = queue.next()
        {
            replies.push(next(Ok(&mut conn)));
        }
        let outcome = conn.plain("COMMIT");
        if outcome.is_err() {
            undo(&mut conn);
        }
        for reply in replies {
            reply(outcome.as_ref().err());
        }
    }
}

fn undo(conn: &mut Conn) {
    if let Err(error) = conn.plain("ROLLBACK") {
        tracing::debug!(%error, "nothing to roll back");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

struct Parameter<'a>(&'a Value);

impl rusqlite::ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Bool(value) => ToSqlOutput::Owned(Raw::Integer((*value).into())),
            Value::Int(value) => ToSqlOutput::Owned(Raw::Integer(*value)),
            Value::Real(value) => ToSqlOutput::Owned(Raw::Real(*value)),
            Value::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Value::Id(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value.0.as_bytes())),
            Value::Instant(value) => ToSqlOutput::Owned(Raw::Text(format_instant(*value))),
            Value::Json(value) => ToSqlOutput::Owned(Raw::Text(value.to_string())),
            Value::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            Value::Ids(values) => list(values.iter().map(|id| Raw::Blob(id.0.as_bytes().to_vec()))),
            Value::Texts(values) => list(values.iter().map(|text| Raw::Text(text.clone()))),
            Value::Ints(values) => list(values.iter().map(|number| Raw::Integer(*number))),
        })
    }
}

fn list<'a>(values: impl Iterator<Item = Raw>) -> ToSqlOutput<'a> {
    ToSqlOutput::from_rc(Rc::new(values.collect::<Vec<Raw>>()), c"rarray")
}

pub(super) fn query(conn: &rusqlite::Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
    let run = || -> rusqlite::Result<Vec<Row>> {
        let mut statement = conn.prepare_cached(&dialect::sqlite(sql))?;
        let columns = statement.column_count();
        let mut answer = statement.query(rusqlite::params_from_iter(params.iter().map(Parameter)))?;
        let mut rows = Vec::new();
        while let Some(row) = answer.next()? {
            let values = (0..columns).map(|at| Ok(from_raw(row.get_ref(at)?))).collect::<rusqlite::Result<_>>()?;
            rows.push(Row(values));
        }
        Ok(rows)
    };
    run().map_err(|cause| error(&cause))
}

/// Hands over each row of an answer that need not fit into memory.
pub(super) fn each_row(conn: &rusqlite::Connection, sql: &str, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let mut statement = conn.prepare(sql).map_err(|cause| error(&cause))?;
    let columns = statement.column_count();
    let mut answer = statement.query([]).map_err(|cause| error(&cause))?;
    while let Some(row) = answer.next().map_err(|cause| error(&cause))? {
        let values = (0..columns).map(|at| Ok(from_raw(row.get_ref(at)?))).collect::<rusqlite::Result<_>>();
        take(Row(values.map_err(|cause| error(&cause))?))?;
    }
    Ok(())
}

pub(super) fn execute(conn: &rusqlite::Connection, sql: &str, params: &[Value]) -> Result<u64> {
    let run = || -> rusqlite::Result<usize> {
        let mut statement = conn.prepare_cached(&dialect::sqlite(sql))?;
        statement.execute(rusqlite::params_from_iter(params.iter().map(Parameter)))
    };
    run().map(|count| count as u64).map_err(|cause| error(&cause))
}

/// The statement once for each of `rows`; returns how many rows were changed.
pub(super) fn execute_each(conn: &rusqlite::Connection, sql: &str, rows: &[Vec<Value>]) -> Result<u64> {
    let run = || -> rusqlite::Result<usize> {
        let mut statement = conn.prepare_cached(&dialect::sqlite(sql))?;
        rows.iter().map(|row| statement.execute(rusqlite::params_from_iter(row.iter().map(Parameter)))).sum()
    };
    run().map(|count| count as u64).map_err(|cause| error(&cause))
}

fn from_raw(raw: ValueRef<'_>) -> Value {
    match raw {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(String::from_utf8_lossy(value).into_owned()),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
    }
}

/// A unique key that is violated names its columns: `UNIQUE constraint failed: repository.domain_id, repository.name`.
pub(super) fn error(cause: &rusqlite::Error) -> Error {
    if let rusqlite::Error::SqliteFailure(failure, Some(text)) = cause {
        if let Some(columns) = text.strip_prefix("UNIQUE constraint failed: ") {
            let names = columns.split(", ").map(|column| column.rsplit('.').next().unwrap_or(column).to_owned());
            return Error::Duplicate { columns: names.collect() };
        }
        if text.starts_with("FOREIGN KEY") {
            return Error::Referenced;
        }
        if matches!(failure.code, rusqlite::ErrorCode::DiskFull | rusqlite::ErrorCode::SystemIoFailure) {
            return Error::storage("cannot write the database", cause);
        }
    }
    Error::internal(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_finds_no_way_to_write_is_answered_with_the_cause_and_waits_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (other, ours) = (open(&path).unwrap(), open(&path).unwrap());
        ours.busy_timeout(Duration::ZERO).unwrap();
        let queued = Arc::<Level>::default();
        let writer = Writer::on(Conn::Sqlite(ours), queued.clone()).unwrap();
        let write = || {
            let (sender, answer) = channel();
            writer.submit(|conn| conn.query("SELECT 1", &[]), move |result| drop(sender.send(result))).unwrap();
            answer.recv().expect("an answer")
        };
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let told = write().unwrap_err().to_string();
        assert!(told.starts_with("cannot write the database") && told.contains("locked"), "{told}");
        assert_eq!(queued.get(), 0);
        other.execute_batch("COMMIT").unwrap();
        write().unwrap();
        assert_eq!(queued.get(), 0);
    }
}
