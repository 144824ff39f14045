//! The ways that files go: for each domain that has any, from its store to its place in the folder of backups, or back.
//! Which domains there are, and where their stores are, the rows of the backup say.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::manifest::Table;
use super::{rows, store_in};
use crate::auth::Secrets;
use crate::config::Config;
use crate::db::FromValue;
use crate::db::domains::{self, Domain};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256};
use crate::ops::domains::place;
use crate::resource::DEFAULT_DOMAIN;
use crate::storage::Storage;

/// The table that names artifacts.
pub const ARTIFACT: &str = "artifact";

/// The way of each domain's files.
pub type Routes = HashMap<Id, Route>;

pub struct Route {
    /// The name of the domain.
    domain: String,
    /// None when it cannot be reached.
    pub from: Option<Storage>,
    pub to: Storage,
}

impl Route {
    /// A file as people are told of it.
    pub fn named(&self, sha256: &Sha256) -> String {
        if self.domain == DEFAULT_DOMAIN { sha256.to_string() } else { format!("{}/{sha256}", self.domain) }
    }
}

/// The rows of a backup: their tables, and the folder with them.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    pub tables: &'a [Table],
    pub snapshot: &'a Path,
}

impl Rows<'_> {
    /// # Errors
    /// `Malformed` when the backup has no such table.
    pub fn table(&self, name: &str) -> Result<(Table, PathBuf)> {
        let table = self.tables.iter().find(|table| table.name == name);
        let table = table.ok_or_else(|| Error::Malformed(format!("the backup has no table `{name}`")))?;
        Ok((table.clone(), table.file(self.snapshot)))
    }
}

/// From the stores into the folder of backups. A store of a domain that cannot be reached does not keep the files of
/// others from being saved; why it cannot is told.
pub async fn outward(
    of: Rows<'_>,
    (config, secrets): (&Config, &Secrets),
    folder: &Path,
) -> Result<(Routes, Vec<String>)> {
    let (mut routes, mut unreachable) = (Routes::new(), Vec::new());
    for domain in with_files(of).await? {
        let from = match open(config, secrets, &domain).await {
            Err(error) if domain.name != DEFAULT_DOMAIN => {
                unreachable.push(format!("the store of the domain `{}` cannot be read: {error}", domain.name));
                None
            }
            opened => Some(opened?),
        };
        let to = store_in(folder, below(&domain)).await?;
        routes.insert(domain.id, Route { domain: domain.name, from, to });
    }
    Ok((routes, unreachable))
}

/// From the folder of backups into the stores that the rows name.
///
/// # Errors
/// `Storage` when the configuration does not allow a store, or when it cannot be reached.
pub async fn inward(of: Rows<'_>, (config, secrets): (&Config, &Secrets), folder: &Path) -> Result<Routes> {
    let mut routes = Routes::new();
    for domain in with_files(of).await? {
        let to = open(config, secrets, &domain).await.map_err(|cause| {
            let text = format!("cannot put the files of the domain `{}` into its store", domain.name);
            Error::storage(text, cause)
        })?;
        let from = Some(store_in(folder, below(&domain)).await?);
        routes.insert(domain.id, Route { domain: domain.name, from, to });
    }
    Ok(routes)
}

async fn open(config: &Config, secrets: &Secrets, domain: &Domain) -> Result<Storage> {
    Storage::open(&place::of_any(config, secrets, domain)?).await
}

/// Under what the folder of backups keeps the files of a domain.
fn below(domain: &Domain) -> Option<Id> {
    (domain.name != DEFAULT_DOMAIN).then_some(domain.id)
}

/// The domains of which the backup names files.
async fn with_files(of: Rows<'_>) -> Result<Vec<Domain>> {
    let ((domain, domain_file), (artifact, artifact_file)) = (of.table(domains::TABLE)?, of.table(ARTIFACT)?);
    let read = move || {
        let mut named = BTreeSet::new();
        let at = artifact.at("domain_id")?;
        rows::each(&artifact_file, |row| {
            let id = row.get(at).and_then(Id::from_value);
            named.insert(id.ok_or_else(|| Error::Malformed("an artifact of the backup has no domain".into()))?);
            Ok(())
        })?;
        let mut found = Vec::new();
        rows::each(&domain_file, |row| {
            let domain = domains::of_dump(&domain.columns, &row)?;
            if named.remove(&domain.id) {
                found.push(domain);
            }
            Ok(())
        })?;
        match named.is_empty() {
            true => Ok(found),
            false => Err(Error::Malformed("an artifact of the backup is of no domain".into())),
        }
    };
    spawn_blocking(read).await.map_err(Error::internal)?
}
