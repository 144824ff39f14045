//! Copies artifacts from store to store, those that the rows of a backup name, each on the way of its domain. Only what
//! is missing is copied, and what is copied is what its digest says.

use std::collections::HashMap;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::manifest::Table;
use super::routes::{ARTIFACT, Route, Routes, Rows};
use super::rows;
use crate::db::{FromValue, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::storage::{DigestSet, Staged};

/// Files that are kept together.
const SLICE: usize = 64;
/// So many are copied at the same time.
const TOGETHER: usize = 8;

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub named: u64,
    /// Of all that are named.
    pub bytes: u64,
    /// How many were missing at the target.
    pub copied: u64,
    /// Those that the source does not have, or has damaged, as [`Route::named`] has them.
    pub lost: Vec<String>,
}

/// An artifact as its row has it.
struct Named {
    domain: Id,
    sha256: Sha256,
    size: u64,
}

enum Fate {
    Present,
    Copied(Box<Staged>),
    Lost,
}

/// Copies what the rows of the backup name. Memory does not grow with their number.
pub async fn copy_named(of: Rows<'_>, routes: &Routes) -> Result<Copied> {
    let (table, file) = of.table(ARTIFACT)?;
    let (sender, mut receiver) = mpsc::channel(2);
    let reading = spawn_blocking(move || read_names(&table, &file, &sender));
    let mut copied = Copied::default();
    while let Some(slice) = receiver.recv().await {
        copy_slice(slice, routes, &mut copied).await?;
    }
    reading.await.map_err(Error::internal)??;
    Ok(copied)
}

fn read_names(table: &Table, file: &Path, sender: &mpsc::Sender<Vec<Named>>) -> Result<()> {
    let at = (table.at("domain_id")?, table.at("sha256")?, table.at("size")?);
    let mut slice = Vec::new();
    rows::each(file, |row| {
        let named = named(&row, at);
        slice.push(named.ok_or_else(|| Error::Malformed("an artifact of the backup has no digest".into()))?);
        if slice.len() == SLICE { send(sender, std::mem::take(&mut slice)) } else { Ok(()) }
    })?;
    send(sender, slice)
}

fn named(row: &[Value], (domain, sha256, size): (usize, usize, usize)) -> Option<Named> {
    Some(Named {
        domain: Id::from_value(row.get(domain)?)?,
        sha256: String::from_value(row.get(sha256)?)?.parse().ok()?,
        size: i64::from_value(row.get(size)?)?.try_into().ok()?,
    })
}

fn send(sender: &mpsc::Sender<Vec<Named>>, slice: Vec<Named>) -> Result<()> {
    // The other side ended for a reason of its own, which is the one to tell.
    sender.blocking_send(slice).map_err(|_| Error::Canceled)
}

async fn copy_slice(slice: Vec<Named>, routes: &Routes, copied: &mut Copied) -> Result<()> {
    let copying = slice.into_iter().map(|named| async move {
        let route = routes.get(&named.domain).ok_or_else(|| Error::internal("a domain without a way"))?;
        let fate = copy(&named, route).await?;
        Ok::<_, Error>((named, route, fate))
    });
    let fates: Vec<_> = futures_util::stream::iter(copying).buffer_unordered(TOGETHER).try_collect().await?;
    let mut staged: HashMap<Id, Vec<Staged>> = HashMap::new();
    for (named, route, fate) in fates {
        copied.named += 1;
        copied.bytes += named.size;
        match fate {
            Fate::Present => {}
            Fate::Copied(file) => {
                copied.copied += 1;
                staged.entry(named.domain).or_default().push(*file);
            }
            Fate::Lost => copied.lost.push(route.named(&named.sha256)),
        }
    }
    for (domain, files) in staged {
        if let Some(route) = routes.get(&domain) {
            route.to.keep_all(files).await?;
        }
    }
    Ok(())
}

async fn copy(Named { sha256, size, .. }: &Named, route: &Route) -> Result<Fate> {
    let to = &route.to;
    if to.size(sha256).await? == Some(*size) {
        return Ok(Fate::Present);
    }
    let Some(from) = &route.from else { return Ok(Fate::Lost) };
    if from.size(sha256).await? != Some(*size) {
        return Ok(Fate::Lost);
    }
    let mut bytes = from.stream(sha256, None).await?;
    let mut writer = to.stage(DigestSet::sha256())?;
    while let Some(block) = bytes.try_next().await? {
        writer.write(block).await?;
    }
    let staged = writer.finish().await?;
    let is_whole = staged.digests.sha256 == *sha256 && staged.size == *size;
    Ok(if is_whole { Fate::Copied(Box::new(staged)) } else { Fate::Lost })
}
