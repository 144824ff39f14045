//! One header: an index of tags and the data that they point into.
//!
//! ```text
//! 8e ad e8 01  00 00 00 00  <entries: u32>  <bytes of data: u32>
//! entries × ( <tag: u32> <type: u32> <offset: u32> <count: u32> )
//! data
//! ```
//! All numbers are big-endian.

use std::io::Read;

use super::HeaderError;
use crate::resign::Part;
use crate::text;

const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];
const INTRO: usize = 16;
const ENTRY: usize = 16;

/// rpm's own limit.
const MAX_ENTRIES: u32 = 0xffff;

/// The most items that one tag may have; a package of a million files is none.
const MAX_ITEMS: usize = 1 << 20;

/// The type numbers of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Char,
    Int8,
    Int16,
    Int32,
    Int64,
    String,
    Binary,
    StringArray,
    I18nString,
}

impl Kind {
    fn from_number(number: u32) -> Option<Self> {
        use Kind::{Binary, Char, I18nString, Int8, Int16, Int32, Int64, Null, String, StringArray};
        let kinds = [Null, Char, Int8, Int16, Int32, Int64, String, Binary, StringArray, I18nString];
        kinds.get(usize::try_from(number).ok()?).copied()
    }

    /// Bytes of one item, and what its offset must be a multiple of; of strings, at least one.
    fn size(self) -> usize {
        match self {
            Self::Null => 0,
            Self::Int16 => 2,
            Self::Int32 => 4,
            Self::Int64 => 8,
            _ => 1,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    kind: Kind,
    offset: usize,
    count: usize,
}

/// A header whose entries all lie within its data.
#[derive(Clone, Debug)]
pub(super) struct Store {
    entries: Vec<Entry>,
    data: Vec<u8>,
    /// Bytes of the whole header as it was read.
    pub(super) length: u64,
}

impl Store {
    /// Reads a header with at most so many bytes of data. `seen` is given all bytes read.
    pub(super) fn read(
        input: &mut impl Read,
        what: &'static str,
        max_data: u32,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<Self, HeaderError> {
        let bad = |problem: String| HeaderError::Header { what, problem };
        let mut intro = [0; INTRO];
        super::read_exact(input, &mut intro, what)?;
        seen(&intro);
        if intro[..4] != MAGIC {
            return Err(bad("it does not begin as one".to_owned()));
        }
        let (count, size) = (number(&intro, 8), number(&intro, 12));
        if count == 0 || count > MAX_ENTRIES {
            return Err(bad(format!("it claims {count} entries")));
        }
        if size > max_data {
            return Err(bad(format!("it claims {size} bytes of data")));
        }
        let index_length = u64::from(count) * ENTRY as u64;
        // What is not there is not allocated, whatever the header claims.
        let index = read_some(input, index_length, what)?;
        seen(&index);
        let data = read_some(input, u64::from(size), what)?;
        seen(&data);
        let entries = index.chunks_exact(ENTRY).map(|bytes| entry(bytes, data.len()));
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(bad)?;
        let length = INTRO as u64 + index_length + u64::from(size);
        Ok(Self { entries, data, length })
    }

    /// All tags with their data, as they are.
    pub(super) fn parts(&self) -> Result<Vec<Part<'_>>, HeaderError> {
        let parts = self.entries.iter().filter(|entry| entry.kind != Kind::Null).map(|entry| {
            let region = &self.data[entry.offset..];
            let length = match entry.kind {
                Kind::String => strings_end(region, 1),
                Kind::StringArray | Kind::I18nString => strings_end(region, entry.count),
                // Within the data, as reading has checked.
                kind => Some(entry.count * kind.size()),
            };
            let length = length.ok_or(HeaderError::Unterminated(entry.tag))?;
            Part::new(entry.tag, entry.kind as u32, entry.count, &region[..length])
        });
        parts.collect()
    }

    pub(super) fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// The first entry of a tag.
    fn find(&self, tag: u32) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag && entry.kind != Kind::Null).copied()
    }

    /// A text; of a table of translations the first, which is that of the C locale.
    pub(super) fn string(&self, tag: u32) -> Result<Option<String>, HeaderError> {
        Ok(self.bytes_of_strings(tag, Some(1))?.and_then(|mut strings| strings.next().map(text::from_header)))
    }

    /// The same, empty if it is not there.
    pub(super) fn string_or_empty(&self, tag: u32) -> Result<String, HeaderError> {
        Ok(self.string(tag)?.unwrap_or_default())
    }

    /// All texts of a tag, as bytes; none if it is not there.
    pub(super) fn strings(&self, tag: u32) -> Result<Vec<&[u8]>, HeaderError> {
        Ok(self.bytes_of_strings(tag, None)?.map_or_else(Vec::new, Iterator::collect))
    }

    fn bytes_of_strings(
        &self,
        tag: u32,
        most: Option<usize>,
    ) -> Result<Option<impl Iterator<Item = &[u8]>>, HeaderError> {
        let Some(entry) = self.find(tag) else {
            return Ok(None);
        };
        let count = match entry.kind {
            Kind::String => 1,
            Kind::StringArray | Kind::I18nString => entry.count.min(most.unwrap_or(usize::MAX)),
            _ => return Err(HeaderError::Type(tag)),
        };
        if count > MAX_ITEMS {
            return Err(HeaderError::TooManyItems(tag));
        }
        let region = &self.data[entry.offset..];
        let mut ends = 0;
        let mut rest = region;
        for _ in 0..count {
            let nul = rest.iter().position(|&b| b == 0).ok_or(HeaderError::Unterminated(tag))?;
            ends += nul + 1;
            rest = &rest[nul + 1..];
        }
        let whole = &region[..ends.saturating_sub(1)];
        Ok(Some(whole.split(|&b| b == 0).take(count)))
    }

    /// Numbers of 8, 16 or 32 bits; none if the tag is not there.
    pub(super) fn numbers(&self, tag: u32) -> Result<Vec<u32>, HeaderError> {
        let Some((entry, bytes)) = self.fixed(tag)? else {
            return Ok(Vec::new());
        };
        match entry.kind {
            Kind::Char | Kind::Int8 => Ok(bytes.iter().map(|&b| u32::from(b)).collect()),
            Kind::Int16 => Ok(bytes.as_chunks().0.iter().map(|&b| u32::from(u16::from_be_bytes(b))).collect()),
            Kind::Int32 => Ok(bytes.as_chunks().0.iter().map(|&b| u32::from_be_bytes(b)).collect()),
            _ => Err(HeaderError::Type(tag)),
        }
    }

    /// One number of any width.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u64>, HeaderError> {
        let Some((entry, bytes)) = self.fixed(tag)? else {
            return Ok(None);
        };
        if entry.kind == Kind::Int64 {
            return Ok(bytes.first_chunk().map(|&b| u64::from_be_bytes(b)));
        }
        Ok(self.numbers(tag)?.first().map(|&number| u64::from(number)))
    }

    /// Bytes that have no further shape here.
    pub(super) fn binary(&self, tag: u32) -> Result<Option<&[u8]>, HeaderError> {
        match self.fixed(tag)? {
            Some((entry, bytes)) if matches!(entry.kind, Kind::Binary | Kind::Char | Kind::Int8) => Ok(Some(bytes)),
            Some(_) => Err(HeaderError::Type(tag)),
            None => Ok(None),
        }
    }

    /// The bytes of an entry whose items have a fixed size.
    fn fixed(&self, tag: u32) -> Result<Option<(Entry, &[u8])>, HeaderError> {
        let Some(entry) = self.find(tag) else {
            return Ok(None);
        };
        if matches!(entry.kind, Kind::String | Kind::StringArray | Kind::I18nString) {
            return Err(HeaderError::Type(tag));
        }
        if entry.kind != Kind::Binary && entry.count > MAX_ITEMS {
            return Err(HeaderError::TooManyItems(tag));
        }
        // Within the data, as reading has checked.
        let bytes = &self.data[entry.offset..][..entry.count * entry.kind.size()];
        Ok(Some((entry, bytes)))
    }
}

/// How many bytes so many texts take; none when they do not all end.
fn strings_end(bytes: &[u8], count: usize) -> Option<usize> {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at + 1);
    if count == 0 { Some(0) } else { ends.nth(count - 1) }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn entry(bytes: &[u8], data: usize) -> Result<Entry, String> {
    let (tag, kind, offset, count) = (number(bytes, 0), number(bytes, 4), number(bytes, 8), number(bytes, 12));
    let kind = Kind::from_number(kind).ok_or_else(|| format!("tag {tag} is of the unknown type {kind}"))?;
    let outside = || format!("tag {tag} points out of the data");
    let offset = usize::try_from(offset).map_err(|_| outside())?;
    let count = usize::try_from(count).map_err(|_| outside())?;
    let length = count.checked_mul(kind.size()).ok_or_else(outside)?;
    let end = offset.checked_add(length).ok_or_else(outside)?;
    if end > data {
        return Err(outside());
    }
    Ok(Entry { tag, kind, offset, count })
}

fn read_some(input: &mut impl Read, length: u64, what: &'static str) -> Result<Vec<u8>, HeaderError> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes).map_err(HeaderError::Io)?;
    if bytes.len() as u64 != length {
        return Err(HeaderError::Truncated(what));
    }
    Ok(bytes)
}
