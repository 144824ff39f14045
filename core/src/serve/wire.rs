//! The connection below the HTTP server. The server writes through a buffer of its own, which costs a copy of
//! every byte; a large body goes past it: the answer puts what is to be sent into the connection's outbox, and
//! that is written behind the head, together with it where possible, and from the page cache where it is a file.
//!
//! The order is kept in one of two ways. What is put behind all that the server wrote has a body that has nothing
//! more for the server until the outbox is empty again, so that no later answer can get into the buffer before. What
//! is put behind one head needs no body: the connection finds the end of that head and sends the rest later.

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

use actix_http::{HttpService, KeepAlive, Request, Response};
use actix_service::{Service, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::App;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{AppConfig, Server};
use actix_web::web::ServiceConfig;
use bytes::{Buf, Bytes};
use futures_util::TryFutureExt;
use futures_util::future::{self, Either};
use memchr::memmem;
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::Delivery;

/// A connection on which nothing happened for so long is closed, after twice as long at the latest.
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
/// What ends a head.
const HEAD_END: &[u8] = b"\r\n\r\n";

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

/// Where a part belongs in what the server writes.
#[derive(Clone, Copy)]
enum Place {
    BehindAll,
    /// Behind the head that is written next.
    BehindHead,
    /// Behind so many bytes, which are left of that head.
    Behind(usize),
}

/// A connection's outbox; all handles to it are one. Handlers get it as the connection's data.
#[derive(Clone, Default)]
pub struct Outbox(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    part: Option<(Part, Place)>,
    /// Woken when the part is sent.
    waiting: Option<Waker>,
    spells: bool,
    /// Bytes that went out of parts that were put behind all, of all there ever were.
    sent: u64,
    users: usize,
    /// The server may have something in its buffer, as it may while the connection is in use.
    is_unflushed: bool,
    /// Bytes came or went since the clock looked.
    is_active: bool,
}

impl Outbox {
    /// Ready when a part can be put into it: it holds one at a time.
    pub fn poll_empty(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if state.part.is_none() {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Sends this behind all that the server has in its buffer, and wakes who waits for that.
    pub fn put(&self, part: Part, cx: &Context<'_>) {
        let mut state = self.0.borrow_mut();
        state.part = Some((part, Place::BehindAll));
        state.waiting = Some(cx.waker().clone());
    }

    /// Sends this behind the head of the answer that is being made, whatever the server may write behind it. False
    /// where that head will not be the first that is written.
    pub fn put_behind_head(&self, part: Part) -> bool {
        let mut state = self.0.borrow_mut();
        let is_next = !state.is_unflushed && state.users == 0 && state.part.is_none();
        if is_next {
            state.part = Some((part, Place::BehindHead));
        }
        is_next
    }

    /// How many bytes of all parts put behind all the system has taken so far.
    pub fn sent(&self) -> u64 {
        self.0.borrow().sent
    }

    /// The head that is written next has a header to be spelled in the usual way.
    pub fn spell(&self) {
        self.0.borrow_mut().spells = true;
    }

    fn in_use(&self) -> InUse {
        self.0.borrow_mut().users += 1;
        InUse(self.clone())
    }
}

/// A request is being answered on the connection.
struct InUse(Outbox);

impl Drop for InUse {
    fn drop(&mut self) {
        let mut state = self.0.0.borrow_mut();
        state.users -= 1;
        // The end of the answer may lie there.
        state.is_unflushed = true;
    }
}

/// The body of an answer, with which the use of the connection ends.
struct Body {
    body: BoxBody,
    _in_use: Option<InUse>,
}

impl MessageBody for Body {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

struct Wire {
    stream: TcpStream,
    outbox: Outbox,
    /// Set when the connection was made, and then only when it rings: timers are too dear for every request.
    clock: Pin<Box<Sleep>>,
    keep_alive: Duration,
}

impl Wire {
    fn new(stream: TcpStream, keep_alive: Duration) -> Self {
        Self { stream, outbox: Outbox::default(), clock: Box::pin(sleep(keep_alive)), keep_alive }
    }

    /// Ready when the connection is not in use and nothing happened on it for as long as it is kept alive.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.clock.as_mut().poll(cx).is_ready() {
            let mut state = self.outbox.0.borrow_mut();
            if !std::mem::take(&mut state.is_active) && state.users == 0 {
                return Poll::Ready(());
            }
            self.clock.as_mut().reset(Instant::now() + self.keep_alive);
        }
        Poll::Pending
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            this.outbox.0.borrow_mut().is_active = true;
            return Poll::Ready(read);
        }
        // An error, not an end: the server would first wait for a client that does not take its last answer.
        this.poll_idle(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut state = this.outbox.0.borrow_mut();
        let written = state.poll_write(&mut this.stream, cx, buffer);
        state.is_active |= written.is_ready();
        written
    }

    /// The server calls this when its buffer is empty.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut state = this.outbox.0.borrow_mut();
        ready!(state.poll_send(&mut this.stream, cx))?;
        state.is_unflushed = false;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Place {
    /// How much of `buffer` comes before the part, where it does not belong behind all.
    fn left_of_head(self, buffer: &[u8]) -> Option<usize> {
        match self {
            Self::BehindAll => None,
            Self::BehindHead => Some(memmem::find(buffer, HEAD_END).map_or(buffer.len(), |at| at + HEAD_END.len())),
            Self::Behind(left) => Some(left),
        }
    }
}

impl State {
    /// Takes along what is in the outbox and in memory.
    fn poll_write(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if let Some((_, place)) = &mut self.part
            && let Some(left) = place.left_of_head(buffer)
        {
            if left > 0 {
                let written = ready!(poll_write_more(stream, cx, &buffer[..left]))?;
                *place = Place::Behind(left - written);
                return Poll::Ready(Ok(written));
            }
            ready!(self.poll_send(stream, cx))?;
        }
        if std::mem::take(&mut self.spells)
            && let Some(at) = memmem::find(&buffer[..buffer.len().min(SEARCHED)], WRITTEN)
        {
            let rest = &buffer[at + WRITTEN.len()..];
            let spelled = [IoSlice::new(&buffer[..at]), IoSlice::new(USUAL), IoSlice::new(rest)];
            let written = Pin::new(stream).poll_write_vectored(cx, &spelled);
            // What was not written is searched again.
            self.spells = !matches!(&written, Poll::Ready(Ok(count)) if *count > at);
            return written;
        }
        match &mut self.part {
            Some((Part::Memory(bytes), _)) => {
                let both = [IoSlice::new(buffer), IoSlice::new(bytes)];
                let written = ready!(Pin::new(stream).poll_write_vectored(cx, &both))?;
                let beyond = written.saturating_sub(buffer.len());
                bytes.advance(beyond);
                self.sent += beyond as u64;
                Poll::Ready(Ok(written.min(buffer.len())))
            }
            // One segment for the head and the beginning of the file.
            Some((Part::File(..), _)) => poll_write_more(stream, cx, buffer),
            None => Pin::new(stream).poll_write(cx, buffer),
        }
    }

    /// Ready when the outbox is empty.
    fn poll_send(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((part, place)) = &mut self.part else { return Poll::Ready(Ok(())) };
        let before = part.length();
        let polled = send(stream, cx, part);
        let count = before - part.length();
        self.is_active |= count > 0;
        if matches!(place, Place::BehindAll) {
            self.sent += count;
        }
        ready!(polled)?;
        self.part = None;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(()))
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

/// The answer with the use of its connection.
fn carried(response: Response<BoxBody>, in_use: Option<InUse>) -> Response<Body> {
    response.map_body(|_, body| Body { body, _in_use: in_use })
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
            let at_hand = delivery.as_ref().and_then(|delivery| delivery.at_hand(&request));
            let in_use = request.conn_data::<Outbox>().map(Outbox::in_use);
            match at_hand {
                Some(response) => Either::Left(future::ready(Ok(carried(response, in_use)))),
                None => Either::Right(app.call(request).map_ok(move |response| carried(response.into(), in_use))),
            }
        });
        let http = HttpService::build()
            // Its own timer is set anew for every request.
            .keep_alive(KeepAlive::Os)
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
            Ok((Wire::new(stream, KEEP_ALIVE), peer))
        };
        fn_service(connect).and_then(http)
    };
    Ok(builder.listen("http", listener, factory)?.run())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A connection of the server, and its client's end.
    async fn connection(keep_alive: Duration) -> (Wire, TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Wire::new(listener.accept().await.unwrap().0, keep_alive), client)
    }

    fn file(bytes: &[u8]) -> Part {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Part::File(Arc::new(file), 0..bytes.len() as u64)
    }

    #[tokio::test]
    async fn a_part_goes_behind_its_head_whatever_the_server_wrote_behind_it() {
        // More than the sockets take at once.
        let bytes: Vec<u8> = (0..20_000_000).map(|n| (n % 251) as u8).collect();
        let (mut wire, mut client) = connection(KEEP_ALIVE).await;
        let outbox = wire.outbox.clone();
        assert!(outbox.put_behind_head(file(&bytes)));
        assert!(!outbox.put_behind_head(file(b"a second one")));
        outbox.spell();
        let later = b"HTTP/1.1 200 OK\r\nCorrelation-Id: 1\r\n\r\nbody\r\n\r\n";
        let written = [b"HTTP/1.1 200 OK\r\na: b\r\n\r\n".as_slice(), later].concat();
        let send = async {
            wire.write_all(&written).await.unwrap();
            wire.flush().await.unwrap();
            wire.shutdown().await.unwrap();
        };
        let mut read = Vec::new();
        let (_, read_all) = tokio::join!(send, client.read_to_end(&mut read));
        read_all.unwrap();
        let usual = b"HTTP/1.1 200 OK\r\nCorrelation-ID: 1\r\n\r\nbody\r\n\r\n".as_slice();
        assert!(read == [b"HTTP/1.1 200 OK\r\na: b\r\n\r\n".as_slice(), &bytes, usual].concat());
    }

    #[tokio::test]
    async fn nothing_goes_behind_a_head_that_may_not_be_the_next() {
        let (mut wire, _client) = connection(KEEP_ALIVE).await;
        let outbox = wire.outbox.clone();
        let in_use = outbox.in_use();
        assert!(!outbox.put_behind_head(file(b"x")), "another answer is on its way");
        wire.flush().await.unwrap();
        drop(in_use);
        assert!(!outbox.put_behind_head(file(b"x")), "its end may be in the buffer");
        wire.flush().await.unwrap();
        assert!(outbox.put_behind_head(file(b"x")));
    }

    #[tokio::test]
    async fn a_connection_ends_when_nothing_happens_on_it_while_it_is_not_in_use() {
        let period = Duration::from_millis(40);
        let (mut wire, mut client) = connection(period).await;
        let outbox = wire.outbox.clone();
        let in_use = outbox.in_use();
        let waited = tokio::time::timeout(period * 5, wire.read_u8()).await;
        assert!(waited.is_err(), "an answer may take as long as it takes");
        client.write_all(b"x").await.unwrap();
        assert_eq!(wire.read_u8().await.unwrap(), b'x');
        drop(in_use);
        assert_eq!(wire.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_does_not_keep_its_connection() {
        let period = Duration::from_millis(40);
        let (mut wire, _client) = connection(period).await;
        let answer = vec![0; 1 << 20];
        // As the server does whenever it is woken.
        let ended = poll_fn(|cx| {
            loop {
                if let Poll::Ready(end) = Pin::new(&mut wire).poll_read(cx, &mut ReadBuf::new(&mut [0])) {
                    return Poll::Ready(end);
                }
                ready!(Pin::new(&mut wire).poll_write(cx, &answer))?;
            }
        });
        let ended = tokio::time::timeout(period * 100, ended).await;
        assert_eq!(ended.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
