//! Copies artifacts from one store to another, those that the rows of a backup name. Only what is missing is copied,
//! and what is copied is what its digest says.

use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::manifest::Table;
use super::rows;
use crate::db::Value;
use crate::error::{Error, Result};
use crate::id::Sha256;
use crate::storage::{DigestSet, Staged, Storage};

/// Files that are kept together.
const SLICE: usize = 64;
/// So many are copied at the same time.
const TOGETHER: usize = 8;

/// The table that names artifacts.
const ARTIFACT: &str = "artifact";

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    pub named: u64,
    /// Of all that are named.
    pub bytes: u64,
    /// How many were missing at the target.
    pub copied: u64,
    /// Digests of those that the source does not have, or has damaged.
    pub lost: Vec<String>,
}

/// An artifact as its row has it.
type Named = (Sha256, u64);

enum Fate {
    Present,
    Copied(Box<Staged>),
    Lost,
}

/// Copies what the rows of the backup name. Memory does not grow with their number.
pub async fn copy_named(tables: &[Table], snapshot: &Path, from: &Storage, to: &Storage) -> Result<Copied> {
    let table = tables.iter().find(|table| table.name == ARTIFACT);
    let table = table.ok_or_else(|| Error::Malformed("the backup has no artifacts".into()))?.clone();
    let (sender, mut receiver) = mpsc::channel(2);
    let file = table.file(snapshot);
    let reading = spawn_blocking(move || read_names(&table, &file, &sender));
    let mut copied = Copied::default();
    while let Some(slice) = receiver.recv().await {
        copy_slice(slice, from, to, &mut copied).await?;
    }
    reading.await.map_err(Error::internal)??;
    Ok(copied)
}

fn read_names(table: &Table, file: &Path, sender: &mpsc::Sender<Vec<Named>>) -> Result<()> {
    let at = |name: &str| table.columns.iter().position(|column| column == name);
    let (Some(sha256), Some(size)) = (at("sha256"), at("size")) else {
        return Err(Error::Malformed("the artifacts of the backup have no digests".into()));
    };
    let mut slice = Vec::new();
    rows::each(file, |row| {
        let named = match (row.get(sha256), row.get(size)) {
            (Some(Value::Text(sha256)), Some(Value::Int(size))) => sha256.parse().ok().zip(u64::try_from(*size).ok()),
            _ => None,
        };
        slice.push(named.ok_or_else(|| Error::Malformed("an artifact of the backup has no digest".into()))?);
        if slice.len() == SLICE { send(sender, std::mem::take(&mut slice)) } else { Ok(()) }
    })?;
    send(sender, slice)
}

fn send(sender: &mpsc::Sender<Vec<Named>>, slice: Vec<Named>) -> Result<()> {
    // The other side ended for a reason of its own, which is the one to tell.
    sender.blocking_send(slice).map_err(|_| Error::Canceled)
}

async fn copy_slice(slice: Vec<Named>, from: &Storage, to: &Storage, copied: &mut Copied) -> Result<()> {
    let copying = slice.into_iter().map(|named| async move {
        let fate = copy(&named, from, to).await?;
        Ok::<_, Error>((named, fate))
    });
    let fates: Vec<_> = futures_util::stream::iter(copying).buffer_unordered(TOGETHER).try_collect().await?;
    let mut staged = Vec::new();
    for ((sha256, size), fate) in fates {
        copied.named += 1;
        copied.bytes += size;
        match fate {
            Fate::Present => {}
            Fate::Copied(file) => staged.push(*file),
            Fate::Lost => copied.lost.push(sha256.to_string()),
        }
    }
    copied.copied += staged.len() as u64;
    to.keep_all(staged).await
}

async fn copy((sha256, size): &Named, from: &Storage, to: &Storage) -> Result<Fate> {
    if to.size(sha256).await? == Some(*size) {
        return Ok(Fate::Present);
    }
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
