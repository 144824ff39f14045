//! Putting an OpenPGP signature into a package. Only its signature header changes: lead, main header and payload stay
//! byte by byte, so what is written anew is the beginning of the file.
//!
//! A package of format 4 has the signature of its main header under a tag that tells RSA from other keys (rpm's
//! `RPMSIGTAG_RSA` and `RPMSIGTAG_DSA`); one of format 6 has any, in base64, in a list. The main header holds a digest of
//! the payload, so that is signed with it. Not so before rpm 4.14: such a package gets a signature of header and payload
//! besides (`RPMSIGTAG_PGP`, `RPMSIGTAG_GPG`), as `rpmsign --rpmv3` makes it.

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
/// Of header and payload together, by an RSA key and by another.
const WHOLE_RSA: u32 = 1002;
const WHOLE_OTHER: u32 = 1005;
/// Space for signatures to come, of format 6 and of format 4.
const RESERVED: u32 = 999;
const RESERVED_SPACE: u32 = 1008;
/// What the new signature takes the place of: all other signatures, and regions, which are written anew.
const REPLACED: [u32; 10] = [61, HEADER_SIGNATURES, 63, DSA, RSA, OPENPGP, RESERVED, WHOLE_RSA, WHOLE_OTHER, 1006];

/// The numbers of types of data.
const BINARY: u32 = 7;
const STRING_ARRAY: u32 = 8;

/// Bytes of an entry of a header's index.
const ENTRY: usize = 16;

/// Detached OpenPGP signatures of a package by one key, as packets.
#[derive(Clone, Copy, Debug)]
pub struct Signatures<'a> {
    /// Of the main header.
    pub header: &'a [u8],
    /// Of the main header and the payload, where [`Header::vouches_for_payload`] says that it needs one.
    pub whole: Option<&'a [u8]>,
    /// Whether an RSA key made them.
    pub is_rsa: bool,
}

/// What a package begins with when it has these signatures and no other; at [`Header::range`]'s start the main header
/// follows. As long as before if the space that was reserved for signatures suffices.
pub fn head(lead: &[u8; LEAD], header: &Header, signatures: Signatures<'_>) -> Result<Vec<u8>, HeaderError> {
    let mut parts = header.signature_parts()?;
    let reserved = parts.iter().find(|part| matches!(part.tag, RESERVED | RESERVED_SPACE)).map(|part| part.tag);
    parts.retain(|part| !REPLACED.contains(&part.tag) && part.tag != RESERVED_SPACE);
    parts.extend(signed(header.format()?, signatures));
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

fn signed(format: u64, signatures: Signatures<'_>) -> Vec<Part<'_>> {
    let Signatures { header, whole, is_rsa } = signatures;
    if format >= 6 {
        let text = STANDARD.encode(header) + "\0";
        return vec![Part { tag: OPENPGP, kind: STRING_ARRAY, count: 1, bytes: Cow::Owned(text.into_bytes()) }];
    }
    let (header_tag, whole_tag) = if is_rsa { (RSA, WHOLE_RSA) } else { (DSA, WHOLE_OTHER) };
    std::iter::once(packet(header_tag, header)).chain(whole.map(|whole| packet(whole_tag, whole))).collect()
}

fn packet(tag: u32, packet: &[u8]) -> Part<'_> {
    // A packet is a few hundred bytes; what were more than a header can say, writing it refuses.
    let count = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    Part { tag, kind: BINARY, count, bytes: Cow::Borrowed(packet) }
}
