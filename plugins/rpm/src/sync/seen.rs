//! What is remembered of an upstream between two synchronizations.

use pith_core::error::{Error, Result};
use pith_core::plugin::{PageHead, SyncJob};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::options::{Choice, SyncPolicy, retained};

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
    /// The repository was left with what the upstream has, and nothing else.
    #[serde(default)]
    is_exact: bool,
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
    /// The repositories of variants and addons; none where they were not looked at.
    #[serde(default)]
    pub below: Option<Vec<BelowSeen>>,
}

/// The repository of a variant or an addon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BelowSeen {
    pub url: String,
    /// SHA-256 of its `repomd.xml`; none where there was none.
    pub checksum: Option<String>,
    pub page: Page,
}

impl TreeSeen {
    /// What was seen, whatever marked it.
    fn checksums(&self) -> (&str, Option<Vec<Option<&str>>>) {
        let below = self.below.as_ref().map(|below| below.iter().map(|one| one.checksum.as_deref()).collect());
        (&self.checksum, below)
    }
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

impl Settings {
    /// Whether a run with these would change nothing after one with `last` that saw the same. `is_exact`: the
    /// repository has what the upstream has, and nothing else.
    fn ask_no_more_than(&self, last: &Self, is_exact: bool) -> bool {
        let is_complete = SyncPolicy::MirrorComplete.as_str();
        let same_policy = self.sync_policy == last.sync_policy;
        let has_files = self.download_policy != "immediate" || self.download_policy == last.download_policy;
        let rest = |settings: &Self| {
            let (download_policy, sync_policy) = (last.download_policy.clone(), last.sync_policy.clone());
            Self { download_policy, sync_policy, ..settings.clone() }
        };
        has_files && (same_policy || (is_exact && self.sync_policy != is_complete)) && rest(self) == *last
    }
}

impl Page {
    /// As it was asked for at `url`.
    pub fn of(url: &str, head: &PageHead) -> Self {
        Self { url: url.to_owned(), etag: head.etag.clone(), last_modified: head.last_modified.clone() }
    }
}

impl Seen {
    /// Without a tree, of a run that begins with the repository as it is.
    pub fn new(job: &SyncJob, settings: Settings, repomd_checksum: String, revision: String, repomd: Page) -> Self {
        let is_exact = settings.sync_policy != SyncPolicy::Additive.as_str() || job.repository.latest_version == 0;
        Self { settings, repomd_checksum, revision, repomd, treeinfo: None, is_exact }
    }

    /// What the last run saw, if it still counts and was made under settings that do for this one, too.
    pub fn last(job: &SyncJob, settings: &Settings) -> Option<Self> {
        let seen: Self = serde_json::from_value(job.last_seen()?).ok()?;
        settings.ask_no_more_than(&seen.settings, seen.is_exact).then_some(seen)
    }

    /// Whether the last run that succeeded, whatever has become of the repository since, had the same metadata to
    /// publish.
    pub fn was_published(&self, job: &SyncJob) -> bool {
        let before = job.repository.details.get("last_sync_details").cloned().unwrap_or_default();
        let before: Option<Self> = serde_json::from_value(before).ok();
        before.is_some_and(|before| {
            let policies = (&before.settings.sync_policy, &self.settings.sync_policy);
            let trees = [&before, self].map(|seen| seen.treeinfo.as_ref().map(TreeSeen::checksums));
            policies.0 == policies.1 && before.repomd_checksum == self.repomd_checksum && trees[0] == trees[1]
        })
    }

    pub fn to_json(&self) -> Result<Json> {
        serde_json::to_value(self).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_settings_need_no_new_run() {
        let settings = |download_policy: &str, sync_policy: &str| Settings {
            url: "http://h/".to_owned(),
            download_policy: download_policy.to_owned(),
            sync_policy: sync_policy.to_owned(),
            skip_types: vec![],
            retain_package_versions: 0,
            changelog_limit: 10,
        };
        let last = settings("on_demand", "additive");
        let other = |of: Settings| Settings { url: "http://g/".to_owned(), ..of };
        for (now, if_exact, else_) in [
            (last.clone(), true, true),
            (settings("on_demand", "mirror_content_only"), true, false),
            (settings("on_demand", "mirror_complete"), false, false),
            (settings("streamed", "additive"), true, true),
            (settings("immediate", "additive"), false, false),
            (other(last.clone()), false, false),
        ] {
            assert_eq!(now.ask_no_more_than(&last, true), if_exact, "{now:?}");
            assert_eq!(now.ask_no_more_than(&last, false), else_, "{now:?}");
        }
        assert!(settings("on_demand", "additive").ask_no_more_than(&settings("immediate", "mirror_complete"), true));
    }
}
