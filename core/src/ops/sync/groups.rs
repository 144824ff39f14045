//! The end of a synchronization as far as groups of units are concerned: what a mirror removes, and what is
//! remembered for the next run.

use serde_json::Value as Json;

use super::super::Stores;
use super::super::versions::VersionDraft;
use super::Found;
use crate::db::Conn;
use crate::db::publications::{self, VersionRow};
use crate::db::sync_state::{self, GroupColumn, Remembering};
use crate::error::Result;
use crate::id::Id;
use crate::plugin::{ByGroups, Plugin};

/// Units compared or removed at once.
const PAGE: usize = 5000;

/// The columns that group the units of a format, by type.
pub(super) fn columns(plugin: &dyn Plugin) -> Vec<(&'static str, GroupColumn)> {
    let types = plugin.content_types();
    let column = |(name, column): &(&'static str, &'static str)| {
        let content_type = types.iter().find(|content_type| content_type.pulp_type() == *name)?;
        Some((*name, GroupColumn { table: content_type.table(), column }))
    };
    plugin.groups().iter().filter_map(column).collect()
}

impl Found<'_> {
    /// Takes the units out that upstream has not. `wanted` are the ids of those it has.
    pub(super) async fn remove_others(&self, stores: &Stores, draft: &VersionDraft, mut wanted: Vec<Id>) -> Result<()> {
        wanted.extend(self.by_groups.iter().flat_map(|by_groups| &by_groups.kept));
        match &self.by_groups {
            Some(by_groups) if !by_groups.anew => {
                let looked_at = by_groups.looked_at.iter().filter(|group| !self.failed_groups.contains(*group));
                let members = self.members(stores, looked_at.cloned().collect()).await?;
                wanted.sort_unstable();
                remove(stores, draft, members, &wanted).await
            }
            _ => {
                wanted.extend(self.members(stores, self.failed_groups.iter().cloned().collect()).await?);
                wanted.sort_unstable();
                self.remove_from_all(stores, draft, &wanted).await
            }
        }
    }

    async fn members(&self, stores: &Stores, groups: Vec<String>) -> Result<Vec<Id>> {
        let (domain, repository) = (stores.domain, self.repository);
        let columns: Vec<_> = self.columns.iter().map(|(_, column)| *column).collect();
        stores.db.read(move |conn| sync_state::members(conn, domain, repository, &columns, &groups)).await
    }

    async fn remove_from_all(&self, stores: &Stores, draft: &VersionDraft, wanted: &[Id]) -> Result<()> {
        let version = VersionRow {
            id: self.target.latest_version,
            number: self.target.latest_number,
            repository: self.repository,
            pulp_type: self.target.pulp_type.clone(),
            details: Json::Null,
        };
        let mut after = None;
        loop {
            let before = version.clone();
            let units =
                stores.db.read(move |conn| publications::units_after(conn, &before, after, PAGE as i64)).await?;
            let Some(last) = units.last().copied() else { return Ok(()) };
            after = Some(last);
            remove(stores, draft, units, wanted).await?;
        }
    }

    /// What the transaction that finishes the version writes down.
    pub(super) fn remembering(&mut self) -> Option<Notes> {
        let ByGroups { fingerprint, anew, mut changes, of_the_whole, .. } = self.by_groups.take()?;
        let of_the_whole = of_the_whole.into_iter().filter(|_| !self.failed_groups.is_empty());
        for key in self.failed_groups.iter().cloned().chain(of_the_whole) {
            changes.insert(key, None);
        }
        let mut changes: Vec<_> = changes.into_iter().collect();
        // In the order of the index.
        changes.sort_unstable();
        Some(Notes { repository: self.repository, remote: self.remote, fingerprint, anew, changes })
    }
}

/// Removes those of `units` that are not among `wanted`, which is sorted.
async fn remove(stores: &Stores, draft: &VersionDraft, units: Vec<Id>, wanted: &[Id]) -> Result<()> {
    let others: Vec<Id> = units.into_iter().filter(|id| wanted.binary_search(id).is_err()).collect();
    for part in others.chunks(PAGE) {
        let (draft, part) = (draft.clone(), part.to_vec());
        stores.db.write(move |conn| draft.remove(conn, &part)).await?;
    }
    Ok(())
}

/// See [`Found::remembering`].
pub(super) struct Notes {
    repository: Id,
    remote: Id,
    fingerprint: String,
    anew: bool,
    changes: Vec<(String, Option<String>)>,
}

impl Notes {
    pub fn write(&self, conn: &mut Conn, version: i64) -> Result<()> {
        let Self { repository, remote, fingerprint, anew, changes } = self;
        let remembering =
            Remembering { repository: *repository, remote: *remote, fingerprint, version, anew: *anew, changes };
        sync_state::remember(conn, &remembering)
    }
}
