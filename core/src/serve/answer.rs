//! From a request to its answer: the order in which a path is asked about, and the plain answers.
//!
//! What is seldom asked for is boxed: its state would be part of that of every answer, which is moved several times.

use std::ops::Range;
use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::blocks::{self, Content};
use super::conditional::{Verdict, judge, judge_whole};
use super::direct::Direct;
use super::file::{self, File};
use super::locate::{self, Found, Located, Mark};
use super::pointer::{self, Pointer};
use super::wire::Outbox;
use super::{Delivery, Inner, ServedDomain, artifact, checkpoint, folder, guard, lazy, made, path};
use crate::db::artifact_distribution::ARTIFACTS;
use crate::error::{Error, Result};
use crate::observe::{Told, Watch};

/// What requests are counted as.
pub const FACE: &str = "content";
pub const OPERATION: &str = "content_get";

const NOT_POINTING: &str = "Distribution is not pointing to a publication, repository, repository version, or remote.";

/// Answers any request below the content face's prefix.
pub async fn answer(delivery: Delivery, request: HttpRequest) -> HttpResponse {
    let cid = request.headers().get("Correlation-ID").and_then(|cid| cid.to_str().ok());
    let watch = Watch::begin(delivery.0.settings.access_log, &request, cid);
    let answered = watch.over(respond(&delivery.0, &request)).await;
    let response = answered.unwrap_or_else(|error| failed(&error, request.path()));
    let told = Told { face: FACE, operation: OPERATION, requests: &delivery.0.requests, user: None, token: None, cid };
    watch.end(&request, response, &told)
}

async fn respond(inner: &Arc<Inner>, request: &HttpRequest) -> Result<HttpResponse> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "405: Method Not Allowed");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return Ok(response);
    }
    let Some(below) = request.uri().path().strip_prefix(&inner.settings.prefix) else {
        return Ok(with_slash(request));
    };
    let Some(path) = path::decode(below) else { return Ok(not_found(Mark::Absent)) };
    let Some(pointer) = pointer::find(inner, &path).await? else {
        return Box::pin(folder::base_paths(inner, request, &path)).await;
    };
    // The guard judges the path that is served.
    let path = path::without_extra_slashes(path, pointer.distribution.place.len());
    match guard::refusal(inner, request, &pointer, &path).await? {
        Some(refusal) => Ok(refusal),
        None => Ok(guard::private(in_distribution(inner, request, &pointer, &path).await?, &pointer)),
    }
}

async fn in_distribution(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    pointer: &Arc<Pointer>,
    path: &str,
) -> Result<HttpResponse> {
    let distribution = &pointer.distribution;
    let Some(rest) = path[distribution.place.len()..].strip_prefix('/') else { return Ok(with_slash(request)) };
    if distribution.pulp_type == ARTIFACTS {
        return Box::pin(artifact::answer(inner, request, pointer, rest)).await;
    }
    if !distribution.is_pointing() {
        return Ok(not_pointing());
    }
    if distribution.checkpoint {
        return Box::pin(checkpoint::answer(inner, request, pointer, rest)).await;
    }
    if pointer.face.is_some()
        && let Some(response) = inner.formats.native(request, pointer, rest).await
    {
        return response;
    }
    if pointer.makes_files {
        return Box::pin(made::answer(inner, request, pointer, rest)).await;
    }
    if pointer.generated.contains(&rest)
        && let Some(text) = Box::pin(inner.formats.generated(pointer, rest, &origin(request))).await?
    {
        return Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text));
    }
    in_tree(inner, request, pointer, rest).await
}

/// Scheme and host by which the server was asked.
fn origin(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    format!("{}://{}", connection.scheme(), connection.host())
}

/// Answers for `path` of what a pointer serves.
pub async fn in_tree(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    pointer: &Arc<Pointer>,
    path: &str,
) -> Result<HttpResponse> {
    for _ in 0..2 {
        match locate::locate(inner, pointer, path).await? {
            Located::Found(Found::File(file), mark) => {
                if let Some(response) = stored(inner, request, &pointer.domain, &file, mark).await? {
                    return Ok(response);
                }
                // The space may have been reclaimed since the path was remembered.
                inner.paths.remove(&locate::key(pointer, path));
            }
            Located::Found(Found::Folder, _) => return Ok(with_slash(request)),
            Located::Found(Found::Listing, mark) => {
                return Box::pin(folder::listing(inner, request, pointer, path, mark)).await;
            }
            Located::Found(Found::Nothing, mark) => return Ok(not_found(mark)),
            Located::Lazy(content_artifact, mark) => {
                return Box::pin(lazy::content(inner, request, pointer, path, (content_artifact, mark))).await;
            }
            Located::Unknown => return Box::pin(lazy::pull(inner, request, pointer, path)).await,
        }
    }
    Err(Error::storage("an artifact is missing from the store", request.path()))
}

/// Answers with a stored file; none when the store has lost its bytes.
pub async fn stored(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    domain: &ServedDomain,
    file: &File,
    mark: Mark,
) -> Result<Option<HttpResponse>> {
    let range = match decide(request, file, mark) {
        Decision::Done(response) => return Ok(Some(response)),
        Decision::Send(range) => range,
    };
    if redirects(domain)
        && let Some(response) = Box::pin(redirect(domain, file, mark)).await?
    {
        return Ok(Some(response));
    }
    if *request.method() == Method::HEAD {
        return Ok(Some(send(request, file, mark, range, Content::Memory(Default::default()))));
    }
    let content = blocks::read(inner, domain, &file.sha256, file.size, range.clone()).await?;
    Ok(content.map(|content| send(request, file, mark, range, content)))
}

/// What the conditions of a request ask for.
pub enum Decision {
    /// The answer has no bytes of the file.
    Done(HttpResponse),
    Send(Range<u64>),
}

pub fn decide(request: &HttpRequest, file: &File, mark: Mark) -> Decision {
    let judged = match *request.method() {
        Method::HEAD => judge_whole(request.headers(), file.validators()),
        _ => judge(request.headers(), file.validators()),
    };
    Decision::Done(match judged {
        Verdict::Whole => return Decision::Send(0..file.size),
        Verdict::Part(range) => return Decision::Send(range),
        Verdict::NotModified => file.description(StatusCode::NOT_MODIFIED, mark).finish(),
        Verdict::PreconditionFailed => file.description(StatusCode::PRECONDITION_FAILED, mark).finish(),
        Verdict::Unsatisfiable => file
            .description(StatusCode::RANGE_NOT_SATISFIABLE, mark)
            .insert_header((header::CONTENT_RANGE, format!("bytes */{}", file.size)))
            .finish(),
    })
}

/// The answer that carries `range` of a file. `content` is not looked at for a HEAD.
pub fn send(request: &HttpRequest, file: &File, mark: Mark, range: Range<u64>, content: Content) -> HttpResponse {
    let length = range.end - range.start;
    let mut response = if length == file.size {
        file.response(StatusCode::OK, mark)
    } else {
        let mut response = file.response(StatusCode::PARTIAL_CONTENT, mark);
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size);
        response.insert_header((header::CONTENT_RANGE, text));
        response
    };
    match content {
        _ if *request.method() == Method::HEAD => response.body(SizedStream::new(length, stream::empty::<Result<_>>())),
        Content::Memory(bytes) => response.body(bytes),
        Content::File(file, range) => match outbox(request) {
            Some(outbox) => response.no_chunking(length).body(Direct::new(outbox, file, range)),
            None => response.body(SizedStream::new(length, blocks::stream(file, range))),
        },
        Content::Stream(stream) => response.body(SizedStream::new(length, stream)),
    }
}

/// A server with other connections has none.
fn outbox(request: &HttpRequest) -> Option<Outbox> {
    request.conn_data::<Outbox>().cloned()
}

/// Whether readers are sent to the bucket.
pub fn redirects(domain: &ServedDomain) -> bool {
    domain.redirects && !domain.storage.is_local()
}

/// None for what lies in a folder, as some files do while a domain moves.
async fn redirect(domain: &ServedDomain, file: &File, mark: Mark) -> Result<Option<HttpResponse>> {
    let signed = domain.storage.presigned(&file.sha256, &file.name, file.content_type).await?;
    Ok(signed.map(|address| {
        let mut response = file.description(StatusCode::FOUND, mark);
        response.insert_header((header::LOCATION, address));
        // The address ends before a cache would notice.
        response.insert_header((header::CACHE_CONTROL, "private, no-store"));
        response.finish()
    }))
}

/// Sends the client to its own path with a slash.
pub fn with_slash(request: &HttpRequest) -> HttpResponse {
    moved(&format!("{}/", request.uri().path()))
}

/// `path` is encoded and begins with the prefix of the content face.
pub fn moved(path: &str) -> HttpResponse {
    let mut response = plain(StatusCode::MOVED_PERMANENTLY, "301: Moved Permanently");
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

pub fn not_found(mark: Mark) -> HttpResponse {
    let mut response = HttpResponse::NotFound();
    file::mark(&mut response, mark);
    response.content_type("text/plain; charset=utf-8").body("404: Not Found")
}

/// Clients read the reason in the status line.
fn not_pointing() -> HttpResponse {
    let mut response = plain(StatusCode::NOT_FOUND, &format!("404: {NOT_POINTING}"));
    response.head_mut().reason = Some(NOT_POINTING);
    response
}

pub fn plain(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(text.to_owned())
}

fn failed(error: &Error, path: &str) -> HttpResponse {
    tracing::error!(%error, path, "a file could not be delivered");
    match error {
        Error::Upstream(_) => bad_gateway(),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "500: Internal Server Error"),
    }
}

/// The upstream is at fault.
pub fn bad_gateway() -> HttpResponse {
    plain(StatusCode::BAD_GATEWAY, "502: Bad Gateway")
}
