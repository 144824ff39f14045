//! A server in this process that answers as it is told, one request per connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Raw bytes, sent after a while; then the connection is closed.
pub struct Reply {
    pub bytes: Vec<u8>,
    pub after: Duration,
}

pub struct Server {
    pub url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<(Instant, String)>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

/// A whole answer; `extra` are header lines, each with its line end.
pub fn reply(status: u16, extra: &str, body: &str) -> Reply {
    raw(&format!("HTTP/1.1 {status} Words\r\nContent-Length: {}\r\nConnection: close\r\n{extra}\r\n{body}", body.len()))
}

pub fn ok(body: &str) -> Reply {
    reply(200, "", body)
}

pub fn raw(text: &str) -> Reply {
    Reply { bytes: text.into(), after: Duration::ZERO }
}

impl Reply {
    pub fn after(self, milliseconds: u64) -> Self {
        Self { after: Duration::from_millis(milliseconds), ..self }
    }
}

impl Server {
    /// `answer` gets the number of the request, from 0, and its head.
    pub async fn start(answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answer, seen) = (Arc::new(answer), Arc::new(Seen::default()));
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), shared.clone()));
            }
        });
        Self { url, seen }
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn heads(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().iter().map(|(_, head)| head.clone()).collect()
    }

    pub fn times(&self) -> Vec<Instant> {
        self.seen.requests.lock().unwrap().iter().map(|(time, _)| *time).collect()
    }

    /// The most requests that were open at the same time.
    pub fn most_at_once(&self) -> usize {
        self.seen.most.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(usize, &str) -> Reply>, seen: Arc<Seen>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let reply = {
        let mut requests = seen.requests.lock().unwrap();
        requests.push((Instant::now(), head.clone()));
        answer(requests.len() - 1, &head)
    };
    seen.most.fetch_max(seen.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    sleep(reply.after).await;
    seen.now.fetch_sub(1, Ordering::SeqCst);
    // The client may have gone away by now.
    let _ = stream.write_all(&reply.bytes).await;
    let _ = stream.shutdown().await;
}
