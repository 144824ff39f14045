//! How much of an archive is read before it counts as a bomb.

use std::io::{self, Read};

/// More entries than any real distribution has; the largest have some 30,000.
pub(super) const MAX_ENTRIES: u64 = 200_000;

/// Archives may always unpack to this much, whatever their own size.
const ALWAYS_ALLOWED: u64 = 256 << 20;

/// Beyond that, they may unpack to so many times their size; text rarely passes 20.
const MAX_RATIO: u64 = 100;

/// No archive unpacks to more.
const NEVER_ALLOWED: u64 = 16 << 30;

/// How many bytes an archive of this size may unpack to.
pub(super) fn unpacked(size: u64) -> u64 {
    size.saturating_mul(MAX_RATIO).clamp(ALWAYS_ALLOWED, NEVER_ALLOWED)
}

/// A reader that fails, rather than ends, at its limit, and remembers that it did.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
    pub(super) exceeded: bool,
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit, exceeded: false }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            self.exceeded = true;
            io::Error::other("too much data")
        })?;
        Ok(count)
    }
}
