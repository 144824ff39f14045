//! How indexes of other servers are replicated: all their projects, pre-releases too, and what is not in them is removed.

use pith_core::plugin::Replication;
use serde_json::{Value as Json, json};

use crate::resources::PULP_TYPE;

pub(crate) fn replication() -> Replication {
    Replication {
        pulp_type: PULP_TYPE,
        remote: |base_url| {
            [("url".to_owned(), json!(base_url)), ("prereleases".to_owned(), Json::Bool(true))].into_iter().collect()
        },
        sync_options: [("mirror".to_owned(), Json::Bool(true))].into_iter().collect(),
    }
}
