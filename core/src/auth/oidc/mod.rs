//! Bearer tokens of a provider of OpenID Connect: who sends one is whom the provider says, as long as the token is for
//! this server and its signature is one of the provider's.
//!
//! The provider's keys are found by discovery (OpenID Connect Discovery 1.0) and kept: for an hour, and a day when the
//! provider cannot be reached. A token with a key that is not known makes us look again, at most every ten seconds.

mod claims;
mod jwt;
mod keys;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::sync::Mutex;

use crate::download::{Downloader, RemoteSettings};
use crate::error::{Error, Result};
use crate::id::now;
pub use claims::{Claims, Expected};
use keys::Key;

/// Documents of a provider are no larger, in bytes.
const LARGEST: u64 = 256 << 10;
/// Seconds for one of them.
const TIMEOUT: f64 = 10.0;
/// Keys are looked up again after so long,
const FRESH: Duration = Duration::from_secs(60 * 60);
/// and no longer used after so long.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The provider is not asked more often, whatever is sent.
const PAUSE: Duration = Duration::from_secs(10);
/// After it could not be reached it is asked again sooner.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Why a token is refused, for the log; clients learn nothing by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("it is no token")]
    Malformed,
    #[error("its algorithm is none that is accepted")]
    Algorithm,
    #[error("no key of the provider has signed it")]
    Key,
    #[error("its signature is wrong")]
    Signature,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYet,
    #[error("it names no user")]
    User,
}

/// A provider.
pub struct Provider {
    expected: Expected,
    downloader: Downloader,
    known: Mutex<Known>,
}

/// What is known of the provider's keys.
#[derive(Default)]
struct Known {
    keys: Arc<Vec<Key>>,
    /// When they were found.
    found: Option<Instant>,
    /// Before that the provider is not asked.
    next: Option<Instant>,
}

impl Provider {
    /// Nothing is asked of the provider yet.
    pub fn new(expected: Expected) -> Result<Self> {
        let settings = RemoteSettings {
            url: expected.issuer.clone(),
            tls_validation: true,
            total_timeout: Some(TIMEOUT),
            connect_timeout: Some(TIMEOUT),
            max_retries: Some(0),
            ..RemoteSettings::default()
        };
        Ok(Self { downloader: Downloader::new(&settings, &[])?, expected, known: Mutex::default() })
    }

    /// What a token says, once all of it was found right.
    ///
    /// # Errors
    /// `Unauthenticated` for a token that is refused; `Upstream` when the provider's keys are not to be had.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        let refused = |reason: Refused| {
            tracing::debug!(%reason, "a token of the provider is refused");
            Error::Unauthenticated("Invalid token.".into())
        };
        let token = jwt::Token::parse(token).map_err(refused)?;
        // What is wrong without a look at any key makes nobody ask the provider.
        let claims = self.expected.check(&token.claims, now().timestamp()).map_err(refused)?;
        let keys = self.keys().await?;
        match token.verify(&keys) {
            Ok(()) => Ok(claims),
            Err(Refused::Key) => {
                let keys = self.newer_keys().await?.ok_or_else(|| refused(Refused::Key))?;
                token.verify(&keys).map(|()| claims).map_err(refused)
            }
            Err(reason) => Err(refused(reason)),
        }
    }

    /// The keys, looked up where that is due.
    async fn keys(&self) -> Result<Arc<Vec<Key>>> {
        let mut known = self.known.lock().await;
        let age = known.found.map(|found| found.elapsed());
        if age.is_none_or(|age| age >= FRESH) && known.is_due() {
            match (self.refresh(&mut known).await, age) {
                (Err(error), Some(age)) if age < KEPT => {
                    tracing::warn!(%error, "the keys of the provider of logins cannot be looked up again");
                }
                (result, _) => result?,
            }
        }
        if known.found.is_some_and(|found| found.elapsed() < KEPT) {
            return Ok(known.keys.clone());
        }
        Err(Error::upstream("the provider of logins cannot be reached"))
    }

    /// The keys, asked for again; none when that was done just now.
    async fn newer_keys(&self) -> Result<Option<Arc<Vec<Key>>>> {
        let mut known = self.known.lock().await;
        if !known.is_due() {
            return Ok(None);
        }
        match self.refresh(&mut known).await {
            Ok(()) => Ok(Some(known.keys.clone())),
            Err(error) => {
                tracing::warn!(%error, "the keys of the provider of logins cannot be looked up again");
                Ok(None)
            }
        }
    }

    async fn refresh(&self, known: &mut Known) -> Result<()> {
        known.next = Some(Instant::now() + PAUSE_AFTER_FAILURE);
        let keys = self.look_up().await?;
        *known = Known { keys: Arc::new(keys), found: Some(Instant::now()), next: Some(Instant::now() + PAUSE) };
        Ok(())
    }

    async fn look_up(&self) -> Result<Vec<Key>> {
        let issuer = &self.expected.issuer;
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let discovered = self.document(&address).await?;
        if discovered.get("issuer").and_then(Json::as_str) != Some(issuer) {
            return Err(Error::upstream(format!("{address} is about another issuer")));
        }
        let keys = discovered.get("jwks_uri").and_then(Json::as_str);
        // What is told by TLS is not followed to where it could be changed on the way.
        let is_followed = |keys: &&str| {
            keys.starts_with("https://") || (keys.starts_with("http://") && issuer.starts_with("http://"))
        };
        let keys =
            keys.filter(is_followed).ok_or_else(|| Error::upstream(format!("{address} has no usable `jwks_uri`")))?;
        let found = keys::parse(&self.document(keys).await?);
        if found.is_empty() { Err(Error::upstream(format!("{keys} has no usable key"))) } else { Ok(found) }
    }

    async fn document(&self, address: &str) -> Result<Json> {
        let bytes = self.downloader.fetch_bytes(address, LARGEST).await?.bytes;
        serde_json::from_slice(&bytes).map_err(|_| Error::upstream(format!("{address} is not JSON")))
    }
}

impl Known {
    fn is_due(&self) -> bool {
        self.next.is_none_or(|next| Instant::now() >= next)
    }
}
