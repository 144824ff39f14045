//! The files of a version in the order of their paths. The database gives them in the order of the units'
//! ids, which costs only what is read; the sorting is done here, in memory for most versions, in runs on
//! this host's disk for large ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, BufReader, Read};

use tokio::task::spawn_blocking;

use crate::db::Db;
use crate::db::publications::{self, VersionFile, VersionRow};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::storage::{DigestSet, Staged, StagedReader, Storage};

/// Units read at once, and files handed out at once.
const PAGE: usize = 5000;
/// So much is sorted in memory.
const RUN: usize = 32 << 20;
/// What a file takes in memory beside its path.
const OVERHEAD: usize = 200;

/// See the module.
pub(crate) struct Files {
    db: Db,
    storage: Storage,
    version: VersionRow,
    run: usize,
    sorted: Option<Sorted>,
}

enum Sorted {
    Memory(std::vec::IntoIter<VersionFile>),
    Runs(Box<Merge>),
}

impl Files {
    pub fn new(db: Db, storage: Storage, version: VersionRow) -> Self {
        Self { db, storage, version, run: RUN, sorted: None }
    }

    /// Sorts so many bytes in memory instead of [`RUN`].
    #[cfg(test)]
    pub fn sorting(self, run: usize) -> Self {
        Self { run, ..self }
    }

    /// The next files; none at the end.
    pub async fn next_page(&mut self) -> Result<Option<Vec<VersionFile>>> {
        let sorted = match self.sorted.take() {
            Some(sorted) => sorted,
            None => self.sort().await?,
        };
        let (page, sorted) = match sorted {
            Sorted::Memory(mut files) => (files.by_ref().take(PAGE).collect(), Sorted::Memory(files)),
            Sorted::Runs(mut merge) => {
                let page = spawn_blocking(move || merge.page().map(|page| (page, merge)));
                let (page, merge) = page.await.map_err(Error::internal)?.map_err(unreadable)?;
                (page, Sorted::Runs(merge))
            }
        };
        self.sorted = Some(sorted);
        Ok(Some(page).filter(|page: &Vec<_>| !page.is_empty()))
    }

    async fn sort(&self) -> Result<Sorted> {
        let (mut files, mut bytes, mut runs, mut after) = (Vec::new(), 0, Vec::new(), None);
        while let Some((last, page)) = self.read_after(after).await? {
            after = Some(last);
            bytes += page.iter().map(|file| file.relative_path.len() + OVERHEAD).sum::<usize>();
            files.extend(page);
            if bytes > self.run {
                runs.push(self.spill(std::mem::take(&mut files)).await?);
                bytes = 0;
            }
        }
        if runs.is_empty() {
            return Ok(Sorted::Memory(sorted(files).await?.into_iter()));
        }
        runs.push(self.spill(files).await?);
        let merge = spawn_blocking(move || Merge::new(runs)).await.map_err(Error::internal)??;
        Ok(Sorted::Runs(Box::new(merge)))
    }

    async fn read_after(&self, after: Option<Id>) -> Result<Option<(Id, Vec<VersionFile>)>> {
        let version = self.version.clone();
        self.db.read(move |conn| publications::files_after(conn, &version, after, PAGE as i64)).await
    }

    async fn spill(&self, files: Vec<VersionFile>) -> Result<Staged> {
        let mut writer = self.storage.stage(DigestSet::sha256())?;
        let files = sorted(files).await?;
        for page in files.chunks(PAGE) {
            let mut bytes = Vec::new();
            page.iter().for_each(|file| encode(file, &mut bytes));
            writer.write(bytes.into()).await?;
        }
        writer.finish().await
    }
}

async fn sorted(mut files: Vec<VersionFile>) -> Result<Vec<VersionFile>> {
    let sort = move || {
        files.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
        files
    };
    spawn_blocking(sort).await.map_err(Error::internal)
}

fn key(file: &VersionFile) -> (&str, Id) {
    (&file.relative_path, file.id)
}

fn unreadable(cause: io::Error) -> Error {
    Error::storage("cannot read a staged file", cause)
}

/// Sorted runs read as one.
struct Merge {
    runs: Vec<BufReader<StagedReader>>,
    /// The first file of each run, by path.
    heads: BinaryHeap<Reverse<(String, Id, usize)>>,
    files: Vec<Option<VersionFile>>,
    _staged: Vec<Staged>,
}

impl Merge {
    fn new(staged: Vec<Staged>) -> Result<Self> {
        let runs = staged.iter().map(|run| run.reader().map(BufReader::new)).collect::<Result<Vec<_>>>()?;
        let files = vec![None; runs.len()];
        let mut merge = Self { runs, heads: BinaryHeap::new(), files, _staged: staged };
        for run in 0..merge.runs.len() {
            merge.advance(run).map_err(unreadable)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, run: usize) -> io::Result<()> {
        self.files[run] = decode(&mut self.runs[run])?;
        if let Some(file) = &self.files[run] {
            self.heads.push(Reverse((file.relative_path.clone(), file.id, run)));
        }
        Ok(())
    }

    fn page(&mut self) -> io::Result<Vec<VersionFile>> {
        let mut page = Vec::new();
        while page.len() < PAGE
            && let Some(Reverse((_, _, run))) = self.heads.pop()
        {
            page.extend(self.files[run].take());
            self.advance(run)?;
        }
        Ok(page)
    }
}

fn encode(file: &VersionFile, out: &mut Vec<u8>) {
    out.extend((file.relative_path.len() as u64).to_le_bytes());
    out.extend(file.relative_path.as_bytes());
    out.extend(file.id.0.as_bytes());
    out.extend(file.content.0.as_bytes());
    let sha256 = file.sha256.as_ref().map_or("", |sha256| sha256.as_str());
    out.push(sha256.len() as u8);
    out.extend(sha256.as_bytes());
    out.push(u8::from(file.size.is_some()));
    out.extend(file.size.unwrap_or(0).to_le_bytes());
}

fn decode(from: &mut impl Read) -> io::Result<Option<VersionFile>> {
    let mut length = [0; 8];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let relative_path = text(from, u64::from_le_bytes(length))?;
    let id = Id(uuid::Uuid::from_bytes(array(from)?));
    let content = Id(uuid::Uuid::from_bytes(array(from)?));
    let [digits] = array(from)?;
    let sha256 = text(from, digits.into())?.parse().ok();
    let [sized] = array(from)?;
    let size = Some(u64::from_le_bytes(array(from)?)).filter(|_| sized == 1);
    Ok(Some(VersionFile { id, content, relative_path, sha256, size }))
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(from: &mut impl Read, length: u64) -> io::Result<String> {
    let mut text = String::new();
    if from.take(length).read_to_string(&mut text)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spilled_reads_back() {
        let known = VersionFile {
            id: Id::new(),
            content: Id::new(),
            relative_path: "ü/1".into(),
            sha256: "ab".repeat(32).parse().ok(),
            size: Some(7),
        };
        let unknown = VersionFile { sha256: None, size: None, ..known.clone() };
        let mut bytes = Vec::new();
        [&known, &unknown].into_iter().for_each(|file| encode(file, &mut bytes));
        let mut from = bytes.as_slice();
        assert_eq!(decode(&mut from).unwrap(), Some(known));
        assert_eq!(decode(&mut from).unwrap(), Some(unknown));
        assert_eq!(decode(&mut from).unwrap(), None);
    }
}
