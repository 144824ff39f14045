//! The keys of a provider: a set of JSON Web Keys (RFC 7517, RFC 8037). What is for encrypting, or of a kind that is not
//! used here, is passed over.
//!
//! ```text
//! {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": "…", "e": "AQAB"},
//!           {"kty": "EC", "kid": "2", "crv": "P-256", "x": "…", "y": "…"},
//!           {"kty": "OKP", "kid": "3", "crv": "Ed25519", "x": "…"}]}
//! ```

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value as Json;

use super::jwt::Algorithm;

/// So many keys of a provider are looked at.
const MOST: usize = 100;
/// Bytes of a coordinate on P-256, and of a key of Ed25519.
const COORDINATE: usize = 32;

/// A public key that tokens may be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: Option<String>,
    public: Public,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point, uncompressed.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys of a set that can be used.
pub fn parse(set: &Json) -> Vec<Key> {
    let keys = set.get("keys").and_then(Json::as_array).into_iter().flatten();
    keys.take(MOST).filter_map(Key::parse).collect()
}

impl Key {
    fn parse(key: &Json) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Json::as_str);
        let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let coordinate = |name: &str| bytes(name).filter(|bytes| bytes.len() == COORDINATE);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let public = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let number =
                    |name: &str| bytes(name).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect());
                Public::Rsa { modulus: number("n")?, exponent: number("e")? }
            }
            ("EC", Some("P-256")) => Public::P256([vec![4], coordinate("x")?, coordinate("y")?].concat()),
            ("OKP", Some("Ed25519")) => Public::Ed25519(coordinate("x")?),
            _ => return None,
        };
        let key = Self { id: text("kid").map(str::to_owned), public };
        let is_for_it = text("alg").is_none_or(|name| Algorithm::parse(name) == Some(key.algorithm()));
        is_for_it.then_some(key)
    }

    /// The one algorithm that a key is for.
    pub fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// RSA with less than 2048 bits signs nothing.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.public {
            Public::Rsa { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_can_be_used_are_read_and_others_passed_over() {
        // Of RFC 7515, appendix A.3, and RFC 8037, appendix A.
        let p256 = json!({"kty": "EC", "crv": "P-256", "kid": "a",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let rsa = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "RS256", "use": "sig"});
        let found = parse(&json!({"keys": [p256, ed25519, rsa]}));
        let algorithms: Vec<Algorithm> = found.iter().map(Key::algorithm).collect();
        assert_eq!(algorithms, [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256]);
        assert_eq!(found[0].id.as_deref(), Some("a"));
        let with = |key: &Json, name: &str, value: Json| {
            let mut key = key.clone();
            key[name] = value;
            key
        };
        for wrong in [
            with(&p256, "crv", json!("P-384")),
            with(&p256, "x", json!("AAAA")),
            with(&p256, "use", json!("enc")),
            with(&p256, "alg", json!("RS256")),
            with(&p256, "alg", json!("HS256")),
            with(&ed25519, "x", json!(7)),
            with(&rsa, "n", json!("not base64!")),
            with(&rsa, "alg", json!("RSA-OAEP")),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({}),
            json!("key"),
            Json::Null,
        ] {
            assert_eq!(parse(&json!({"keys": [wrong.clone()]})), [], "{wrong}");
        }
        assert_eq!(parse(&json!({"keys": vec![ed25519; MOST + 5]})).len(), MOST);
        assert!(parse(&json!([])).is_empty() && parse(&json!({"keys": {}})).is_empty());
    }

    #[test]
    fn a_signature_is_that_of_the_message_alone() {
        // RFC 8037, appendix A.4.
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = &parse(&json!({"keys": [key]}))[0];
        assert!(key.has_signed(signed.as_bytes(), &signature));
        assert!(!key.has_signed(&signed.as_bytes()[1..], &signature));
        assert!(!key.has_signed(signed.as_bytes(), &signature[1..]) && !key.has_signed(signed.as_bytes(), &[]));
    }
}
