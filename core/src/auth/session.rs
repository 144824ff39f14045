//! Sessions of browsers: what the cookies hold and what the table keeps. The database never sees a value
//! that could be sent as a cookie, only digests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use ring::digest::{SHA256, digest};

use super::random;
use crate::error::Result;
use crate::id::Instant;

/// How long a session lasts: two weeks, as in Pulp.
pub const LIFETIME: TimeDelta = TimeDelta::days(14);

/// 256 random bits in base64; its length is checked before anything is computed from what a client sent.
const TOKEN_LENGTH: usize = 43;

/// A cookie's value. `Debug` hides it.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    fn new() -> Result<Self> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<32>()?)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A session's row. Digests are SHA-256 in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The primary key.
    pub id_digest: String,
    pub csrf_digest: String,
    /// Ends the session when the user's password changes.
    pub password_digest: String,
    pub user_id: i64,
    pub created: Instant,
    pub expires: Instant,
}

/// A session just begun, with the values of its two cookies, which are not to be had again.
#[derive(Debug)]
pub struct NewSession {
    pub session: Session,
    /// For the cookie `sessionid`.
    pub id: Token,
    /// For the cookie `csrftoken`; unsafe requests repeat it in `X-CSRFToken`.
    pub csrf: Token,
}

/// Begins a session for a user whose stored password hash is `stored_password`.
pub fn begin(user_id: i64, stored_password: &str, now: Instant) -> Result<NewSession> {
    let (id, csrf) = (Token::new()?, Token::new()?);
    let session = Session {
        id_digest: digest_of(id.as_str()),
        csrf_digest: digest_of(csrf.as_str()),
        password_digest: digest_of(stored_password),
        user_id,
        created: now,
        expires: now + LIFETIME,
    };
    Ok(NewSession { session, id, csrf })
}

/// The key under which the table may know this `sessionid`; none when it cannot be one of ours. That the
/// lookup takes a measurable time tells nothing: what is looked up is a digest.
pub fn lookup_digest(sessionid: &str) -> Option<String> {
    is_token(sessionid).then(|| digest_of(sessionid))
}

impl Session {
    /// Whether it still counts, given the user's present stored password hash.
    pub fn is_valid(&self, stored_password: &str, now: Instant) -> bool {
        now < self.expires && equal(&self.password_digest, &digest_of(stored_password))
    }

    /// Whether an unsafe request really comes from the user's own page: `X-CSRFToken` must be this session's.
    pub fn accepts_csrf(&self, header: Option<&str>) -> bool {
        header.is_some_and(|token| is_token(token) && equal(&self.csrf_digest, &digest_of(token)))
    }
}

fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn digest_of(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// Compares digests in a time that does not depend on where they differ.
fn equal(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::now;

    #[test]
    fn the_row_holds_nothing_that_could_be_sent() {
        let new = begin(1, "$argon2id$x", now()).unwrap();
        let row = format!("{:?}", new.session);
        assert!(!row.contains(new.id.as_str()) && !row.contains(new.csrf.as_str()) && !row.contains("argon2"));
        assert!(!format!("{new:?}").contains(new.id.as_str()));
        assert_eq!(lookup_digest(new.id.as_str()).unwrap(), new.session.id_digest);
    }

    #[test]
    fn it_ends_by_time_and_by_a_new_password() {
        let start = now();
        let session = begin(1, "hash", start).unwrap().session;
        assert!(session.is_valid("hash", start + TimeDelta::days(13)));
        assert!(!session.is_valid("hash", start + LIFETIME));
        assert!(!session.is_valid("another", start));
    }

    #[test]
    fn only_its_own_csrf_token_is_accepted() {
        let (one, other) = (begin(1, "h", now()).unwrap(), begin(1, "h", now()).unwrap());
        assert!(one.session.accepts_csrf(Some(one.csrf.as_str())));
        for wrong in [None, Some(""), Some(other.csrf.as_str()), Some(one.session.csrf_digest.as_str())] {
            assert!(!one.session.accepts_csrf(wrong));
        }
    }

    #[test]
    fn cookies_of_nonsense_are_not_looked_up() {
        for wrong in ["", "x", &"ä".repeat(43), &"a".repeat(44), &" ".repeat(43)] {
            assert_eq!(lookup_digest(wrong), None);
        }
    }
}
