//! A public key: what signatures are held against.

use std::io::Read;

use bytes::Bytes;
use pgp::composed::{ArmorOptions, Deserializable, DetachedSignature, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::Signature;
use pgp::types::KeyDetails;

use super::component::{self, Component, Validity};
use super::{LARGEST_KEY, OpenPgpError, day};
use crate::id::now;

/// A public key with its subkeys.
#[derive(Clone, Debug)]
pub struct PublicKey(pub(super) SignedPublicKey);

impl PublicKey {
    /// Reads a key, armoured or not.
    pub fn parse(bytes: &[u8]) -> Result<Self, OpenPgpError> {
        if bytes.len() > LARGEST_KEY {
            return Err(OpenPgpError::TooLarge);
        }
        let unreadable = |cause: pgp::errors::Error| OpenPgpError::Unreadable {
            what: "public OpenPGP key",
            cause: cause.to_string(),
        };
        if bytes.trim_ascii_start().starts_with(b"-----") {
            let (key, _) = SignedPublicKey::from_armor_single(bytes.trim_ascii_start()).map_err(unreadable)?;
            return Ok(Self(key));
        }
        SignedPublicKey::from_bytes(bytes).map(Self).map_err(unreadable)
    }

    /// Of the primary key, in capital hexadecimal.
    pub fn fingerprint(&self) -> String {
        component::fingerprint(&self.0.primary_key)
    }

    /// How long it signs.
    pub fn validity(&self) -> Validity {
        match component::revoked(&self.0) {
            Some(since) => Validity::Revoked(since),
            None => Validity::of(&component::signing(&self.0)),
        }
    }

    /// # Errors
    /// When it has expired, was revoked or never signs.
    pub fn check_validity(&self) -> Result<(), OpenPgpError> {
        let key = self.fingerprint();
        match self.validity() {
            Validity::Revoked(since) => Err(OpenPgpError::Revoked { key, since: day(since) }),
            Validity::Never => Err(OpenPgpError::CannotSign(key)),
            Validity::Until(end) if end <= now() => Err(OpenPgpError::Expired { key, since: day(end) }),
            Validity::Until(_) | Validity::Forever => Ok(()),
        }
    }

    /// As clients import it.
    pub fn armored(&self) -> Result<String, OpenPgpError> {
        Ok(self.0.to_armored_string(ArmorOptions::default())?)
    }

    /// The primary key or the subkey that signs which a fingerprint or key id names, in hexadecimal.
    pub(super) fn component(&self, name: &str) -> Option<Component> {
        let name = name.to_ascii_uppercase();
        let fits = |one: &Component| name.len() >= 16 && one.fingerprint.ends_with(&name);
        component::signing(&self.0).into_iter().find(fits)
    }

    /// Whether a fingerprint or key id names this key or one of its subkeys that sign.
    pub fn is_named(&self, name: &str) -> bool {
        let is_primary = name.len() >= 16 && self.fingerprint().ends_with(&name.to_ascii_uppercase());
        is_primary || self.component(name).is_some()
    }

    /// Holds a detached signature, armoured or not, against what it shall be of.
    ///
    /// # Errors
    /// When it is no signature, of another key, made with a broken hash, or not of these bytes.
    pub fn verify(&self, signature: &[u8], signed: impl Read) -> Result<(), OpenPgpError> {
        let unreadable = |cause: pgp::errors::Error| OpenPgpError::Unreadable {
            what: "OpenPGP signature",
            cause: cause.to_string(),
        };
        let signature = if signature.trim_ascii_start().starts_with(b"-----") {
            DetachedSignature::from_armor_single(signature.trim_ascii_start()).map_err(unreadable)?.0
        } else {
            DetachedSignature::from_bytes(signature).map_err(unreadable)?
        };
        self.verify_packet(&signature.signature, signed)
    }

    fn verify_packet(&self, signature: &Signature, signed: impl Read) -> Result<(), OpenPgpError> {
        let invalid = |cause: &dyn std::fmt::Display| OpenPgpError::Invalid(cause.to_string());
        let hash = signature.config().map(|config| config.hash_alg);
        if matches!(hash, None | Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160)) {
            return Err(invalid(&"it is made with a hash that nobody trusts"));
        }
        let component = component::signing(&self.0).into_iter().find(|one| is_of(signature, one));
        let component = component.ok_or_else(|| OpenPgpError::OtherKey(self.fingerprint()))?;
        let verified = match component.subkey {
            None => signature.verify(&self.0.primary_key, signed),
            Some(at) => match self.0.public_subkeys.get(at) {
                Some(subkey) => signature.verify(&subkey.key, signed),
                None => return Err(OpenPgpError::OtherKey(self.fingerprint())),
            },
        };
        verified.map_err(|cause| invalid(&cause))
    }
}

/// Whether a signature says that this made it.
fn is_of(signature: &Signature, component: &Component) -> bool {
    let prints = signature.issuer_fingerprint();
    if !prints.is_empty() {
        return prints.iter().any(|print| print.to_string().eq_ignore_ascii_case(&component.fingerprint));
    }
    let ids = signature.issuer_key_id();
    ids.iter().any(|id| component.fingerprint.ends_with(&id.to_string().to_ascii_uppercase()))
}

/// The version of a key, as a number.
pub(super) fn version(key: &SignedPublicKey) -> u8 {
    key.primary_key.version().into()
}

/// A detached signature in armour.
pub(super) fn armored(signature: &DetachedSignature) -> Result<Bytes, OpenPgpError> {
    Ok(signature.to_armored_bytes(ArmorOptions::default())?.into())
}
