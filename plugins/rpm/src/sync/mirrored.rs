//! Repositories whose metadata is served as the upstream has it.

use bytes::Bytes;
use pith_core::error::{Error, Result};
use pith_core::id::RelativePath;
use pith_core::plugin::{PageRequest, SyncJob, UpstreamPage};
use serde_json::{Value as Json, json};

use super::address::below;
use super::index::REPOMD;
use super::metadata::{DELTAS, Files};
use crate::repomd::Repomd;

/// The signature of the index, and the key that made it.
const BESIDE: [&str; 2] = ["repodata/repomd.xml.asc", "repodata/repomd.xml.key"];
/// Keys of many have some 100 KiB.
const LARGEST: u64 = 1 << 20;

/// Files beside the index, by their paths.
pub(super) type Beside = Vec<(&'static str, Bytes)>;

/// What is said of an upstream that has `what` and so cannot be served as it is, with the number that clients of Pulp
/// look for.
pub(super) fn refused(what: impl std::fmt::Display) -> String {
    format!("[RPM0006] the upstream has features which are incompatible with 'mirror' sync: {what}")
}

/// # Errors
/// `Upstream` for what cannot be served as it is: files outside of the repository, packages made of differences, and
/// two files at one place.
pub(super) fn check(repomd: &Repomd) -> Result<()> {
    for record in &repomd.records {
        let refuse = |problem: &str| {
            let kind = &record.data_type;
            Err(Error::upstream(refused(format!("`{kind}` {problem}"))))
        };
        if DELTAS.contains(&record.data_type.as_str()) {
            return refuse("is about packages of differences");
        }
        if !record.location_base.is_empty() {
            return refuse("lies outside of it");
        }
        let same = |other: &&crate::repomd::Record| other.location_href == record.location_href;
        let is_split = repomd.records.iter().filter(same).any(|other| other.checksum != record.checksum);
        if is_split || record.location_href == REPOMD || BESIDE.contains(&record.location_href.as_str()) {
            return refuse("lies where another file is");
        }
        if let Err(problem) = record.location_href.parse::<RelativePath>() {
            return refuse(&format!("cannot be served: {problem}"));
        }
    }
    Ok(())
}

/// The files beside the index, as far as there are any.
pub(super) async fn beside(job: &SyncJob, root: &str) -> Result<Beside> {
    let mut found = vec![];
    for path in BESIDE {
        let url = below(root, path)?;
        let request = PageRequest { url, largest: LARGEST, forbidden_is_absent: true, ..PageRequest::default() };
        if let UpstreamPage::Found(page) = job.page(&request).await? {
            found.push((path, page.body.into_bytes().await?));
        }
    }
    Ok(found)
}

/// Keeps all of the metadata. The details of the publication that serves it: under `mirrored`, the digest of the index
/// (`repomd`) and each file by its path below the repository and its digest (`files`).
///
/// # Errors
/// `Upstream` when a path cannot be served.
pub(super) async fn keep(job: &SyncJob, repomd: (&Repomd, Bytes), mut files: Files, beside: Beside) -> Result<Json> {
    let (repomd, bytes) = repomd;
    let index = job.keep_bytes(bytes).await?;
    let mut kept = vec![(REPOMD.to_owned(), index.clone())];
    for (path, bytes) in beside {
        kept.push((path.to_owned(), job.keep_bytes(bytes).await?));
    }
    for record in &repomd.records {
        let Some(file) = files.remove(&record.data_type) else {
            return Err(Error::internal(format!("`{}` was not fetched", record.data_type)));
        };
        let sha256 = file.inspection.digests.sha256.clone();
        // Two types may share a file.
        if kept.iter().all(|(path, _)| *path != record.location_href) {
            job.keep_file(file).await?;
            kept.push((record.location_href.clone(), sha256));
        }
    }
    let files: Vec<_> = kept.iter().map(|(path, sha256)| json!([path, sha256.as_str()])).collect();
    Ok(json!({"mirrored": {"repomd": index.as_str(), "files": files}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{Checksum, ChecksumType};
    use crate::repomd::Record;

    fn record(data_type: &str, location_href: &str, digit: &str) -> Record {
        Record {
            data_type: data_type.to_owned(),
            checksum: Checksum::new(ChecksumType::Sha256, &digit.repeat(64)).expect("a checksum"),
            open_checksum: None,
            header_checksum: None,
            location_href: location_href.to_owned(),
            location_base: String::new(),
            timestamp: 0,
            size: None,
            open_size: None,
            header_size: None,
            database_version: None,
        }
    }

    #[test]
    fn what_cannot_be_served_as_it_is_is_refused() {
        let check = |records: Vec<Record>| check(&Repomd { records, ..Repomd::default() });
        let fine = || record("primary", "repodata/primary.xml.gz", "a");
        check(vec![fine(), record("primary_db", "repodata/primary.sqlite", "b")]).expect("everything has its place");
        check(vec![record("group", "repodata/c", "c"), record("group_gz", "repodata/c", "c")]).expect("one file");
        for wrong in [
            record("prestodelta", "repodata/prestodelta.xml", "b"),
            record("other", "repodata/primary.xml.gz", "b"),
            record("other", "repodata/repomd.xml", "b"),
            Record { location_base: "http://h/".to_owned(), ..record("other", "repodata/other.xml", "b") },
        ] {
            check(vec![fine(), wrong.clone()]).expect_err(&wrong.data_type);
        }
    }
}
