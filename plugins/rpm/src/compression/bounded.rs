//! Counting what goes in and what comes out.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Limits;

/// Counts the bytes that a decoder takes.
pub(super) struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let taken = Arc::new(AtomicU64::new(0));
        (Self { inner, taken: Arc::clone(&taken) }, taken)
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        self.inner.consume(count);
    }
}

/// Fails once a decoder gives more than the limits allow for what it has taken.
pub(super) struct Bounded<R> {
    inner: R,
    taken: Arc<AtomicU64>,
    given: u64,
    limits: Limits,
}

impl<R> Bounded<R> {
    pub(super) fn new(inner: R, taken: Arc<AtomicU64>, limits: Limits) -> Self {
        Self { inner, taken, given: 0, limits }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.given += count as u64;
        let by_ratio = self.taken.load(Ordering::Relaxed).saturating_mul(self.limits.ratio);
        let most = by_ratio.max(self.limits.always).min(self.limits.unpacked);
        if self.given > most {
            let text = format!("the file unpacks to more than {most} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(count)
    }
}
