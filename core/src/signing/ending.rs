//! Keys of signing services end: they expire. Administrators are told some weeks before, in the log and by the command
//! line.

use std::sync::PoisonError;

use chrono::{NaiveDate, TimeDelta};

use super::Signing;
use crate::db::signing_services::{self, KeyRow, SigningServiceRow};
use crate::error::Result;
use crate::id::{Instant, now};
use crate::openpgp::{Validity, day};

/// How long before its end a key is spoken of.
const NOTICE: TimeDelta = TimeDelta::days(30);

/// What is to be said of the end of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It does not expire, or not soon.
    Far(String),
    Soon(String),
    /// It does not sign any more.
    Past(String),
}

impl Ending {
    pub fn of(key: &KeyRow, now: Instant) -> Self {
        match key.validity() {
            None => Self::Past("cannot be read".into()),
            Some(Validity::Never) => Self::Past("cannot sign".into()),
            Some(Validity::Revoked(since)) => Self::Past(format!("revoked on {}", day(since))),
            Some(Validity::Until(end)) if end <= now => Self::Past(format!("expired on {}", day(end))),
            Some(Validity::Until(end)) if end - now < NOTICE => Self::Soon(format!("expires on {}", day(end))),
            Some(Validity::Until(end)) => Self::Far(format!("expires on {}", day(end))),
            Some(Validity::Forever) => Self::Far("does not expire".into()),
        }
    }

    pub fn text(&self) -> &str {
        let (Self::Far(text) | Self::Soon(text) | Self::Past(text)) = self;
        text
    }
}

/// Writes to the log, once a day, which keys have ended or are about to.
pub(crate) async fn warn_of_endings(signing: &Signing) -> Result<()> {
    let now = now();
    if !signing.begins_day(now.date_naive()) {
        return Ok(());
    }
    for service in signing.db.read(signing_services::all).await? {
        warn_of(&service, now);
    }
    Ok(())
}

fn warn_of(service: &SigningServiceRow, now: Instant) {
    // A key that is being replaced may end.
    let key = service.successor.as_ref().unwrap_or(&service.key);
    let ending = Ending::of(key, now);
    if !matches!(ending, Ending::Far(_)) {
        let (service, key) = (&service.name, &key.fingerprint);
        tracing::warn!(
            service,
            key,
            "the key of a signing service {}; see `pith signing-service rotate`",
            ending.text()
        );
    }
}

impl Signing {
    /// Whether this process has not spoken of endings on that day yet; from now on it has.
    fn begins_day(&self, day: NaiveDate) -> bool {
        let mut last = self.spoke.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(day) != Some(day)
    }
}
