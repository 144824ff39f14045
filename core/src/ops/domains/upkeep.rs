//! What is left to do when a domain was deleted or has moved: the bytes of stores that are no domain's any more are
//! removed, and a second store is let go of when nothing needs it.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::place;
use crate::app::Shared;
use crate::db::artifact_bytes::{self, StoredArtifact};
use crate::db::domains::{self as rows, Dissolving, Domain};
use crate::db::holds;
use crate::error::{Error, Result};
use crate::id::{Id, Sha256, now};
use crate::ops::Stores;
use crate::ops::publish_task::stores;
use crate::storage::Storage;

/// Whoever began to store something has ended after so long. Then a store is dissolved once more, for what came into it
/// when its domain was deleted, and a second store is not written to any more.
pub const SETTLED: TimeDelta = crate::db::ARRIVAL_LIFETIME;
/// When a second store that could not be reached is tried again.
const LATER: TimeDelta = TimeDelta::hours(1);
/// The same of a store that is to be dissolved, at first; then the longer it has been tried the later.
const SOON: TimeDelta = TimeDelta::seconds(10);
/// How long the bytes of one store may take to go before it is others' turn; what is gone stays gone.
const PATIENCE: Duration = Duration::from_secs(300);
/// Artifacts per slice.
const SLICE: i64 = 500;
/// So many are copied at the same time.
const TOGETHER: usize = 8;

/// Removes the bytes of stores that are to be dissolved; how many stores. While somebody holds all bytes, none.
///
/// # Errors
/// That of the last store that could not be dissolved. It is tried again later, and does not keep others.
pub async fn dissolve(app: &Shared) -> Result<u64> {
    let due = app.db.read(|conn| match holds::are_held(conn, now())? {
        true => Ok(vec![]),
        false => rows::due_to_dissolve(conn, now()),
    });
    let (mut count, mut failure) = (0, None);
    for store in due.await? {
        match dissolve_one(app, &store).await {
            Ok(()) => count += 1,
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(count), Err)
}

async fn dissolve_one(app: &Shared, dissolving: &Dissolving) -> Result<()> {
    let Dissolving { id, domain, domain_name, store, created } = dissolving;
    let (id, last) = (*id, *created + SETTLED);
    let place = place::of_store(&app.config, &app.secrets, (*domain, domain_name), store);
    let dissolved = match place {
        Ok(place) => timeout(PATIENCE, Storage::dissolve(&place)).await.unwrap_or_else(|late| {
            Err(Error::storage(format!("the files of the domain `{domain_name}` take long to remove"), late))
        }),
        Err(error) => Err(error),
    };
    let next = match &dissolved {
        Ok(()) => (now() < last).then_some(last),
        Err(_) => Some(now() + (now() - *created).clamp(SOON, LATER)),
    };
    app.db.write(move |conn| rows::dissolve_at(conn, id, next)).await?;
    dissolved
}

/// Lets go of second stores that no upload goes into any more, after a last look for what only they have; how many.
///
/// # Errors
/// As [`dissolve`].
pub async fn settle(app: &Shared) -> Result<u64> {
    let before = now() - SETTLED;
    let (mut count, mut failure) = (0, None);
    for domain in app.db.read(move |conn| rows::with_settled_second(conn, before)).await? {
        match settle_one(app, &domain).await {
            Ok(()) => count += 1,
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(count), Err)
}

async fn settle_one(app: &Shared, domain: &Domain) -> Result<()> {
    let (id, Some(since)) = (domain.id, domain.second.as_ref().map(|second| second.since)) else { return Ok(()) };
    let copied = copy_missing(app, domain).await;
    match &copied {
        Ok(()) => {
            app.db.write(move |conn| rows::forget_second(conn, id, since)).await?;
            app.domain_changed();
        }
        Err(_) => app.db.write(move |conn| rows::put_off_second(conn, id, since, since + LATER)).await?,
    }
    copied
}

async fn copy_missing(app: &Shared, domain: &Domain) -> Result<()> {
    let Some(second) = &domain.second else { return Ok(()) };
    let from = place::of_store(&app.config, &app.secrets, (domain.id, &domain.name), &second.store)?;
    let to = place::of_store(&app.config, &app.secrets, (domain.id, &domain.name), &domain.store)?;
    let (from, to) = (Storage::attach(&from).await?, Storage::attach(&to).await?);
    let stores = Stores { domain: domain.id, ..stores(app)? };
    Copying { from, to, absent: Absent::IsPassedOver }.run(&stores, None, &|_| Ok(())).await.map(drop)
}

/// What is done about an artifact that neither store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// That is for a repair to find.
    IsPassedOver,
    IsAnError,
}

/// Copying a domain's artifacts from one store to another.
#[derive(Clone)]
pub(super) struct Copying {
    pub from: Storage,
    pub to: Storage,
    pub absent: Absent,
}

/// How many artifacts were looked at, and how many of them copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    pub seen: i64,
    pub copied: i64,
}

impl Copying {
    /// Copies what the other store lacks, of the artifacts with a greater id than `after`. `each` hears how far it is,
    /// and its error ends it.
    pub async fn run(
        &self,
        stores: &Stores,
        after: Option<Id>,
        each: &(dyn Fn(Looked) -> Result<()> + Sync),
    ) -> Result<Looked> {
        let (mut after, mut looked, domain) = (after, Looked::default(), stores.domain);
        loop {
            let slice = stores.db.read(move |conn| artifact_bytes::page(conn, domain, after, SLICE)).await?;
            let Some(last) = slice.last() else { return Ok(looked) };
            after = Some(last.id);
            let digests: Vec<Sha256> = slice.iter().map(|artifact| artifact.sha256.clone()).collect();
            let copies = slice.into_iter().map(|artifact| self.clone().copy(stores.clone(), artifact));
            let mut copies = stream::iter(copies).buffer_unordered(TOGETHER);
            while let Some(copied) = copies.next().await {
                looked.seen += 1;
                looked.copied += i64::from(copied?);
                each(looked)?;
            }
            // Copies of what was deleted meanwhile would be nobody's.
            let looked_at = digests.clone();
            let named = stores.db.read(move |conn| artifact_bytes::with_digests(conn, domain, &looked_at)).await?;
            if named.len() < digests.len() {
                stores.db.write(move |conn| artifact_bytes::put_down_unnamed(conn, domain, &digests)).await?;
            }
        }
    }

    /// Whether it was copied.
    async fn copy(self, stores: Stores, artifact: StoredArtifact) -> Result<bool> {
        let StoredArtifact { sha256, size, .. } = artifact;
        if self.to.size(&sha256).await? == Some(size) {
            return Ok(false);
        }
        let error = match self.from.size(&sha256).await? {
            None if self.absent == Absent::IsPassedOver => return Ok(false),
            None => Error::Conflict(format!(
                "the file of the artifact with the SHA-256 {sha256} is missing: repair it, or delete the artifact"
            )),
            Some(_) => match self.from.copy_to(&self.to, &sha256, size).await {
                Ok(copied) => return Ok(copied),
                Err(error) => error,
            },
        };
        let (domain, named) = (stores.domain, [sha256]);
        let is_gone = stores.db.read(move |conn| artifact_bytes::with_digests(conn, domain, &named)).await?.is_empty();
        if is_gone { Ok(false) } else { Err(error) }
    }
}
