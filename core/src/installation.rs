//! Verbs of the command line that care for an installation as a whole: copies of it, and its keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::app::{Plugins, check_secret_key, database_address, migrations, open_database};
use crate::auth::key_file;
use crate::auth::secrets::{Secrets, key_id};
use crate::config::{Config, ConfigError, DatabaseAddress, StartError};
use crate::db::{self, Db, Migrations, installation};
use crate::download::install_tls_provider;
use crate::error::{Error, Result};
use crate::ops::backup::{self, Key, Subject};
use crate::ops::reseal;

/// How many connections a verb needs.
const CONNECTIONS: u32 = 4;
/// How long after a change of the key file servers may still write what they sealed before: what waits longer for the
/// database gives up. In seconds.
pub const SETTLES: u64 = db::PATIENCE.as_secs() + 5;

fn runtime() -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.enable_all().build().map_err(Error::internal)?)
}

/// Opens the database as it is.
async fn open(config: &Config) -> Result<Db> {
    let address = database_address(config);
    tokio::task::spawn_blocking(move || Db::open(&address, CONNECTIONS)).await.map_err(Error::internal)?
}

/// Makes a backup in a folder, with the key file if that is wanted. The text is for standard output; also tells
/// whether nothing is missing.
pub fn back_up(
    config: &Config,
    plugins: &Plugins,
    folder: &Path,
    with_secret_key: bool,
) -> Result<(String, bool), StartError> {
    install_tls_provider();
    if let DatabaseAddress::Sqlite(path) = &config.database
        && !path.is_file()
    {
        return Err(ConfigError::for_key("database", format!("there is no database `{}`", path.display())).into());
    }
    let secrets = Secrets::load(&config.secret_key_file)?;
    let sets = migrations(plugins);
    let made = runtime()?.block_on(async {
        let db = open(config).await?;
        if !db.missing_migrations(&sets).await?.is_empty() {
            let text = "the database is of an older version; back it up with that, or run `pith migrate` first";
            return Err(Error::Conflict(text.into()));
        }
        let subject = Subject { config, db: &db, secrets: &secrets, sets: &sets, with_secret_key };
        backup::make(subject, folder).await
    })?;
    let artifacts = &made.artifacts;
    let mut text = format!(
        "{} rows, {} artifacts of {} bytes, {} of them new\n",
        made.rows, artifacts.named, artifacts.bytes, artifacts.copied
    );
    for why in &made.unreachable {
        text.push_str(&format!("{why}\n"));
    }
    for digest in &artifacts.lost {
        text.push_str(&format!("missing or damaged in the store: {digest}\n"));
    }
    for table in &made.others {
        text.push_str(&format!("a table of the database that Pith did not make is not part of it: {table}\n"));
    }
    if !with_secret_key {
        let path = config.secret_key_file.display();
        text.push_str(&format!("the key file is not part of it: keep a copy of {path} elsewhere\n"));
    }
    text.push_str(&format!("{}\n", made.folder.display()));
    Ok((text, artifacts.lost.is_empty()))
}

/// Puts a backup, the newest unless another is named, into an installation that has nothing yet. The text is for
/// standard output; also tells whether nothing is missing.
pub fn restore(
    config: &Config,
    plugins: &Plugins,
    folder: &Path,
    name: Option<&str>,
) -> Result<(String, bool), StartError> {
    install_tls_provider();
    let sets = migrations(plugins);
    let found = backup::find(folder, name, &sets)?;
    config.prepare_data_dir()?;
    let secrets = keys_for(config, &found.key()?)?;
    let restored = runtime()?.block_on(async {
        let db = open(config).await?;
        backup::load(found, &db, (config, &secrets), &sets).await
    })?;
    let (artifacts, mut text) = (&restored.artifacts, String::new());
    for digest in &artifacts.lost {
        text.push_str(&format!("was missing when the backup was made: {digest}\n"));
    }
    text.push_str(&format!(
        "restored `{}`, made {}: {} rows, {} artifacts, {} of them new in the store\n",
        restored.name, restored.made, restored.rows, artifacts.named, artifacts.copied
    ));
    Ok((text, artifacts.lost.is_empty()))
}

/// The keys of a backup: those in the configured file, else those that the backup has.
fn keys_for(config: &Config, key: &Key) -> Result<Secrets, StartError> {
    let path = &config.secret_key_file;
    if !path.exists() {
        let Some(file) = &key.file else {
            let ids = key.ids.join(", ");
            let problem = format!(
                "{}: the secrets in the backup were sealed with a key that is not part of it ({ids}); put the key \
                 file of the installation there first",
                path.display()
            );
            return Err(ConfigError::for_key("secret_key_file", problem).into());
        };
        let text =
            key_file::read(file).map_err(|cause| Error::storage("cannot read the key file of the backup", cause))?;
        key_file::create(path, &text).map_err(|cause| Error::storage("cannot write the key file", cause))?;
    }
    let secrets = Secrets::load(path)?;
    if let Some(probe) = &key.probe {
        secrets.check(probe)?;
    }
    Ok(secrets)
}

/// Adds a key to the key file that opens and does not seal yet; its id.
pub fn add_secret_key(config: &Config) -> Result<String, StartError> {
    let path = &config.secret_key_file;
    Secrets::load(path)?;
    let key = key_file::fresh()?;
    key_file::change(path, |text| Ok(key_file::with_standby(text, &key)))?;
    Ok(id_of(&key))
}

/// What sealing anew came to.
pub struct Resealed {
    /// The id of the key that seals now.
    pub key: String,
    pub values: u64,
    /// Values that no key of the file opens.
    pub unreadable: u64,
    /// Keys that were taken out of the file.
    pub retired: Vec<String>,
}

/// Has the key on standby, or a fresh one, seal from now on. Servers may run: they read the key file when it changes.
pub fn promote_secret_key(config: &Config) -> Result<(), StartError> {
    let path = &config.secret_key_file;
    Secrets::load(path)?;
    let fresh = key_file::fresh()?;
    Ok(key_file::change(path, |text| Ok(key_file::promoted(text, &fresh)))?)
}

/// Seals anew whatever other keys than the first sealed. With `retire` it takes the keys out of the file then that are
/// of no use any more, those on standby apart: so long after the change of the file, or at once where no server was
/// heard of lately, whose writes could be under way.
pub fn reseal(config: &Config, plugins: &Plugins, retire: Option<Duration>) -> Result<Resealed, StartError> {
    let path = &config.secret_key_file;
    let secrets = Arc::new(Secrets::load(path)?);
    let sets = migrations(plugins);
    runtime()?.block_on(async {
        let db = open_database(config, plugins).await?;
        check_secret_key(&db, &secrets).await?;
        let former = former_keys(path)?;
        let mut done = reseal::reseal(&db, &secrets, &sets).await?;
        let mut retired = Vec::new();
        if let Some(settles) = retire.filter(|_| !former.is_empty()) {
            if db.read(installation::is_served).await? {
                settle(path, settles).await?;
            }
            let late = reseal::reseal(&db, &secrets, &sets).await?;
            done = reseal::Resealed { values: done.values + late.values, unreadable: late.unreadable };
            retired = retire_unused(path, former, &db, (&secrets, &sets)).await?;
        }
        let key = secrets.ids().into_iter().next().unwrap_or_default();
        Ok(Resealed { key, values: done.values, unreadable: done.unreadable, retired })
    })
}

/// The ids of the keys that sealed once.
fn former_keys(path: &Path) -> Result<Vec<String>> {
    let text = key_file::read(path).map_err(|cause| Error::storage("cannot read the key file", cause))?;
    let lines = text.lines().filter_map(|line| key_file::line(line).ok().flatten());
    Ok(lines.filter(|line| !line.is_standby).skip(1).map(|line| key_id(&line.bytes)).collect())
}

/// Returns so long after the key file was changed.
async fn settle(path: &Path, settles: Duration) -> Result<()> {
    let changed = key_file::changed(path).map_err(|cause| Error::storage("cannot read the key file", cause))?;
    let since = changed.elapsed().unwrap_or_default();
    tokio::time::sleep(settles.saturating_sub(since)).await;
    Ok(())
}

/// Takes those of the keys out of the file that no value needs. They must have ceased to seal before all was sealed anew;
/// a key that sealed since is none of them, even if it was replaced already.
async fn retire_unused(
    path: &Path,
    mut former: Vec<String>,
    db: &Db,
    (secrets, sets): (&Secrets, &[Migrations]),
) -> Result<Vec<String>> {
    let used = reseal::keys_in_use(db, secrets, sets).await?;
    former.retain(|id| !used.contains(id));
    key_file::change(path, |text| Ok(key_file::retaining(text, |line| !former.contains(&key_id(&line.bytes)))))?;
    let kept = secrets.ids();
    former.retain(|id| !kept.contains(id));
    Ok(former)
}

fn id_of(key: &str) -> String {
    key_file::line(key).ok().flatten().map(|line| key_id(&line.bytes)).unwrap_or_default()
}
