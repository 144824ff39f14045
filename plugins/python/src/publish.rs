//! Publications: a version's files at their names. Out of use with Pulp; a distribution serves versions.

use pith_core::error::Result;
use pith_core::plugin::{PublicationWriter, VersionReader};
use serde_json::{Value as Json, json};

pub(crate) async fn publish(_: &mut VersionReader, publication: &mut PublicationWriter) -> Result<()> {
    publication.pass_through();
    Ok(())
}

pub(crate) fn autopublication(repository: &Json) -> Option<Json> {
    (repository.get("autopublish") == Some(&Json::Bool(true))).then(|| json!({}))
}
