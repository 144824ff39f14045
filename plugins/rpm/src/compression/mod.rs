//! The compressions of metadata: reading gz, xz, zst, bz2 and plain within limits, writing gz, zst
//! and plain in blocks.

mod bounded;
mod read;
pub mod runs;
mod write;

#[cfg(test)]
mod tests;

pub use read::{Limits, reader};
pub use write::{Effort, compress};

/// How a metadata file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    None,
    Gz,
    Bz2,
    Xz,
    Zst,
    /// Known by name only: its files are left alone, as Pulp does.
    Zck,
}

impl Compression {
    /// The extension of file names, with its dot; nothing for none.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gz => ".gz",
            Self::Bz2 => ".bz2",
            Self::Xz => ".xz",
            Self::Zst => ".zst",
            Self::Zck => ".zck",
        }
    }

    /// By the end of a file's name.
    pub fn from_path(path: &str) -> Self {
        let kinds = [Self::Gz, Self::Bz2, Self::Xz, Self::Zst, Self::Zck];
        kinds.into_iter().find(|kind| path.ends_with(kind.extension())).unwrap_or(Self::None)
    }

    /// By the first bytes of a file, of which six are enough.
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gz,
            [b'B', b'Z', b'h', ..] => Self::Bz2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zst,
            [0, b'Z', b'C', b'K', b'1', ..] => Self::Zck,
            _ => Self::None,
        }
    }

    /// The name in Pulp's `compression_type`, for those that are written.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "gz" => Some(Self::Gz),
            "zstd" => Some(Self::Zst),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}
