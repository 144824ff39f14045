//! Which parts of a key sign: the primary key and its subkeys, with what the key says of each in signatures of its own.

use chrono::DateTime;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag, Timestamp};

use crate::id::Instant;

/// How long a key signs, by what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    Forever,
    /// Until then, which may be past.
    Until(Instant),
    /// Not any more, since then.
    Revoked(Instant),
    /// Nothing of it signs: its subkeys are revoked, or all is meant for other things.
    Never,
}

impl Validity {
    pub fn has_ended(&self, now: Instant) -> bool {
        match self {
            Self::Forever => false,
            Self::Until(end) => *end <= now,
            Self::Revoked(_) | Self::Never => true,
        }
    }

    /// The longest of the parts'.
    pub(super) fn of(parts: &[Component]) -> Self {
        let ends: Option<Vec<Instant>> = parts.iter().map(Component::end).collect();
        match ends {
            None => Self::Forever,
            Some(ends) => ends.into_iter().max().map_or(Self::Never, Self::Until),
        }
    }
}

/// A part of a key that may sign.
#[derive(Clone, Debug)]
pub struct Component {
    /// Capital hexadecimal.
    pub fingerprint: String,
    /// Where it lies among the subkeys; none: it is the primary key.
    pub subkey: Option<usize>,
    created: u32,
    /// In seconds since 1970; none: never.
    expires: Option<u64>,
}

impl Component {
    /// When it expires; none: never.
    pub fn end(&self) -> Option<Instant> {
        self.expires.map(instant)
    }

    pub fn has_expired(&self) -> bool {
        self.expires.is_some_and(|end| end <= u64::from(Timestamp::now().as_secs()))
    }
}

/// A moment of OpenPGP's, in seconds since 1970.
fn instant(seconds: u64) -> Instant {
    // Creation and lifetime have 32 bits each, and the calendar more years than both.
    i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or(Instant::MAX_UTC)
}

/// When the whole key was revoked; none: it was not.
pub fn revoked(key: &SignedPublicKey) -> Option<Instant> {
    let revocations = key.details.revocation_signatures.iter();
    let valid = revocations.filter(|revocation| revocation.verify_key(&key.primary_key).is_ok());
    valid.map(|one| instant(one.created().map_or(0, |time| time.as_secs().into()))).min()
}

/// The fingerprint of a key or subkey as GnuPG shows it.
pub fn fingerprint(key: &impl KeyDetails) -> String {
    key.fingerprint().to_string().to_ascii_uppercase()
}

/// The parts that may sign, revoked ones left out; subkeys first, the newest before others.
pub fn signing(key: &SignedPublicKey) -> Vec<Component> {
    let primary = &key.primary_key;
    if revoked(key).is_some() {
        return vec![];
    }
    let own = newest_certification(key);
    let end_of_all = own.and_then(|own| end(primary, own));
    let mut found: Vec<Component> = key
        .public_subkeys
        .iter()
        .enumerate()
        .filter_map(|(at, subkey)| {
            let binding = binding(key, subkey)?;
            let ends = [end(&subkey.key, binding), end_of_all].into_iter().flatten().min();
            signs(binding, false).then(|| component(&subkey.key, Some(at), ends))
        })
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.created));
    if own.is_some_and(|own| signs(own, true)) {
        found.push(component(primary, None, end_of_all));
    }
    found
}

fn component(key: &impl KeyDetails, subkey: Option<usize>, expires: Option<u64>) -> Component {
    Component { fingerprint: fingerprint(key), subkey, created: key.created_at().as_secs(), expires }
}

/// The newest of the statements that the key makes about itself.
fn newest_certification(key: &SignedPublicKey) -> Option<&Signature> {
    let primary = &key.primary_key;
    let direct = key.details.direct_signatures.iter().filter(|one| one.verify_key(primary).is_ok());
    let users = key.details.users.iter().flat_map(|user| {
        let own = |one: &&Signature| one.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        user.signatures.iter().filter(own)
    });
    direct.chain(users).max_by_key(|one| one.created().map(Timestamp::as_secs))
}

/// The newest statement that a subkey belongs to the key; none when there is none or it was taken back.
fn binding<'a>(key: &SignedPublicKey, subkey: &'a SignedPublicSubKey) -> Option<&'a Signature> {
    let valid = |one: &&Signature| one.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok();
    let valid: Vec<&Signature> = subkey.signatures.iter().filter(valid).collect();
    if valid.iter().any(|one| one.typ() == Some(SignatureType::SubkeyRevocation)) {
        return None;
    }
    valid.into_iter().max_by_key(|one| one.created().map(Timestamp::as_secs))
}

/// Whether a statement says that its key signs; `unsaid` is what holds when it does not speak of uses.
fn signs(statement: &Signature, unsaid: bool) -> bool {
    let packets = statement.config().map(|config| config.hashed_subpackets.as_slice()).unwrap_or_default();
    let says = packets.iter().any(|packet| matches!(packet.data, SubpacketData::KeyFlags(_)));
    if says { statement.key_flags().sign() } else { unsaid }
}

fn end(key: &impl KeyDetails, statement: &Signature) -> Option<u64> {
    let lasts = statement.key_expiration_time().map(|time| u64::from(time.as_secs())).filter(|seconds| *seconds > 0);
    lasts.map(|seconds| u64::from(key.created_at().as_secs()) + seconds)
}
