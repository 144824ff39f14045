//! What is remembered of an upstream between two synchronizations.

use pith_core::error::{Error, Result};
use pith_core::plugin::{PageHead, SyncJob};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::options::{Choice, retained};

/// All that a synchronization depends on, as far as it can be known beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    #[serde(flatten)]
    settings: Settings,
    /// SHA-256 of `repomd.xml`.
    pub repomd_checksum: String,
    pub revision: String,
    pub repomd: Page,
    pub treeinfo: Option<TreeSeen>,
}

/// The part that the upstream does not decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    url: String,
    download_policy: String,
    sync_policy: String,
    skip_types: Vec<String>,
    retain_package_versions: i64,
    changelog_limit: usize,
}

/// A file that was asked for, and what marked it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    pub url: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// The treeinfo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TreeSeen {
    /// `.treeinfo` or `treeinfo`
    pub name: String,
    pub checksum: String,
    pub page: Page,
}

impl Settings {
    pub fn of(job: &SyncJob, choice: &Choice, changelog_limit: usize) -> Self {
        let skipped = [(choice.skips_sources, "srpm"), (choice.skips_trees, "treeinfo")];
        Self {
            url: job.remote.url.clone(),
            download_policy: job.remote.policy.clone(),
            sync_policy: choice.policy.as_str().to_owned(),
            skip_types: skipped.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_owned()).collect(),
            retain_package_versions: retained(&job.repository.details),
            changelog_limit,
        }
    }
}

impl Page {
    /// As it was asked for at `url`.
    pub fn of(url: &str, head: &PageHead) -> Self {
        Self { url: url.to_owned(), etag: head.etag.clone(), last_modified: head.last_modified.clone() }
    }
}

impl Seen {
    pub fn new(settings: Settings, repomd_checksum: String, revision: String, repomd: Page) -> Self {
        Self { settings, repomd_checksum, revision, repomd, treeinfo: None }
    }

    /// What the last run saw, if it still counts and was made under the same settings.
    pub fn last(job: &SyncJob, settings: &Settings) -> Option<Self> {
        let seen: Self = serde_json::from_value(job.last_seen()?).ok()?;
        (seen.settings == *settings).then_some(seen)
    }

    /// Whether the last run that succeeded, whatever has become of the repository since, had the same metadata to
    /// publish.
    pub fn was_published(&self, job: &SyncJob) -> bool {
        let before = job.repository.details.get("last_sync_details").cloned().unwrap_or_default();
        let before: Option<Self> = serde_json::from_value(before).ok();
        before.is_some_and(|before| {
            let policies = (&before.settings.sync_policy, &self.settings.sync_policy);
            policies.0 == policies.1 && before.repomd_checksum == self.repomd_checksum
        })
    }

    pub fn to_json(&self) -> Result<Json> {
        serde_json::to_value(self).map_err(Error::internal)
    }
}
