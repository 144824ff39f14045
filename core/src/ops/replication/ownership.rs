//! What a replication may change and delete: what carries the label of one, and of which.

use serde_json::{Value as Json, json};

use crate::db::Conn;
use crate::db::upstream_pulps::{LABEL, UpstreamRow, known};
use crate::error::Result;
use crate::id::Id;

/// What an upstream server may do with what there is.
pub(super) struct Ownership {
    id: String,
    /// What an upstream has brought that is gone belongs to this one too.
    takes_over: bool,
    known: Vec<String>,
}

impl Ownership {
    pub fn of(conn: &mut Conn, domain: Id, upstream: &UpstreamRow) -> Result<Self> {
        Ok(Self { id: upstream.id.to_string(), takes_over: upstream.policy == "all", known: known(conn, domain)? })
    }

    /// Whether something with these labels may be changed. What no replication made never may.
    pub fn covers(&self, labels: &Json) -> bool {
        match labels.get(LABEL).and_then(Json::as_str) {
            Some(owner) => owner == self.id || self.takes_over && !self.known.iter().any(|known| known == owner),
            None => false,
        }
    }

    /// The labels that it has from now on: all that it has, and this server's.
    pub fn mark(&self, labels: &Json) -> Json {
        let mut labels = labels.as_object().cloned().unwrap_or_default();
        labels.insert(LABEL.to_owned(), json!(self.id));
        Json::Object(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_replication_made_is_its_own() {
        for (takes_over, labels, expected) in [
            (true, json!({}), false),
            (true, json!({"a": "b"}), false),
            (true, json!({LABEL: null}), false),
            (false, json!({LABEL: "own"}), true),
            (false, json!({LABEL: "gone"}), false),
            (true, json!({LABEL: "gone"}), true),
            (true, json!({LABEL: "other"}), false),
        ] {
            let known = vec!["own".to_owned(), "other".to_owned()];
            let ownership = Ownership { id: "own".into(), takes_over, known };
            assert_eq!(ownership.covers(&labels), expected, "{labels}");
        }
    }
}
