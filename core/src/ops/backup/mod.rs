//! Copies of an installation, made while it runs: all rows as they were at one moment, and the artifacts that they
//! name. A folder holds any number of them; they share the artifacts, which never change, so that each backup copies
//! only what is new.
//!
//! ```text
//! <folder>/artifact/…                       as in a store, of each domain below its id
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
mod folder;
mod hold;
mod manifest;
mod restore;
mod routes;
mod rows;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::auth::{Secrets, key_file};
use crate::config::Config;
use crate::db::{Conn, Db, Migrations, dump};
use crate::error::{Error, Result};
use crate::id::{Id, format_instant, now};
use crate::storage::{DigestSet, Storage, StorageConfig};
use artifacts::Copied;
use hold::Hold;
use manifest::{Manifest, PARTIAL, Table};
pub use restore::{Found, Key, Restored, find, load};
use routes::Rows;

/// A backup that was made.
pub struct Made {
    pub folder: PathBuf,
    pub rows: u64,
    pub artifacts: Copied,
    /// Why the stores of some domains could not be read.
    pub unreachable: Vec<String>,
    /// Tables of the database that somebody else made, which are not part of it.
    pub others: Vec<String>,
}

/// What a backup is made of.
pub struct Subject<'a> {
    pub config: &'a Config,
    pub db: &'a Db,
    pub secrets: &'a Secrets,
    /// What made the tables.
    pub sets: &'a [Migrations],
    /// Whether the key file is to be part of the backup.
    pub with_secret_key: bool,
}

/// Makes a backup in the folder. What the store has lost is told and no error.
pub async fn make(subject: Subject<'_>, folder: &Path) -> Result<Made> {
    folder::close(folder)?;
    let _alone = folder::alone(folder)?;
    folder::remove_partials(folder)?;
    // There even when no file is kept.
    store_in(folder, None).await?;
    let hold = Hold::begin(subject.db).await?;
    let made = make_held(&subject, folder, &hold).await;
    hold.end().await?;
    made
}

async fn make_held(subject: &Subject<'_>, folder: &Path, hold: &Hold) -> Result<Made> {
    let name = format!("{}-{}", now().format("%Y%m%dT%H%M%S%3fZ"), &Id::new().0.simple().to_string()[28..]);
    let partial = folder.join(format!("{PARTIAL}{name}"));
    folder::make_private(&partial.join("tables"))?;
    let made = format_instant(now());
    let Dumped { tables, others, migrations, keys } = dumped(subject, &partial).await?;
    let rows = Rows { tables: &tables, snapshot: &partial };
    let (routes, unreachable) = routes::outward(rows, (subject.config, subject.secrets), folder).await?;
    let artifacts = artifacts::copy_named(rows, &routes).await?;
    hold.check()?;
    if subject.with_secret_key {
        key_file::create(&manifest::key_file(&partial), &keys).map_err(unwritable)?;
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
        secret_keys: Secrets::parse(&keys).map_err(Error::internal)?.ids(),
        has_secret_key_file: subject.with_secret_key,
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
    Ok(Made { folder: last, rows, artifacts, unreachable, others })
}

/// The rows of all tables, the migrations that made the tables, and the keys that secrets in the rows are sealed with.
struct Dumped {
    tables: Vec<Table>,
    others: Vec<String>,
    migrations: Vec<(String, String)>,
    /// The text of a key file.
    keys: String,
}

/// The key file is read before and after the moment that the rows are of: whatever key sealed then is in one of both,
/// even if the key is being changed, and is old when all is copied.
async fn dumped(subject: &Subject<'_>, partial: &Path) -> Result<Dumped> {
    let (path, sets, partial) = (subject.config.secret_key_file.clone(), subject.sets.to_vec(), partial.to_owned());
    let keys = move || {
        key_file::read(&path)
            .map_err(|cause| Error::storage(format!("cannot read the key file `{}`", path.display()), cause))
    };
    let before = keys()?;
    let dump_all = move |conn: &mut Conn| {
        // The first statement chooses the moment.
        let migrations = dump::applied(conn)?;
        let keys = key_file::united(&keys()?, &before);
        let dump::Tables { ours, others } = dump::tables(conn, &sets)?;
        let tables = ours.into_iter().map(|name| dump_table(conn, name, &partial)).collect::<Result<_>>()?;
        Ok(Dumped { tables, others, migrations, keys })
    };
    subject.db.snapshot(dump_all).await
}

fn dump_table(conn: &mut Conn, name: String, partial: &Path) -> Result<Table> {
    let columns: Vec<String> = dump::columns(conn, &name)?.into_iter().map(|(column, _)| column).collect();
    let mut writer = rows::Writer::create(&manifest::table_file(partial, &name))?;
    dump::each_row(conn, &name, &columns, |row| writer.write(&row.0))?;
    let (rows, sha256) = writer.finish()?;
    Ok(Table { name, columns, rows, sha256 })
}

/// The artifacts of a domain, or of the default one, in all backups in the folder, as a store.
async fn store_in(folder: &Path, domain: Option<Id>) -> Result<Storage> {
    let url = folder.to_str().ok_or_else(|| Error::Malformed("the path of the backup is no text".into()))?;
    let config = StorageConfig {
        url: url.to_owned(),
        domain,
        staging: folder.join("tmp"),
        digests: DigestSet::sha256(),
        ..StorageConfig::default()
    };
    Storage::open(&config).await
}

fn unwritable(cause: std::io::Error) -> Error {
    Error::storage("cannot write the backup", cause)
}
