//! What can be answered on the spot: a whole file that is in memory, or open, of a distribution that asks nothing of its
//! readers. Routing and handlers would cost as much as all the rest of it, so these requests are answered before they
//! get there. Whatever is not plain goes the usual way, [`super::answer`], and gets there what it would have got here.

use std::time::Instant;

use actix_http::{Request, Response, StatusCode};
use actix_web::body::BoxBody;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};

use super::answer::redirects;
use super::blocks::{self, Content};
use super::conditional::{Verdict, judge};
use super::direct::{Direct, InOutbox};
use super::locate::{self, Found, Mark};
use super::wire::{Outbox, Part};
use super::{Inner, path, pointer};
use crate::observe::{SHORT, watched};
use crate::trace;

/// None where anything would have to be waited for, judged or told beside the bytes.
pub fn answer(inner: &Inner, request: &Request) -> Option<Response<BoxBody>> {
    if *request.method() != Method::GET || inner.settings.access_log || trace::is_on() {
        return None;
    }
    let started = Instant::now();
    let path = path::decode(request.path().strip_prefix(&inner.settings.prefix)?)?;
    let pointer = pointer::remembered(inner, &path).filter(|pointer| pointer.is_plain())?;
    let rest = path[pointer.distribution.place.len()..].strip_prefix('/')?;
    if pointer.generated.contains(&rest) || redirects(&pointer.domain) {
        return None;
    }
    let Found::File(file) = inner.paths.get(&locate::key(&pointer, rest))? else { return None };
    if !matches!(judge(&request.head().headers, file.validators()), Verdict::Whole) {
        return None;
    }
    let content = blocks::remembered(inner, &(pointer.domain.id, file.sha256.clone()), file.size, 0..file.size)?;
    let (status, size) = (StatusCode::OK, file.size);
    let mut response = Response::new(status);
    for (name, value) in file.headers(Mark::Hit) {
        response.headers_mut().insert(name, value);
    }
    match content {
        Content::Memory(bytes) => {
            inner.requests.note(status.as_u16(), size, started.elapsed());
            Some(response.set_body(BoxBody::new(bytes)))
        }
        Content::File(opened, range) => {
            let outbox = request.conn_data::<Outbox>()?;
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(size));
            response.head_mut().no_chunking(true);
            // The server would write another head before.
            let continues = request.head().expect();
            if size <= SHORT
                && !continues
                && blocks::is_cached(&opened, &range)
                && outbox.put_behind_head(Part::File(opened.clone(), range.clone()))
            {
                inner.requests.note(status.as_u16(), size, started.elapsed());
                return Some(response.set_body(BoxBody::new(InOutbox)));
            }
            let body = Direct::new(outbox.clone(), opened, range);
            Some(response.set_body(watched(body, status.as_u16(), started, &inner.requests, outbox)))
        }
        Content::Stream(_) => None,
    }
}
