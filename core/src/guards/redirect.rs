//! Addresses that this server signed, each good for an hour: `?expires=<seconds>&validate_token=<salt>:<code>`, both
//! in hexadecimal. The code is an HMAC-SHA256 with the guard's own secret over the salt, the path and what the query
//! says before it.

use std::sync::Arc;

use chrono::TimeDelta;
use ring::hmac::{self, HMAC_SHA256, Key};
use serde_json::{Map, Value as Json, json};

use crate::auth::random;
use crate::error::{Error, Result};
use crate::id::Instant;
use crate::plugin::{Asked, Gate, GuardType, Refused};

pub const REDIRECT: &str = "core.content_redirect";

/// How long a signed address is good.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
const SECRET: &str = "shared_secret";
const TOKEN: &str = "&validate_token=";
const SALT_LENGTH: usize = 16;

pub struct RedirectGuard;

impl GuardType for RedirectGuard {
    fn pulp_type(&self) -> &'static str {
        REDIRECT
    }

    fn secrets(&self) -> Result<Map<String, Json>> {
        let secret: [u8; 32] = random()?;
        Ok(Map::from_iter([(SECRET.to_owned(), json!(hex::encode(secret)))]))
    }

    fn gate(&self, _: &Json, secrets: &Json) -> Result<Arc<dyn Gate>> {
        Ok(Arc::new(Signatures(key(secrets)?)))
    }
}

fn key(secrets: &Json) -> Result<Key> {
    let secret = secrets.get(SECRET).and_then(Json::as_str).and_then(|text| hex::decode(text).ok());
    let secret =
        secret.filter(|secret| secret.len() == 32).ok_or_else(|| Error::internal("a guard lost its secret"))?;
    Ok(Key::new(HMAC_SHA256, &secret))
}

/// The query that opens `address`, the decoded path of an address without a query, from now on for an hour.
///
/// # Errors
/// When the secrets are not those of such a guard.
pub fn sign(secrets: &Json, address: &str, now: Instant) -> Result<String> {
    let salt: [u8; SALT_LENGTH] = random()?;
    let query = format!("expires={}", (now + LIFETIME).timestamp());
    let code = hmac::sign(&key(secrets)?, &signed(&salt, address, &query));
    Ok(format!("{query}{TOKEN}{}:{}", hex::encode(salt), hex::encode(code)))
}

/// What is signed. The parts cannot run into each other: the salt has one length and a decoded path may well hold a
/// `?`, so its length stands in front.
fn signed(salt: &[u8], address: &str, query: &str) -> Vec<u8> {
    [salt, &(address.len() as u64).to_be_bytes(), address.as_bytes(), query.as_bytes()].concat()
}

struct Signatures(Key);

impl Signatures {
    fn is_valid(&self, asked: &Asked<'_>, query: &str, token: &str) -> Option<()> {
        let (salt, code) = token.split_once(':').or_else(|| token.split_once("%3A"))?;
        let (salt, code) = (hex::decode(salt).ok()?, hex::decode(code).ok()?);
        let salt = Some(salt).filter(|salt| salt.len() == SALT_LENGTH)?;
        hmac::verify(&self.0, &signed(&salt, asked.address, query), &code).ok()
    }
}

impl Gate for Signatures {
    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refused> {
        let unknown = Refused("Access not authenticated");
        let (query, token) = asked.query.split_once(TOKEN).ok_or(unknown)?;
        self.is_valid(asked, query, token).ok_or(unknown)?;
        let expires = query.rsplit('&').find_map(|pair| pair.strip_prefix("expires="));
        let expires: i64 = expires.and_then(|text| text.parse().ok()).ok_or(unknown)?;
        if asked.now.timestamp() > expires { Err(Refused("Authentication expired")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::now;

    fn admit(secrets: &Json, address: &str, query: &str, now: Instant) -> Result<(), &'static str> {
        let gate = RedirectGuard.gate(&json!({}), secrets).unwrap();
        gate.admit(&Asked { path: "", address, query, now, headers: &|_| vec![] }).map_err(|Refused(why)| why)
    }

    #[test]
    fn a_signed_address_opens_one_path_for_an_hour() {
        let secrets = Json::Object(RedirectGuard.secrets().unwrap());
        let (now, address) = (now(), "/pulp/content/a/b c");
        let query = sign(&secrets, address, now).unwrap();
        assert_eq!(admit(&secrets, address, &query, now), Ok(()));
        assert_eq!(admit(&secrets, address, &query.replace(':', "%3A"), now + TimeDelta::minutes(59)), Ok(()));
        assert_eq!(admit(&secrets, address, &query, now + TimeDelta::minutes(61)), Err("Authentication expired"));
        let unknown = Err("Access not authenticated");
        assert_eq!(admit(&secrets, "/pulp/content/a/c", &query, now), unknown);
        let others = Json::Object(RedirectGuard.secrets().unwrap());
        assert_eq!(admit(&others, address, &query, now), unknown);
    }

    #[test]
    fn what_was_tampered_with_opens_nothing() {
        let secrets = Json::Object(RedirectGuard.secrets().unwrap());
        let (now, address) = (now(), "/a");
        let query = sign(&secrets, address, now).unwrap();
        let later = query.replacen("expires=", "expires=9", 1);
        let longer = query.replacen("&validate", "&expires=99999999999&validate", 1);
        let (_, token) = query.split_once(TOKEN).unwrap();
        let alone = format!("expires=99999999999{TOKEN}{token}");
        for wrong in ["", "expires=1", &later, &longer, &alone, &query[..query.len() - 2], &format!("{query}00"), token]
        {
            assert!(admit(&secrets, address, wrong, now).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_guard_without_its_secret_is_none() {
        assert!(RedirectGuard.gate(&json!({}), &json!({})).is_err());
        assert!(RedirectGuard.gate(&json!({}), &json!({"shared_secret": "ab"})).is_err());
    }
}
