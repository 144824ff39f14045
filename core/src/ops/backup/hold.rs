//! Keeps bytes in the store while a backup copies them; see `db/holds.rs`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::db::{Db, holds};
use crate::error::{Error, Result};
use crate::id::{Id, Instant, now};

/// How long a hold lasts that nobody renews, and how often it is renewed. Clocks of hosts may differ by less.
const LASTS: TimeDelta = TimeDelta::minutes(10);
const RENEWED: Duration = Duration::from_secs(60);

pub struct Hold {
    db: Db,
    name: String,
    /// Until when it is certain; none when it lapsed.
    until: Arc<Mutex<Option<Instant>>>,
    _renewing: DropGuard,
}

impl Hold {
    pub async fn begin(db: &Db) -> Result<Self> {
        let name = Id::new().to_string();
        let until = Arc::new(Mutex::new(Some(renew(db, &name).await?)));
        let ended = CancellationToken::new();
        let renewing = keep_renewing(db.clone(), name.clone(), until.clone());
        tokio::spawn(ended.clone().run_until_cancelled_owned(renewing));
        Ok(Self { db: db.clone(), name, until, _renewing: ended.drop_guard() })
    }

    /// # Errors
    /// `Storage` when bytes may have gone since the beginning.
    pub fn check(&self) -> Result<()> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.is_some_and(|until| now() < until) {
            true => Ok(()),
            false => {
                Err(Error::storage("the database did not answer for so long that files may have gone", "a hold lapsed"))
            }
        }
    }

    pub async fn end(self) -> Result<()> {
        let name = self.name.clone();
        self.db.write(move |conn| holds::release(conn, &name, now())).await
    }
}

async fn renew(db: &Db, name: &str) -> Result<Instant> {
    let (name, until) = (name.to_owned(), now() + LASTS);
    db.write(move |conn| holds::hold(conn, &name, until)).await?;
    Ok(until)
}

async fn keep_renewing(db: Db, name: String, until: Arc<Mutex<Option<Instant>>>) {
    loop {
        tokio::time::sleep(RENEWED).await;
        match renew(&db, &name).await {
            Ok(renewed) => {
                let mut until = until.lock().unwrap_or_else(PoisonError::into_inner);
                *until = until.filter(|until| now() < *until).map(|_| renewed);
            }
            Err(error) => {
                tracing::warn!(%error, "the backup cannot tell the server at present that it needs all files")
            }
        }
    }
}
