//! Keys and signatures, good ones and others.

use super::*;

fn key() -> SecretKey {
    SecretKey::generate_for_tests()
}

#[test]
fn a_signature_is_of_its_key_and_its_bytes() {
    let (key, other) = (key(), key());
    let armored = key.sign_armored(&b"text"[..]).unwrap();
    assert!(armored.starts_with(b"-----BEGIN PGP SIGNATURE-----"));
    let (packet, is_rsa) = key.sign_binary(None, &b"text"[..]).unwrap();
    assert!(!is_rsa);
    for signature in [&armored, &packet] {
        key.public().verify(signature, &b"text"[..]).unwrap();
        assert!(matches!(key.public().verify(signature, &b"test"[..]), Err(OpenPgpError::Invalid(_))));
        assert!(matches!(other.public().verify(signature, &b"text"[..]), Err(OpenPgpError::OtherKey(_))));
    }
    for broken in [&b""[..], b"-----BEGIN PGP SIGNATURE-----", &packet[..packet.len() - 1], b"text"] {
        assert!(key.public().verify(broken, &b"text"[..]).is_err());
    }
}

#[test]
fn a_key_survives_its_text() {
    let key = key();
    let again = SecretKey::parse(&key.armored().unwrap(), None).unwrap();
    assert_eq!(again.public().fingerprint(), key.public().fingerprint());
    let public = PublicKey::parse(key.public().armored().unwrap().as_bytes()).unwrap();
    public.verify(&again.sign_armored(&b"text"[..]).unwrap(), &b"text"[..]).unwrap();
    assert_eq!(public.fingerprint().len(), 40);
    assert!(
        public.is_named(&public.fingerprint().to_ascii_lowercase()) && public.is_named(&public.fingerprint()[24..])
    );
    assert!(!public.is_named("0000000000000000") && !public.is_named(""));
}

/// Made by GnuPG 2.4: a certifying primary key, a signing subkey, a passphrase (`open`).
const LOCKED: &str = include_str!("locked.asc");
/// The same after its primary key was taken off (`--export-secret-subkeys`).
const SUBKEY_ONLY: &str = include_str!("subkey.asc");

#[test]
fn a_passphrase_opens_a_locked_key() {
    let key = SecretKey::parse(LOCKED, Some("open")).unwrap();
    let signature = key.sign_armored(&b"text"[..]).unwrap();
    key.public().verify(&signature, &b"text"[..]).unwrap();
    assert!(matches!(SecretKey::parse(LOCKED, None), Err(OpenPgpError::Locked(_))));
    assert!(matches!(SecretKey::parse(LOCKED, Some("wrong")), Err(OpenPgpError::Passphrase(_))));
}

#[test]
fn a_subkey_signs_without_its_primary_key() {
    let key = SecretKey::parse(SUBKEY_ONLY, Some("open")).unwrap();
    let (signature, _) = key.sign_binary(None, &b"text"[..]).unwrap();
    SecretKey::parse(LOCKED, Some("open")).unwrap().public().verify(&signature, &b"text"[..]).unwrap();
    assert!(key.sign_binary(Some(&key.public().fingerprint()), &b"text"[..]).is_ok());
    assert!(matches!(key.sign_binary(Some(&"0".repeat(40)), &b"text"[..]), Err(OpenPgpError::NoSecret(_))));
}

/// Made by GnuPG 2.2 for the year 2020.
const EXPIRED: &str = include_str!("expired.asc");
/// A public key with a statement of its own that it is revoked.
const REVOKED: &str = include_str!("revoked.asc");

#[test]
fn a_key_that_has_ended_does_not_sign() {
    let told = SecretKey::parse(EXPIRED, None).unwrap_err().to_string();
    assert_eq!(told, "the key 3200640D40A33532824F550CBF7431E06EAA5C27 expired on 2021-01-01");
    let expired = PublicKey::parse(include_bytes!("expired.pub.asc")).unwrap();
    assert_eq!(expired.check_validity().unwrap_err().to_string(), told);
    let revoked = PublicKey::parse(REVOKED.as_bytes()).unwrap();
    let told = revoked.check_validity().unwrap_err().to_string();
    assert_eq!(told, "the key E030A5CA0FCAEA64DE0BE4BE8B82CFAFB5A6CEE0 was revoked on 2026-11-29");
    let key = key();
    assert_eq!(key.public().validity(), Validity::Forever);
    key.public().check_validity().unwrap();
}

#[test]
fn what_is_no_key_is_said_to_be_none() {
    let public = key().public().armored().unwrap();
    for text in ["", "text", "-----BEGIN PGP PRIVATE KEY BLOCK-----", &public] {
        let told = SecretKey::parse(text, None).unwrap_err().to_string();
        assert!(told.starts_with("holds no armoured secret OpenPGP key"), "{told}");
    }
    assert!(matches!(PublicKey::parse(b"text"), Err(OpenPgpError::Unreadable { .. })));
    assert!(matches!(PublicKey::parse(&vec![b'a'; LARGEST_KEY + 1]), Err(OpenPgpError::TooLarge)));
}

/// A packet of the new format.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, 0xff][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

#[test]
fn a_key_is_taken_apart_and_put_together() {
    let key = key();
    let text = key.public().armored().unwrap();
    let certificate = Certificate::parse(text.as_bytes()).unwrap();
    let fingerprint = key.public().fingerprint();
    assert_eq!(certificate.key.fingerprint, fingerprint.to_ascii_lowercase());
    assert_eq!(certificate.key.key_id, fingerprint[24..]);
    let [(Bound::UserId { text, body }, signatures)] = &certificate.bound[..] else { panic!("{certificate:?}") };
    assert_eq!((text.as_str(), body.as_slice()), ("Packages <packages@example.org>", text.as_bytes()));
    assert_eq!(signatures[0].issuer.as_deref(), Some(&*fingerprint[24..].to_ascii_lowercase()));
    let packets = [
        (CertificatePacket::Key, certificate.key.body.as_slice()),
        (CertificatePacket::UserId, body),
        (CertificatePacket::Signature, &signatures[0].body),
    ];
    let again = armored_certificate(packets).unwrap();
    assert_eq!(Certificate::parse(again.as_bytes()).unwrap(), certificate);
    assert_eq!(PublicKey::parse(again.as_bytes()).unwrap().fingerprint(), fingerprint);
}

#[test]
fn no_cut_and_no_flipped_bit_of_a_key_is_more_than_an_error() {
    let public = Certificate::parse(key().public().armored().unwrap().as_bytes()).unwrap();
    let (Bound::UserId { body, .. }, signatures) = &public.bound[0] else { panic!("{public:?}") };
    let whole = [packet(6, &public.key.body), packet(13, body), packet(2, &signatures[0].body)];
    let ends = [whole[0].len(), whole[0].len() + whole[1].len()];
    let whole = whole.concat();
    for end in 1..whole.len() {
        // Between packets a shorter key ends; nothing says that there was more.
        assert_eq!(Certificate::parse(&whole[..end]).is_ok(), ends.contains(&end), "cut at {end}");
    }
    for at in 0..whole.len() * 8 {
        let mut broken = whole.clone();
        broken[at / 8] ^= 1 << (at % 8);
        let _ = Certificate::parse(&broken);
    }
    let secret = key().armored().unwrap();
    assert!(matches!(Certificate::parse(secret.as_bytes()), Err(OpenPgpError::Secret)));
    for tag in [5, 7] {
        let behind = [&whole[..], &packet(tag, b"secret")].concat();
        assert!(matches!(Certificate::parse(&behind), Err(OpenPgpError::Secret)));
    }
    let many = [&whole[..], &packet(13, b"a").repeat(MOST_PACKETS)].concat();
    assert!(matches!(Certificate::parse(&many), Err(OpenPgpError::TooMany)));
}
