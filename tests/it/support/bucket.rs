//! An S3 service of one test alone, in this process, which fails when told to.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pith_test_s3::{Options, TestS3};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::http::Client;
use super::server::Server;
use super::world::s3_settings;

/// On a database for many hosts the tasks of a killed worker are given up when it was not heard of for so long.
pub const WORKER_TTL: (&str, &str) = ("PITH_WORKER_TTL", "3");

/// Stopped when dropped.
pub struct Bucket {
    pub service: TestS3,
    folder: TempDir,
    _runtime: Runtime,
}

impl Bucket {
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = Runtime::new().unwrap();
        let options = Options {
            folder: folder.path().to_owned(),
            buckets: vec!["bucket".into()],
            port: 0,
            access_key_id: "pith-test".into(),
            secret_access_key: "pith-test".into(),
            control: folder.path().join(".control"),
        };
        let service = runtime.block_on(TestS3::start(options)).unwrap();
        Self { service, folder, _runtime: runtime }
    }

    /// A server that keeps its files here, with these variables besides.
    pub fn server(&self, settings: &[(&str, &str)]) -> Server {
        let own = s3_settings(&self.service.endpoint(), "bucket/prefix");
        let own = own.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Server::start_with(&own.chain(settings.iter().copied()).collect::<Vec<_>>())
    }

    /// Has the store keep silent at the first write of what `begin` starts, whose first task it names, at the second of
    /// the same begun anew, and so on until there is none to be silent at, and kills the server there. `check` looks at
    /// each when the server runs again and that task is over. Returns how often it was killed.
    ///
    /// The server is to be started with [`WORKER_TTL`].
    pub fn kill_at_each_write<T>(
        &self,
        server: &mut Server,
        begin: impl Fn(&Client) -> (String, T),
        check: impl Fn(&Client, T),
    ) -> u64 {
        let mut kills = 0;
        loop {
            self.service.hold_writes_after(kills);
            let (task, begun) = begin(server);
            let is_held = self.comes_to_a_held_write(server, &task);
            if is_held {
                server.kill();
            }
            self.service.allow_writes().unwrap();
            if !is_held {
                return kills;
            }
            kills += 1;
            server.restart();
            server.wait_for(&task);
            check(server, begun);
        }
    }

    /// False when all tasks ended before that.
    fn comes_to_a_held_write(&self, client: &Client, task: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(60);
        while self.service.held_writes() == 0 {
            let shown = client.get(task).expect(200).json();
            let unfinished = client.count("tasks/?state__in=waiting,running,canceling");
            if shown["state"] == "completed" && unfinished == 0 {
                return false;
            }
            assert!(Instant::now() < end && shown["state"] != "failed", "{shown:#}");
            sleep(Duration::from_millis(5));
        }
        true
    }

    /// How many artifacts are kept here.
    pub fn artifacts(&self) -> usize {
        files_below(&self.folder.path().join("bucket/prefix/artifact"))
    }
}

/// How many files a folder and those below it have; an absent one has none.
pub fn files_below(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: &Path| if path.is_dir() { files_below(path) } else { 1 };
    entries.map(|entry| count(&entry.unwrap().path())).sum()
}
