//! A package to try signing services on: the least that rpm takes for one, without files.

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

use super::write::{self, Part};
use super::{HEADER_SIGNATURES, LEAD, STRING_ARRAY};
use crate::header::HeaderError;

const STRING: u32 = 6;
const INT32: u32 = 4;
const I18N_STRING: u32 = 9;

/// The end of an archive of no files, in the format of cpio that rpm writes.
const EMPTY_ARCHIVE: &str = "0707010000000000000000000000000000000000000001000000000000000000000000000000000000000000000000\
                             0000000b00000000TRAILER!!!\0\0\0\0";

/// The whole file.
pub fn sample() -> Result<Vec<u8>, HeaderError> {
    file(|payload| {
        // SHA-256, by its number of OpenPGP.
        Ok(vec![text(5092, STRING_ARRAY, &hex::encode(Sha256::digest(payload)))?, number(5093, 8)?])
    })
}

/// As rpm made it before 4.14: the header says nothing of the payload.
#[cfg(test)]
pub(super) fn older() -> Result<Vec<u8>, HeaderError> {
    file(|_| Ok(vec![]))
}

fn file(digests: impl Fn(&[u8]) -> Result<Vec<Part<'static>>, HeaderError>) -> Result<Vec<u8>, HeaderError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(EMPTY_ARCHIVE.as_bytes()).and_then(|()| encoder.finish());
    let payload = packed.map_err(HeaderError::Io)?;
    let main = main(digests(&payload)?)?;
    let signed = [
        text(273, STRING, &hex::encode(Sha256::digest(&main)))?,
        number(1000, main.len() + payload.len())?,
        number(1007, EMPTY_ARCHIVE.len())?,
        Part::new(super::RESERVED_SPACE, super::BINARY, 4096, vec![0; 4096])?,
    ];
    let mut file = lead();
    file.extend(write::header(HEADER_SIGNATURES, &signed)?);
    file.resize(file.len().next_multiple_of(8), 0);
    file.extend(main);
    file.extend(payload);
    Ok(file)
}

fn main(digests: Vec<Part<'static>>) -> Result<Vec<u8>, HeaderError> {
    const HEADER_IMMUTABLE: u32 = 63;
    let mut parts = vec![
        text(100, STRING_ARRAY, "C")?,
        text(1000, STRING, "signing-sample")?,
        text(1001, STRING, "1")?,
        text(1002, STRING, "1")?,
        text(1004, I18N_STRING, "A package to try signing on")?,
        text(1005, I18N_STRING, "A package to try signing on.")?,
        number(1006, 1_700_000_000)?,
        text(1007, STRING, "localhost")?,
        number(1009, 0)?,
        text(1014, STRING, "MIT")?,
        text(1016, I18N_STRING, "Unspecified")?,
        text(1021, STRING, "linux")?,
        text(1022, STRING, "noarch")?,
        text(1044, STRING, "signing-sample-1-1.src.rpm")?,
        text(1064, STRING, "4.14.0")?,
        text(1124, STRING, "cpio")?,
        text(1125, STRING, "gzip")?,
        text(1126, STRING, "9")?,
    ];
    parts.extend(digests);
    write::header(HEADER_IMMUTABLE, &parts)
}

fn lead() -> Vec<u8> {
    // Format 3, a binary package, any machine.
    let mut lead = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 255];
    lead.extend(b"signing-sample-1-1");
    lead.resize(76, 0);
    // Linux; signatures are in a header.
    lead.extend([0, 1, 0, 5]);
    lead.resize(LEAD, 0);
    lead
}

fn text(tag: u32, kind: u32, text: &str) -> Result<Part<'static>, HeaderError> {
    Part::new(tag, kind, 1, format!("{text}\0").into_bytes())
}

fn number(tag: u32, number: usize) -> Result<Part<'static>, HeaderError> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    Part::new(tag, INT32, 1, number.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_one_entry_of_cpio() {
        // A head of 110 bytes, the name, zeros up to a multiple of four.
        assert_eq!(EMPTY_ARCHIVE.len(), (110 + "TRAILER!!!\0".len()).next_multiple_of(4));
        assert_eq!(&EMPTY_ARCHIVE[94..102], format!("{:08x}", "TRAILER!!!\0".len()));
        assert_eq!(&EMPTY_ARCHIVE[110..121], "TRAILER!!!\0");
    }
}
