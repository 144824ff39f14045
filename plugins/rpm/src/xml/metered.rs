//! A reader that gives so many bytes between two permissions.

use std::io::{self, BufRead, Read};

/// Fails once more has been taken than [`Metered::allow`] allowed.
pub(super) struct Metered<R> {
    inner: R,
    left: usize,
}

impl<R> Metered<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, left: 0 }
    }

    pub(super) fn allow(&mut self, bytes: usize) {
        self.left = bytes;
    }

    pub(super) fn exhausted(&self) -> bool {
        self.left == 0
    }
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other("too much without a tag"));
        }
        let available = self.inner.fill_buf()?;
        let count = available.len().min(self.left);
        Ok(&available[..count])
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.inner.consume(count);
    }
}
