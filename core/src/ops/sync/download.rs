//! The files of wanted units: which must be fetched, fetching them, keeping them.

use std::collections::HashSet;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryChunksError, TryStreamExt};

use super::pipeline::Pipeline;
use crate::db::content;
use crate::db::{Conn, artifacts};
use crate::download::Wanted as WantedFile;
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::plugin::{Declared, DetailTable};
use crate::storage::{Algorithm, Staged};

/// Files kept together: two synchronisations of the disk and one commit for all of them. Small ones are in
/// memory until then, 64 KiB each at most.
const TOGETHER: usize = 256;
/// Bulks being kept while further files arrive.
const BULKS: usize = 2;

/// A file to be fetched: unit and file by position in the batch.
struct Missing {
    unit: usize,
    file: usize,
    wanted: WantedFile,
}

/// A fetched file: unit and file by position in the batch.
type Fetched = (usize, usize, Staged);

impl Pipeline<'_> {
    /// Fetches what the batch lacks; units learn the digests that upstream did not tell.
    pub(super) async fn download(&self, batch: &mut [Declared]) -> Result<()> {
        let missing = self.missing(batch).await?;
        let fetched =
            stream::iter(missing).map(|missing| self.fetch(missing).boxed()).buffer_unordered(self.concurrency);
        let kept = fetched.try_chunks(TOGETHER).map(|bulk| self.keep(bulk).boxed()).buffered(BULKS);
        // Boxed, here and in the pipeline: the compiler does not see through closures of closures that it is Send.
        let found: Vec<(usize, usize, Sha256)> = kept.try_concat().boxed().await?;
        for (unit, file, sha256) in found {
            if let Some(file) = batch.get_mut(unit).and_then(|(_, wanted)| wanted.unit.files.get_mut(file)) {
                file.sha256 = Some(sha256);
            }
        }
        Ok(())
    }

    async fn missing(&self, batch: &[Declared]) -> Result<Vec<Missing>> {
        let known = self.known(batch).await?;
        let mut seen = HashSet::new();
        let mut missing = Vec::new();
        for (at, (_, wanted)) in batch.iter().enumerate() {
            for (position, (file, upstream)) in wanted.unit.files.iter().zip(&wanted.files).enumerate() {
                let here = match &file.sha256 {
                    Some(sha256) => known.artifacts.contains(sha256) || !seen.insert(sha256),
                    None => known.complete.contains(&at),
                };
                if !here {
                    let wanted = wanted_file(upstream)?;
                    missing.push(Missing { unit: at, file: position, wanted });
                }
            }
        }
        Ok(missing)
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
        let staged = self.downloader.fetch(&missing.wanted, &self.stores.storage, self.stores.digests).await?;
        self.reports().downloads.add(1);
        Ok((missing.unit, missing.file, staged))
    }

    /// Keeps a bulk of fetched files; what arrived before a failure is kept too, for the next run.
    async fn keep(
        &self,
        bulk: Result<Vec<Fetched>, TryChunksError<Fetched, Error>>,
    ) -> Result<Vec<(usize, usize, Sha256)>> {
        let (bulk, failure) = match bulk {
            Ok(bulk) => (bulk, None),
            Err(TryChunksError(bulk, error)) => (bulk, Some(error)),
        };
        let rows: Vec<_> = bulk.iter().map(|(_, _, staged)| (staged.size, staged.digests.clone())).collect();
        let found = bulk.iter().map(|(unit, file, staged)| (*unit, *file, staged.digests.sha256.clone())).collect();
        let digests: Vec<_> = rows.iter().map(|(_, digests)| digests.sha256.clone()).collect();
        let _announced = self.stores.db.announce(&digests).await?;
        self.stores.storage.keep_all(bulk.into_iter().map(|(_, _, staged)| staged).collect()).await?;
        let domain = self.stores.domain;
        self.stores.db.write(move |conn| artifacts::insert_all(conn, domain, &rows)).await?;
        failure.map_or(Ok(found), Err)
    }
}

/// What is here already.
struct Known {
    artifacts: HashSet<Sha256>,
    /// Units all of whose files are here, by position.
    complete: HashSet<usize>,
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

fn wanted_file(upstream: &crate::plugin::UpstreamFile) -> Result<WantedFile> {
    let digest = |(name, digest): &(&'static str, String)| Ok((name.parse::<Algorithm>()?, digest.clone()));
    Ok(WantedFile {
        url: upstream.url.clone(),
        size: upstream.size,
        digests: upstream.digests.iter().map(digest).collect::<Result<_>>()?,
        largest: upstream.size.unwrap_or(u64::MAX),
    })
}
