//! What a backup says of itself, `manifest.json` in its folder: by what it was made, what it holds, and the digests of
//! its files. It is written last; a folder without one is no backup.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The form of backups that this program writes and reads.
pub const FORMAT: u32 = 1;

const FILE: &str = "manifest.json";
/// A manifest is short, whatever the installation is.
const LARGEST: u64 = 256 << 20;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Manifest {
    pub format: u32,
    /// When its rows were read.
    pub made: String,
    /// The version of Pith.
    pub version: String,
    /// Component and name of each migration.
    pub migrations: Vec<(String, String)>,
    pub tables: Vec<Table>,
    pub artifacts: u64,
    pub artifact_bytes: u64,
    /// Artifacts whose bytes the store did not have, or had damaged: digests, behind the name of the domain unless it
    /// is the default one.
    pub lost: Vec<String>,
    /// The ids of the keys with which secrets may be sealed.
    pub secret_keys: Vec<String>,
    /// Whether the key file is part of the backup.
    pub has_secret_key_file: bool,
}

/// The rows of one table, packed with gzip, a JSON array a line.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Table {
    pub name: String,
    pub columns: Vec<String>,
    pub rows: u64,
    /// Of the file `tables/<name>.jsonl.gz`.
    pub sha256: String,
}

impl Table {
    pub fn file(&self, snapshot: &Path) -> PathBuf {
        table_file(snapshot, &self.name)
    }

    /// Where the column is in a row.
    ///
    /// # Errors
    /// `Malformed` when the table has none of this name.
    pub fn at(&self, column: &str) -> Result<usize> {
        let at = self.columns.iter().position(|name| name == column);
        at.ok_or_else(|| Error::Malformed(format!("the backup has no column `{}.{column}`", self.name)))
    }
}

pub fn table_file(snapshot: &Path, table: &str) -> PathBuf {
    snapshot.join("tables").join(format!("{table}.jsonl.gz"))
}

/// Where the key file of a backup is, if it has one.
pub fn key_file(snapshot: &Path) -> PathBuf {
    snapshot.join("secret.key")
}

impl Manifest {
    pub fn write(&self, snapshot: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(Error::internal)?;
        let written = File::create_new(snapshot.join(FILE)).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.map_err(|cause| Error::storage("cannot write the manifest of the backup", cause))
    }

    /// # Errors
    /// `Malformed`: there is no backup in the folder, or none that this program understands.
    pub fn read(snapshot: &Path) -> Result<Self> {
        let path = snapshot.join(FILE);
        let wrong = |what: &str| Error::Malformed(format!("`{}` {what}", path.display()));
        let file = File::open(&path).map_err(|cause| wrong(&format!("cannot be read: {cause}")))?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(|_| wrong("is no text"))?;
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| wrong("is damaged"))?;
        if value["format"] != FORMAT {
            return Err(wrong(
                "is of a form that this version does not know; use the version that made it, or a newer",
            ));
        }
        let manifest: Self = serde_json::from_value(value).map_err(|_| wrong("is damaged"))?;
        // Names go into statements and paths.
        let is_plain = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        match manifest.tables.iter().all(|table| is_plain(&table.name) && table.columns.iter().all(is_plain)) {
            true => Ok(manifest),
            false => Err(wrong("is damaged: it names what is no table")),
        }
    }
}

/// The folder of the backup with this name, or of the newest.
pub fn find(folder: &Path, name: Option<&str>) -> Result<PathBuf> {
    if let Some(name) = name {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let path = folder.join(name);
        let found = is_plain && is_backup(&path);
        return if found {
            Ok(path)
        } else {
            Err(Error::Malformed(format!("there is no backup `{name}` in `{}`", folder.display())))
        };
    }
    let entries = fs::read_dir(folder)
        .map_err(|cause| Error::Malformed(format!("`{}` cannot be read: {cause}", folder.display())))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    // Their names begin with the time.
    let newest = paths.filter(|path| is_backup(path) && !is_partial(path)).max();
    newest.ok_or_else(|| Error::Malformed(format!("there is no backup in `{}`", folder.display())))
}

pub fn is_backup(path: &Path) -> bool {
    path.join(FILE).is_file()
}

/// How the names of backups begin that are being made, or never were finished.
pub const PARTIAL: &str = ".partial-";

pub fn is_partial(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_none_or(|name| name.starts_with(PARTIAL))
}
