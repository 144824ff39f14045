//! Seals anew what older keys sealed, in short writes, while servers run. A value that somebody changes meanwhile is
//! theirs; whatever is cut goes on where it was, since what is done is not outdated any more.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::auth::Secrets;
use crate::db::sealed::{self, Place, Sealed};
use crate::db::{Conn, Db, Migrations};
use crate::error::{Error, Result};

/// Values per write.
const SLICE: i64 = 100;
/// Servers may be about to write what they sealed just before the key changed.
const UNDER_WAY: Duration = Duration::from_secs(2);
/// How often all is looked through at most.
const ROUNDS: usize = 10;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    pub values: u64,
    /// Those that no key in the file opens.
    pub unreadable: u64,
}

/// Goes through all sealed values until a round finds none that is outdated.
pub async fn reseal(db: &Db, secrets: &std::sync::Arc<Secrets>, sets: &[Migrations]) -> Result<Resealed> {
    let mut done = Resealed::default();
    for _ in 0..ROUNDS {
        let round = round(db, secrets, sets).await?;
        done.values += round.values;
        done.unreadable = round.unreadable;
        if round.values == 0 {
            return Ok(done);
        }
        tokio::time::sleep(UNDER_WAY).await;
    }
    Err(Error::Conflict(
        "values are still being sealed with an older key; is its key file used by another host?".into(),
    ))
}

async fn round(db: &Db, secrets: &std::sync::Arc<Secrets>, sets: &[Migrations]) -> Result<Resealed> {
    let mut done = Resealed::default();
    let sets = sets.to_vec();
    for place in db.read(move |conn| sealed::places(conn, &sets)).await? {
        let mut after = None;
        loop {
            let (secrets, place) = (secrets.clone(), place.clone());
            let write = db.write(move |conn| slice(conn, &place, &secrets, after));
            let (part, last) = write.await?;
            done.values += part.values;
            done.unreadable += part.unreadable;
            if last.is_none() {
                break;
            }
            after = last;
        }
    }
    Ok(done)
}

fn slice(
    conn: &mut Conn,
    place: &Place,
    secrets: &Secrets,
    after: Option<crate::db::Value>,
) -> Result<(Resealed, Option<crate::db::Value>)> {
    let (sealed, newest) = secrets.beginnings()?;
    let found = sealed::outdated(conn, place, (&sealed, &newest), after, SLICE)?;
    let mut done = Resealed::default();
    for old in &found {
        match anew(secrets, old) {
            Ok(text) => done.values += u64::from(sealed::replace(conn, place, old, &text)?),
            Err(error) => {
                tracing::error!(%error, ?place, "a sealed value cannot be opened");
                done.unreadable += 1;
            }
        }
    }
    Ok((done, found.into_iter().last().map(|last| last.key)))
}

fn anew(secrets: &Secrets, old: &Sealed) -> Result<String> {
    secrets.seal(&secrets.open(&old.text)?)
}

/// The ids of the keys that values of the database were sealed with.
pub async fn keys_in_use(db: &Db, secrets: &Secrets, sets: &[Migrations]) -> Result<BTreeSet<String>> {
    let sets = sets.to_vec();
    let (sealed, newest) = secrets.beginnings()?;
    let length = newest.len() - sealed.len() - 1;
    db.read(move |conn| {
        let mut ids = BTreeSet::new();
        for place in sealed::places(conn, &sets)? {
            ids.extend(sealed::key_ids(conn, &place, &sealed, length)?);
        }
        Ok(ids)
    })
    .await
}
