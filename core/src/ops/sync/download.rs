//! The files of wanted units: which must be fetched, fetching them, keeping them.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryChunksError, TryStreamExt};

use super::Stores;
use super::pipeline::Pipeline;
use crate::db::alternates::Alternate;
use crate::db::content;
use crate::db::{Conn, artifacts};
use crate::download::{Wanted as WantedFile, redacted};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::plugin::{Declared, DetailTable, UnitFile, Wanted};
use crate::storage::Staged;

/// Files kept together: two synchronisations of the disk and one commit for all of them. Small ones are in
/// memory until then, 64 KiB each at most.
const TOGETHER: usize = 256;
/// Bulks being kept while further files arrive.
const BULKS: usize = 2;

/// A file to be fetched: unit and file by position in the batch.
struct Missing {
    unit: usize,
    file: usize,
    content_type: &'static str,
    wanted: WantedFile,
    group: Option<Arc<str>>,
    /// Where to look first.
    alternates: Vec<Alternate>,
}

/// A fetched file: unit and file by position in the batch. None where the format does without the unit.
type Fetched = (usize, usize, Option<Staged>);
/// The digest of a file that is here; none of one that failed.
type Kept = (usize, usize, Option<Sha256>);

impl Pipeline<'_> {
    /// Fetches what the batch lacks; units learn the digests that upstream did not tell. Those leave whose
    /// first file cannot be had; further ones stay with the upstream until somebody asks for them.
    pub(super) async fn download(&self, batch: &mut Vec<Declared>) -> Result<()> {
        let mut missing = self.missing(batch).await?;
        self.find_alternates(&mut missing).await?;
        let fetched =
            stream::iter(missing).map(|missing| self.fetch(missing).boxed()).buffer_unordered(self.concurrency);
        let kept = fetched.try_chunks(TOGETHER).map(|bulk| self.keep(bulk).boxed()).buffered(BULKS);
        // Boxed, here and in the pipeline: the compiler does not see through closures of closures that it is Send.
        let kept: Vec<Kept> = kept.try_concat().boxed().await?;
        let mut failed = HashSet::new();
        for (unit, file, sha256) in kept {
            let Some((_, wanted)) = batch.get_mut(unit) else { continue };
            match (sha256, wanted.unit.files.get_mut(file)) {
                (Some(sha256), Some(file)) => file.sha256 = Some(sha256),
                (None, Some(_)) if file == 0 => {
                    failed.insert(first_file(wanted));
                }
                _ => {}
            }
        }
        if !failed.is_empty() {
            // Units that share the file were waiting for the same download.
            batch.retain(|(_, wanted)| wanted.group.is_none() || !failed.contains(&first_file(wanted)));
        }
        Ok(())
    }

    async fn missing(&self, batch: &[Declared]) -> Result<Vec<Missing>> {
        let known = self.known(batch).await?;
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        for (at, (content_type, wanted)) in batch.iter().enumerate() {
            for (position, (file, upstream)) in wanted.unit.files.iter().zip(&wanted.files).enumerate() {
                let here = match &file.sha256 {
                    Some(sha256) => known.artifacts.contains(sha256) || !seen.insert(sha256),
                    None => known.complete.contains(&at),
                };
                if !here {
                    let group = wanted.group.clone();
                    let wanted = upstream.wanted()?;
                    missing.push(Missing { unit: at, file: position, content_type, wanted, group, alternates: vec![] });
                }
            }
            if wanted.group.is_some() && known.has_all_of(at, wanted) {
                self.yields.had(content_type);
            }
        }
        Ok(missing)
    }

    /// Looks for other places of what is missing, by the digests that upstream tells.
    async fn find_alternates(&self, missing: &mut [Missing]) -> Result<()> {
        let told = |missing: &Missing| {
            missing.wanted.digests.iter().map(|(_, digest)| digest.to_ascii_lowercase()).collect::<Vec<_>>()
        };
        let digests = missing.iter().flat_map(told).collect();
        let found = self.alternates.find(self.stores, digests).await?;
        for missing in missing.iter_mut().filter(|_| !found.is_empty()) {
            let places = told(missing);
            missing.alternates = places.iter().filter_map(|digest| found.get(digest)).flatten().cloned().collect();
        }
        Ok(())
    }

    async fn known(&self, batch: &[Declared]) -> Result<Known> {
        let files = || batch.iter().flat_map(|(_, wanted)| &wanted.unit.files);
        let sha256: Vec<Sha256> = files().filter_map(|file| file.sha256.clone()).collect();
        let undigested = batch
            .iter()
            .enumerate()
            .filter(|(_, (_, wanted))| wanted.unit.files.iter().any(|file| file.sha256.is_none()));
        let asked = undigested.map(|(at, (name, wanted))| Ok((at, self.table(name)?, wanted.unit.columns.clone())));
        let asked = asked.collect::<Result<Vec<_>>>()?;
        let domain = self.stores.domain;
        self.stores.db.read(move |conn| known(conn, domain, &sha256, &asked)).await
    }

    async fn fetch(&self, missing: Missing) -> Result<Fetched> {
        self.task.check()?;
        let staged = match self.alternates.fetch(self.stores, &missing.wanted, &missing.alternates).await? {
            Some(staged) => Ok(staged),
            None => self.downloader.fetch(&missing.wanted, &self.stores.storage, self.stores.digests).await,
        };
        let staged = match (staged, &missing.group) {
            (Ok(staged), _) => Some(staged),
            (Err(error), None) => return Err(error),
            (Err(error), Some(group)) => {
                self.failures.note(group, &redacted(&missing.wanted.url), error)?;
                self.yields.lost(missing.content_type);
                None
            }
        };
        if staged.is_some() {
            self.failures.succeeded();
            self.yields.had(missing.content_type);
            self.reports().downloads.add(1);
        }
        Ok((missing.unit, missing.file, staged))
    }

    /// Keeps a bulk of fetched files; what arrived before a failure is kept too, for the next run.
    async fn keep(&self, bulk: Result<Vec<Fetched>, TryChunksError<Fetched, Error>>) -> Result<Vec<Kept>> {
        let (bulk, failure) = match bulk {
            Ok(bulk) => (bulk, None),
            Err(TryChunksError(bulk, error)) => (bulk, Some(error)),
        };
        let sha256 = |staged: &Option<Staged>| staged.as_ref().map(|staged| staged.digests.sha256.clone());
        let kept = bulk.iter().map(|(unit, file, staged)| (*unit, *file, sha256(staged))).collect();
        let bulk: Vec<Staged> = bulk.into_iter().filter_map(|(_, _, staged)| staged).collect();
        keep_all(self.stores, bulk).await?;
        failure.map_or(Ok(kept), Err)
    }
}

/// Keeps fetched files, durable and as artifacts.
pub(super) async fn keep_all(stores: &Stores, bulk: Vec<Staged>) -> Result<()> {
    let rows: Vec<_> = bulk.iter().map(|staged| (staged.size, staged.digests.clone())).collect();
    let digests: Vec<_> = rows.iter().map(|(_, digests)| digests.sha256.clone()).collect();
    let _announced = stores.db.announce(stores.domain, &digests).await?;
    stores.storage.keep_all(bulk).await?;
    let domain = stores.domain;
    stores.db.write(move |conn| artifacts::insert_all(conn, domain, &rows)).await?;
    Ok(())
}

/// What tells the first file of a unit from others: its digest, or else its address.
fn first_file(wanted: &Wanted) -> Option<String> {
    let sha256 = wanted.unit.files.first().and_then(|file| file.sha256.as_ref());
    sha256.map(ToString::to_string).or_else(|| wanted.files.first().map(|file| file.url.clone()))
}

/// What is here already.
struct Known {
    artifacts: HashSet<Sha256>,
    /// Units all of whose files are here, by position.
    complete: HashSet<usize>,
}

impl Known {
    /// Whether nothing of a unit, by its position, is to be fetched.
    fn has_all_of(&self, at: usize, wanted: &Wanted) -> bool {
        let is_here = |file: &UnitFile| match &file.sha256 {
            Some(sha256) => self.artifacts.contains(sha256),
            None => self.complete.contains(&at),
        };
        !wanted.unit.files.is_empty() && wanted.unit.files.iter().all(is_here)
    }
}

type Asked = (usize, DetailTable, Vec<crate::db::Value>);

fn known(conn: &mut Conn, domain: Id, sha256: &[Sha256], asked: &[Asked]) -> Result<Known> {
    let artifacts = artifacts::by_sha256(conn, domain, sha256)?.into_keys().collect();
    let mut complete = HashSet::new();
    for (at, table, columns) in asked {
        let found = content::find(conn, domain, table, &[columns])?;
        let ids: Vec<Id> = found.into_values().collect();
        let files = content::files(conn, &ids)?;
        if !files.is_empty() && files.iter().all(|file| file.artifact.is_some()) {
            complete.insert(*at);
        }
    }
    Ok(Known { artifacts, complete })
}
