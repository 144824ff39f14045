//! Where a server under test keeps its state.
//!
//! ```text
//! PITH_TEST_DATABASE   postgres://USER@HOST:PORT        each server makes a database of its own there
//! PITH_TEST_STORAGE    http://HOST:PORT/BUCKET          an S3 service, each server has a prefix of its own
//! ```
//!
//! Unset: an SQLite file, a folder. The S3 keys are those of the test service, `pith-test`.

use std::env;
use std::path::Path;

use super::random;

/// The place of one server's database and files.
pub struct World {
    pub environment: Vec<(String, String)>,
    /// PostgreSQL only: the cluster and the name of the database to drop at the end.
    database: Option<(String, String)>,
}

impl World {
    /// A fresh, empty world for a server whose own folder is `data`.
    pub fn new(data: &Path) -> Self {
        let mut world = Self { environment: Vec::new(), database: None };
        world.set("PITH_DATA_DIR", data.to_str().unwrap());
        if let Ok(cluster) = env::var("PITH_TEST_DATABASE") {
            world.use_postgres(cluster);
        }
        if let Ok(bucket) = env::var("PITH_TEST_STORAGE") {
            world.use_s3(&bucket);
        }
        world
    }

    fn set(&mut self, key: &str, value: &str) {
        self.environment.push((key.to_owned(), value.to_owned()));
    }

    fn use_postgres(&mut self, cluster: String) {
        let name = format!("pith_test_{}", random::name());
        administer(&cluster, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
        self.set("PITH_DATABASE", &format!("{cluster}/{name}"));
        self.database = Some((cluster, name));
    }

    fn use_s3(&mut self, bucket: &str) {
        let (endpoint, bucket) = bucket.rsplit_once('/').expect("PITH_TEST_STORAGE is http://HOST:PORT/BUCKET");
        self.set("PITH_STORAGE", &format!("s3://{bucket}/{}", random::name()));
        self.set("PITH_S3_ENDPOINT", endpoint);
        self.set("PITH_S3_ACCESS_KEY_ID", "pith-test");
        self.set("PITH_S3_SECRET_ACCESS_KEY", "pith-test");
        self.set("PITH_S3_ALLOW_HTTP", "true");
    }
}

/// Whether files lie in a folder of this host.
pub fn store_is_local() -> bool {
    env::var("PITH_TEST_STORAGE").is_err()
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
