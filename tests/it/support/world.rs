//! Where a server under test keeps its state.
//!
//! ```text
//! PITH_TEST_DATABASE   postgres://USER@HOST:PORT        each server makes a database of its own there
//! PITH_TEST_TEMPLATE   a name                           the migrated, else empty database there that theirs are copies of
//! PITH_TEST_STORAGE    http://HOST:PORT/BUCKET          an S3 service, each server has a prefix of its own
//! PITH_TEST_BUCKET     a folder                         where that service keeps the bucket's objects as files
//! ```
//!
//! Unset: an SQLite file, a folder. The S3 keys are those of the test service, `pith-test`.

use std::env;
use std::path::{Path, PathBuf};

use super::random;

/// The place of one server's database and files.
pub struct World {
    pub environment: Vec<(String, String)>,
    /// The folder with the files of the store, also of one that speaks S3.
    pub store: PathBuf,
    /// PostgreSQL only: the cluster and the name of the database to drop at the end.
    database: Option<(String, String)>,
}

impl World {
    /// A fresh world for a server whose own folder is `data`. Its database may be migrated already.
    pub fn new(data: &Path) -> Self {
        Self::of(data, env::var("PITH_TEST_TEMPLATE").ok())
    }

    /// The same with an empty database.
    pub fn empty(data: &Path) -> Self {
        Self::of(data, None)
    }

    fn of(data: &Path, template: Option<String>) -> Self {
        let mut world = Self { environment: Vec::new(), store: data.join("store"), database: None };
        world.set("PITH_DATA_DIR", data.to_str().unwrap());
        if let Ok(cluster) = env::var("PITH_TEST_DATABASE") {
            world.use_postgres(cluster, template.as_deref().unwrap_or("template0"));
        }
        if let Ok(bucket) = env::var("PITH_TEST_STORAGE") {
            world.use_s3(&bucket);
        }
        world
    }

    fn set(&mut self, key: &str, value: &str) {
        self.environment.push((key.to_owned(), value.to_owned()));
    }

    fn use_postgres(&mut self, cluster: String, template: &str) {
        let name = format!("pith_test_{}", random::name());
        administer(&cluster, &format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"));
        self.set("PITH_DATABASE", &format!("{cluster}/{name}"));
        self.database = Some((cluster, name));
    }

    fn use_s3(&mut self, bucket: &str) {
        let (endpoint, bucket) = bucket.rsplit_once('/').expect("PITH_TEST_STORAGE is http://HOST:PORT/BUCKET");
        let prefix = random::name();
        self.store = PathBuf::from(env::var("PITH_TEST_BUCKET").expect("PITH_TEST_BUCKET is a folder")).join(&prefix);
        self.environment.extend(s3_settings(endpoint, &format!("{bucket}/{prefix}")));
    }
}

/// The settings for a store in the bucket and below the prefix `at` of the test service.
pub fn s3_settings(endpoint: &str, at: &str) -> [(String, String); 5] {
    [
        ("PITH_STORAGE", format!("s3://{at}").as_str()),
        ("PITH_S3_ENDPOINT", endpoint),
        ("PITH_S3_ACCESS_KEY_ID", "pith-test"),
        ("PITH_S3_SECRET_ACCESS_KEY", "pith-test"),
        ("PITH_S3_ALLOW_HTTP", "true"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Whether the store is a folder of this host.
pub fn store_is_local() -> bool {
    env::var("PITH_TEST_STORAGE").is_err()
}

/// Whether the database is a file of this host.
pub fn database_is_local() -> bool {
    env::var("PITH_TEST_DATABASE").is_err()
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some((cluster, name)) = &self.database {
            administer(cluster, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

fn administer(cluster: &str, statement: &str) {
    let mut connection = postgres::Client::connect(&format!("{cluster}/postgres"), postgres::NoTls).unwrap();
    connection.batch_execute(statement).unwrap();
}
