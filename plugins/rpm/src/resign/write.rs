//! Writing a header: the counterpart of what `header` reads.

use std::borrow::Cow;

use crate::header::HeaderError;

const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

/// The length of a region's trailer, in bytes.
const TRAILER: u32 = 16;

/// One tag with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    pub tag: u32,
    /// The number of its type.
    pub kind: u32,
    /// Of items.
    pub count: u32,
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Part<'a> {
    pub fn new(tag: u32, kind: u32, count: usize, bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, HeaderError> {
        Ok(Self { tag, kind, count: number(count)?, bytes: bytes.into() })
    }

    /// What its offset must be a multiple of.
    fn alignment(&self) -> usize {
        match self.kind {
            3 => 2,
            4 => 4,
            5 => 8,
            _ => 1,
        }
    }
}

/// A header with one region around all of its parts, which rpm demands of what it verifies. Parts come in the order of
/// their tags, data in that of the index.
pub(crate) fn header(region: u32, parts: &[Part<'_>]) -> Result<Vec<u8>, HeaderError> {
    let mut parts: Vec<&Part<'_>> = parts.iter().collect();
    parts.sort_by_key(|part| part.tag);
    let mut index = Vec::new();
    let mut data = Vec::new();
    for part in &parts {
        data.resize(data.len().next_multiple_of(part.alignment()), 0);
        entry(&mut index, [part.tag, part.kind, number(data.len())?, part.count]);
        data.extend_from_slice(&part.bytes);
    }
    let entries = number(parts.len() + 1)?;
    let mut first = Vec::new();
    entry(&mut first, [region, super::BINARY, number(data.len())?, TRAILER]);
    // The trailer points back over the index, as a negative number.
    let back = entries.checked_mul(TRAILER).ok_or_else(too_large)?.wrapping_neg();
    entry(&mut data, [region, super::BINARY, back, TRAILER]);
    let sizes = [entries.to_be_bytes(), number(data.len())?.to_be_bytes()].concat();
    Ok([&MAGIC[..], &sizes, &first, &index, &data].concat())
}

fn entry(to: &mut Vec<u8>, numbers: [u32; 4]) {
    numbers.iter().for_each(|number| to.extend(number.to_be_bytes()));
}

fn number(length: usize) -> Result<u32, HeaderError> {
    u32::try_from(length).map_err(|_| too_large())
}

fn too_large() -> HeaderError {
    HeaderError::Header { what: "signature header", problem: "it would be too large".to_owned() }
}
