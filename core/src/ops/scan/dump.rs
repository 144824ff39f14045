//! A dump of records on this host: a folder with a record in each file `*.json`, or a zip archive of such files. It is
//! read from one end to the other, and what is kept are the records about packages of the version.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::task::spawn_blocking;

use super::id_of;
use crate::download::allowed_path;
use crate::error::{Error, Result};
use crate::plugin::{Advisory, Progress, Release, Scanner, Task};
use crate::zip::{Zip, ZipError, ZipPrefix};

/// No record comes near, in bytes.
const LARGEST_RECORD: usize = 4 << 20;
/// All records that are kept together, in bytes of their files.
const LARGEST_KEPT: usize = 256 << 20;
/// Records that were passed over and are named to the client.
const NAMED: usize = 20;

/// Where a dump is, and below which folders it may be.
pub struct Dump {
    pub path: PathBuf,
    pub allowed_import_paths: Vec<PathBuf>,
}

/// The records about packages of a version, by package and id.
#[derive(Default)]
pub struct Known(HashMap<String, BTreeMap<String, Arc<dyn Advisory>>>);

impl Known {
    /// The records about one version of a package, in the order of their ids.
    pub fn about(&self, release: &Release) -> Vec<Json> {
        let records = self.0.get(&release.package).into_iter().flat_map(BTreeMap::values);
        let about = records.filter(|record| record.affects(&release.package, &release.version));
        about.map(|record| record.record().clone()).collect()
    }
}

/// Reads a dump, and tells the task of records that the format does not understand.
///
/// # Errors
/// `Upstream`, naming the dump, when it cannot be read or holds what is no record.
pub async fn read(
    task: &Arc<dyn Task>,
    (scanner, ecosystems): (Arc<dyn Scanner>, Vec<String>),
    dump: Dump,
    names: HashSet<String>,
) -> Result<Known> {
    let mut reading = Reading {
        task: task.clone(),
        progress: task.progress("Records Read", "scan.records", None),
        scanner,
        ecosystems,
        names,
        known: Known::default(),
        kept: 0,
        read: 0,
        refused: vec![],
    };
    let read = move || match reading.dump(&dump) {
        Ok(()) => Ok(reading),
        Err(End::Stopped(error)) => Err(error),
        Err(End::Unusable(problem)) => {
            Err(Error::upstream(format!("the dump '{}' cannot be used: {problem}", dump.path.display())))
        }
    };
    let reading = spawn_blocking(read).await.map_err(Error::internal)??;
    reading.progress.finish();
    if !reading.refused.is_empty() {
        report_refused(task, &reading.refused);
    }
    Ok(reading.known)
}

fn report_refused(task: &Arc<dyn Task>, refused: &[String]) {
    let count = i64::try_from(refused.len()).unwrap_or(i64::MAX);
    let report = task.progress("Records Not Understood", "scan.refused.records", Some(count));
    report.add(count);
    let named = refused.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    report.set_suffix(&if refused.len() > NAMED { format!("{named}; …") } else { named });
    report.finish();
}

/// Why the reading ends before the dump does.
enum End {
    Stopped(Error),
    Unusable(String),
}

impl From<ZipError> for End {
    fn from(error: ZipError) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// What goes on while a dump is read. Blocks.
struct Reading {
    task: Arc<dyn Task>,
    progress: Arc<dyn Progress>,
    scanner: Arc<dyn Scanner>,
    ecosystems: Vec<String>,
    /// The packages of the version, as they are looked up.
    names: HashSet<String>,
    known: Known,
    kept: usize,
    read: u64,
    /// Why, for each record that was passed over.
    refused: Vec<String>,
}

impl Reading {
    fn dump(&mut self, dump: &Dump) -> Result<(), End> {
        let outside = || End::Unusable("it is not below any of the allowed import paths".into());
        let path = allowed_path(&dump.path, &dump.allowed_import_paths).ok_or_else(outside)?;
        let kind = fs::metadata(&path)?;
        if kind.is_dir() {
            self.folder(&path)?;
        } else if kind.is_file() {
            self.archive(&File::open(&path)?)?;
        } else {
            return Err(End::Unusable("it is neither a folder nor a file".into()));
        }
        // With nothing in it everything would pass for sound.
        if self.read == 0 { Err(End::Unusable("it holds no records".into())) } else { Ok(()) }
    }

    /// Links are not followed: they may lead out.
    fn folder(&mut self, root: &Path) -> Result<(), End> {
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let (kind, path) = (entry.file_type()?, entry.path());
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() && is_record(path.as_os_str().as_encoded_bytes()) {
                    let mut bytes = vec![];
                    File::open(&path)?.take(LARGEST_RECORD as u64 + 1).read_to_end(&mut bytes)?;
                    let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                    self.record(&name, &bytes)?;
                }
            }
        }
        Ok(())
    }

    fn archive(&mut self, file: &File) -> Result<(), End> {
        let zip = Zip::open(file, ZipPrefix::Refused)?;
        zip.entries(|entry| {
            if !is_record(&entry.path) {
                return Ok(());
            }
            let bytes = zip.read(&entry, LARGEST_RECORD)?;
            self.record(&String::from_utf8_lossy(&entry.path), &bytes)
        })
    }

    fn record(&mut self, file: &str, bytes: &[u8]) -> Result<(), End> {
        self.task.check().map_err(End::Stopped)?;
        self.progress.add(1);
        self.read += 1;
        let unusable = |problem: &str| {
            let shown: String = file.chars().take(100).flat_map(char::escape_debug).collect();
            End::Unusable(format!("`{shown}` {problem}"))
        };
        if bytes.len() > LARGEST_RECORD {
            return Err(unusable(&format!("has more than {LARGEST_RECORD} bytes")));
        }
        let record: Json =
            serde_json::from_slice(bytes).map_err(|problem| unusable(&format!("is not JSON: {problem}")))?;
        let id = id_of(&record).map_err(unusable)?.to_owned();
        match self.scanner.read(record, &self.ecosystems) {
            Ok(advisory) => self.keep(&id, &advisory, bytes.len()).map_err(unusable),
            Err(problem) => {
                self.refused.push(problem);
                Ok(())
            }
        }
    }

    fn keep(&mut self, id: &str, advisory: &Arc<dyn Advisory>, size: usize) -> Result<(), &'static str> {
        let mut about = advisory.packages();
        about.retain(|name| self.names.contains(name));
        if about.is_empty() {
            return Ok(());
        }
        self.kept += size;
        if self.kept > LARGEST_KEPT {
            return Err("is one too many: the records about packages of the version are too large together");
        }
        for name in about {
            self.known.0.entry(name).or_default().insert(id.to_owned(), advisory.clone());
        }
        Ok(())
    }
}

fn is_record(path: &[u8]) -> bool {
    path.ends_with(b".json")
}
