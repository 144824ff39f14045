//! Texts of units as they are kept: zstd frames.

use std::cell::RefCell;

use pith_core::error::{Error, Result};
use zstd::bulk::{Compressor, Decompressor};

use crate::document::MAX_PACKAGE;

/// zstd's own default; more costs time at the door and gains little on texts this short.
const LEVEL: i32 = 3;

thread_local! {
    // Making one costs more than a text as short as these.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A text as it is kept.
///
/// # Errors
/// `Internal` when there is no memory for it.
pub(crate) fn pack(text: &str) -> Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::new(LEVEL).map_err(Error::internal)?),
        };
        compressor.compress(text.as_bytes()).map_err(Error::internal)
    })
}

/// A text that was packed.
///
/// # Errors
/// `Internal` when it was not, or is larger than any text that was.
pub(crate) fn unpack(packed: &[u8]) -> Result<String> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let size = size.filter(|size| *size <= MAX_PACKAGE).ok_or_else(|| Error::internal("a kept text is damaged"))?;
    let size = usize::try_from(size).map_err(Error::internal)?;
    let text = DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().map_err(Error::internal)?),
        };
        decompressor.decompress(packed, size).map_err(Error::internal)
    })?;
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
