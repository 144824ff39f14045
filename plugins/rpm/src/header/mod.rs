//! Reading the headers of package files.
//!
//! A file is a lead, a signature header, padding to a multiple of eight bytes, the main header, and
//! a compressed payload, which is never unpacked. Reading is bounded: sizes that headers claim are
//! limits for what is read, never allocated ahead, and every tag is checked to lie inside.

mod changelogs;
mod dependencies;
mod files;
mod lead;
mod package;
mod payload;
mod signature;
mod store;
mod tags;

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use md5::Md5;
use sha2::{Digest, Sha256};

pub use package::Origin;
pub use payload::PayloadCheck;

use self::store::Store;
use crate::resign::Part;

/// The most data of a signature header: rpm's limit, since signatures of single files live there.
const MAX_SIGNATURE: u32 = 64 << 20;

/// The most data of a main header. A package of 300,000 files comes to 60 MiB.
const MAX_HEADER: u32 = 128 << 20;

/// Why a file is refused as a package. All but [`HeaderError::Io`] are the file's own fault.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    #[error("cannot read the file: {0}")]
    Io(#[source] io::Error),
    #[error("the file is no RPM package")]
    NotAPackage,
    #[error("the lead of the package is wrong: {0}")]
    Lead(String),
    #[error("the package ends inside its {0}")]
    Truncated(&'static str),
    #[error("the {what} of the package is wrong: {problem}")]
    Header { what: &'static str, problem: String },
    #[error("tag {0} of the package's header is of the wrong type")]
    Type(u32),
    #[error("tag {0} of the package's header is not terminated")]
    Unterminated(u32),
    #[error("tag {0} of the package's header has too many items")]
    TooManyItems(u32),
    #[error("the package's header has no {0}")]
    Missing(&'static str),
    #[error("the package's header lists {0} of different lengths")]
    Uneven(&'static str),
    #[error("the paths of the package's files are too long")]
    Paths,
    #[error(transparent)]
    Nevra(#[from] crate::evr::NevraError),
    #[error("the {0} of the package does not fit what its header says")]
    Digest(&'static str),
    #[error("the package has {found} bytes after its signature, its header says {expected}")]
    Size { expected: u64, found: u64 },
}

/// The headers of a package file.
#[derive(Clone, Debug)]
pub struct Header {
    signature: Store,
    main: Store,
    start: u64,
    sha256: String,
    /// Has taken the main header, for the digest that old packages have.
    md5: Md5,
}

impl Header {
    /// Reads from the start of a file up to the first byte of the payload.
    ///
    /// Reads exactly so much, in small pieces: give it something buffered. The SHA-256 of the main
    /// header is checked if the signature header has it.
    pub fn read(input: &mut impl Read) -> Result<Self, HeaderError> {
        let mut lead = [0; lead::LENGTH];
        match read_exact(input, &mut lead, "lead") {
            Err(HeaderError::Truncated(_)) if lead[..4] != [0xed, 0xab, 0xee, 0xdb] => {
                return Err(HeaderError::NotAPackage);
            }
            other => other?,
        }
        lead::check(&lead)?;
        let signature = Store::read(input, "signature header", MAX_SIGNATURE, |_| {})?;
        let padding = (8 - signature.length % 8) % 8;
        // At most seven bytes.
        read_exact(input, &mut [0; 8][..padding as usize], "signature header")?;
        let start = lead::LENGTH as u64 + signature.length + padding;
        let mut hasher = Sha256::new();
        let mut md5 = Md5::new();
        let main = Store::read(input, "header", MAX_HEADER, |bytes| {
            hasher.update(bytes);
            md5.update(bytes);
        })?;
        let header = Self { signature, main, start, sha256: hex::encode(hasher.finalize()), md5 };
        if let Some(expected) = header.signature.string(tags::signature::SHA256)?
            && !expected.eq_ignore_ascii_case(&header.sha256)
        {
            return Err(HeaderError::Digest("header"));
        }
        Ok(header)
    }

    /// Where the main header starts and ends, in bytes from the start of the file.
    pub fn range(&self) -> (u64, u64) {
        (self.start, self.start + self.main.length)
    }

    /// The tags of the signature header with their data.
    pub(crate) fn signature_parts(&self) -> Result<Vec<Part<'_>>, HeaderError> {
        self.signature.parts()
    }

    /// Bytes of the signature header, without what pads it.
    pub(crate) fn signature_length(&self) -> usize {
        usize::try_from(self.signature.length).unwrap_or(usize::MAX)
    }

    /// The format of the package: 6, or 4 for all older ones.
    pub(crate) fn format(&self) -> Result<u64, HeaderError> {
        Ok(self.main.number(tags::RPMFORMAT)?.unwrap_or(4))
    }

    /// The SHA-256 of the main header, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn read_exact(input: &mut impl Read, bytes: &mut [u8], what: &'static str) -> Result<(), HeaderError> {
    input.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => HeaderError::Truncated(what),
        _ => HeaderError::Io(error),
    })
}
