//! Texts of units as they are kept: zstd frames.

use pith_core::error::{Error, Result};

use crate::document::MAX_PACKAGE;

/// zstd's own default; more costs time at the door and gains little on texts this short.
const LEVEL: i32 = 3;

/// A text as it is kept.
///
/// # Errors
/// `Internal` when there is no memory for it.
pub(crate) fn pack(text: &str) -> Result<Vec<u8>> {
    zstd::bulk::compress(text.as_bytes(), LEVEL).map_err(Error::internal)
}

/// A text that was packed.
///
/// # Errors
/// `Internal` when it was not, or is larger than any text that was.
pub(crate) fn unpack(packed: &[u8]) -> Result<String> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let size = size.filter(|size| *size <= MAX_PACKAGE).ok_or_else(|| Error::internal("a kept text is damaged"))?;
    let size = usize::try_from(size).map_err(Error::internal)?;
    let text = zstd::bulk::decompress(packed, size).map_err(Error::internal)?;
    String::from_utf8(text).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in ["", "a", &"é".repeat(100_000)] {
            assert_eq!(unpack(&pack(text).expect("packs")).expect("unpacks"), text);
        }
    }

    #[test]
    fn what_was_not_packed_is_refused() {
        for bytes in [&b""[..], b"text", b"\x28\xb5\x2f\xfd"] {
            unpack(bytes).expect_err("no frame");
        }
    }
}
