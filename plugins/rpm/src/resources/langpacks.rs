//! Language packs as a collection.

use pith_core::resource::Resource;
use pith_core::resource::kinds::Names;
use serde_json::json;

use super::NAMES;
use super::group::{carried, digest, list};
use crate::content::langpacks::PACKAGELANGPACKS;

pub(crate) fn package_langpacks() -> Resource {
    let names = Names {
        model: "PackageLangpacks",
        noun: "set of language packs",
        pulp_type: PACKAGELANGPACKS,
        path: "content/rpm/packagelangpacks/",
        operations: "content_rpm_packagelangpacks",
        href_parameter: "rpm_package_langpacks_href",
        tag: "Content: Packagelangpacks",
        description: "Patterns of the packages that hold languages for others.",
        ..NAMES
    };
    let matches = json!({"aspell": "aspell-%s"});
    let mut langpacks = carried(names, "rpm_packagelangpacks");
    langpacks.fields.extend([
        list("matches", "u.matches", "Patterns by the packages that they are for.", matches),
        digest().nullable(),
    ]);
    langpacks
}
