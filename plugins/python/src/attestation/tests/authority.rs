//! A Sigstore instance of our own: a certificate authority, a certificate log, a transparency log,
//! made anew for each test, and an attestation with everything that they vouch for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

/// When the log took everything up; certificates are valid for decades around it.
const INTEGRATED: u64 = 1_700_000_000;

/// What a certificate claims, by the last number of Fulcio's extension.
const CLAIMS: [(u64, &str); 4] = [
    (8, "https://token.actions.githubusercontent.com"),
    (12, "https://github.com/owner/repo"),
    (13, "0123456789abcdef"),
    (18, "https://github.com/owner/repo/.github/workflows/release.yml@0123456789abcdef"),
];

pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate_log: Key,
    transparency_log: Key,
}

/// A key on the curve P-256, for what signs and for what certifies.
struct Key {
    signing: EcdsaKeyPair,
    public: KeyPair,
}

impl Key {
    fn new() -> Self {
        let public = KeyPair::generate().unwrap();
        let pkcs8 = public.serialize_der();
        let scheme = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let signing = EcdsaKeyPair::from_pkcs8(scheme, &pkcs8, &SystemRandom::new()).unwrap();
        Self { signing, public }
    }

    fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.signing.sign(&SystemRandom::new(), data).unwrap().as_ref().to_vec()
    }

    /// The public key with its algorithm, as a certificate holds it.
    fn spki(&self) -> Vec<u8> {
        self.public.subject_public_key_info()
    }

    fn id(&self) -> Vec<u8> {
        sha256(&self.spki())
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(data: &[u8]) -> Vec<u8> {
    digest(&SHA256, data).as_ref().to_vec()
}

fn base64(data: impl AsRef<[u8]>) -> String {
    STANDARD.encode(data)
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        Self {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
            certificate_log: Key::new(),
            transparency_log: Key::new(),
        }
    }

    /// What a verifier trusts.
    pub(super) fn trusted_root(&self) -> String {
        let log = |key: &Key| {
            json!({
                "baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "logId": {"keyId": base64(key.id())},
                "publicKey": {
                    "rawBytes": base64(key.spki()), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2020-01-01T00:00:00Z"},
                },
            })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.transparency_log)],
            "ctlogs": [log(&self.certificate_log)],
            "certificateAuthorities": [{
                "subject": {"organization": "test", "commonName": "test"}, "uri": "https://ca.example",
                "certChain": {"certificates": [{"rawBytes": base64(self.issuer.der())}]},
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            }],
        })
        .to_string()
    }

    /// Signs a statement and has it logged.
    pub(super) fn attest(&self, statement: &[u8]) -> Value {
        let key = Key::new();
        let certificate = self.certificate(&key);
        let kind = "application/vnd.in-toto+json";
        let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), statement.len()).into_bytes();
        signed.extend(statement);
        let signature = key.sign(&signed);
        json!({
            "version": 1,
            "verification_material": {
                "certificate": base64(&certificate),
                "transparency_entries": [self.log(statement, &signature, &certificate)],
            },
            "envelope": {"statement": base64(statement), "signature": base64(&signature)},
        })
    }

    /// A certificate for a key, with the proof that the certificate log has seen it.
    fn certificate(&self, key: &Key) -> Vec<u8> {
        let before = self.issue(key, None);
        let mut entry = vec![0, 0];
        entry.extend((INTEGRATED * 1000).to_be_bytes());
        entry.extend([0, 1]);
        entry.extend(sha256(&self.issuer.key().subject_public_key_info()));
        let body = to_be_signed(&before);
        entry.extend(&(body.len() as u32).to_be_bytes()[1..]);
        entry.extend(body);
        entry.extend([0, 0]);
        let signature = self.certificate_log.sign(&entry);
        let mut proof = vec![0];
        proof.extend(self.certificate_log.id());
        proof.extend((INTEGRATED * 1000).to_be_bytes());
        proof.extend([0, 0, 4, 3]);
        proof.extend((signature.len() as u16).to_be_bytes());
        proof.extend(signature);
        let mut list = ((proof.len() + 2) as u16).to_be_bytes().to_vec();
        list.extend((proof.len() as u16).to_be_bytes());
        list.extend(proof);
        self.issue(key, Some(der(4, &list)))
    }

    fn issue(&self, key: &Key, proof: Option<Vec<u8>>) -> Vec<u8> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.subject_alt_names = vec![SanType::URI("https://github.com/owner/repo".try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        params.serial_number = Some(SerialNumber::from(7u64));
        params.not_before = rcgen::date_time_ymd(2021, 1, 1);
        params.not_after = rcgen::date_time_ymd(2039, 1, 1);
        for (number, claim) in CLAIMS {
            let oid = [1, 3, 6, 1, 4, 1, 57264, 1, number];
            let text = der(12, claim.as_bytes());
            params.custom_extensions.push(CustomExtension::from_oid_content(&oid, text));
        }
        if let Some(proof) = proof {
            let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
            params.custom_extensions.push(CustomExtension::from_oid_content(&oid, proof));
        }
        params.signed_by(&key.public, &self.issuer).unwrap().der().to_vec()
    }

    /// The only entry of a log: promised, and proven up to a checkpoint.
    fn log(&self, statement: &[u8], signature: &[u8], certificate: &[u8]) -> Value {
        let pem = pem(certificate);
        let body = json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": to_hex(&sha256(b"as it was sent"))},
                "payloadHash": {"algorithm": "sha256", "value": to_hex(&sha256(statement))},
                "signatures": [{"signature": base64(signature), "verifier": base64(pem)}],
            },
        })
        .to_string();
        let key = &self.transparency_log;
        let root = sha256(&[&[0], body.as_bytes()].concat());
        let note = format!("log.example - 1\n1\n{}\n", base64(&root));
        let signed = [&key.id()[..4], &key.sign(note.as_bytes())].concat();
        let checkpoint = format!("{note}\n\u{2014} log.example {}\n", base64(signed));
        // The order of the members is that of canonical JSON.
        let promised = format!(
            "{{\"body\":\"{}\",\"integratedTime\":{INTEGRATED},\"logID\":\"{}\",\"logIndex\":0}}",
            base64(&body),
            to_hex(&key.id())
        );
        json!({
            "logIndex": "0", "logId": {"keyId": base64(key.id())}, "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": INTEGRATED.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": base64(key.sign(promised.as_bytes()))},
            "inclusionProof": {
                "logIndex": "0", "rootHash": base64(&root), "treeSize": "1", "hashes": [],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": base64(&body),
        })
    }
}

fn pem(certificate: &[u8]) -> String {
    let text = base64(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// A value of DER with its tag and length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}

/// The part of a certificate that is signed: the first value within the outer one.
fn to_be_signed(certificate: &[u8]) -> &[u8] {
    let inner = &certificate[header_length(certificate)..];
    let length = match header_length(inner) {
        4 => usize::from(inner[2]) << 8 | usize::from(inner[3]),
        3 => usize::from(inner[2]),
        _ => usize::from(inner[1]),
    };
    &inner[..header_length(inner) + length]
}

fn header_length(value: &[u8]) -> usize {
    if value[1] < 0x80 { 2 } else { 2 + usize::from(value[1] & 0x7f) }
}
