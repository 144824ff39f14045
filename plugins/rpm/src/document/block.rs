//! The pieces that a document is put together of.

use std::io;

use bytes::Bytes;

use crate::compression::{Compression, Effort, compress};

/// A header, a run of packages or a footer, packed. A document is nothing but blocks one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// A gzip member, a zstd frame, or the text as it is.
    pub packed: Bytes,
    /// Bytes of the text.
    pub open_size: u64,
}

impl Block {
    /// Packs a text. The same text gives the same block, whatever document it is for; blocks may be made in parallel.
    pub fn pack(compression: Compression, text: &str) -> io::Result<Self> {
        let packed = compress(compression, Effort::Usual, text.as_bytes())?.into();
        Ok(Self { packed, open_size: text.len() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::compression::{Limits, reader};
    use crate::document::Kind;

    #[test]
    fn blocks_make_a_document() {
        let runs = ["<package>1</package>\n", "<package>2</package>\n<package>3</package>\n"];
        let texts = [&Kind::Other.header(3), runs[0], runs[1], Kind::Other.footer()];
        for compression in [Compression::None, Compression::Gz, Compression::Zst] {
            let blocks = texts.map(|text| Block::pack(compression, text).expect("packed"));
            assert_eq!(blocks.iter().map(|block| block.open_size).sum::<u64>(), texts.concat().len() as u64);
            let bytes = blocks.map(|block| block.packed).concat();
            let (_, mut input) = reader(&bytes[..], Limits::default()).expect("readable");
            let mut text = String::new();
            input.read_to_string(&mut text).expect("unpacked");
            assert_eq!(text, texts.concat());
        }
        Block::pack(Compression::Xz, "").expect_err("only read");
    }
}
