//! Copies of an installation, made while it runs: all rows as they were at one moment, and the artifacts that they
//! name. A folder holds any number of them; they share the artifacts, which never change, so that each backup copies
//! only what is new.
//!
//! ```text
//! <folder>/artifact/<2>/<62>                as in a store
//! <folder>/tmp/                             artifacts on their way
//! <folder>/20261129T013000123Z-1f2e/        a backup
//! │   ├── manifest.json
//! │   ├── tables/<table>.jsonl.gz
//! │   └── secret.key                        if it was asked for
//! <folder>/.partial-…/                      one being made
//! ```
//!
//! Rows come first, artifacts after them; `db/holds.rs` keeps the bytes meanwhile. The backup gets its name when all
//! of it is on the disk.

mod artifacts;
mod hold;
mod manifest;
mod restore;
mod rows;

use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::auth::Secrets;
use crate::db::{Conn, Db, dump};
use crate::error::{Error, Result};
use crate::id::{Id, format_instant, now};
use crate::storage::{DigestSet, Storage, StorageConfig};
use artifacts::Copied;
use hold::Hold;
use manifest::{Manifest, PARTIAL, Table};
pub use restore::{Found, Key, Restored, find, load};

/// A backup that was made.
pub struct Made {
    pub folder: PathBuf,
    pub rows: u64,
    pub artifacts: Copied,
}

/// What a backup is made of.
pub struct Subject<'a> {
    pub db: &'a Db,
    pub storage: &'a Storage,
    pub secrets: &'a Secrets,
    /// The key file, if it is to be part of the backup.
    pub key_file: Option<&'a Path>,
}

/// Makes a backup in the folder. What the store has lost is told and no error.
pub async fn make(subject: Subject<'_>, folder: &Path) -> Result<Made> {
    make_private(folder)?;
    let _alone = alone(folder)?;
    remove_partials(folder)?;
    let target = store_in(folder).await?;
    let hold = Hold::begin(subject.db).await?;
    let made = make_held(subject, folder, &target, &hold).await;
    hold.end().await?;
    made
}

async fn make_held(subject: Subject<'_>, folder: &Path, target: &Storage, hold: &Hold) -> Result<Made> {
    let name = format!("{}-{}", now().format("%Y%m%dT%H%M%S%3fZ"), &Id::new().0.simple().to_string()[28..]);
    let partial = folder.join(format!("{PARTIAL}{name}"));
    make_private(&partial.join("tables"))?;
    let (made, to) = (format_instant(now()), partial.clone());
    let Dumped { tables, migrations } = subject.db.snapshot(move |conn| dump_all(conn, &to)).await?;
    let artifacts = artifacts::copy_named(&tables, &partial, subject.storage, target).await?;
    hold.check()?;
    if let Some(key_file) = subject.key_file {
        fs::copy(key_file, manifest::key_file(&partial)).map_err(unwritable)?;
    }
    let rows = tables.iter().map(|table| table.rows).sum();
    let manifest = Manifest {
        format: manifest::FORMAT,
        made,
        version: env!("CARGO_PKG_VERSION").into(),
        migrations,
        tables,
        artifacts: artifacts.named,
        artifact_bytes: artifacts.bytes,
        lost: artifacts.lost.clone(),
        secret_keys: subject.secrets.ids(),
        has_secret_key_file: subject.key_file.is_some(),
    };
    manifest.write(&partial)?;
    let last = folder.join(name);
    let finish = || {
        // Names as well as contents of all that was written.
        rustix::fs::syncfs(File::open(folder)?)?;
        fs::rename(&partial, &last)?;
        File::open(folder)?.sync_all()
    };
    finish().map_err(unwritable)?;
    Ok(Made { folder: last, rows, artifacts })
}

/// The rows of all tables, and the migrations that made the tables.
struct Dumped {
    tables: Vec<Table>,
    migrations: Vec<(String, String)>,
}

fn dump_all(conn: &mut Conn, partial: &Path) -> Result<Dumped> {
    let migrations = dump::applied(conn)?;
    let mut tables = Vec::new();
    for name in dump::tables(conn)? {
        let columns: Vec<String> = dump::columns(conn, &name)?.into_iter().map(|(column, _)| column).collect();
        let mut writer = rows::Writer::create(&manifest::table_file(partial, &name))?;
        dump::each_row(conn, &name, &columns, |row| writer.write(&row.0))?;
        let (rows, sha256) = writer.finish()?;
        tables.push(Table { name, columns, rows, sha256 });
    }
    Ok(Dumped { tables, migrations })
}

/// The artifacts of all backups in the folder, as a store.
async fn store_in(folder: &Path) -> Result<Storage> {
    let url = folder.to_str().ok_or_else(|| Error::Malformed("the path of the backup is no text".into()))?;
    let config = StorageConfig {
        url: url.to_owned(),
        endpoint: None,
        region: None,
        access_key_id: None,
        secret_access_key: None,
        allow_http: false,
        staging: folder.join("tmp"),
        digests: DigestSet::sha256(),
        ..StorageConfig::default()
    };
    Storage::open(&config).await
}

/// Keeps others from writing to the folder until it is dropped.
fn alone(folder: &Path) -> Result<File> {
    let lock = File::create(folder.join(".lock")).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Conflict(format!("another backup is being made in `{}`", folder.display())))
        }
        Err(TryLockError::Error(cause)) => Err(unwritable(cause)),
    }
}

fn remove_partials(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(unwritable)?.filter_map(std::result::Result::ok) {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PARTIAL)) {
            fs::remove_dir_all(entry.path()).map_err(unwritable)?;
        }
    }
    Ok(())
}

/// Password hashes are in there.
fn make_private(folder: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)
}

fn unwritable(cause: std::io::Error) -> Error {
    Error::storage("cannot write the backup", cause)
}
