//! How repositories of packages are replicated: with the metadata of the upstream, byte by byte, so that its signatures
//! hold here too.

use pith_core::plugin::Replication;
use serde_json::json;

use crate::resources::PULP_TYPE;

pub(crate) fn replication() -> Replication {
    Replication {
        pulp_type: PULP_TYPE,
        remote: |base_url| [("url".to_owned(), json!(base_url))].into_iter().collect(),
        sync_options: [("sync_policy".to_owned(), json!("mirror_complete"))].into_iter().collect(),
    }
}
