//! Compares the database with the store, changing neither. Memory is bounded: both are read in slices and
//! only the first of each kind of finding are named.

use futures_util::{StreamExt, TryStreamExt};

use std::fmt;

use crate::db::Db;
use crate::db::artifact_bytes::{self as rows, StoredArtifact};
use crate::error::Result;
use crate::id::{Id, Sha256};
use crate::storage::Storage;

/// Artifacts per slice.
const SLICE: usize = 500;
/// So many files are asked for at the same time.
const TOGETHER: usize = 32;
/// So many of a kind are named.
const NAMED: usize = 100;

/// Findings of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub count: u64,
    /// The first of them.
    pub named: Vec<Sha256>,
}

/// What does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub artifacts: u64,
    pub files: u64,
    /// Rows without bytes.
    pub missing: Findings,
    /// Rows whose bytes are fewer or more than they say.
    pub wrong_size: Findings,
    /// Bytes without a row. An upload under way may be among them.
    pub unknown: Findings,
}

impl Findings {
    fn note(&mut self, sha256: Sha256) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(sha256);
        }
    }
}

/// One line per kind of finding, with the first digests; for people.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} artifacts in the database, {} files in the store", self.artifacts, self.files)?;
        let parts = [
            (&self.missing, "artifacts without a file"),
            (&self.wrong_size, "files of a wrong size"),
            (&self.unknown, "files that no artifact names"),
        ];
        for (findings, what) in parts.into_iter().filter(|(findings, _)| findings.count > 0) {
            writeln!(f, "{} {what}:", findings.count)?;
            for sha256 in &findings.named {
                writeln!(f, "  {sha256}")?;
            }
            if findings.count > findings.named.len() as u64 {
                writeln!(f, "  …")?;
            }
        }
        writeln!(f, "{}", if self.is_sound() { "sound" } else { "not sound" })
    }
}

impl Comparison {
    /// Nothing that a row promises is missing or wrong.
    pub fn is_sound(&self) -> bool {
        self.missing.count == 0 && self.wrong_size.count == 0
    }
}

/// Looks at every row of a domain and every file of its store. What is deleted or comes in meanwhile is no finding, but for an
/// upload whose bytes are there and whose row is not yet.
pub async fn check(db: &Db, domain: Id, storage: &Storage) -> Result<Comparison> {
    let mut found = Comparison::default();
    check_rows(db, domain, storage, &mut found).await?;
    check_files(db, domain, storage, &mut found).await?;
    Ok(found)
}

async fn check_rows(db: &Db, domain: Id, storage: &Storage, found: &mut Comparison) -> Result<()> {
    let mut after = None;
    loop {
        let slice = db.read(move |conn| rows::page(conn, domain, after, SLICE as i64)).await?;
        let Some(last) = slice.last() else { return Ok(()) };
        after = Some(last.id);
        found.artifacts += slice.len() as u64;
        let asking = slice.into_iter().map(|artifact| {
            let storage = storage.clone();
            async move { storage.size(&artifact.sha256).await.map(|size| (artifact, size)) }
        });
        let sizes: Vec<_> = futures_util::stream::iter(asking).buffer_unordered(TOGETHER).try_collect().await?;
        for (artifact, size) in sizes {
            let findings = match size {
                Some(size) if size == artifact.size => continue,
                Some(_) => &mut found.wrong_size,
                None => &mut found.missing,
            };
            if !known(db, domain, vec![artifact.sha256.clone()]).await?.is_empty() {
                findings.note(artifact.sha256);
            }
        }
    }
}

async fn check_files(db: &Db, domain: Id, storage: &Storage, found: &mut Comparison) -> Result<()> {
    let mut files = storage.list().try_chunks(SLICE);
    while let Some(slice) = files.next().await {
        let slice = slice.map_err(|broken| broken.1)?;
        found.files += slice.len() as u64;
        let digests: Vec<Sha256> = slice.into_iter().map(|(sha256, _)| sha256).collect();
        let known: std::collections::HashSet<Sha256> =
            known(db, domain, digests.clone()).await?.into_iter().map(|artifact| artifact.sha256).collect();
        for sha256 in digests {
            if !known.contains(&sha256) && storage.size(&sha256).await?.is_some() {
                found.unknown.note(sha256);
            }
        }
    }
    Ok(())
}

async fn known(db: &Db, domain: Id, digests: Vec<Sha256>) -> Result<Vec<StoredArtifact>> {
    db.read(move |conn| rows::with_digests(conn, domain, &digests)).await
}
