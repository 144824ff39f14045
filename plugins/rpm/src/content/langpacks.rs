//! Patterns of language packs.

use pith_core::plugin::{DetailTable, Unit};

use super::carried::CarriedContent;
use super::columns;
use crate::comps::{Langpacks, digest, render_langpacks};
use crate::resources;

/// The type of language packs.
pub(crate) const PACKAGELANGPACKS: &str = "rpm.packagelangpacks";

pub(crate) const CONTENT: CarriedContent = CarriedContent {
    pulp_type: PACKAGELANGPACKS,
    table: DetailTable { name: "rpm_packagelangpacks", columns: &["matches", "digest", "snippet"], natural_key: &[1] },
    resource: resources::langpacks::package_langpacks,
};

/// The unit of all patterns of a document. A repository may have several.
pub(crate) fn unit(langpacks: &Langpacks) -> Unit {
    let snippet = render_langpacks(langpacks);
    let values = vec![columns::json(langpacks), digest(&snippet).into(), columns::text(&snippet)];
    Unit { columns: values, repo_key: None, files: vec![] }
}
