//! The metadata files that `repomd.xml` names: what each is for, fetching them, opening them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use pith_core::error::{Error, Result};
use pith_core::plugin::{FetchedFile, Progress, SyncJob, UpstreamFile};

use super::address::located;
use crate::compression::{Limits, reader};
use crate::repomd::{Record, Repomd};

/// The largest metadata file, packed. Those of a distribution of 60,000 packages have some 100 MiB.
const LARGEST: u64 = 8 << 30;
/// Metadata files fetched at once, at most.
const AT_ONCE: usize = 4;
/// Read of a file at once.
const BLOCK: usize = 256 << 10;
/// The documents of packages.
const PACKAGES: [&str; 3] = ["primary", "filelists", "other"];
/// The types that comps are published under, the first that is there counts: they say the same.
const COMPS: [&str; 5] = ["group_gz", "group_xz", "group_zst", "group_bz2", "group"];
/// Types that say what others say, in other words.
const REPEATING: [&str; 1] = ["filelists-ext"];
/// Types that are about packages made of the differences of two.
pub(super) const DELTAS: [&str; 2] = ["prestodelta", "deltainfo"];

/// What a metadata file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It is understood, or stands for one that is.
    Known,
    /// It is carried along as it is.
    Extra,
    /// It is made anew when a repository is published, or is for clients of another kind.
    Ignored,
}

/// The files that are understood.
pub(super) struct Chosen<'a> {
    /// primary, filelists and other.
    pub packages: [&'a Record; 3],
    pub updateinfo: Option<&'a Record>,
    pub modules: Option<&'a Record>,
    pub comps: Option<&'a Record>,
}

impl<'a> Chosen<'a> {
    /// # Errors
    /// `Upstream` when one of the documents of packages is missing.
    pub fn of(repomd: &'a Repomd) -> Result<Self> {
        let document = |kind: &str| {
            let missing = || Error::upstream(format!("`repomd.xml` names no file of the type `{kind}`"));
            repomd.record(kind).ok_or_else(missing)
        };
        let [primary, filelists, other] = PACKAGES;
        Ok(Self {
            packages: [document(primary)?, document(filelists)?, document(other)?],
            updateinfo: repomd.record("updateinfo"),
            modules: repomd.record("modules"),
            comps: COMPS.iter().find_map(|kind| repomd.record(kind)),
        })
    }

    /// All of them.
    pub fn records(&self) -> impl Iterator<Item = &'a Record> {
        self.packages.into_iter().chain(self.updateinfo).chain(self.modules).chain(self.comps)
    }
}

/// What a file of that type is for.
pub(super) fn role(data_type: &str) -> Role {
    let is = |list: &[&str]| list.contains(&data_type);
    if is(&PACKAGES) || is(&COMPS) || is(&["updateinfo", "modules"]) {
        return Role::Known;
    }
    let is_database = data_type.ends_with("_db");
    let is_chunked = data_type.ends_with("_zck");
    if is_database || is_chunked || is(&REPEATING) || is(&DELTAS) { Role::Ignored } else { Role::Extra }
}

/// Files by their type.
pub(super) type Files = HashMap<String, FetchedFile>;

/// Fetches files, each checked against what `repomd.xml` says of it.
///
/// # Errors
/// `Upstream` of the first that cannot be had or is something else.
pub(super) async fn fetch(
    job: &SyncJob,
    root: &str,
    records: Vec<Record>,
    progress: &Arc<dyn Progress>,
) -> Result<Files> {
    let file = |record: Record| {
        let file = UpstreamFile {
            url: located(root, &record.location_base, &record.location_href)?,
            size: record.size,
            digests: vec![(record.checksum.kind().as_str(), record.checksum.value().to_owned())],
        };
        job.check_trust(&file)?;
        Ok((record, file))
    };
    let files = records.into_iter().map(file).collect::<Result<Vec<_>>>()?;
    let fetched = stream::iter(files).map(|(record, file)| async move {
        let fetched = job.fetch_at_most(&file, LARGEST).await?;
        progress.add(1);
        Ok::<_, Error>((record.data_type, fetched))
    });
    fetched.buffer_unordered(job.concurrency().clamp(1, AT_ONCE)).try_collect().await
}

/// Where a fetched file can be read, and under which name it is known.
#[derive(Clone, Debug)]
pub(super) struct Document {
    path: PathBuf,
    pub name: String,
}

impl Document {
    /// The file of a record.
    pub fn of(files: &Files, record: &Record) -> Result<Self> {
        let path = files.get(&record.data_type).and_then(|file| file.inspection.path.clone());
        let path = path.ok_or_else(|| Error::internal(format!("`{}` was not fetched", record.data_type)))?;
        Ok(Self { path, name: record.location_href.clone() })
    }

    /// The unpacked text, within limits. Blocks.
    pub fn open(&self) -> Result<Box<dyn BufRead + Send>> {
        open(&self.path).map_err(|problem| self.wrong(problem))
    }

    /// What is wrong with the file.
    pub fn wrong(&self, problem: impl std::fmt::Display) -> Error {
        Error::upstream(format!("`{}`: {problem}", self.name))
    }

    /// An error of something that the file says: whatever a client would be told about it is the upstream's fault.
    pub fn wrong_item(&self, item: &str, error: Error) -> Error {
        match error {
            Error::Invalid(_) => self.wrong(format!("{item}: {}", error.public_text())),
            other => other,
        }
    }
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead + Send>> {
    let input = BufReader::with_capacity(BLOCK, File::open(path)?);
    Ok(reader(input, Limits::default())?.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{Checksum, ChecksumType};

    fn repomd(types: &[&str]) -> Repomd {
        let record = |data_type: &&str| Record {
            data_type: (*data_type).to_owned(),
            checksum: Checksum::new(ChecksumType::Md5, &"0".repeat(32)).expect("a checksum"),
            open_checksum: None,
            header_checksum: None,
            location_href: format!("repodata/{data_type}"),
            location_base: String::new(),
            timestamp: 0,
            size: None,
            open_size: None,
            header_size: None,
            database_version: None,
        };
        Repomd { records: types.iter().map(record).collect(), ..Repomd::default() }
    }

    #[test]
    fn types_have_roles() {
        for (data_type, expected) in [
            ("primary", Role::Known),
            ("group", Role::Known),
            ("modules", Role::Known),
            ("primary_db", Role::Ignored),
            ("updateinfo_zck", Role::Ignored),
            ("prestodelta", Role::Ignored),
            ("productid", Role::Extra),
            ("susedata.de", Role::Extra),
        ] {
            assert_eq!(role(data_type), expected, "{data_type}");
        }
    }

    #[test]
    fn comps_are_taken_once() {
        let repomd = repomd(&["primary", "filelists", "other", "group", "group_gz", "primary_zck"]);
        let chosen = Chosen::of(&repomd).expect("a repository");
        let types: Vec<_> = chosen.records().map(|record| record.data_type.as_str()).collect();
        assert_eq!(types, ["primary", "filelists", "other", "group_gz"]);
    }

    #[test]
    fn packages_have_three_documents() {
        let repomd = repomd(&["primary", "other"]);
        let error = Chosen::of(&repomd).err().expect("no filelists");
        assert!(error.public_text().contains("`filelists`"), "{error}");
    }
}
