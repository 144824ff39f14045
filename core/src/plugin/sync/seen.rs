//! What the last synchronization of a repository saw, and whether there is anything to do.

use serde_json::Value as Json;

use super::{LAST_SYNC, MOST_RECENT_VERSION, SyncJob};

impl SyncJob {
    /// What the last synchronization saw (see [`SyncJob::is_unchanged`]), as long as it counts: the client wants it to,
    /// the repository is as that run left it, and no file or publication is missing that this one would bring. With it a
    /// format can ask the upstream on the condition that something changed.
    pub fn last_seen(&self) -> Option<Json> {
        let mut last = self.repository.details.get(LAST_SYNC).cloned()?;
        let version = last.as_object_mut().and_then(|last| last.remove(MOST_RECENT_VERSION));
        let is_newest = version.as_ref().and_then(Json::as_i64) == Some(self.repository.latest_version);
        let has_files = self.remote.policy != "immediate" || !self.repository.lacks_files;
        let is_complete = has_files && !self.repository.lacks_publication;
        (self.options.optimize && is_newest && is_complete).then_some(last)
    }

    /// Whether upstream and all settings are as `seen` says and the last synchronization left them, so that
    /// there is nothing to do. If not, `seen` is remembered once the synchronization has succeeded and nothing failed.
    ///
    /// Not so when the repository changed since or when files are missing that this one would bring, nor when the
    /// last one was to publish what it made and ended before.
    pub fn is_unchanged(&self, seen: Json) -> bool {
        let is_same = self.last_seen().as_ref() == Some(&seen);
        if is_same {
            self.unchanged();
            self.state().decisions.skipped = true;
        } else {
            self.state().decisions.remembered = Some(seen);
        }
        is_same
    }
}
