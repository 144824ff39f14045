//! Puts a backup into an installation that has nothing yet. The order is that of all writing: the backup is looked
//! through first, then bytes, then all rows in one transaction. One that is cut goes on when it is run again; until
//! then no server starts on it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::artifacts::{self, Copied};
use super::manifest::{self, Manifest, Table};
use super::routes::{self, Rows};
use super::rows;
use crate::auth::Secrets;
use crate::config::Config;
use crate::db::load::{self as tables, Target};
use crate::db::{self, Conn, Db, Migrations, dump, holds, installation};
use crate::error::{Error, Result};

/// Rows that are put in at once.
const SLICE: usize = 500;

/// A backup that was found whole.
pub struct Found {
    folder: PathBuf,
    snapshot: PathBuf,
    manifest: Manifest,
}

/// What is known of the keys that its secrets were sealed with.
pub struct Key {
    /// A value that they open.
    pub probe: Option<String>,
    pub ids: Vec<String>,
    /// The key file, where the backup has it.
    pub file: Option<PathBuf>,
}

pub struct Restored {
    pub name: String,
    pub made: String,
    pub rows: u64,
    pub artifacts: Copied,
}

/// The backup with this name, or the newest in the folder, once its rows were compared with their digests.
///
/// # Errors
/// `Malformed`: there is none, a file is damaged, or a newer version of the program made it.
pub fn find(folder: &Path, name: Option<&str>, sets: &[Migrations]) -> Result<Found> {
    let snapshot = manifest::find(folder, name)?;
    let manifest = Manifest::read(&snapshot)?;
    let known: HashSet<(&str, &str)> =
        sets.iter().flat_map(|set| set.steps.iter().map(|(name, _)| (set.component, *name))).collect();
    if let Some((component, name)) =
        manifest.migrations.iter().find(|(c, n)| !known.contains(&(c.as_str(), n.as_str())))
    {
        let text = format!(
            "the backup was made by version {} and has `{component}/{name}`, which this one does not know",
            manifest.version
        );
        return Err(Error::Malformed(text));
    }
    for table in &manifest.tables {
        let file = table.file(&snapshot);
        if rows::digest(&file)? != table.sha256 {
            return Err(Error::Malformed(format!("`{}` is damaged", file.display())));
        }
    }
    Ok(Found { folder: folder.to_owned(), snapshot, manifest })
}

impl Found {
    pub fn key(&self) -> Result<Key> {
        let mut probe = None;
        if let Some(table) = self.manifest.tables.iter().find(|table| table.name == "installation") {
            rows::each(&table.file(&self.snapshot), |row| {
                if let [crate::db::Value::Text(name), crate::db::Value::Text(value)] = row.as_slice()
                    && name == installation::KEY_PROBE
                {
                    probe = Some(value.clone());
                }
                Ok(())
            })?;
        }
        let file = self.manifest.has_secret_key_file.then(|| manifest::key_file(&self.snapshot));
        Ok(Key { probe, ids: self.manifest.secret_keys.clone(), file })
    }
}

/// Puts it in. The keys must be those of the backup, see [`Found::key`].
///
/// # Errors
/// `Conflict`: the database is in use, or was used; it stays as it was then.
pub async fn load(
    found: Found,
    db: &Db,
    (config, secrets): (&Config, &Secrets),
    sets: &[Migrations],
) -> Result<Restored> {
    if let Some(probe) = &found.key()?.probe {
        secrets.open(probe)?;
    }
    let name = found.snapshot.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let (marker, applied, known) = (name.clone(), found.manifest.migrations.clone(), sets.to_vec());
    db.write(move |conn| begin(conn, &known, &applied, &marker)).await?;
    let rows = Rows { tables: &found.manifest.tables, snapshot: &found.snapshot };
    let routes = routes::inward(rows, (config, secrets), &found.folder).await?;
    let artifacts = artifacts::copy_named(rows, &routes).await?;
    let already: HashSet<&String> = found.manifest.lost.iter().collect();
    if let Some(damaged) = artifacts.lost.iter().find(|digest| !already.contains(digest)) {
        return Err(Error::Malformed(format!("the artifact `{damaged}` of the backup is missing or damaged")));
    }
    let (snapshot, list) = (found.snapshot.clone(), found.manifest.tables.clone());
    let rows = db.write(move |conn| put_rows(conn, &snapshot, &list)).await?;
    db.migrate_only(sets, |_, _| true).await?;
    Ok(Restored { name, made: found.manifest.made, rows, artifacts })
}

/// Gives the database the tables that the backup was made of, and marks it as one that is being filled. One that was
/// used keeps the tables it has.
fn begin(conn: &mut Conn, sets: &[Migrations], applied: &[(String, String)], name: &str) -> Result<()> {
    conn.lock(&db::Lock::Migrations)?;
    refuse_used(conn, applied)?;
    let applied: HashSet<(&str, &str)> = applied.iter().map(|(c, n)| (c.as_str(), n.as_str())).collect();
    db::apply(conn, sets, |component, name| applied.contains(&(component, name)))?;
    installation::begin_restore(conn, name)
}

fn refuse_used(conn: &mut Conn, applied: &[(String, String)]) -> Result<()> {
    let refuse = |text: &str| Err(Error::Conflict(text.into()));
    if !dump::present(conn)?.iter().any(|table| table == db::domains::TABLE) {
        return Ok(());
    }
    if installation::is_served(conn)? {
        return refuse("a server is running on this database; a backup is restored into an empty one");
    }
    if !tables::is_unused(conn)? {
        return refuse("the database is not empty; a backup is restored into an empty one");
    }
    if dump::applied(conn)?.iter().any(|migration| !applied.contains(migration)) {
        return refuse("the database was prepared by a newer version than the backup's; give an empty one");
    }
    Ok(())
}

fn put_rows(conn: &mut Conn, snapshot: &Path, list: &[Table]) -> Result<u64> {
    conn.lock(&db::Lock::Migrations)?;
    if !tables::is_unused(conn)? {
        return Err(Error::Conflict("the database was used while the backup was restored".into()));
    }
    tables::unordered(conn, |conn| {
        for table in list {
            put_table(conn, snapshot, table)?;
        }
        Ok(())
    })?;
    holds::forget(conn)?;
    for table in list {
        tables::continue_numbers(conn, &table.name)?;
    }
    Ok(list.iter().map(|table| table.rows).sum())
}

fn put_table(conn: &mut Conn, snapshot: &Path, table: &Table) -> Result<()> {
    // What a migration put in, and that a restore has begun.
    tables::clear(conn, &table.name)?;
    let target = Target::new(conn, &table.name, &table.columns)?;
    let (mut slice, mut count) = (Vec::new(), 0);
    rows::each(&table.file(snapshot), |row| {
        slice.push(row);
        count += 1;
        if slice.len() == SLICE { target.insert(conn, std::mem::take(&mut slice)) } else { Ok(()) }
    })?;
    target.insert(conn, slice)?;
    match count == table.rows {
        true => Ok(()),
        false => Err(Error::Malformed(format!("the table `{}` of the backup is not whole", table.name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Address, CORE, sqlite_file};
    use crate::id::{Id, now};
    use crate::params;

    #[test]
    fn a_database_that_was_used_is_refused_before_it_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Address::Sqlite(sqlite_file(folder.path())), 2).unwrap();
        let early = |name: &str| name < "0013";
        db.write_blocking(move |conn| db::apply(conn, &[CORE], |_, name| early(name))).unwrap();
        let all: Vec<(String, String)> = CORE.steps.iter().map(|(name, _)| ("core".into(), (*name).into())).collect();
        let applied = |db: &Db| db.read_blocking(dump::applied).unwrap().len();
        let before = applied(&db);
        let begun = |db: &Db| {
            let all = all.clone();
            db.write_blocking(move |conn| begin(conn, &[CORE], &all, "backup"))
        };
        let add = |conn: &mut Conn| {
            conn.execute(
                "INSERT INTO domain (id, created, updated, name, labels) VALUES ($1, $2, $2, 'default', '{}')",
                params![Id::new(), now()],
            )
        };
        db.write_blocking(add).unwrap();
        let told = begun(&db).unwrap_err().to_string();
        assert!(told.contains("the database is not empty"), "{told}");
        assert_eq!(applied(&db), before, "no migration ran");
        db.write_blocking(|conn| conn.execute("DELETE FROM domain", &[])).unwrap();
        begun(&db).unwrap();
        assert_eq!(applied(&db), all.len());
    }
}
