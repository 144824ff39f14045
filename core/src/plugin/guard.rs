//! Types of content guards: settings that clients make, and what they mean for one who wants to read.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::error::Result;
use crate::id::Instant;

/// One type of content guard. Its REST collection is among the resources of its component.
pub trait GuardType: Send + Sync + 'static {
    /// `certguard.x509`
    fn pulp_type(&self) -> &'static str;

    /// What a new guard is given that no client ever sees. It is kept encrypted.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    fn secrets(&self) -> Result<Map<String, Json>> {
        Ok(Map::new())
    }

    /// Makes ready what the settings ask for, once for many readers.
    ///
    /// # Errors
    /// When the settings can mean nothing; then nobody is let through.
    fn gate(&self, settings: &Json, secrets: &Json) -> Result<Arc<dyn Gate>>;
}

/// The settings of one guard, ready to judge. Quick, and without waiting for anything.
pub trait Gate: Send + Sync {
    /// # Errors
    /// Why the reader is not let through.
    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refused>;
}

/// Why a reader is not let through, in words that stand in the answer. They tell nothing of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// What somebody wants to read, and how they asked.
pub struct Asked<'a> {
    /// The base path and what follows it, decoded.
    pub path: &'a str,
    /// The whole path of the address, decoded.
    pub address: &'a str,
    /// What follows the `?`, as it was sent.
    pub query: &'a str,
    pub now: Instant,
    /// The values of a header, in the order they were sent; those that are no text are left out.
    pub headers: &'a dyn Fn(&str) -> Vec<String>,
}

impl Asked<'_> {
    /// The value of a header that was sent once. Of several none is believed: it is not known which one a proxy in
    /// front has set.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = (self.headers)(name);
        values.pop().filter(|_| values.is_empty())
    }
}
