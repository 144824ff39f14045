//! Checking that the rest of a file is what its header says.

use md5::Md5;
use sha2::{Digest, Sha256};

use super::tags::{self, signature};
use super::{Header, HeaderError};

/// The number of SHA-256 in OpenPGP, by which headers name it.
const SHA256: u32 = 8;

/// Takes the bytes after the main header, in order, and says at the end whether they belong to it.
///
/// Checked are the size and, where the header has it, the SHA-256 of the compressed payload, which
/// all packages since rpm 4.14 have; of older ones the MD5 of header and payload.
pub struct PayloadCheck {
    expected_size: Option<u64>,
    expected_sha256: Option<String>,
    md5: Option<(Md5, Vec<u8>)>,
    size: u64,
    sha256: Sha256,
}

impl Header {
    /// What the payload of this file has to be.
    pub fn payload_check(&self) -> Result<PayloadCheck, HeaderError> {
        let sizes = [signature::LONGSIZE, signature::SIZE];
        let mut expected_size = None;
        for tag in sizes {
            expected_size = expected_size.or(self.signature.number(tag)?);
        }
        let algorithm = self.main.numbers(tags::PAYLOADDIGESTALGO)?.first().copied();
        let digest = match algorithm {
            None | Some(SHA256) => self.main.string(tags::PAYLOADDIGEST)?,
            Some(_) => None,
        };
        let md5 = match digest {
            None => self.signature.binary(signature::MD5)?.map(|expected| (self.md5.clone(), expected.to_vec())),
            Some(_) => None,
        };
        let size = self.main.length;
        Ok(PayloadCheck { expected_size, expected_sha256: digest, md5, size, sha256: Sha256::new() })
    }
}

impl PayloadCheck {
    /// Whether there is any digest to check, so that bytes have to be given at all.
    pub fn has_digest(&self) -> bool {
        self.expected_sha256.is_some() || self.md5.is_some()
    }

    /// The next bytes of the payload.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.expected_sha256.is_some() {
            self.sha256.update(bytes);
        }
        if let Some((md5, _)) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// After the last byte of the file.
    pub fn finish(self) -> Result<(), HeaderError> {
        if let Some(expected) = self.expected_size.filter(|&expected| expected != self.size) {
            return Err(HeaderError::Size { expected, found: self.size });
        }
        if let Some(expected) = self.expected_sha256
            && !expected.eq_ignore_ascii_case(&hex::encode(self.sha256.finalize()))
        {
            return Err(HeaderError::Digest("payload"));
        }
        if let Some((md5, expected)) = self.md5
            && md5.finalize().as_slice() != expected.as_slice()
        {
            return Err(HeaderError::Digest("payload"));
        }
        Ok(())
    }
}
