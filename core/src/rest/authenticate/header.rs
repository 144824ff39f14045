//! The `Authorization` header: `Basic <base64 of name:password>` or `Bearer <token>`.

use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};

/// Longer tokens are none that anybody sends.
const LONGEST_TOKEN: usize = 16 << 10;

pub enum Credentials {
    Basic { username: String, password: String },
    Bearer(String),
}

/// What the header says; none where there is none, or of a scheme that is not known here.
///
/// # Errors
/// `Unauthenticated` when it says nothing that can be read.
pub fn credentials(request: &HttpRequest) -> Result<Option<Credentials>> {
    let Some(header) = request.headers().get("Authorization") else { return Ok(None) };
    let invalid = |text: &str| Error::Unauthenticated(text.into());
    let unreadable = || invalid("Invalid basic header. Credentials not correctly base64 encoded.");
    let text = header.to_str().map_err(|_| unreadable())?;
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return match rest.len() {
            1..=LONGEST_TOKEN => Ok(Some(Credentials::Bearer(rest.to_owned()))),
            _ => Err(invalid("Invalid token.")),
        };
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    if rest.is_empty() {
        return Err(invalid("Invalid basic header. No credentials provided."));
    }
    let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (username, password) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or_else(unreadable)?;
    Ok(Some(Credentials::Basic { username: username.to_owned(), password: password.to_owned() }))
}
