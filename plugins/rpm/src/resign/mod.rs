//! Putting an OpenPGP signature into a package. Only its signature header changes: lead, main header and payload stay
//! byte by byte, so what is written anew is the beginning of the file.
//!
//! A package of format 4 has the signature of its main header under a tag that tells RSA from other keys (rpm's
//! `RPMSIGTAG_RSA` and `RPMSIGTAG_DSA`); one of format 6 has any, in base64, in a list.

mod sample;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use sample::sample;
pub(crate) use write::Part;

use crate::header::{Header, HeaderError};

/// The length of a lead, in bytes.
pub const LEAD: usize = 96;

const HEADER_SIGNATURES: u32 = 62;
const DSA: u32 = 267;
const RSA: u32 = 268;
const OPENPGP: u32 = 278;
/// Space for signatures to come, of format 6 and of format 4.
const RESERVED: u32 = 999;
const RESERVED_SPACE: u32 = 1008;
/// What the new signature takes the place of: all other signatures, and regions, which are written anew.
const REPLACED: [u32; 10] = [61, HEADER_SIGNATURES, 63, DSA, RSA, OPENPGP, RESERVED, 1002, 1005, 1006];

/// The numbers of types of data.
const BINARY: u32 = 7;
const STRING_ARRAY: u32 = 8;

/// Bytes of an entry of a header's index.
const ENTRY: usize = 16;

/// A detached OpenPGP signature, as a packet, of a package's main header.
#[derive(Clone, Copy, Debug)]
pub struct HeaderSignature<'a> {
    pub packet: &'a [u8],
    /// Whether an RSA key made it.
    pub is_rsa: bool,
}

/// What a package begins with when it has this signature and no other; at [`Header::range`]'s start the main header
/// follows. As long as before if the space that was reserved for signatures suffices.
pub fn head(lead: &[u8; LEAD], header: &Header, signature: HeaderSignature<'_>) -> Result<Vec<u8>, HeaderError> {
    let mut parts = header.signature_parts()?;
    let reserved = parts.iter().find(|part| matches!(part.tag, RESERVED | RESERVED_SPACE)).map(|part| part.tag);
    parts.retain(|part| !REPLACED.contains(&part.tag) && part.tag != RESERVED_SPACE);
    parts.push(part(header.format()?, signature));
    let shorter = write::header(HEADER_SIGNATURES, &parts)?;
    let space = header.signature_length().checked_sub(shorter.len() + ENTRY).filter(|space| *space > 0);
    let written = match reserved.zip(space) {
        Some((tag, space)) => {
            parts.push(Part::new(tag, BINARY, space, vec![0; space])?);
            write::header(HEADER_SIGNATURES, &parts)?
        }
        None => shorter,
    };
    let mut head = [&lead[..], &written].concat();
    head.resize(head.len().next_multiple_of(8), 0);
    Ok(head)
}

fn part(format: u64, signature: HeaderSignature<'_>) -> Part<'_> {
    if format >= 6 {
        let text = STANDARD.encode(signature.packet) + "\0";
        return Part { tag: OPENPGP, kind: STRING_ARRAY, count: 1, bytes: Cow::Owned(text.into_bytes()) };
    }
    let tag = if signature.is_rsa { RSA } else { DSA };
    // A packet is a few hundred bytes; what were more than a header can say, writing it refuses.
    let count = u32::try_from(signature.packet.len()).unwrap_or(u32::MAX);
    Part { tag, kind: BINARY, count, bytes: Cow::Borrowed(signature.packet) }
}
