//! Tokens that users hand to programs: what a token looks like, what is kept of it, and for what it is.
//!
//! ```text
//! pith_FrZ8m3…   the prefix, and 256 random bits in base64
//! ```
//!
//! The prefix lets scanners of source code find one that was published. The database sees only digests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::Value as Json;

use super::random;
use crate::error::{Error, Result};
use crate::id::{Id, Instant};

/// How every token begins.
pub const PREFIX: &str = "pith_";
/// The user name that stands for whoever's token is the password: what clients of indexes send.
pub const ANYBODY: &str = "__token__";
/// So many objects a token is for at most.
pub const MOST_OBJECTS: usize = 100;

/// 256 bits in base64.
const LENGTH: usize = PREFIX.len() + 43;

/// A token as it is shown once. `Debug` hides it.
pub struct Secret(String);

impl Secret {
    pub fn new() -> Result<Self> {
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it: SHA-256 in hexadecimal.
    pub fn digest(&self) -> String {
        digest_of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The digest under which the table may know this text; none when it cannot be one of our tokens. That the lookup
/// takes a measurable time tells nothing: what is looked up is a digest.
pub fn lookup_digest(text: &str) -> Option<String> {
    let is_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_token = text.len() == LENGTH && text.starts_with(PREFIX) && text.bytes().all(is_alphabet);
    is_token.then(|| digest_of(text))
}

fn digest_of(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// For what a token is. Whatever that is, it never is more than its user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// None: it is a token of somebody else's, which says only who its user is.
    pub id: Option<Id>,
    pub read_only: bool,
    /// None: for all objects.
    pub objects: Option<Vec<Named>>,
}

/// An object that a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub prn: String,
    pub id: Id,
}

impl Named {
    /// # Errors
    /// `Internal`: what was kept is no PRN of an object with an id.
    fn parse(prn: &str) -> Result<Self> {
        let id = prn.rsplit(':').next().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| Error::internal("a token is for something that has no id"))?;
        Ok(Self { prn: prn.to_owned(), id })
    }
}

impl Grant {
    /// Reads what was kept of a token. What cannot be read is an error, never a token for more.
    pub fn read(id: Id, read_only: bool, objects: Option<Json>) -> Result<Self> {
        let wrong = || Error::internal("the objects of a token are no list");
        let objects = match objects {
            None | Some(Json::Null) => None,
            Some(Json::Array(prns)) => {
                let named = prns.iter().map(|prn| Named::parse(prn.as_str().ok_or_else(wrong)?));
                Some(named.collect::<Result<_>>()?)
            }
            Some(_) => return Err(wrong()),
        };
        Ok(Self { id: Some(id), read_only, objects })
    }

    /// What a token of a provider of logins is for: all that its user may do, for as long as it lasts.
    pub fn of_provider() -> Self {
        Self { id: None, read_only: false, objects: None }
    }

    /// Whether it is for some objects only.
    pub fn is_confined(&self) -> bool {
        self.objects.is_some()
    }

    /// Whether it is for the object with this id.
    pub fn covers(&self, id: Id) -> bool {
        self.objects.as_ref().is_none_or(|objects| objects.iter().any(|object| object.id == id))
    }
}

/// Whether a token that ends then counts now.
pub fn is_alive(expires: Option<Instant>, now: Instant) -> bool {
    expires.is_none_or(|expires| now < expires)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::id::now;

    #[test]
    fn a_token_is_known_by_its_digest_alone() {
        let secret = Secret::new().unwrap();
        assert_eq!(lookup_digest(secret.as_str()).unwrap(), secret.digest());
        assert!(!format!("{secret:?}").contains(&secret.as_str()[PREFIX.len()..]));
        assert_ne!(secret.digest(), Secret::new().unwrap().digest());
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        let secret = Secret::new().unwrap();
        let token = secret.as_str();
        for wrong in ["", "pith_", &token[..token.len() - 1], &format!("{token}a"), &token.replace("pith", "Pith")] {
            assert_eq!(lookup_digest(wrong), None, "{wrong}");
        }
        assert_eq!(lookup_digest(&format!("pith_{}", " ".repeat(43))), None);
    }

    #[test]
    fn it_covers_what_it_names_or_everything() {
        let (one, other) = (Id::new(), Id::new());
        let grant = |objects| Grant::read(Id::new(), false, objects).unwrap();
        let confined = grant(Some(json!([format!("prn:file.filerepository:{one}")])));
        assert!(confined.covers(one) && !confined.covers(other) && confined.is_confined());
        assert!(grant(None).covers(other) && !grant(Some(json!([]))).covers(one));
        for wrong in [json!("all"), json!([1]), json!(["prn:core.group:1"]), json!({})] {
            assert!(Grant::read(Id::new(), false, Some(wrong)).is_err());
        }
    }

    #[test]
    fn it_ends_at_its_moment() {
        let now = now();
        assert!(is_alive(None, now) && is_alive(Some(now + TimeDelta::seconds(1)), now));
        assert!(!is_alive(Some(now), now) && !is_alive(Some(now - TimeDelta::seconds(1)), now));
    }
}
