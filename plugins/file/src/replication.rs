//! How distributions of files are replicated: their manifest is read, and what is not in it is removed.

use pith_core::plugin::Replication;
use serde_json::{Value as Json, json};

use crate::PULP_TYPE;
use crate::publish::DEFAULT_MANIFEST;

pub(crate) fn replication() -> Replication {
    Replication {
        pulp_type: PULP_TYPE,
        remote: |base_url| [("url".to_owned(), json!(format!("{base_url}{DEFAULT_MANIFEST}")))].into_iter().collect(),
        sync_options: [("mirror".to_owned(), Json::Bool(true))].into_iter().collect(),
    }
}
