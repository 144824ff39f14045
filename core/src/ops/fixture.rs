//! A database for tests of the verbs: SQLite in a temporary folder, or a fresh database on the server that
//! `PITH_TEST_DATABASE` names.

use std::sync::Arc;

use serde_json::json;

use crate::auth::Secrets;
use crate::db::{Address, CORE, Conn, Db, sqlite_file};
use crate::error::Result;
use crate::id::{Id, Instant, now};
use crate::params;
use crate::signing::Signing;

pub(crate) struct Fixture {
    pub db: Db,
    pub domain: Id,
    pub folder: tempfile::TempDir,
    created: Option<Created>,
}

/// A database on a server, dropped with the fixture.
struct Created {
    server: String,
    name: String,
}

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (address, created) = match std::env::var("PITH_TEST_DATABASE") {
            Ok(server) => {
                let created = Created { server, name: format!("t{}", Id::new().0.simple()) };
                created.server_does(&format!("CREATE DATABASE {}", created.name));
                let mut url = url::Url::parse(&created.server).unwrap();
                url.set_path(&created.name);
                (Address::Postgres(url.into()), Some(created))
            }
            Err(_) => (Address::Sqlite(sqlite_file(folder.path())), None),
        };
        let db = Db::open(&address, 4).unwrap();
        db.migrate(&[CORE]).unwrap();
        let domain = Id::new();
        let fixture = Self { db, domain, folder, created };
        fixture.write(move |conn| {
            conn.execute(
                "INSERT INTO domain (id, created, updated, name, labels) VALUES ($1, $2, $2, 'default', $3)",
                params![domain, now(), json!({})],
            )
        });
        fixture
    }

    pub fn write<T: Send + 'static>(&self, work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static) -> T {
        self.db.write_blocking(work).unwrap()
    }

    pub fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> T {
        self.db.read_blocking(work).unwrap()
    }

    /// Signing services, with a key of their own that seals secrets.
    pub fn signing(&self) -> Signing {
        let secrets = Secrets::load_or_create(&self.folder.path().join("secret.key")).unwrap();
        Signing::new(self.db.clone(), Arc::new(secrets), self.folder.path().join("tmp"))
    }

    /// A file repository without any version.
    pub fn repository(&self) -> Id {
        let domain = self.domain;
        self.write(move |conn| repository(conn, domain))
    }

    /// A unit of one file without bytes; its path is its unique key too.
    pub fn content(&self, path: &str) -> Id {
        self.units("file.file", &[path])[0]
    }

    pub fn units(&self, content_type: &str, paths: &[&str]) -> Vec<Id> {
        let (domain, content_type) = (self.domain, content_type.to_owned());
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        self.write(move |conn| paths.iter().map(|path| unit(conn, domain, &content_type, path)).collect())
    }

    pub fn set_interest(&self, table: &'static str, id: Id, at: Instant) {
        self.write(move |conn| {
            conn.execute(&format!("UPDATE {table} SET timestamp_of_interest = $2 WHERE id = $1"), params![id, at])
        });
    }

    pub fn count(&self, table: &str) -> i64 {
        self.read(|conn| conn.query_one(&format!("SELECT count(*) FROM {table}"), &[])?.get(0))
    }

    /// A publication of this version.
    pub fn publication(&self, version: Id, checkpoint: bool) -> Id {
        let (id, domain) = (Id::new(), self.domain);
        self.write(move |conn| {
            conn.execute(
                "INSERT INTO publication (id, domain_id, created, updated, pulp_type, repository_version_id,
                     pass_through, checkpoint, details) VALUES ($1, $2, $3, $3, 'file.file', $4, FALSE, $5, $6)",
                params![id, domain, now(), version, checkpoint, json!({})],
            )
        });
        id
    }

    /// A distribution whose `column` refers to `target`.
    pub fn distribution(&self, column: &'static str, target: Id, checkpoint: bool) -> Id {
        let (id, domain) = (Id::new(), self.domain);
        self.write(move |conn| {
            conn.execute(
                &format!(
                    "INSERT INTO distribution (id, domain_id, created, updated, pulp_type, name, labels, base_path,
                         hidden, checkpoint, details, {column})
                     VALUES ($1, $2, $3, $3, 'file.file', $4, $5, $4, FALSE, $6, $5, $7)"
                ),
                params![id, domain, now(), id.to_string(), json!({}), checkpoint, target],
            )
        });
        id
    }
}

pub(crate) fn repository(conn: &mut Conn, domain: Id) -> Result<Id> {
    let id = Id::new();
    conn.execute(
        "INSERT INTO repository (id, domain_id, created, updated, pulp_type, name, labels, next_version,
             user_hidden, details) VALUES ($1, $2, $3, $3, 'file.file', $4, $5, 0, FALSE, $5)",
        params![id, domain, now(), id.to_string(), json!({})],
    )?;
    Ok(id)
}

pub(crate) fn unit(conn: &mut Conn, domain: Id, content_type: &str, path: &str) -> Result<Id> {
    let id = Id::new();
    conn.execute(
        "INSERT INTO content (id, domain_id, created, updated, pulp_type, labels, timestamp_of_interest, repo_key)
         VALUES ($1, $2, $3, $3, $4, $5, $3, $6)",
        params![id, domain, now(), content_type, json!({}), path],
    )?;
    conn.execute(
        "INSERT INTO content_artifact (id, content_id, relative_path) VALUES ($1, $2, $3)",
        params![Id::new(), id, path],
    )?;
    Ok(id)
}

impl Created {
    fn server_does(&self, sql: &str) {
        // On a thread of its own: the driver refuses to run on one of a runtime.
        std::thread::scope(|scope| {
            let work = || postgres::Client::connect(&self.server, postgres::NoTls).unwrap().batch_execute(sql).unwrap();
            scope.spawn(work).join().unwrap();
        });
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(created) = &self.created {
            created.server_does(&format!("DROP DATABASE {} WITH (FORCE)", created.name));
        }
    }
}
