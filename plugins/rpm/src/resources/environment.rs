//! Environments as a collection.

use pith_core::resource::Resource;
use pith_core::resource::kinds::Names;
use serde_json::json;

use super::NAMES;
use super::group::{carried, list, texts};
use crate::content::environment::PACKAGEENVIRONMENT;

pub(crate) fn package_environments() -> Resource {
    let names = Names {
        model: "PackageEnvironment",
        noun: "package environment",
        pulp_type: PACKAGEENVIRONMENT,
        path: "content/rpm/packageenvironments/",
        operations: "content_rpm_packageenvironments",
        href_parameter: "rpm_package_environment_href",
        tag: "Content: Packageenvironments",
        description: "Groups of packages that make a whole system.",
        ..NAMES
    };
    let groups = || json!([{"name": "core", "default": false}]);
    let mut environments = carried(names, "rpm_packageenvironment");
    environments.fields.extend(texts());
    environments.fields.extend([
        list("group_ids", "u.group_ids", "Its groups.", groups()),
        list("option_ids", "u.option_ids", "Groups that may be chosen beside.", groups()),
    ]);
    environments
}
