//! A body that goes past the server's buffer; see [`super::wire`].

use std::fs::File;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, Stream, StreamExt};

use super::blocks;
use super::wire::{Outbox, Part};
use crate::error::{Error, Result};

/// Shorter bodies are copied: that costs less than a detour.
pub const SHORTEST: u64 = 16 << 10;
/// Handed to the kernel at once. Others get their turn in between.
const BLOCK: u64 = 2 << 20;

/// The body of an answer that has told its length itself.
pub struct Direct {
    outbox: Outbox,
    parts: LocalBoxStream<'static, Result<Part>>,
    is_sending: bool,
}

impl Direct {
    pub fn memory(outbox: Outbox, bytes: Bytes) -> Self {
        let part = stream::once(std::future::ready(Ok(Part::Memory(bytes))));
        Self { outbox, parts: part.boxed_local(), is_sending: false }
    }

    pub fn file(outbox: Outbox, file: Arc<File>, range: Range<u64>) -> Self {
        Self { outbox, parts: parts(file, range).boxed_local(), is_sending: false }
    }
}

fn parts(file: Arc<File>, range: Range<u64>) -> impl Stream<Item = Result<Part>> {
    stream::try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let next = range.start..range.end.min(range.start + BLOCK);
        // What is not in memory must not be waited for here.
        if blocks::is_cached(&file, &next) {
            let rest = next.end..range.end;
            return Ok(Some((Part::File(file.clone(), next), (file, rest))));
        }
        let bytes = blocks::block(file.clone(), range.clone()).await?;
        let rest = range.start + bytes.len() as u64..range.end;
        Ok(Some((Part::Memory(bytes), (file, rest))))
    })
}

impl MessageBody for Direct {
    type Error = Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = self.get_mut();
        if this.is_sending && !this.outbox.is_empty() {
            return Poll::Pending;
        }
        match ready!(this.parts.poll_next_unpin(cx)) {
            Some(Ok(part)) => {
                this.outbox.put(part, cx.waker());
                this.is_sending = true;
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => Poll::Ready(None),
        }
    }
}
