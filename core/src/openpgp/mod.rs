//! OpenPGP (RFC 9580): keys that sign, and detached signatures, by the crate `pgp`. Bytes in, values out: no file, no
//! database. Keys come from administrators and, for keyrings, from whoever fills them; signatures from administrators'
//! programs and from files.

mod certificate;
mod component;
mod public;
mod secret;

#[cfg(test)]
mod tests;

pub use certificate::{
    Bound, Certificate, CertificatePacket, KeyPacket, MOST_PACKETS, SignaturePacket, armored as armored_certificate,
};
pub use component::Validity;
pub use public::PublicKey;
pub use secret::SecretKey;

use crate::id::Instant;

/// A day as people are told of it.
pub fn day(of: Instant) -> String {
    of.format("%Y-%m-%d").to_string()
}

/// The largest text of a key, in bytes; one with the certifications of many others is smaller.
pub const LARGEST_KEY: usize = 1 << 20;

/// Why a key or a signature is of no use.
#[derive(Debug, thiserror::Error)]
pub enum OpenPgpError {
    #[error("holds no {what}: {cause}")]
    Unreadable { what: &'static str, cause: String },
    #[error("is larger than {LARGEST_KEY} bytes")]
    TooLarge,
    #[error("has more than {MOST_PACKETS} packets")]
    TooMany,
    #[error("holds a secret key, which is not for others to keep")]
    Secret,
    #[error("holds several keys; one is expected")]
    Several,
    #[error("is no public OpenPGP key: it holds `{0}`")]
    Unexpected(String),
    #[error("is a key of version {0}; clients read version 4")]
    Version(u8),
    #[error("the key {0} cannot sign: it and its subkeys are revoked, expired or meant for other things")]
    CannotSign(String),
    #[error("the key {0} has no secret part here that can sign")]
    NoSecret(String),
    #[error("the key {0} is locked; its passphrase is needed")]
    Locked(String),
    #[error("the passphrase does not open the key {0}")]
    Passphrase(String),
    /// The day as `2026-11-29`.
    #[error("the key {key} expired on {since}")]
    Expired { key: String, since: String },
    #[error("the key {key} was revoked on {since}")]
    Revoked { key: String, since: String },
    #[error("the signature is not of the key {0}")]
    OtherKey(String),
    #[error("the signature is not valid: {0}")]
    Invalid(String),
    #[error("{0}")]
    Failed(String),
}

impl From<pgp::errors::Error> for OpenPgpError {
    fn from(cause: pgp::errors::Error) -> Self {
        Self::Failed(cause.to_string())
    }
}
