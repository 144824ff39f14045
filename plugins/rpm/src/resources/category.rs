//! Categories as a collection.

use pith_core::resource::Resource;
use pith_core::resource::kinds::Names;
use serde_json::json;

use super::NAMES;
use super::group::{carried, list, texts};
use crate::content::category::PACKAGECATEGORY;

pub(crate) fn package_categories() -> Resource {
    let names = Names {
        model: "PackageCategory",
        noun: "package category",
        pulp_type: PACKAGECATEGORY,
        path: "content/rpm/packagecategories/",
        operations: "content_rpm_packagecategories",
        href_parameter: "rpm_package_category_href",
        tag: "Content: Packagecategories",
        description: "Groups of groups of packages.",
        ..NAMES
    };
    let groups = json!([{"name": "core", "default": false}]);
    let mut categories = carried(names, "rpm_packagecategory");
    categories.fields.extend(texts());
    categories.fields.push(list("group_ids", "u.group_ids", "Its groups.", groups));
    categories
}
