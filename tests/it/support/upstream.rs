//! An HTTP server in this process to sync from, which answers whatever a test wants, also wrongly.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::pulp::sha256;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// What to answer.
#[derive(Clone)]
pub enum Reply {
    /// 200 and these bytes.
    Bytes(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// Promises more bytes than it sends, then closes.
    Short {
        promised: usize,
        sent: Vec<u8>,
    },
    /// Closes without a word.
    Close,
    /// Sends nothing for so long.
    Hang(Duration),
    /// 200 and bytes without end, for as long as somebody reads them.
    Endless,
    /// These headers besides; for anything else.
    Headers(Vec<(String, String)>, Vec<u8>),
}

type Answering = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

/// Listening until dropped.
pub struct Upstream {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    /// The function also gets how often the path was asked for before.
    pub fn answering(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (record, answer): (_, Arc<Answering>) = (asked.clone(), Arc::new(answer));
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (record, answer) = (record.clone(), answer.clone());
                // A connection that breaks is the business of the server under test.
                thread::spawn(move || serve(connection, &record, &*answer));
            }
        });
        Self { address, asked }
    }

    /// Serves these files, 404 for the rest.
    pub fn serving(files: HashMap<String, Vec<u8>>) -> Self {
        Self::answering(move |asked, _| {
            let path = percent_decode_str(asked.path.trim_start_matches('/')).decode_utf8_lossy();
            match files.get(&*path) {
                Some(bytes) => Reply::Bytes(bytes.clone()),
                None => Reply::Status(404),
            }
        })
    }

    /// Serves these files with a `PULP_MANIFEST` of them.
    pub fn with_manifest(files: &[(&str, &[u8])]) -> Self {
        let mut served: HashMap<_, _> = files.iter().map(|(path, bytes)| (path.to_string(), bytes.to_vec())).collect();
        served.insert("PULP_MANIFEST".to_owned(), manifest(files).into_bytes());
        Self::serving(served)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// The paths asked for so far, in order.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// What was asked for since this was last called.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Lines of `path,sha256,size`.
pub fn manifest(files: &[(&str, &[u8])]) -> String {
    files.iter().map(|(path, bytes)| format!("{path},{},{}\n", sha256(bytes), bytes.len())).collect()
}

fn serve(mut connection: TcpStream, record: &Mutex<Vec<Asked>>, answer: &Answering) -> Option<()> {
    let asked = read_request(&connection)?;
    let before = {
        let mut record = record.lock().unwrap();
        let before = record.iter().filter(|earlier| earlier.path == asked.path).count();
        record.push(asked.clone());
        before
    };
    let send = |connection: &mut TcpStream, head: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        connection.write_all(&[head.as_bytes(), body].concat()).ok()
    };
    match answer(&asked, before) {
        Reply::Bytes(body) => send(&mut connection, &format!("200 OK\r\nContent-Length: {}", body.len()), &body),
        Reply::Status(status) => send(&mut connection, &format!("{status} Status\r\nContent-Length: 0"), b""),
        Reply::Redirect(to) => send(&mut connection, &format!("302 Found\r\nLocation: {to}\r\nContent-Length: 0"), b""),
        Reply::Short { promised, sent } => {
            send(&mut connection, &format!("200 OK\r\nContent-Length: {promised}"), &sent)
        }
        Reply::Close => Some(()),
        Reply::Hang(duration) => {
            thread::sleep(duration);
            Some(())
        }
        Reply::Endless => {
            send(&mut connection, "200 OK", b"")?;
            let block = [b' '; 64 << 10];
            while connection.write_all(&block).is_ok() {}
            Some(())
        }
        Reply::Headers(headers, body) => {
            let lines: String = headers.iter().map(|(name, value)| format!("\r\n{name}: {value}")).collect();
            send(&mut connection, &format!("200 OK{lines}"), &body)
        }
    }
}

fn read_request(connection: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(connection);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let fields = lines.take_while(|line| !line.is_empty());
    let headers = fields.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    let headers: HashMap<_, _> = headers.collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, headers, body })
}
