//! Changing the key of a service. While it changes, metadata carries the signatures of both keys, so that clients that
//! have not heard of the next one go on. Each step is one transaction: it was taken or it was not.

use super::{Made, NewKey, Workshop, made, try_out};
use crate::auth::Secrets;
use crate::db::Conn;
use crate::db::signing_services::{self, KeyRow, SigningServiceRow};
use crate::error::{Error, Result};

/// What became of a key that was given; the text is its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// It is the next one, and signs beside the other from now on.
    Begun(String),
    /// It was known already, and is in use as it was given now: with another expiry or more subkeys, say.
    Renewed(String),
}

/// What a key is to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Current,
    Next,
}

/// Has a service change to another key, after that was tried.
///
/// # Errors
/// `NotFound`; `Invalid` when the key is of no use; `Conflict` when the trial failed, when the service changes to a
/// third key already, or when the key has another form than the service.
pub async fn rotate(workshop: &Workshop, name: &str, key: NewKey) -> Result<Rotated> {
    let row = service(workshop, name).await?;
    refuse_other_form(&row, &key)?;
    if let (NewKey::Generated { .. }, Some(next)) = (&key, &row.successor) {
        return Err(under_way(&row, next));
    }
    let made = made(key).await?;
    place(&row, &made.fingerprint)?;
    let tried = SigningServiceRow { key: made.sealed(&workshop.secrets)?, successor: None, ..row.clone() };
    try_out(workshop, &tried).await?;
    let secrets = workshop.secrets.clone();
    workshop.db.write(move |conn| put(conn, &row.name, &made, &secrets)).await
}

/// Ends the change: the next key is the one of the service, and the other is forgotten. Returns its fingerprint.
///
/// # Errors
/// `NotFound`; `Conflict` when the service does not change its key.
pub async fn finish(workshop: &Workshop, name: &str) -> Result<String> {
    end(workshop, name, |conn, service, next| {
        signing_services::set_successor(conn, service.id, None)?;
        signing_services::set_key(conn, service.id, next)
    })
    .await
}

/// Gives the change up: the next key is forgotten. Returns its fingerprint.
///
/// # Errors
/// `NotFound`; `Conflict` when the service does not change its key.
pub async fn cancel(workshop: &Workshop, name: &str) -> Result<String> {
    end(workshop, name, |conn, service, _| signing_services::set_successor(conn, service.id, None)).await
}

async fn end(
    workshop: &Workshop,
    name: &str,
    write: fn(&mut Conn, &SigningServiceRow, &KeyRow) -> Result<()>,
) -> Result<String> {
    let name = name.to_owned();
    let end = move |conn: &mut Conn| {
        let service = found(conn, &name)?;
        let next = service.successor.as_ref();
        let next = next.ok_or_else(|| Error::Conflict(format!("signing service `{name}` does not change its key")))?;
        write(conn, &service, next)?;
        Ok(next.fingerprint.clone())
    };
    workshop.db.write(end).await
}

async fn service(workshop: &Workshop, name: &str) -> Result<SigningServiceRow> {
    let name = name.to_owned();
    workshop.db.read(move |conn| found(conn, &name)).await
}

fn found(conn: &mut Conn, name: &str) -> Result<SigningServiceRow> {
    signing_services::by_name(conn, name)?.ok_or_else(|| Error::not_found("SigningService"))
}

/// A script goes on with the keys that it has, and a key that is kept here needs none.
fn refuse_other_form(SigningServiceRow { name, script, .. }: &SigningServiceRow, key: &NewKey) -> Result<()> {
    match (script.is_empty(), key) {
        (true, NewKey::Kept { .. } | NewKey::Generated { .. }) | (false, NewKey::Public(_)) => Ok(()),
        (true, NewKey::Public(_)) => {
            Err(Error::Conflict(format!("signing service `{name}` has a key that is kept here; give a secret key")))
        }
        (false, _) => Err(Error::Conflict(format!(
            "signing service `{name}` has a script, which signs with keys of its own; give the public key of another"
        ))),
    }
}

/// Where a key of this fingerprint belongs.
fn place(row: &SigningServiceRow, fingerprint: &str) -> Result<Place> {
    match &row.successor {
        _ if row.key.fingerprint == fingerprint => Ok(Place::Current),
        Some(next) if next.fingerprint != fingerprint => Err(under_way(row, next)),
        _ => Ok(Place::Next),
    }
}

fn under_way(SigningServiceRow { name, .. }: &SigningServiceRow, next: &KeyRow) -> Error {
    let KeyRow { fingerprint, .. } = next;
    Error::Conflict(format!("signing service `{name}` changes to the key {fingerprint} already; finish or cancel that"))
}

fn put(conn: &mut Conn, name: &str, key: &Made, secrets: &Secrets) -> Result<Rotated> {
    // Again: while the key was tried another may have come, and the key that seals may have been changed.
    let (row, fingerprint, sealed) = (found(conn, name)?, key.fingerprint.clone(), key.sealed(secrets)?);
    match place(&row, &fingerprint)? {
        Place::Current => {
            signing_services::set_key(conn, row.id, &sealed)?;
            Ok(Rotated::Renewed(fingerprint))
        }
        Place::Next => {
            signing_services::set_successor(conn, row.id, Some(&sealed))?;
            Ok(if row.successor.is_some() { Rotated::Renewed(fingerprint) } else { Rotated::Begun(fingerprint) })
        }
    }
}
