//! A small provider of OpenID Connect in this process: it serves its description and its keys, and signs whatever a test
//! wants.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};

use super::upstream::{Asked, Reply, Upstream};

/// For whom the tokens of the tests are.
pub const AUDIENCE: &str = "pith-of-tests";

/// A key that signs tokens.
pub struct SigningKey {
    pair: Pair,
    /// As the provider publishes it.
    pub public: Value,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    pub fn rsa(id: &str) -> Self {
        let key = RsaPrivateKey::new(&mut rand::rngs::OsRng, 2048).unwrap();
        let part = |number: &rsa::BigUint| encoded(&number.to_bytes_be());
        let public =
            json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": part(key.n()), "e": part(key.e())});
        let pair = Pair::Rsa(RsaKeyPair::from_pkcs8(key.to_pkcs8_der().unwrap().as_bytes()).unwrap());
        Self { pair, public }
    }

    pub fn ec(id: &str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let public =
            json!({"kty": "EC", "crv": "P-256", "kid": id, "x": encoded(&point[1..33]), "y": encoded(&point[33..])});
        Self { pair: Pair::Ec(pair), public }
    }

    pub fn ed(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let public = json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": encoded(pair.public_key().as_ref())});
        Self { pair: Pair::Ed(pair), public }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The header of a token that this key signs.
    pub fn header(&self) -> Value {
        let algorithm = match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        };
        json!({"alg": algorithm, "kid": self.public["kid"], "typ": "JWT"})
    }

    /// A token that says this.
    pub fn token(&self, claims: &Value) -> String {
        self.token_headed(&self.header(), claims)
    }

    pub fn token_headed(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        format!("{signed}.{}", encoded(&self.sign(signed.as_bytes())))
    }
}

/// Header and claims of a token.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What the provider does.
pub struct State {
    pub keys: Vec<Value>,
    /// What it answers in place of its description.
    pub instead: Option<Reply>,
    /// What it says of itself beside or instead of the truth.
    pub says: Value,
}

pub struct Provider {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl Provider {
    pub fn publishing(keys: &[&SigningKey]) -> Self {
        let keys = keys.iter().map(|key| key.public.clone()).collect();
        let state = Arc::new(Mutex::new(State { keys, instead: None, says: json!({}) }));
        let seen = state.clone();
        Self { upstream: Upstream::answering(move |asked, _| answer(asked, &seen.lock().unwrap())), state }
    }

    pub fn issuer(&self) -> String {
        self.upstream.url("realm")
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// How often each document was asked for: the description and the keys.
    pub fn asked(&self) -> (usize, usize) {
        let count = |path: &str| self.upstream.paths().iter().filter(|asked| *asked == path).count();
        (count(DESCRIPTION), count(KEYS))
    }

    /// The claims of a token that is right.
    pub fn claims(&self, name: &str) -> Value {
        json!({"iss": self.issuer(), "aud": AUDIENCE, "sub": name, "iat": now(), "exp": now() + 300})
    }

    /// What lets a server believe it.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("PITH_OIDC_ISSUER", self.issuer()), ("PITH_OIDC_AUDIENCE", AUDIENCE.to_owned())]
    }
}

const DESCRIPTION: &str = "/realm/.well-known/openid-configuration";
const KEYS: &str = "/realm/keys";

fn answer(asked: &Asked, state: &State) -> Reply {
    let json = |value: &Value| Reply::Bytes(value.to_string().into_bytes());
    let issuer = format!("http://{}/realm", asked.headers["host"]);
    match &*asked.path {
        DESCRIPTION => {
            if let Some(reply) = &state.instead {
                return reply.clone();
            }
            let mut description = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
            description.as_object_mut().unwrap().extend(state.says.as_object().unwrap().clone());
            json(&description)
        }
        KEYS => json(&json!({"keys": state.keys})),
        _ => Reply::Status(404),
    }
}
