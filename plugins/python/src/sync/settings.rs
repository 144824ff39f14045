//! What a remote and a repository say about what is taken from an index.

use pith_core::error::{Error, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::blocklist::BlocklistEntry;
use crate::filters::{FilterSettings, Filters};
use crate::name::ProjectName;
use crate::resources::blocklist;
use crate::simple::ProjectFile;

/// The settings of a remote as they are kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    includes: Vec<String>,
    excludes: Vec<String>,
    prereleases: bool,
    package_types: Vec<String>,
    keep_latest_packages: i64,
    exclude_platforms: Vec<String>,
    provenance: bool,
}

/// The settings, understood.
#[derive(Debug)]
pub(crate) struct Settings {
    pub filters: Filters,
    pub provenance: bool,
    blocked: Vec<BlocklistEntry>,
}

impl Settings {
    /// Of the details of a remote.
    ///
    /// # Errors
    /// `Conflict` when they make no sense.
    pub fn of(details: &Json) -> Result<Self> {
        let details: Details = Deserialize::deserialize(details)
            .map_err(|problem| Error::Conflict(format!("the remote's settings: {problem}")))?;
        let filters = Filters::parse(&FilterSettings {
            includes: &details.includes,
            excludes: &details.excludes,
            prereleases: details.prereleases,
            package_types: &details.package_types,
            keep_latest_packages: details.keep_latest_packages.max(0).unsigned_abs(),
            exclude_platforms: &details.exclude_platforms,
        });
        let filters = filters.map_err(|wrong| Error::Conflict(format!("the remote's `{}`: {wrong}", wrong.field)))?;
        Ok(Self { filters, provenance: details.provenance, blocked: vec![] })
    }

    /// With the entries of a repository's list of what it does not take.
    pub fn blocking(self, entries: &[Json]) -> Self {
        Self { blocked: entries.iter().filter_map(blocklist::entry).collect(), ..self }
    }

    /// For files that clients ask for one by one: an installer passes over pre-releases by itself, unless its user
    /// wants one.
    pub fn of_pull_through(self) -> Self {
        Self { filters: self.filters.with_prereleases(), ..self }
    }

    /// Whether the repository does not take the file.
    pub fn blocks(&self, project: &ProjectName, file: &ProjectFile) -> bool {
        self.blocked.iter().any(|entry| entry.blocks(project, &file.version, &file.filename))
    }
}

/// What must be as it was for the last synchronization to count.
pub(crate) fn fingerprint(details: &Json, blocked: &[Json]) -> Json {
    let names = [
        "includes",
        "excludes",
        "prereleases",
        "package_types",
        "keep_latest_packages",
        "exclude_platforms",
        "provenance",
    ];
    let settings: Vec<_> = names.iter().map(|name| details.get(name)).collect();
    json!([settings, blocked])
}
