//! Listings: of a folder in what a distribution serves, and of the distributions themselves. A long one is
//! sent page by page while the database goes on; memory holds one page.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::answer::{not_found, with_slash};
use super::file;
use super::html::{self, Parent};
use super::locate::{self, Mark};
use super::pointer::{self, Pointer};
use super::{Inner, ServedDomain};
use crate::db::delivery::{Entry, Tree};
use crate::db::listing::{self, PAGE};
use crate::error::{Error, Result};

/// Pages no larger are remembered.
const LARGEST_REMEMBERED: usize = 64 << 10;

/// What is listed.
#[derive(Clone)]
enum Source {
    Tree(Tree, String),
    /// Of a domain.
    BasePaths(Arc<ServedDomain>, String),
}

impl Source {
    /// The lines that follow the name `after`.
    async fn lines(&self, inner: &Arc<Inner>, after: String) -> Result<Vec<Entry>> {
        let _turn = match self {
            Self::Tree(..) => Some(inner.listings.acquire().await.map_err(Error::internal)?),
            Self::BasePaths(..) => None,
        };
        let source = self.clone();
        inner
            .db
            .read(move |conn| match &source {
                Self::Tree(tree, folder) => listing::entries(conn, tree, folder, &after),
                Self::BasePaths(domain, folder) => listing::base_paths(conn, domain.id, folder, &after, domain.listed),
            })
            .await
    }
}

/// The folder `path` of a distribution, which is not empty.
pub async fn listing(
    inner: &Arc<Inner>,
    request: &HttpRequest,
    pointer: &Pointer,
    path: &str,
    mark: Mark,
) -> Result<HttpResponse> {
    let key = locate::key(pointer, path);
    if let Some(page) = inner.pages.get(&key) {
        return Ok(whole(request, page, mark));
    }
    let Some(tree) = pointer.tree.clone() else { return Ok(not_found(mark)) };
    let source = Source::Tree(tree, path.to_owned());
    let mut first = source.lines(inner, String::new()).await?;
    if first.len() == PAGE {
        return Ok(streamed(inner, request, source, first, mark));
    }
    if path.is_empty() {
        let made = inner.formats.generated_names(pointer).await?.into_iter();
        first.extend(made.map(|name| Entry { name: name.to_owned(), created: None, size: None }));
        first.sort_by(|a, b| a.name.cmp(&b.name));
        first.dedup_by(|a, b| a.name == b.name);
    }
    let page = render(request, &first);
    if page.len() <= LARGEST_REMEMBERED {
        inner.pages.insert(key, page.clone());
    }
    Ok(whole(request, page, mark))
}

/// Where no distribution is: a folder above some, or nothing.
pub async fn base_paths(inner: &Arc<Inner>, request: &HttpRequest, path: &str) -> Result<HttpResponse> {
    let has_slash = path.is_empty() || path.ends_with('/');
    let folder = if has_slash { path.to_owned() } else { format!("{path}/") };
    let Some((domain, mount)) = pointer::domain_of(inner, &folder).await? else { return Ok(not_found(Mark::Absent)) };
    let below = folder[mount.len()..].to_owned();
    let is_root = below.is_empty();
    let source = Source::BasePaths(domain, below);
    let first = source.lines(inner, String::new()).await?;
    Ok(match first.len() {
        0 if !is_root => not_found(Mark::Absent),
        _ if !has_slash => with_slash(request),
        PAGE => streamed(inner, request, source, first, Mark::Absent),
        _ => page(request, &first),
    })
}

/// A listing of few lines.
pub fn page(request: &HttpRequest, lines: &[Entry]) -> HttpResponse {
    whole(request, render(request, lines), Mark::Absent)
}

fn whole(request: &HttpRequest, page: Bytes, mark: Mark) -> HttpResponse {
    let mut response = response(mark);
    match *request.method() {
        Method::HEAD => response.body(SizedStream::new(page.len() as u64, stream::empty::<Result<_>>())),
        _ => response.body(page),
    }
}

fn streamed(inner: &Arc<Inner>, request: &HttpRequest, source: Source, first: Vec<Entry>, mark: Mark) -> HttpResponse {
    match *request.method() {
        Method::HEAD => response(mark).finish(),
        _ => response(mark).streaming(pages(inner.clone(), source, head(request), first)),
    }
}

fn response(mark: Mark) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    file::mark(&mut response, mark);
    response.content_type("text/html; charset=utf-8");
    response
}

/// The text of a long listing: a page, then what follows its last name.
fn pages(
    inner: Arc<Inner>,
    source: Source,
    head: String,
    first: Vec<Entry>,
) -> impl Stream<Item = Result<Bytes>> + use<> {
    stream::try_unfold(Some((head, first)), move |state| {
        let (inner, source) = (inner.clone(), source.clone());
        async move {
            let Some((mut text, lines)) = state else { return Ok(None) };
            lines.iter().for_each(|entry| html::line(&mut text, entry));
            let next = match lines.last().filter(|_| lines.len() == PAGE) {
                Some(last) => Some((String::new(), source.lines(&inner, last.name.clone()).await?)),
                None => {
                    text.push_str(html::TAIL);
                    None
                }
            };
            Ok(Some((Bytes::from(text), next)))
        }
    })
}

fn render(request: &HttpRequest, lines: &[Entry]) -> Bytes {
    let mut text = head(request);
    lines.iter().for_each(|entry| html::line(&mut text, entry));
    text.push_str(html::TAIL);
    text.into()
}

/// The title is the path as it was asked for, decoded; only the root has nothing above it.
fn head(request: &HttpRequest) -> String {
    let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let is_root = matches!(request.match_info().unprocessed(), "" | "/");
    let parent = if is_root { Parent::None } else { Parent::Linked };
    html::head(&path, parent)
}
