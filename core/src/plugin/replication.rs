//! How what another server of this kind distributes is replicated, as far as that is a matter of the format.

use serde_json::{Map, Value as Json};

/// A format's part in replications.
#[derive(Clone, Debug)]
pub struct Replication {
    /// The type of the repositories, remotes and distributions: `file.file`.
    pub pulp_type: &'static str,
    /// What a remote says beside what all remotes do, for a distribution that the upstream serves at this address (with
    /// a slash at its end): its `url` at least.
    pub remote: fn(base_url: &str) -> Map<String, Json>,
    /// What a client would ask of the synchronization, so that the repository gets what the upstream has and nothing
    /// else, and is published where the format publishes.
    pub sync_options: Map<String, Json>,
}
