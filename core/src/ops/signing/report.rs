//! What administrators read about signing services.

use std::fmt::Write;

use super::{Workshop, try_out};
use crate::db::Db;
use crate::db::signing_services::{self, KeyRow, SigningServiceRow};
use crate::error::{Error, Result};
use crate::id::now;
use crate::signing::Ending;

/// All services, one in a line: name, fingerprint, the script or that the key is kept here, and when the key expires. A
/// service that changes its key has a second line for the next one.
pub async fn list(db: &Db) -> Result<String> {
    let (mut lines, now) = (String::new(), now());
    for SigningServiceRow { name, script, class, key, successor, .. } in db.read(signing_services::all).await? {
        let means = if script.is_empty() { "key kept here".to_owned() } else { format!("{script} ({class})") };
        let mut line = |KeyRow { fingerprint, .. }: &KeyRow, means: &str, ending: Ending| {
            writeln!(lines, "{name}\t{fingerprint}\t{means}\t{}", ending.text()).map_err(Error::internal)
        };
        line(&key, &means, Ending::of(&key, now))?;
        if let Some(next) = successor {
            line(&next, "the next key", Ending::of(&next, now))?;
        }
    }
    Ok(lines)
}

/// Tries all services. The text has a line for each: that it signs and when its key expires, or why it does not sign.
/// Also tells whether all sign and no key is about to end.
pub async fn check(workshop: &Workshop) -> Result<(String, bool)> {
    let (mut lines, mut is_well, now) = (String::new(), true, now());
    for service in workshop.db.read(signing_services::all).await? {
        let tried = try_out(workshop, &service).await;
        let SigningServiceRow { name, key, successor, .. } = service;
        let ending = Ending::of(successor.as_ref().unwrap_or(&key), now);
        is_well &= tried.is_ok() && matches!(ending, Ending::Far(_));
        let text = match tried {
            Ok(()) => format!("signs; its key {}", ending.text()),
            Err(error) => error.to_string(),
        };
        writeln!(lines, "{name}\t{text}").map_err(Error::internal)?;
    }
    Ok((lines, is_well))
}
