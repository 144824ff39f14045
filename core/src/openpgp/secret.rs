//! A secret key that signs.

use std::fmt;
use std::io::Read;

use bytes::Bytes;
use pgp::composed::{
    ArmorOptions, Deserializable, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey,
};
use pgp::ser::Serialize;
use pgp::types::{Password, S2kParams, SecretParams, SigningKey, StringToKey};
use rand::rngs::OsRng;

use super::component::{self, Component};
use super::public::{self, PublicKey};
use super::{LARGEST_KEY, OpenPgpError, day};

/// What every client verifies, also those of ten years ago; as strong as GnuPG's own default.
const GENERATED: KeyType = KeyType::Rsa(3072);

/// A secret key and what opens it. `Debug` shows its fingerprint only.
pub struct SecretKey {
    key: SignedSecretKey,
    public: PublicKey,
    passphrase: Password,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretKey").field(&self.public.fingerprint()).finish()
    }
}

impl SecretKey {
    /// Reads an armoured key.
    ///
    /// # Errors
    /// When it is no secret key, or nothing of it can sign with this passphrase.
    pub fn parse(armored: &str, passphrase: Option<&str>) -> Result<Self, OpenPgpError> {
        if armored.len() > LARGEST_KEY {
            return Err(OpenPgpError::TooLarge);
        }
        let (key, _) = SignedSecretKey::from_armor_single(armored.trim_start().as_bytes()).map_err(|cause| {
            OpenPgpError::Unreadable { what: "armoured secret OpenPGP key", cause: cause.to_string() }
        })?;
        let key = Self::new(key, passphrase.map_or_else(Password::empty, Password::from));
        match public::version(&key.public.0) {
            4 => {}
            other => return Err(OpenPgpError::Version(other)),
        }
        let component = key.signer(None)?;
        key.unlock(&component, passphrase.is_some())?;
        Ok(key)
    }

    /// Makes a key for a user such as `Packages <packages@example.org>`. It does not expire and has no passphrase.
    pub fn generate(user: &str) -> Result<Self, OpenPgpError> {
        Self::generate_as(GENERATED, user)
    }

    /// Made at once, unlike an RSA key.
    #[cfg(test)]
    pub(crate) fn generate_for_tests() -> Self {
        Self::generate_as(KeyType::Ed25519Legacy, "Packages <packages@example.org>").unwrap()
    }

    fn generate_as(kind: KeyType, user: &str) -> Result<Self, OpenPgpError> {
        let mut params = SecretKeyParamsBuilder::default();
        params.key_type(kind).can_certify(true).can_sign(true).primary_user_id(user.to_owned());
        let params = params.build().map_err(|cause| OpenPgpError::Failed(cause.to_string()))?;
        Ok(Self::new(params.generate(OsRng)?, Password::empty()))
    }

    fn new(key: SignedSecretKey, passphrase: Password) -> Self {
        let public = PublicKey(key.to_public_key());
        Self { key, public, passphrase }
    }

    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key itself, as locked as it came.
    pub fn armored(&self) -> Result<String, OpenPgpError> {
        Ok(self.key.to_armored_string(ArmorOptions::default())?)
    }

    /// A detached signature in armour.
    pub fn sign_armored(&self, bytes: impl Read) -> Result<Bytes, OpenPgpError> {
        public::armored(&self.signature(None, bytes)?)
    }

    /// A detached signature as a packet, and whether an RSA key made it. `name` is the fingerprint or key id of the
    /// part of the key that shall sign; else its newest signing subkey does, or the primary key.
    pub fn sign_binary(&self, name: Option<&str>, bytes: impl Read) -> Result<(Bytes, bool), OpenPgpError> {
        let signature = self.signature(name, bytes)?;
        let is_rsa = signature.signature.config().is_some_and(|config| {
            use pgp::crypto::public_key::PublicKeyAlgorithm::{RSA, RSASign};
            matches!(config.pub_alg, RSA | RSASign)
        });
        Ok((signature.to_bytes()?.into(), is_rsa))
    }

    fn signature(&self, name: Option<&str>, bytes: impl Read) -> Result<DetachedSignature, OpenPgpError> {
        let component = self.signer(name)?;
        match self.subkey(&component) {
            Some(subkey) => self.sign_with(&subkey.key, bytes),
            None => self.sign_with(&self.key.primary_key, bytes),
        }
    }

    fn sign_with(&self, key: &impl SigningKey, bytes: impl Read) -> Result<DetachedSignature, OpenPgpError> {
        Ok(DetachedSignature::sign_binary_data(OsRng, key, &self.passphrase, key.hash_alg(), bytes)?)
    }

    /// The part that signs.
    fn signer(&self, name: Option<&str>) -> Result<Component, OpenPgpError> {
        let all = component::signing(&self.public.0);
        let fingerprint = self.public.fingerprint();
        if all.is_empty() {
            return Err(self.public.check_validity().err().unwrap_or(OpenPgpError::CannotSign(fingerprint)));
        }
        let named = name.filter(|name| !fingerprint.ends_with(&name.to_ascii_uppercase()));
        let wanted = match named {
            None => all,
            Some(name) => vec![self.public.component(name).ok_or_else(|| OpenPgpError::NoSecret(name.to_owned()))?],
        };
        let held: Vec<Component> = wanted.into_iter().filter(|one| self.holds(one)).collect();
        if held.is_empty() {
            return Err(OpenPgpError::NoSecret(fingerprint));
        }
        // The one that lasted longest says since when there is none.
        let last = held.iter().max_by_key(|one| one.end()).cloned();
        held.into_iter().find(|one| !one.has_expired()).ok_or_else(|| OpenPgpError::Expired {
            key: last.as_ref().map_or(fingerprint, |last| last.fingerprint.clone()),
            since: last.and_then(|last| last.end()).map_or_else(String::new, day),
        })
    }

    fn subkey(&self, component: &Component) -> Option<&pgp::composed::SignedSecretSubKey> {
        component.subkey?;
        self.key.secret_subkeys.iter().find(|one| component::fingerprint(one.key.public_key()) == component.fingerprint)
    }

    /// Whether the secret part is here; keys are exported without that of their primary key, say.
    fn holds(&self, component: &Component) -> bool {
        let params = match (component.subkey, self.subkey(component)) {
            (None, _) => self.key.primary_key.secret_params(),
            (Some(_), Some(subkey)) => subkey.key.secret_params(),
            (Some(_), None) => return false,
        };
        match params {
            SecretParams::Plain(_) => true,
            SecretParams::Encrypted(locked) => !is_elsewhere(locked.string_to_key_params()),
        }
    }

    fn unlock(&self, component: &Component, has_passphrase: bool) -> Result<(), OpenPgpError> {
        let opened = match self.subkey(component) {
            Some(subkey) => subkey.key.unlock(&self.passphrase, |_, _| Ok(())),
            None => self.key.primary_key.unlock(&self.passphrase, |_, _| Ok(())),
        };
        let name = component.fingerprint.clone();
        match opened {
            Ok(Ok(())) => Ok(()),
            _ if has_passphrase => Err(OpenPgpError::Passphrase(name)),
            _ => Err(OpenPgpError::Locked(name)),
        }
    }
}

/// Whether an exported key only says that its secret part is elsewhere, as GnuPG does.
fn is_elsewhere(params: &S2kParams) -> bool {
    match params {
        S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } => {
            matches!(s2k, StringToKey::Private { .. })
        }
        _ => false,
    }
}
