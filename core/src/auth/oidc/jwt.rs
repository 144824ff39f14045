//! JSON Web Tokens that are signed (RFC 7519, RFC 7515): three parts in base64, header, claims and signature.
//!
//! Only signatures with a pair of keys count. Of the others `none` is none, and `HS256` would take the public key,
//! which everybody has, for a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value as Json};

use super::Refused;
use super::keys::Key;

/// Tokens of providers have one or two kilobytes.
const LONGEST: usize = 16 << 10;
/// A token that does not say which key it is signed with is held against so many.
const MOST_TRIED: usize = 10;

/// How tokens may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256, PKCS #1 1.5.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A token whose signature was not looked at yet.
pub struct Token<'t> {
    algorithm: Algorithm,
    key_id: Option<String>,
    signed: &'t [u8],
    signature: Vec<u8>,
    pub claims: Map<String, Json>,
}

impl<'t> Token<'t> {
    pub fn parse(text: &'t str) -> Result<Self, Refused> {
        if text.len() > LONGEST {
            return Err(Refused::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
        let header = object(header)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Refused::Malformed),
        };
        // Extensions that must be understood are not.
        if header.contains_key("crit") {
            return Err(Refused::Malformed);
        }
        let algorithm = text("alg")?.and_then(Algorithm::parse).ok_or(Refused::Algorithm)?;
        Ok(Self {
            algorithm,
            key_id: text("kid")?.map(str::to_owned),
            signed: signed.as_bytes(),
            signature: decode(signature)?,
            claims: object(claims)?,
        })
    }

    /// # Errors
    /// `Key` when there is none that could have signed it, `Signature` when none has.
    pub fn verify(&self, keys: &[Key]) -> Result<(), Refused> {
        let fitting = keys.iter().filter(|key| key.algorithm() == self.algorithm);
        let fitting = fitting.filter(|key| self.key_id.is_none() || key.id == self.key_id);
        let mut fitting = fitting.take(MOST_TRIED).peekable();
        if fitting.peek().is_none() {
            return Err(Refused::Key);
        }
        let is_signed = fitting.any(|key| key.has_signed(self.signed, &self.signature));
        if is_signed { Ok(()) } else { Err(Refused::Signature) }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed)
}

fn object(part: &str) -> Result<Map<String, Json>, Refused> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Refused::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn only_what_is_signed_by_a_pair_of_keys_is_read() {
        let refused = |header: &str| {
            let token = format!("{}.{}.AAAA", encoded(header), encoded("{}"));
            Token::parse(&token).err()
        };
        for name in ["RS256", "ES256", "EdDSA"] {
            assert_eq!(refused(&format!(r#"{{"alg": "{name}"}}"#)), None);
        }
        for name in ["none", "None", "nOnE", "HS256", "HS384", "HS512", "RS1", "PS256", "rs256", "ES512", ""] {
            assert_eq!(refused(&format!(r#"{{"alg": "{name}"}}"#)), Some(Refused::Algorithm), "{name}");
        }
        assert_eq!(refused("{}"), Some(Refused::Algorithm));
        for header in [r#"{"alg": 1}"#, r#"{"alg": ["RS256"]}"#, r#"{"alg": "RS256", "kid": 1}"#, "[]", "", "{"] {
            assert_eq!(refused(header), Some(Refused::Malformed), "{header}");
        }
        assert_eq!(refused(r#"{"alg": "RS256", "crit": ["exp"]}"#), Some(Refused::Malformed));
    }

    #[test]
    fn what_has_not_three_parts_in_base64_is_no_token() {
        let (header, claims) = (encoded(r#"{"alg": "ES256"}"#), encoded("{}"));
        for wrong in [
            String::new(),
            ".".into(),
            "..".into(),
            header.clone(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.AA.AA"),
            format!("{header}.{claims}.A"),
            format!("{header}.{claims}.AA=="),
            format!("{header}.{}.AAAA", encoded("[1]")),
            format!("{header}.{}.AAAA", encoded("nonsense")),
            format!("{header}.{claims}.{}", "A".repeat(LONGEST)),
            format!("{header}.{claims}.ä"),
        ] {
            assert_eq!(Token::parse(&wrong).err(), Some(Refused::Malformed), "{wrong:.60}");
        }
    }

    #[test]
    fn without_a_fitting_key_nothing_is_verified() {
        let token = format!("{}.{}.AAAA", encoded(r#"{"alg": "ES256", "kid": "a"}"#), encoded("{}"));
        assert_eq!(Token::parse(&token).unwrap().verify(&[]), Err(Refused::Key));
    }
}
