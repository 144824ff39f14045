//! The database: all of core's SQL, one file per table family, over one thin connection type.
//!
//! A request's statements run in one hop to a blocking thread. [`Db::write`] is atomic and durable when it
//! returns. On SQLite one thread writes and groups what waits into one commit; on PostgreSQL every write is
//! a transaction of its own on a pooled connection. Nothing here knows HTTP or roles.

pub mod access_policies;
pub mod alternates;
mod arrivals;
pub mod artifact_bytes;
pub mod artifact_distribution;
pub mod artifacts;
mod conn;
pub mod content;
pub mod content_guards;
pub mod delivery;
mod dialect;
pub mod domains;
pub mod dump;
pub mod exchange;
pub mod groups;
pub mod holders;
pub mod holds;
pub mod installation;
pub mod lazy;
pub mod line;
pub mod listen;
pub mod listing;
pub mod load;
mod migrate;
pub mod orphans;
pub mod parts;
pub mod pending;
pub mod pinned;
pub mod placement;
mod postgres;
pub mod publications;
pub mod published;
pub mod queue;
pub mod remotes;
pub mod repositories;
pub mod roles;
pub mod sealed;
pub mod signing_results;
pub mod signing_services;
mod sqlite;
mod stats;
pub mod sync;
pub mod sync_state;
pub mod tallies;
pub mod task_profiles;
pub mod task_schedules;
pub mod tasks;
pub mod tokens;
pub mod units;
pub mod uploads;
pub mod upstream_pulps;
pub mod users;
mod value;
pub mod versions;
pub mod vulnerability_reports;
pub mod workers;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use arrivals::Announced;
pub(crate) use arrivals::LIFETIME as ARRIVAL_LIFETIME;
pub use conn::{Conn, Lock};
pub use migrate::{CORE, Migrations, apply, tables};
pub use value::{FromValue, Row, Value};

use crate::error::{Error, Result};

/// How long work waits for a connection at most.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How to reach the database.
#[derive(Clone, Debug)]
pub enum Address {
    /// A file; made when absent.
    Sqlite(std::path::PathBuf),
    /// `postgres://user:password@host:port/database?sslmode=…`
    Postgres(String),
}

/// A handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    reads: r2d2::Pool<conn::Manager>,
    writer: Option<Arc<sqlite::Writer>>,
    arrivals: Arc<arrivals::Arrivals>,
    stats: Arc<stats::Stats>,
}

impl Db {
    /// Opens the pool, and on SQLite the file and its writer.
    ///
    /// # Errors
    /// `Storage` when the database cannot be reached, with the driver's reason.
    pub fn open(address: &Address, pool_size: u32) -> Result<Self> {
        let reads = r2d2::Pool::builder()
            .max_size(pool_size)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(PATIENCE);
        let cannot = |cause: &dyn std::fmt::Display| Error::storage("cannot open the database", cause);
        let stats = Arc::<stats::Stats>::default();
        let writer = match address {
            Address::Sqlite(path) => Some(Arc::new(sqlite::Writer::open(path, stats.queued.clone())?)),
            Address::Postgres(url) => {
                // One connection outside the pool: its refusal says why, the pool's only that time ran out.
                postgres::connect(url).map_err(|cause| cannot(&cause))?;
                None
            }
        };
        let reads = reads.build(conn::Manager(address.clone())).map_err(|cause| cannot(&cause))?;
        Ok(Self { reads, writer, arrivals: Arc::default(), stats })
    }

    /// Brings the schema up to date; safe to call from several hosts at once.
    pub fn migrate(&self, sets: &[Migrations]) -> Result<()> {
        let sets = sets.to_vec();
        self.write_blocking(move |conn| migrate::run(conn, &sets))
    }

    /// As [`Db::migrate`], of those that `wanted` says yes to, by component and name; for callers on the runtime.
    pub async fn migrate_only(
        &self,
        sets: &[Migrations],
        wanted: impl Fn(&str, &str) -> bool + Send + 'static,
    ) -> Result<()> {
        let sets = sets.to_vec();
        self.write(move |conn| migrate::apply(conn, &sets, wanted)).await
    }

    /// Those of the migrations that the database has not seen, as `core/0001_initial`.
    pub async fn missing_migrations(&self, sets: &[Migrations]) -> Result<Vec<String>> {
        let sets = sets.to_vec();
        self.read(move |conn| migrate::missing(conn, &sets)).await
    }

    /// Whether this is the embedded database, which only this process may write.
    pub fn is_embedded(&self) -> bool {
        self.writer.is_some()
    }

    /// Runs `work` on a connection that only reads, on a blocking thread.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.read_blocking(work)).await.map_err(Error::internal)?
    }

    /// Runs `work` in a transaction and returns when it is durable. All or nothing: an error (or a panic)
    /// of `work` leaves no trace.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if let Some(writer) = &self.writer {
            let (reply, answer) = tokio::sync::oneshot::channel();
            writer.submit(work, move |result| drop(reply.send(result)))?;
            return answer.await.map_err(Error::internal)?;
        }
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.write_pooled(work)).await.map_err(Error::internal)?
    }

    /// As [`Db::read`], for callers that are on a blocking thread already.
    pub fn read_blocking<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        work(&mut *self.connection()?)
    }

    /// As [`Db::write`], for callers that are on a blocking thread already.
    pub fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(writer) = &self.writer else { return self.write_pooled(work) };
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        writer.submit(work, move |result| drop(reply.send(result)))?;
        answer.recv().map_err(Error::internal)?
    }

    fn write_pooled<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.connection()?.transaction(work)
    }

    fn connection(&self) -> Result<r2d2::PooledConnection<conn::Manager>> {
        let (_waiting, asked) = (self.stats.waiting.enter(), Instant::now());
        let connection = self.reads.get();
        self.stats.waits.note(asked.elapsed());
        connection.map_err(|cause| {
            self.stats.refused.add(1);
            Error::storage("the database does not answer", cause)
        })
    }
}

/// The file of the embedded database inside a data folder.
pub fn sqlite_file(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("pith.sqlite3")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Id, now};
    use crate::params;

    fn open() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 4).unwrap();
        db.migrate(&[migrate::CORE]).unwrap();
        (folder, db)
    }

    fn add_domain(conn: &mut Conn, name: &str) -> Result<Id> {
        let id = Id::new();
        conn.execute(
            "INSERT INTO domain (id, created, updated, name, labels) VALUES ($1, $2, $2, $3, $4)",
            params![id, now(), name, serde_json::json!({"a": "1"})],
        )?;
        Ok(id)
    }

    #[tokio::test]
    async fn values_survive_the_round_trip() {
        let (_folder, db) = open();
        let id = db.write(|conn| add_domain(conn, "one")).await.unwrap();
        let row = db
            .read(move |conn| conn.query_one("SELECT id, labels FROM domain WHERE id = ANY($1)", params![vec![id]]))
            .await
            .unwrap();
        assert_eq!(row.get::<Id>(0).unwrap(), id);
        assert_eq!(row.get::<serde_json::Value>(1).unwrap()["a"], "1");
    }

    #[tokio::test]
    async fn a_failed_write_leaves_no_trace_and_does_not_hurt_its_neighbours() {
        let (_folder, db) = open();
        let writes = (0..50).map(|n| {
            db.write(move |conn| {
                add_domain(conn, &format!("d{n}"))?;
                match n % 5 {
                    0 => Err(Error::non_field("no")),
                    1 => panic!("bad work"),
                    _ => Ok(()),
                }
            })
        });
        let results = futures_util::future::join_all(writes).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 30);
        let count = db.read(|conn| conn.query_one("SELECT count(*) FROM domain", &[])?.get::<i64>(0)).await.unwrap();
        assert_eq!(count, 30);
    }

    #[tokio::test]
    async fn migrations_that_were_not_applied_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 4).unwrap();
        db.migrate_only(&[migrate::CORE], |_, name| name < "0013").await.unwrap();
        let newer = migrate::CORE.steps.iter().filter(|(name, _)| *name >= "0013");
        let expected: Vec<_> = newer.map(|(name, _)| format!("core/{name}")).collect();
        assert_eq!(db.missing_migrations(&[migrate::CORE]).await.unwrap(), expected);
        assert_eq!(expected.first().unwrap(), "core/0013_content_guard");
        db.migrate(&[migrate::CORE]).unwrap();
        assert!(db.missing_migrations(&[migrate::CORE]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_taken_key_is_named() {
        let (_folder, db) = open();
        db.write(|conn| add_domain(conn, "one")).await.unwrap();
        match db.write(|conn| add_domain(conn, "one")).await {
            Err(Error::Duplicate { columns }) => assert_eq!(columns, ["name"]),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn patterns_are_regular_expressions_on_both() {
        let (_folder, db) = open();
        db.write(|conn| add_domain(conn, "alpha")).await.unwrap();
        let found = |sql: &'static str| db.read(move |conn| Ok(conn.query(sql, &[])?.len()));
        assert_eq!(found("SELECT 1 FROM domain WHERE name ~ '^al'").await.unwrap(), 1);
        assert_eq!(found("SELECT 1 FROM domain WHERE name ~ '^AL'").await.unwrap(), 0);
        assert_eq!(found("SELECT 1 FROM domain WHERE name ~ '(?i)^AL'").await.unwrap(), 1);
    }
}
