//! An S3 service of one test alone, in this process, which fails when told to.

use std::fs;
use std::path::Path;

use pith_test_s3::{Options, TestS3};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::server::Server;
use super::world::s3_settings;

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
