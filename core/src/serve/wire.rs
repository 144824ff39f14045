//! The connection below the HTTP server. The server writes through a buffer of its own, which costs a copy of
//! every byte; a large body goes past it: the answer puts what is to be sent into the connection's outbox, and
//! that is written behind the head, together with it where possible, and from the page cache where it is a file.
//!
//! The order is kept because the body has nothing more for the server until the outbox is empty again, so
//! that no later answer can get into the buffer before.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice};
use std::net::TcpListener;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_http::{HttpService, Request, Response};
use actix_service::{Service, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, Server};
use actix_web::web::ServiceConfig;
use bytes::{Buf, Bytes};
use futures_util::TryFutureExt;
use futures_util::future::{self, Either};
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::Delivery;

/// A connection that says nothing for so long is closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that is to be closed may take for it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Seconds that running requests get to end when the server is to stop.
const SHUTDOWN: u64 = 30;

/// How the HTTP library writes the one header whose usual spelling differs from it, and that spelling. Its
/// letters may be of either case, but people look for the usual ones.
const WRITTEN: &[u8] = b"\r\nCorrelation-Id: ";
const USUAL: &[u8] = b"\r\nCorrelation-ID: ";
/// Heads are searched so far for it.
const SEARCHED: usize = 4096;

/// What is sent behind the server's buffer.
pub enum Part {
    Memory(Bytes),
    /// A range that lies inside the file.
    File(Arc<File>, Range<u64>),
}

impl Part {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, range) => range.end - range.start,
        }
    }
}

/// A connection's outbox; all handles to it are one. Handlers get it as the connection's data.
#[derive(Clone, Default)]
pub struct Outbox(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    part: Option<Part>,
    sender: Option<Waker>,
    spells: bool,
    /// Bytes of parts that went out, of all there ever were.
    sent: u64,
}

impl Outbox {
    /// Sends this behind all that the server has in its buffer; `sender` is woken when it is sent. The outbox
    /// holds one part at a time.
    pub fn put(&self, part: Part, sender: &Waker) {
        let mut state = self.0.borrow_mut();
        state.part = Some(part);
        state.sender = Some(sender.clone());
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().part.is_none()
    }

    /// How many bytes of all parts so far the system has taken.
    pub fn sent(&self) -> u64 {
        self.0.borrow().sent
    }

    /// The head that is written next has a header to be spelled in the usual way.
    pub fn spell(&self) {
        self.0.borrow_mut().spells = true;
    }
}

struct Wire {
    stream: TcpStream,
    outbox: Outbox,
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    /// Takes along what is in the outbox and in memory.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut state = this.outbox.0.borrow_mut();
        let stream = Pin::new(&mut this.stream);
        if std::mem::take(&mut state.spells)
            && let Some(at) = find(&buffer[..buffer.len().min(SEARCHED)], WRITTEN)
        {
            let rest = &buffer[at + WRITTEN.len()..];
            let spelled = [IoSlice::new(&buffer[..at]), IoSlice::new(USUAL), IoSlice::new(rest)];
            let written = stream.poll_write_vectored(cx, &spelled);
            // What was not written is searched again.
            state.spells = !matches!(&written, Poll::Ready(Ok(count)) if *count > at);
            return written;
        }
        let State { part, sent, .. } = &mut *state;
        match part {
            Some(Part::Memory(bytes)) => {
                let both = [IoSlice::new(buffer), IoSlice::new(bytes)];
                let written = ready!(stream.poll_write_vectored(cx, &both))?;
                let beyond = written.saturating_sub(buffer.len());
                bytes.advance(beyond);
                *sent += beyond as u64;
                Poll::Ready(Ok(written.min(buffer.len())))
            }
            // One segment for the head and the beginning of the file.
            Some(Part::File(..)) => poll_write_more(&this.stream, cx, buffer),
            None => stream.poll_write(cx, buffer),
        }
    }

    /// The server calls this when its buffer is empty.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut state = this.outbox.0.borrow_mut();
        let State { part, sent, .. } = &mut *state;
        if let Some(left) = part {
            let before = left.length();
            let polled = send(&mut this.stream, cx, left);
            *sent += before - left.length();
            ready!(polled)?;
            state.part = None;
            if let Some(sender) = state.sender.take() {
                sender.wake();
            }
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Ready when all of the part is sent.
fn send(stream: &mut TcpStream, cx: &mut Context<'_>, part: &mut Part) -> Poll<io::Result<()>> {
    match part {
        Part::Memory(bytes) => {
            while !bytes.is_empty() {
                match ready!(Pin::new(&mut *stream).poll_write(cx, bytes))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => bytes.advance(count),
                }
            }
        }
        Part::File(file, range) => {
            while !range.is_empty() {
                match ready!(poll_send_file(stream, cx, file, range))? {
                    // Somebody cut the file short.
                    0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    count => range.start += count as u64,
                }
            }
        }
    }
    Poll::Ready(Ok(()))
}

/// Hands pages of the file to the socket, without a copy.
fn poll_send_file(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    file: &File,
    range: &Range<u64>,
) -> Poll<io::Result<usize>> {
    let count = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    poll_send(stream, cx, || {
        let mut offset = range.start;
        rustix::fs::sendfile(stream, file, Some(&mut offset), count)
    })
}

/// Writes what is to be followed by more at once.
fn poll_write_more(stream: &TcpStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    poll_send(stream, cx, || rustix::net::send(stream, bytes, SendFlags::MORE | SendFlags::NOSIGNAL))
}

/// Sends when the socket has room.
fn poll_send(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    mut send: impl FnMut() -> rustix::io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || Ok(send()?)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            sent => return Poll::Ready(sent),
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// An HTTP server whose connections have outboxes, and that gives what `delivery` has at hand before it asks the
/// services. It ends by signals, and lets running requests end then.
pub fn server(
    listener: TcpListener,
    workers: usize,
    delivery: Option<Delivery>,
    services: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let builder = Server::build().workers(workers).shutdown_timeout(SHUTDOWN);
    let ending = builder.graceful_shutdown_signal();
    let factory = move || {
        let (delivery, services, ending) = (delivery.clone(), services.clone(), ending.clone());
        let app = map_config(App::new().configure(services), |_| AppConfig::default());
        let app = apply_fn_factory(app, move |request: Request, app: &_| {
            match delivery.as_ref().and_then(|delivery| delivery.at_hand(&request)) {
                Some(response) => Either::Left(future::ready(Ok(response))),
                None => Either::Right(app.call(request).map_ok(Response::from)),
            }
        });
        let http = HttpService::build()
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(CLOSE_TIMEOUT)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .on_connect_ext(|wire: &Wire, data| drop(data.insert(wire.outbox.clone())))
            .h1(app);
        let connect = |stream: TcpStream| async move {
            let peer = stream.peer_addr().ok();
            // A body that follows its head in a write of its own must not wait for an acknowledgement.
            let _ = stream.set_nodelay(true);
            Ok((Wire { stream, outbox: Outbox::default() }, peer))
        };
        fn_service(connect).and_then(http)
    };
    Ok(builder.listen("http", listener, factory)?.run())
}
