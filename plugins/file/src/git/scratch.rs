//! Objects in a file of this host: appended once, read at any place. Whatever size an object has, of it a block is in
//! memory.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::GitError;

/// Written at once.
const BLOCK: usize = 256 << 10;
/// Read at once by what looks at single bytes.
const LOOK_AHEAD: usize = 4 << 10;

/// A range of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub length: u64,
}

/// Tells who writes that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The file.
pub struct Scratch {
    file: File,
    written: u64,
    /// What comes behind that.
    pending: Vec<u8>,
    largest: u64,
    stop: Stop,
}

impl Scratch {
    /// An empty file, which never gets larger than so many bytes.
    pub fn new(file: File, largest: u64, stop: Stop) -> Self {
        Self { file, written: 0, pending: Vec::with_capacity(BLOCK), largest, stop }
    }

    pub fn end(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// # Errors
    /// Before anything is set aside for so many bytes: `Wrong` when they do not fit.
    pub fn check_room(&self, bytes: u64) -> Result<(), GitError> {
        match self.end().checked_add(bytes).is_none_or(|end| end > self.largest) {
            true => Err(GitError::wrong(format!("its objects take more than the allowed {} bytes", self.largest))),
            false => Ok(()),
        }
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        if self.stop.0.load(Ordering::Relaxed) {
            return Err(GitError::Canceled);
        }
        self.check_room(bytes.len() as u64)?;
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= BLOCK {
            self.file.write_all_at(&self.pending, self.written).map_err(GitError::Disk)?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    /// Reads what there is at a place, at least one byte unless that is the end.
    fn read_at(&self, position: u64, to: &mut [u8]) -> Result<usize, GitError> {
        if let Some(before) = position.checked_sub(self.written) {
            let from = usize::try_from(before).ok().and_then(|before| self.pending.get(before..)).unwrap_or_default();
            let count = from.len().min(to.len());
            to[..count].copy_from_slice(&from[..count]);
            return Ok(count);
        }
        let count = usize::try_from(self.written - position).unwrap_or(usize::MAX).min(to.len());
        self.file.read_at(&mut to[..count], position).map_err(GitError::Disk)
    }
}

/// Looks at the bytes of a span, one after the other.
pub struct Cursor {
    at: u64,
    left: u64,
    block: Vec<u8>,
    used: usize,
}

impl Cursor {
    pub fn new(span: Span) -> Self {
        Self { at: span.start, left: span.length, block: vec![], used: 0 }
    }

    /// The next byte; none at the end.
    pub fn next(&mut self, scratch: &Scratch) -> Result<Option<u8>, GitError> {
        if self.used == self.block.len() {
            self.block.resize(usize::try_from(self.left).unwrap_or(usize::MAX).min(LOOK_AHEAD), 0);
            let count = scratch.read_at(self.at, &mut self.block)?;
            self.block.truncate(count);
            self.used = 0;
            self.at += count as u64;
            self.left -= count as u64;
        }
        let byte = self.block.get(self.used).copied();
        self.used += usize::from(byte.is_some());
        Ok(byte)
    }
}

/// Reads a span of a file to which nothing is appended meanwhile.
pub struct SpanReader<S> {
    scratch: S,
    at: u64,
    left: u64,
}

impl<S: Deref<Target = Scratch>> SpanReader<S> {
    pub fn new(scratch: S, span: Span) -> Self {
        Self { scratch, at: span.start, left: span.length }
    }

    pub fn left(&self) -> u64 {
        self.left
    }
}

impl<S: Deref<Target = Scratch>> Read for SpanReader<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(to.len());
        let read = self.scratch.read_at(self.at, &mut to[..count])?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Hands out the bytes of a span in blocks, while the file may be appended to between them.
pub fn copy(
    scratch: &mut Scratch,
    span: Span,
    mut to: impl FnMut(&mut Scratch, &[u8]) -> Result<(), GitError>,
) -> Result<(), GitError> {
    let mut block = vec![0; usize::try_from(span.length).unwrap_or(usize::MAX).min(64 << 10)];
    let (mut at, mut left) = (span.start, span.length);
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        let count = scratch.read_at(at, &mut block[..room])?;
        if count == 0 {
            return Err(GitError::Disk(io::ErrorKind::UnexpectedEof.into()));
        }
        to(scratch, &block[..count])?;
        at += count as u64;
        left -= count as u64;
    }
    Ok(())
}
