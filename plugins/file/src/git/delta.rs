//! Changes: how an object is made of another one.
//!
//! ```text
//! size of the base, size of the result       seven bits in each byte, the last of them below 128
//! 1ooooooo [offset] [length]                 copies from the base; which bytes follow is told by the bits
//! 0nnnnnnn                                   so many bytes that follow
//! ```

use super::error::GitError;
use super::scratch::{Cursor, Scratch, Span, copy};

/// What a copy without a length copies.
const COPIED: u64 = 0x10000;
/// The most bits of a size.
const MOST_BITS: u32 = 56;

/// The size of what the change makes of a base of this size.
pub fn sizes(scratch: &Scratch, delta: &mut Cursor, base: u64) -> Result<u64, GitError> {
    match size(scratch, delta)? == base {
        true => size(scratch, delta),
        false => Err(wrong()),
    }
}

fn size(scratch: &Scratch, delta: &mut Cursor) -> Result<u64, GitError> {
    let (mut size, mut bits) = (0, 0);
    loop {
        let byte = byte(scratch, delta)?;
        size |= u64::from(byte & 0x7f) << bits;
        bits += 7;
        if byte & 0x80 == 0 {
            return Ok(size);
        }
        if bits > MOST_BITS - 7 {
            return Err(wrong());
        }
    }
}

/// Hands out what the rest of the change makes of the base, which must be `size` bytes.
pub fn apply(
    scratch: &mut Scratch,
    delta: &mut Cursor,
    base: Span,
    size: u64,
    mut to: impl FnMut(&mut Scratch, &[u8]) -> Result<(), GitError>,
) -> Result<(), GitError> {
    let mut left = size;
    let mut take = |count: u64| {
        left = left.checked_sub(count).ok_or_else(wrong)?;
        Ok::<_, GitError>(left)
    };
    while let Some(code) = delta.next(scratch)? {
        if code & 0x80 != 0 {
            let offset = number(scratch, delta, code & 0x0f, 4)?;
            let length = number(scratch, delta, code >> 4 & 0x07, 3)?;
            let length = if length == 0 { COPIED } else { length };
            if offset.checked_add(length).is_none_or(|end| end > base.length) {
                return Err(wrong());
            }
            take(length)?;
            copy(scratch, Span { start: base.start + offset, length }, &mut to)?;
        } else if code != 0 {
            take(u64::from(code))?;
            let mut bytes = Vec::with_capacity(usize::from(code));
            for _ in 0..code {
                bytes.push(byte(scratch, delta)?);
            }
            to(scratch, &bytes)?;
        } else {
            return Err(wrong());
        }
    }
    match take(0)? {
        0 => Ok(()),
        _ => Err(wrong()),
    }
}

/// A number of those of its bytes that the bits tell.
fn number(scratch: &Scratch, delta: &mut Cursor, bits: u8, bytes: u32) -> Result<u64, GitError> {
    let mut told = (0..bytes).filter(|at| bits >> at & 1 == 1);
    told.try_fold(0, |number, at| Ok(number | u64::from(byte(scratch, delta)?) << (8 * at)))
}

fn byte(scratch: &Scratch, delta: &mut Cursor) -> Result<u8, GitError> {
    delta.next(scratch)?.ok_or_else(wrong)
}

fn wrong() -> GitError {
    GitError::wrong("the pack has a change that does not fit what it changes")
}
