//! A public key as the packets it consists of (RFC 9580, section 10.1): taken apart, and put together again. Each packet
//! keeps its very bytes. Whether signatures are good is for those to judge who rely on the key.

use std::io::Read;

use pgp::armor::{self, BlockType};
use pgp::composed::PacketBodyReader;
use pgp::packet::{Packet, PacketHeader, PacketParser, Signature};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyVersion, PacketLength, Tag};

use super::{LARGEST_KEY, OpenPgpError};

/// A key has no more packets than these. The most certified ones of real persons have some thousand.
pub const MOST_PACKETS: usize = 5_000;

/// A key or subkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPacket {
    /// In small hexadecimal.
    pub fingerprint: String,
    /// The 64 bits of the fingerprint that users write, in capital hexadecimal.
    pub key_id: String,
    /// In seconds since 1970.
    pub created: i64,
    pub body: Vec<u8>,
}

/// A signature, as far as it speaks of itself. Times are in seconds, lives from the creation on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturePacket {
    /// The key id of who made it, in small hexadecimal.
    pub issuer: Option<String>,
    pub created: Option<i64>,
    pub lives: Option<i64>,
    /// For how long the key lives that it speaks of.
    pub key_lives: Option<i64>,
    pub signers_user_id: Option<String>,
    pub body: Vec<u8>,
}

/// What a key says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The text, readable in any case; the bytes are the body.
    UserId {
        text: String,
        body: Vec<u8>,
    },
    /// A picture, say.
    UserAttribute {
        body: Vec<u8>,
    },
    Subkey(KeyPacket),
}

/// A public key with all that belongs to it, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub key: KeyPacket,
    /// Of the key itself, such as that it is revoked.
    pub signatures: Vec<SignaturePacket>,
    pub bound: Vec<(Bound, Vec<SignaturePacket>)>,
}

/// A packet of a certificate that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificatePacket {
    Key,
    Signature,
    UserId,
    UserAttribute,
    Subkey,
}

impl Certificate {
    /// Reads one public key, armoured or not. The checksum of armour is not looked at, as RFC 9580 asks (section 6.1).
    ///
    /// # Errors
    /// When the bytes are anything else: broken off, several keys, too much of one, and above all when they hold a secret
    /// key, of which nothing is read.
    pub fn parse(bytes: &[u8]) -> Result<Self, OpenPgpError> {
        if bytes.len() > LARGEST_KEY {
            return Err(OpenPgpError::TooLarge);
        }
        match bytes.trim_ascii_start() {
            armored if armored.starts_with(b"-----") => Self::of_packets(&unarmored(armored)?),
            _ => Self::of_packets(bytes),
        }
    }

    fn of_packets(bytes: &[u8]) -> Result<Self, OpenPgpError> {
        let (mut rest, mut found, mut count) = (bytes, None::<Self>, 0);
        while !rest.is_empty() {
            count += 1;
            if count > MOST_PACKETS {
                return Err(OpenPgpError::TooMany);
            }
            let mut parser = PacketParser::new(rest);
            let packet = parser.next_ref().ok_or_else(|| unreadable(&"it is broken off"))?;
            let (header, body) = whole(packet.map_err(|cause| unreadable(&cause))?)?;
            rest = parser.into_inner();
            match (&mut found, header.tag()) {
                // They say nothing of the key: what the owner of a keyring thinks of it, and filling.
                (_, Tag::Trust | Tag::Marker | Tag::Padding) => {}
                (None, Tag::PublicKey) => {
                    found = Some(Self { key: key(header, body)?, signatures: vec![], bound: vec![] });
                }
                (None, tag) => return Err(OpenPgpError::Unexpected(format!("{tag:?}"))),
                (Some(_), Tag::PublicKey) => return Err(OpenPgpError::Several),
                (Some(certificate), _) => certificate.take(header, body)?,
            }
        }
        found.ok_or_else(|| unreadable(&"there is none"))
    }

    fn take(&mut self, header: PacketHeader, body: Vec<u8>) -> Result<(), OpenPgpError> {
        let bound = match header.tag() {
            Tag::Signature => {
                let signature = signature(header, body)?;
                self.bound.last_mut().map_or(&mut self.signatures, |(_, list)| list).push(signature);
                return Ok(());
            }
            Tag::UserId => Bound::UserId { text: readable(&body), body },
            Tag::UserAttribute => Bound::UserAttribute { body },
            Tag::PublicSubkey => Bound::Subkey(key(header, body)?),
            tag => return Err(OpenPgpError::Unexpected(format!("{tag:?}"))),
        };
        self.bound.push((bound, vec![]));
        Ok(())
    }
}

/// Puts packets together to a public key in armour, as clients import it.
pub fn armored<'a>(packets: impl IntoIterator<Item = (CertificatePacket, &'a [u8])>) -> Result<String, OpenPgpError> {
    let mut all = Raw(vec![]);
    for (kind, body) in packets {
        let length = u32::try_from(body.len()).map_err(|_| OpenPgpError::TooLarge)?;
        PacketHeader::new_fixed(kind.tag(), length).to_writer(&mut all.0)?;
        all.0.extend_from_slice(body);
    }
    let mut text = vec![];
    armor::write(&all, BlockType::PublicKey, &mut text, None, true)?;
    String::from_utf8(text).map_err(|cause| OpenPgpError::Failed(cause.to_string()))
}

impl CertificatePacket {
    fn tag(self) -> Tag {
        match self {
            Self::Key => Tag::PublicKey,
            Self::Signature => Tag::Signature,
            Self::UserId => Tag::UserId,
            Self::UserAttribute => Tag::UserAttribute,
            Self::Subkey => Tag::PublicSubkey,
        }
    }
}

/// Bytes that are packets already.
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn to_writer<W: std::io::Write>(&self, writer: &mut W) -> pgp::errors::Result<()> {
        Ok(writer.write_all(&self.0)?)
    }

    fn write_len(&self) -> usize {
        self.0.len()
    }
}

/// What armour holds. It grows no larger than its text.
fn unarmored(text: &[u8]) -> Result<Vec<u8>, OpenPgpError> {
    let mut reader = armor::Dearmor::new(text);
    reader.read_header().map_err(|cause| unreadable(&cause))?;
    match reader.typ {
        Some(BlockType::PrivateKey) => return Err(OpenPgpError::Secret),
        Some(BlockType::PublicKey) => {}
        other => return Err(OpenPgpError::Unexpected(other.map_or_else(String::new, |other| other.to_string()))),
    }
    let mut bytes = vec![];
    reader.read_to_end(&mut bytes).map_err(|cause| unreadable(&cause))?;
    let (_, _, _, mut rest) = reader.into_parts();
    let mut behind = vec![];
    rest.read_to_end(&mut behind).map_err(|cause| unreadable(&cause))?;
    match behind.windows(10).any(|part| part == b"-----BEGIN") {
        true => Err(OpenPgpError::Several),
        false => Ok(bytes),
    }
}

/// The bytes of a packet; of a secret key none are read.
fn whole<R: std::io::BufRead>(mut packet: PacketBodyReader<R>) -> Result<(PacketHeader, Vec<u8>), OpenPgpError> {
    let header = packet.packet_header();
    if matches!(header.tag(), Tag::SecretKey | Tag::SecretSubkey) {
        return Err(OpenPgpError::Secret);
    }
    let mut body = vec![];
    packet.read_to_end(&mut body).map_err(|cause| unreadable(&cause))?;
    // Keys have packets of a known length: one that is cut short would else be taken for a shorter one.
    match header.packet_length() {
        PacketLength::Fixed(length) if length as usize == body.len() => Ok((header, body)),
        _ => Err(unreadable(&"it is broken off")),
    }
}

fn key(header: PacketHeader, body: Vec<u8>) -> Result<KeyPacket, OpenPgpError> {
    match packet(header, &body)? {
        Packet::PublicKey(key) => described(&key, body),
        Packet::PublicSubkey(key) => described(&key, body),
        _ => Err(unreadable(&"a key packet holds none")),
    }
}

fn described(key: &impl KeyDetails, body: Vec<u8>) -> Result<KeyPacket, OpenPgpError> {
    match key.version() {
        KeyVersion::V4 | KeyVersion::V6 => {}
        other => return Err(OpenPgpError::Version(other.into())),
    }
    Ok(KeyPacket {
        fingerprint: key.fingerprint().to_string().to_ascii_lowercase(),
        key_id: key.legacy_key_id().to_string().to_ascii_uppercase(),
        created: key.created_at().as_secs().into(),
        body,
    })
}

fn signature(header: PacketHeader, body: Vec<u8>) -> Result<SignaturePacket, OpenPgpError> {
    let Packet::Signature(signature) = packet(header, &body)? else {
        return Err(unreadable(&"a signature packet holds none"));
    };
    let seconds =
        |time: Option<pgp::types::Duration>| time.map(|time| i64::from(time.as_secs())).filter(|one| *one > 0);
    Ok(SignaturePacket {
        issuer: issuer(&signature),
        created: signature.created().map(|time| time.as_secs().into()),
        lives: seconds(signature.signature_expiration_time()),
        key_lives: seconds(signature.key_expiration_time()),
        signers_user_id: signature.signers_userid().map(|text| readable(text)),
        body,
    })
}

fn issuer(signature: &Signature) -> Option<String> {
    if let Some(id) = signature.issuer_key_id().first() {
        return Some(id.to_string().to_ascii_lowercase());
    }
    let fingerprint = signature.issuer_fingerprint().first()?.to_string().to_ascii_lowercase();
    // Of a key of version 4 the end is its id, of later ones the beginning.
    match fingerprint.len() {
        40 => fingerprint.get(24..).map(str::to_owned),
        _ => fingerprint.get(..16).map(str::to_owned),
    }
}

fn packet(header: PacketHeader, body: &[u8]) -> Result<Packet, OpenPgpError> {
    Packet::from_reader(header, body).map_err(|cause| unreadable(&cause))
}

/// Text of whoever made the key; what is no text, or none that databases keep, is replaced.
fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

fn unreadable(cause: &dyn std::fmt::Display) -> OpenPgpError {
    OpenPgpError::Unreadable { what: "public OpenPGP key", cause: cause.to_string() }
}
