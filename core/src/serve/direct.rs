//! A body that goes past the server's buffer; see [`super::wire`].

use std::fs::File;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::blocks;
use super::wire::{Outbox, Part};
use crate::error::{Error, Result};

/// Handed to the kernel at once. Others get their turn in between.
const BLOCK: u64 = 2 << 20;

/// A range of a file as the body of an answer that has told its length itself.
pub struct Direct {
    outbox: Outbox,
    file: Arc<File>,
    /// What is still to be sent.
    left: Range<u64>,
    /// The next of it, which the kernel does not have in memory.
    awaited: Option<LocalBoxFuture<'static, Result<Bytes>>>,
}

impl Direct {
    pub fn new(outbox: Outbox, file: Arc<File>, range: Range<u64>) -> Self {
        Self { outbox, file, left: range, awaited: None }
    }

    /// The next part; none when all are sent.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part>>> {
        loop {
            if let Some(awaited) = &mut self.awaited {
                let read = ready!(awaited.poll_unpin(cx));
                self.awaited = None;
                return Poll::Ready(Some(read.map(|bytes| {
                    self.left.start += bytes.len() as u64;
                    Part::Memory(bytes)
                })));
            }
            if self.left.is_empty() {
                return Poll::Ready(None);
            }
            let next = self.left.start..self.left.end.min(self.left.start + BLOCK);
            // What is not in memory must not be waited for here.
            if blocks::is_cached(&self.file, &next) {
                self.left.start = next.end;
                return Poll::Ready(Some(Ok(Part::File(self.file.clone(), next))));
            }
            self.awaited = Some(blocks::block(self.file.clone(), self.left.clone()).boxed_local());
        }
    }
}

impl MessageBody for Direct {
    type Error = Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = self.get_mut();
        ready!(this.outbox.poll_empty(cx));
        match ready!(this.poll_part(cx)) {
            Some(Ok(part)) => {
                this.outbox.put(part, cx);
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => Poll::Ready(None),
        }
    }
}

/// The body of an answer that has told its length itself, and whose bytes are in the outbox already.
pub struct InOutbox;

impl MessageBody for InOutbox {
    type Error = Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        Poll::Ready(None)
    }
}
