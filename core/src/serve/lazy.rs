//! Answers with files whose bytes an upstream still has, while they arrive.

use std::fs::File as Raw;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::{Method, StatusCode, Version, header};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::Inner;
use super::answer::{self, Decision, bad_gateway, not_found};
use super::blocks::{self, Content};
use super::file::{self, File};
use super::flight::{self, End, Failure, Key, Order, Passed, Progress, PulledFor};
use super::locate::{self, Found, Mark};
use super::pointer::Pointer;
use crate::db::delivery::StoredFile;
use crate::db::lazy::{self, Origin, Source};
use crate::error::{Error, Result};
use crate::id::{Id, now};

/// So long the headers of an answer have to leave before its connection is cut.
const BEFORE_CUT: Duration = Duration::from_millis(50);

/// A file that was never fetched, of a version or of the remote.
pub async fn content(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    pointer: &Pointer,
    path: &str,
    (content_artifact, mark): (Id, Mark),
) -> Result<HttpResponse> {
    let cooldown = TimeDelta::from_std(inner.settings.cooldown).map_err(Error::internal)?;
    let since = now().checked_sub_signed(cooldown).unwrap_or_default();
    let sources = inner.db.read(move |conn| lazy::sources(conn, content_artifact, since)).await?;
    let Some(source) = sources.first().cloned() else { return Ok(not_found(Mark::Absent)) };
    if let Some(head) = unfetched_head(request, &source, path) {
        return Ok(head);
    }
    let order = Order { domain: pointer.domain.clone(), key: Key::Content(content_artifact), sources, pulled: None };
    let answer = follow(inner, request, path, order.clone(), &source).await?;
    // A path of a version is remembered from the moment its bytes are here.
    if let (Outcome::Kept(_, stored), Mark::Hit | Mark::Miss) = (&answer, mark) {
        let found = Found::File(Arc::new(File::new(stored, path)));
        inner.paths.insert(locate::key(pointer, path), found);
    }
    Ok(match answer {
        Outcome::Kept(response, _) | Outcome::Other(response) => response,
        // Whatever ails the sources, the reference says that the file is not there.
        Outcome::Failed(Failure::Mismatch) => cut(request, &source, path),
        Outcome::Failed(Failure::Internal) => return Err(Error::internal("a lazy file could not be stored")),
        Outcome::Failed(_) => not_found(Mark::Absent),
    })
}

/// Adds a unit that was pulled through elsewhere to the repository of this distribution, as if it came now. The file is
/// delivered whatever comes of that.
pub async fn join(inner: &Arc<Inner>, pointer: &Pointer, unit: Id) {
    let distribution = &pointer.distribution;
    let (Some(repository), Some(remote)) = (distribution.repository, distribution.remote) else { return };
    if inner.joined.contains_key(&(repository, unit)) {
        return;
    }
    let add = async {
        let remote = inner.db.read(move |conn| lazy::remote(conn, remote)).await?;
        match remote.is_some_and(|remote| remote.keeps()) {
            true => inner.formats.add_to_repository(distribution.domain, repository, vec![unit]).await,
            false => Ok(()),
        }
    };
    match add.await {
        Ok(()) => inner.joined.insert((repository, unit), ()),
        Err(error) => tracing::warn!(%error, %repository, %unit, "a pulled unit could not be added to a repository"),
    }
}

/// A path that only the remote of the distribution may know.
pub async fn pull(inner: &Arc<Inner>, request: &HttpRequest, pointer: &Pointer, path: &str) -> Result<HttpResponse> {
    let distribution = &pointer.distribution;
    let Some(remote) = distribution.remote else { return Ok(not_found(Mark::Absent)) };
    let Some(remote) = inner.db.read(move |conn| lazy::remote(conn, remote)).await? else {
        return Ok(not_found(Mark::Absent));
    };
    let upstream = match inner.formats.upstream_file(distribution, path).await {
        Ok(Some(upstream)) => upstream,
        Ok(None) => return Ok(not_found(Mark::Absent)),
        Err(error @ Error::Upstream(_)) => {
            tracing::warn!(%error, remote = %remote.id, "an upstream could not be asked for a file");
            return Ok(bad_gateway());
        }
        Err(error) => return Err(error),
    };
    let (upstream, told) = (upstream.file, upstream.told);
    let digests = upstream.digests.into_iter().map(|(name, digest)| (name.to_owned(), digest)).collect();
    let source = Source { origin: Origin::Format, remote, url: upstream.url, size: upstream.size, digests };
    let pulled = PulledFor {
        pulp_type: distribution.pulp_type.clone(),
        distribution: distribution.id,
        repository: distribution.repository,
        path: path.to_owned(),
        told,
    };
    let key = Key::Pulled(source.remote.id, source.url.clone());
    let order = Order { domain: pointer.domain.clone(), key, sources: vec![source.clone()], pulled: Some(pulled) };
    Ok(match follow(inner, request, path, order, &source).await? {
        Outcome::Kept(response, _) | Outcome::Other(response) => response,
        Outcome::Failed(Failure::Mismatch) => cut(request, &source, path),
        Outcome::Failed(Failure::Absent | Failure::Denied) => not_found(Mark::Absent),
        Outcome::Failed(Failure::Unreachable | Failure::Abandoned) => bad_gateway(),
        Outcome::Failed(Failure::Internal) => return Err(Error::internal("a pulled file could not be stored")),
    })
}

enum Outcome {
    Kept(HttpResponse, StoredFile),
    Other(HttpResponse),
    Failed(Failure),
}

/// Rides along with the flight of a file until there is something to answer with.
async fn follow(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    path: &str,
    order: Order,
    source: &Source,
) -> Result<Outcome> {
    let key = order.key.clone();
    let mut flight = flight::join(inner, order.clone());
    let streams = *request.method() == Method::GET && !request.headers().contains_key(header::RANGE);
    loop {
        let progress = flight.borrow_and_update().clone();
        match (progress.end, progress.file) {
            (Some(End::Kept(stored)), _) => {
                let file = File::new(&stored, path);
                if let Some(response) = answer::stored(inner, request, &order.domain, &file, Mark::Absent).await? {
                    return Ok(Outcome::Kept(response, stored));
                }
                // It was here a moment ago; it is fetched again.
                flight::forget(inner, &key);
                flight = flight::join(inner, order.clone());
            }
            (Some(End::Passed(stored, passed)), _) => {
                return Ok(Outcome::Other(pass(request, &File::new(&stored, path), passed).await?));
            }
            (Some(End::Failed(failure)), _) => return Ok(Outcome::Failed(failure)),
            (None, Some(file)) if streams => {
                return Ok(Outcome::Other(growing(flight, file, progress.size, source, path)));
            }
            (None, _) => {
                if flight.changed().await.is_err() {
                    return Ok(Outcome::Failed(Failure::Internal));
                }
            }
        }
    }
}

/// What is not kept need not be fetched to say what it is.
fn unfetched_head(request: &HttpRequest, source: &Source, path: &str) -> Option<HttpResponse> {
    let size = source.size.filter(|_| *request.method() == Method::HEAD && !source.remote.keeps())?;
    Some(announced(source, Some(size), path, SizedStream::new(size, stream::empty::<Result<_>>())))
}

async fn pass(request: &HttpRequest, file: &File, passed: Passed) -> Result<HttpResponse> {
    let range = match answer::decide(request, file, Mark::Absent) {
        Decision::Done(response) => return Ok(response),
        Decision::Send(range) => range,
    };
    let content = match passed {
        Passed::Memory(bytes) => Content::Memory(blocks::part(&bytes, &range)),
        Passed::File(raw) => Content::Stream(blocks::stream(raw, range.clone())),
    };
    Ok(answer::send(request, file, Mark::Absent, range, content))
}

/// The file as it grows, up to its end or to the moment it turns out wrong.
fn growing(
    flight: watch::Receiver<Progress>,
    file: Arc<Raw>,
    size: Option<u64>,
    source: &Source,
    path: &str,
) -> HttpResponse {
    let blocks = stream::try_unfold((flight, file, 0), |(mut flight, file, position)| async move {
        loop {
            let progress = flight.borrow_and_update().clone();
            let end = match &progress.end {
                Some(End::Kept(stored) | End::Passed(stored, _)) if position == stored.size => return Ok(None),
                Some(End::Kept(stored) | End::Passed(stored, _)) => stored.size,
                Some(End::Failed(_)) => return Err(Error::upstream("the upstream sent a wrong file")),
                None => progress.readable,
            };
            if position < end {
                let bytes = blocks::block(file.clone(), position..end).await?;
                let position = position + bytes.len() as u64;
                return Ok(Some((bytes, (flight, file, position))));
            }
            flight.changed().await.map_err(Error::internal)?;
        }
    });
    match size {
        Some(size) => announced(source, Some(size), path, SizedStream::new(size, Box::pin(blocks))),
        None => chunked(source, path, blocks),
    }
}

fn announced<S>(source: &Source, size: Option<u64>, path: &str, body: SizedStream<S>) -> HttpResponse
where
    S: Stream<Item = Result<Bytes>> + 'static,
{
    let mut response = HttpResponse::new(StatusCode::OK);
    *response.headers_mut() = file::announce(size, sha256(source), path);
    response.set_body(body).map_into_boxed_body()
}

fn chunked(source: &Source, path: &str, body: impl Stream<Item = Result<Bytes>> + 'static) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for (name, value) in &file::announce(None, sha256(source), path) {
        response.insert_header((name.clone(), value.clone()));
    }
    response.streaming(body)
}

fn sha256(source: &Source) -> Option<&str> {
    source.digests.iter().find(|(name, _)| name == "sha256").map(|(_, digest)| digest.as_str())
}

/// Headers and a broken connection: how clients learn that an upstream sent a wrong file, of which they
/// get nothing.
fn cut(request: &HttpRequest, source: &Source, path: &str) -> HttpResponse {
    if *request.method() == Method::HEAD {
        return not_found(Mark::Absent);
    }
    let broken = stream::once(async {
        tokio::time::sleep(BEFORE_CUT).await;
        Err(Error::upstream("the upstream sent a wrong file"))
    });
    match request.version() {
        // Without a length its clients take the end of the connection for that of the file.
        Version::HTTP_09 | Version::HTTP_10 => {
            announced(source, source.size, path, SizedStream::new(source.size.unwrap_or(1).max(1), Box::pin(broken)))
        }
        _ => chunked(source, path, broken),
    }
}
