//! An S3 server for tests: serves the sub-folders of a folder as buckets on 127.0.0.1 and, while a file of
//! a certain name lies in its control folder, answers 500:
//!
//! ```text
//! fail-writes   PUT, POST and DELETE
//! fail-reads    GET and HEAD
//! ```

use std::convert::Infallible;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyper::body::Incoming;
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::Body;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What to serve, where and for whom.
pub struct Options {
    /// Its sub-folders are the buckets.
    pub folder: PathBuf,
    /// Created on start.
    pub buckets: Vec<String>,
    /// 0: any free port.
    pub port: u16,
    pub access_key_id: String,
    pub secret_access_key: String,
    /// Where the files that make requests fail are looked for.
    pub control: PathBuf,
}

/// What makes requests fail.
#[derive(Default)]
struct Control {
    folder: PathBuf,
    /// How many more writes succeed.
    writes_left: AtomicU64,
    /// The others get no answer, in place of a failure.
    holds: AtomicBool,
    /// How many got none.
    held: AtomicU64,
}

impl Control {
    fn fails_reads(&self) -> bool {
        self.folder.join("fail-reads").exists()
    }

    /// To be asked once per write.
    fn fails_this_write(&self) -> bool {
        let count_down =
            self.writes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        count_down.is_err() || self.folder.join("fail-writes").exists()
    }

    /// Where writes are held: ends with their connection.
    async fn hold(&self) {
        if self.holds.load(Ordering::Relaxed) {
            self.held.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    }
}

/// A running server, stopped when dropped.
pub struct TestS3 {
    address: SocketAddr,
    control: Arc<Control>,
    accepting: JoinHandle<()>,
}

impl TestS3 {
    /// Listens when this returns.
    pub async fn start(options: Options) -> io::Result<Self> {
        fs::create_dir_all(&options.control)?;
        for bucket in &options.buckets {
            fs::create_dir_all(options.folder.join(bucket))?;
        }
        let files = s3s_fs::FileSystem::new(&options.folder).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(s3s::auth::SimpleAuth::from_single(
            options.access_key_id.as_str(),
            options.secret_access_key.as_str(),
        ));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let address = listener.local_addr()?;
        let control =
            Arc::new(Control { folder: options.control, writes_left: AtomicU64::new(u64::MAX), ..Control::default() });
        let accepting = tokio::spawn(accept(listener, service, control.clone()));
        Ok(Self { address, control, accepting })
    }

    /// `http://127.0.0.1:<port>`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on writes are answered with 500, until [`Self::allow_writes`].
    pub fn fail_writes(&self) -> io::Result<()> {
        fs::write(self.control.folder.join("fail-writes"), "")
    }

    /// After so many more writes they are answered with 500, until [`Self::allow_writes`].
    pub fn fail_writes_after(&self, count: u64) {
        self.control.writes_left.store(count, Ordering::Relaxed);
    }

    /// After so many more writes they get no answer, until [`Self::allow_writes`], so that who writes can be killed
    /// just there.
    pub fn hold_writes_after(&self, count: u64) {
        self.control.held.store(0, Ordering::Relaxed);
        self.control.holds.store(true, Ordering::Relaxed);
        self.fail_writes_after(count);
    }

    /// How many writes got no answer since then.
    pub fn held_writes(&self) -> u64 {
        self.control.held.load(Ordering::Relaxed)
    }

    pub fn allow_writes(&self) -> io::Result<()> {
        self.control.holds.store(false, Ordering::Relaxed);
        self.control.writes_left.store(u64::MAX, Ordering::Relaxed);
        match fs::remove_file(self.control.folder.join("fail-writes")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Serves until the task ends.
    pub async fn wait(mut self) {
        // Ends only with the runtime, about which there is nothing to say.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for TestS3 {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, service: S3Service, control: Arc<Control>) {
    while let Ok((socket, _)) = listener.accept().await {
        // A client whose connection breaks notices itself.
        let _ = socket.set_nodelay(true);
        let (service, control) = (service.clone(), control.clone());
        tokio::spawn(async move {
            let answer = hyper::service::service_fn(|request| answer(service.clone(), control.clone(), request));
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

async fn answer(
    service: S3Service,
    control: Arc<Control>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let fails = if reads { control.fails_reads() } else { control.fails_this_write() };
    if fails {
        if !reads {
            control.hold().await;
        }
        return Ok(failure("told to fail"));
    }
    let overrides = overrides(request.uri().query().unwrap_or_default());
    let mut response = match service.call(request.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => return Ok(failure(&format!("{error:?}"))),
    };
    if reads && response.status().is_success() {
        response.headers_mut().extend(overrides);
    }
    Ok(response)
}

fn failure(text: &str) -> Response<Body> {
    let xml = format!("<Error><Code>InternalError</Code><Message>{text}</Message></Error>");
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// The headers that a query asks for, which the served file system does not know.
fn overrides(query: &str) -> Vec<(HeaderName, HeaderValue)> {
    let known = [("response-content-disposition", CONTENT_DISPOSITION), ("response-content-type", CONTENT_TYPE)];
    let asked = query.split('&').filter_map(|pair| pair.split_once('='));
    asked
        .filter_map(|(key, value)| {
            let (_, header) = known.iter().find(|(name, _)| *name == key)?;
            let value = percent_encoding::percent_decode_str(value).collect::<Vec<u8>>();
            Some((header.clone(), HeaderValue::from_bytes(&value).ok()?))
        })
        .collect()
}
