//! Files that a format makes of the units of a version while a reader waits, such as the keys of a keyring. They lie at
//! the root of the distribution.

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::Inner;
use super::answer::not_found;
use super::folder;
use super::locate::Mark;
use super::pointer::Pointer;
use crate::db::delivery::Entry;
use crate::error::Result;
use crate::plugin::MadeFile;

/// What is asked of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// The names of all files.
    Names,
    File(String),
}

/// What came of it.
pub enum MadeAnswer {
    Names(Vec<String>),
    File(MadeFile),
}

/// Answers for `path` of a distribution whose files are all made.
pub async fn answer(inner: &Arc<Inner>, request: &HttpRequest, pointer: &Pointer, path: &str) -> Result<HttpResponse> {
    let asked = match path {
        "" => Made::Names,
        name => Made::File(name.to_owned()),
    };
    Ok(match inner.formats.made(pointer, asked).await? {
        None => not_found(Mark::Absent),
        Some(MadeAnswer::Names(names)) => {
            let line = |name| Entry { name, created: None, size: None };
            folder::page(request, &names.into_iter().map(line).collect::<Vec<_>>())
        }
        Some(MadeAnswer::File(file)) => whole(request, file),
    })
}

fn whole(request: &HttpRequest, file: MadeFile) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type(file.media_type);
    response.insert_header((header::CACHE_CONTROL, "public, max-age=0, must-revalidate"));
    match *request.method() {
        Method::HEAD => response.body(SizedStream::new(file.bytes.len() as u64, stream::empty::<Result<_>>())),
        _ => response.body(file.bytes),
    }
}
