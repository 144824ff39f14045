//! Who signed a package: the key that each OpenPGP signature names (RFC 9580, 5.2). Nothing is
//! verified here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tags::{PAYLOADDIGEST, signature};
use super::{Header, HeaderError};

/// A package is not signed more often.
const MAX_SIGNATURES: usize = 64;

impl Header {
    /// The keys that the package's signatures name, each once, sorted: `v4:<40 digits>`, `v6:<64
    /// digits>`, or `keyid:<16 digits>` where the signature has no fingerprint.
    pub(super) fn signing_keys(&self) -> Result<Vec<String>, HeaderError> {
        let mut keys = Vec::new();
        for tag in [signature::RSA, signature::DSA, signature::PGP, signature::GPG, signature::PGP5] {
            if let Some(bytes) = self.signature.binary(tag)? {
                keys.extend(signers(bytes));
            }
        }
        for text in self.signature.strings(signature::OPENPGP)?.into_iter().take(MAX_SIGNATURES) {
            if let Ok(bytes) = STANDARD.decode(text.trim_ascii()) {
                keys.extend(signers(&bytes));
            }
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

impl Header {
    /// The OpenPGP signatures of the main header alone, as packets.
    pub(crate) fn header_signatures(&self) -> Result<Vec<Vec<u8>>, HeaderError> {
        let mut packets = Vec::new();
        for tag in [signature::RSA, signature::DSA] {
            packets.extend(self.signature.binary(tag)?.map(<[u8]>::to_vec));
        }
        let listed = self.signature.strings(signature::OPENPGP)?.into_iter().take(MAX_SIGNATURES);
        packets.extend(listed.filter_map(|text| STANDARD.decode(text.trim_ascii()).ok()));
        Ok(packets)
    }

    /// The OpenPGP signatures of main header and payload together, as packets.
    pub(crate) fn whole_signatures(&self) -> Result<Vec<Vec<u8>>, HeaderError> {
        let mut packets = Vec::new();
        for tag in [signature::PGP, signature::GPG] {
            packets.extend(self.signature.binary(tag)?.map(<[u8]>::to_vec));
        }
        Ok(packets)
    }

    /// Whether who signs the main header signs the payload with it: since rpm 4.14 the header holds a digest of that.
    pub fn vouches_for_payload(&self) -> Result<bool, HeaderError> {
        Ok(self.format()? >= 6 || self.main.string(PAYLOADDIGEST)?.is_some())
    }
}

/// The signers of the signature packets; what is no packet ends the list.
fn signers(mut bytes: &[u8]) -> Vec<String> {
    const SIGNATURE_PACKET: u8 = 2;
    let mut keys = Vec::new();
    while keys.len() < MAX_SIGNATURES
        && let Some((tag, body, rest)) = packet(bytes)
    {
        if tag == SIGNATURE_PACKET {
            keys.extend(signer(body));
        }
        bytes = rest;
    }
    keys
}

/// The type and body of the first packet, and what follows it (RFC 9580, 4.2).
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let (tag, (length, rest)) = if first & 0x40 != 0 {
        (first & 0x3f, length(rest)?)
    } else {
        let wide = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return Some(((first >> 2) & 0xf, rest, &[])),
        };
        let (number, rest) = rest.split_at_checked(wide)?;
        ((first >> 2) & 0xf, (number.iter().fold(0, |sum, &b| sum << 8 | usize::from(b)), rest))
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((tag, body, rest))
}

/// A length in the newer form, which subpackets use as well.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [first @ ..192, ref rest @ ..] => Some((usize::from(first), rest)),
        [first @ 192..224, second, ref rest @ ..] => {
            Some(((usize::from(first) - 192) * 256 + usize::from(second) + 192, rest))
        }
        [255, a, b, c, d, ref rest @ ..] => Some((usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?, rest)),
        _ => None,
    }
}

/// The key that the body of a signature packet names.
fn signer(body: &[u8]) -> Option<String> {
    match *body.first()? {
        2 | 3 => Some(format!("keyid:{}", hex::encode_upper(body.get(7..15)?))),
        version @ (4 | 6) => {
            // Version, type, algorithm of the key, algorithm of the hash; then two lists.
            let wide = if version == 6 { 4 } else { 2 };
            let (hashed, rest) = area(body.get(4..)?, wide)?;
            let (unhashed, _) = area(rest, wide)?;
            let subpackets = || subpackets(hashed).chain(subpackets(unhashed));
            subpackets().find_map(fingerprint).or_else(|| subpackets().find_map(key_id))
        }
        _ => None,
    }
}

fn area(bytes: &[u8], wide: usize) -> Option<(&[u8], &[u8])> {
    let (number, rest) = bytes.split_at_checked(wide)?;
    rest.split_at_checked(number.iter().fold(0, |sum, &b| sum << 8 | usize::from(b)))
}

/// Type and body of each subpacket.
fn subpackets(mut area: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (length, rest) = length(area)?;
        let (subpacket, rest) = rest.split_at_checked(length)?;
        area = rest;
        let (&kind, body) = subpacket.split_first()?;
        // The highest bit says that it is critical.
        Some((kind & 0x7f, body))
    })
}

fn fingerprint((kind, body): (u8, &[u8])) -> Option<String> {
    let (&version, fingerprint) = body.split_first()?;
    let fits = matches!((version, fingerprint.len()), (4, 20) | (6, 32));
    (kind == 33 && fits).then(|| format!("v{version}:{}", hex::encode_upper(fingerprint)))
}

fn key_id((kind, body): (u8, &[u8])) -> Option<String> {
    (kind == 16 && body.len() == 8).then(|| format!("keyid:{}", hex::encode_upper(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_name_their_keys() {
        let version_3 = [&[0x88, 19, 3, 5, 0][..], &[0; 4], &[0xaa; 8], &[1, 2, 3, 4]].concat();
        assert_eq!(signers(&version_3), ["keyid:AAAAAAAAAAAAAAAA"]);
        let hashed = [&[22, 33, 4][..], &[0xbb; 20]].concat();
        let unhashed = [&[9, 16 | 0x80][..], &[0xcc; 8]].concat();
        let body = [&[4, 0, 1, 8, 0, 23][..], &hashed, &[0, 10], &unhashed, &[0, 0]].concat();
        let newer = [&[0xc2, body.len() as u8][..], &body].concat();
        assert_eq!(signers(&newer), [format!("v4:{}", "BB".repeat(20))]);
        let body = [&[4, 0, 1, 8, 0, 0, 0, 10][..], &unhashed, &[0, 0]].concat();
        let older = [&[0x89, 0, body.len() as u8][..], &body].concat();
        assert_eq!(signers(&[older, newer].concat()).len(), 2);
    }

    #[test]
    fn what_is_no_signature_names_no_key() {
        for bytes in [
            &[][..],
            &[0],
            &[0x88],
            &[0x88, 0],
            &[0x88, 1, 4],
            &[0x88, 255, 4],
            &[0xc2, 255, 255, 255, 255, 255],
            &[0xc2, 3, 4, 0, 0],
            &[0xc2, 8, 4, 0, 1, 8, 255, 255, 0, 0],
            &[0x8b; 40],
            &[0xff; 40],
            &[0xc2, 192],
            &[0xc2, 0, 0xc2, 0],
        ] {
            assert!(signers(bytes).is_empty(), "{bytes:?}");
        }
        let many = [0x88, 19, 3, 5, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4].repeat(1000);
        assert_eq!(signers(&many).len(), MAX_SIGNATURES);
    }
}
