//! `pith-test-s3 FOLDER PORT BUCKET`: the server as a process of its own, for tests in other languages.
//! Port 0 takes a free one. Prints `http://127.0.0.1:<port>` when it listens. Keys: `PITH_TEST_S3_KEY` and
//! `PITH_TEST_S3_SECRET` (each `pith-test` when unset). The control folder, for files named `fail-writes`
//! and `fail-reads`, is `FOLDER/.control`.

use std::io;
use std::path::PathBuf;

use pith_test_s3::{Options, TestS3};

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, port, bucket] = arguments.as_slice() else {
        return Err(io::Error::other("usage: pith-test-s3 FOLDER PORT BUCKET"));
    };
    let folder = PathBuf::from(folder);
    let setting = |name| std::env::var(name).unwrap_or_else(|_| "pith-test".to_owned());
    let server = TestS3::start(Options {
        control: folder.join(".control"),
        folder,
        buckets: vec![bucket.clone()],
        port: port.parse().map_err(io::Error::other)?,
        access_key_id: setting("PITH_TEST_S3_KEY"),
        secret_access_key: setting("PITH_TEST_S3_SECRET"),
    })
    .await?;
    println!("{}", server.endpoint());
    server.wait().await;
    Ok(())
}
