//! The first 96 bytes of a package file, which say little more than what it is.

use super::HeaderError;

/// The length of a lead.
pub(super) const LENGTH: usize = 96;

const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// The kind of signature that all packages since rpm 3 have.
const HEADER_SIGNATURE: u16 = 5;

/// Checks that the bytes begin an RPM package of format 3, 4 or 6, binary or source.
pub(super) fn check(lead: &[u8; LENGTH]) -> Result<(), HeaderError> {
    if lead[..4] != MAGIC {
        return Err(HeaderError::NotAPackage);
    }
    let number = |at: usize| u16::from_be_bytes([lead[at], lead[at + 1]]);
    let major = lead[4];
    if !matches!(major, 3..=6) {
        return Err(HeaderError::Lead(format!("format {major} is not known")));
    }
    let kind = number(6);
    if kind > 1 {
        return Err(HeaderError::Lead(format!("package type {kind} is not known")));
    }
    let signature = number(78);
    if signature != HEADER_SIGNATURE {
        return Err(HeaderError::Lead(format!("signature type {signature} is not known")));
    }
    Ok(())
}
