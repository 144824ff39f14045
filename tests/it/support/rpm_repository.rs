//! A repository of RPM packages to sync from, whose state a test changes as it likes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use percent_encoding::percent_decode_str;
use pith_rpm::checksum::{Checksum, ChecksumType};
use pith_rpm::compression::{Compression, Effort, compress};
use pith_rpm::document::Kind;
use pith_rpm::package::{Changelog, File, FileKind, Package};
use pith_rpm::repomd::{self, Record, Repomd};

use super::pulp::sha256;
use super::upstream::{Asked, Reply, Upstream};

/// What is served below the repository's address.
#[derive(Default)]
pub struct State {
    pub packages: Vec<(Package, Vec<u8>)>,
    /// Further metadata by type: (path, bytes).
    pub metadata: BTreeMap<String, (String, Vec<u8>)>,
    /// Further files, such as a treeinfo.
    pub files: BTreeMap<String, Vec<u8>>,
    pub revision: String,
    /// Changes the records of `repomd.xml` before it is written.
    pub spoil: Option<fn(&mut Vec<Record>)>,
    /// Answers that replace those of the repository, by path.
    pub answers: HashMap<String, Reply>,
}

pub struct RpmRepository {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

/// A package that is never read: its file is any bytes.
pub fn package(name: &str, version: &str, arch: &str) -> (Package, Vec<u8>) {
    let bytes = format!("the file of {name}-{version}.{arch}").into_bytes();
    let file = format!("{name}-{version}-1.{arch}.rpm");
    let package = Package {
        name: name.to_owned(),
        version: version.to_owned(),
        release: "1".to_owned(),
        arch: arch.to_owned(),
        pkgid: sha256(&bytes),
        size_package: bytes.len() as u64,
        summary: format!("What {name} is"),
        location_href: format!("Packages/{}/{file}", &name[..1]),
        files: vec![File { kind: FileKind::File, path: format!("/usr/bin/{name}"), digest: None }],
        changelogs: (0..20)
            .map(|day| Changelog { author: "A <a@h>".to_owned(), date: 86_400 * day, text: format!("- change {day}") })
            .collect(),
        ..Package::default()
    };
    (package, bytes)
}

impl RpmRepository {
    /// With version 1 of each of these packages.
    pub fn of(names: &[&str]) -> Self {
        let packages = names.iter().map(|name| package(name, "1", "noarch")).collect();
        let state = State { packages, revision: "1700000000".to_owned(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let upstream = Upstream::answering(move |asked, _| answer(&shared.lock().unwrap(), asked));
        Self { upstream, state }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn url(&self) -> String {
        self.upstream.url("repo/")
    }

    /// What was asked for since this was last called, by path below the repository, in the order of the requests.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.upstream.take_asked().into_iter();
        asked.map(|asked| asked.path.trim_start_matches("/repo/").to_owned()).collect()
    }

    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }
}

impl State {
    /// The bytes of `repomd.xml`.
    pub fn repomd(&self) -> Vec<u8> {
        self.served().remove("repodata/repomd.xml").unwrap()
    }

    /// All files by path.
    pub fn served(&self) -> BTreeMap<String, Vec<u8>> {
        let mut served = self.files.clone();
        let mut records = Vec::new();
        for kind in Kind::ALL {
            let elements: String = self.packages.iter().map(|(package, _)| kind.render(package)).collect();
            let text = kind.header(self.packages.len() as u64) + &elements + kind.footer();
            let bytes = compress(Compression::Gz, Effort::Fast, text.as_bytes()).unwrap();
            let path = format!("repodata/{}-{}.xml.gz", sha256(&bytes), kind.as_str());
            records.push(record(kind.as_str(), &path, &bytes));
            served.insert(path, bytes);
        }
        for (data_type, (path, bytes)) in &self.metadata {
            records.push(record(data_type, path, bytes));
            served.insert(path.clone(), bytes.clone());
        }
        if let Some(spoil) = self.spoil {
            spoil(&mut records);
        }
        for (package, bytes) in &self.packages {
            served.insert(package.location_href.clone(), bytes.clone());
        }
        let index = Repomd { revision: self.revision.clone(), records, ..Repomd::default() };
        served.insert("repodata/repomd.xml".to_owned(), repomd::render(&index).into_bytes());
        served
    }

    /// Adds metadata, unpacked.
    pub fn add_metadata(&mut self, data_type: &str, text: &str) {
        let path = format!("repodata/{data_type}.xml");
        self.metadata.insert(data_type.to_owned(), (path, text.as_bytes().to_vec()));
    }
}

fn record(data_type: &str, path: &str, bytes: &[u8]) -> Record {
    Record {
        data_type: data_type.to_owned(),
        checksum: Checksum::new(ChecksumType::Sha256, &sha256(bytes)).unwrap(),
        open_checksum: None,
        header_checksum: None,
        location_href: path.to_owned(),
        location_base: String::new(),
        timestamp: 1_700_000_000,
        size: Some(bytes.len() as u64),
        open_size: None,
        header_size: None,
        database_version: None,
    }
}

fn answer(state: &State, asked: &Asked) -> Reply {
    let path = asked.path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    if let Some(reply) = state.answers.get(&path) {
        return reply.clone();
    }
    let Some(bytes) = path.strip_prefix("repo/").and_then(|path| state.served().remove(path)) else {
        return Reply::Status(404);
    };
    let etag = format!("\"{}\"", sha256(&bytes));
    if asked.headers.get("if-none-match") == Some(&etag) {
        return Reply::Status(304);
    }
    let headers = vec![("ETag".to_owned(), etag), ("Content-Length".to_owned(), bytes.len().to_string())];
    Reply::Headers(headers, bytes)
}
