//! Categories: groups of groups.

use pith_core::plugin::{DetailTable, Unit};
use serde_json::{Value as Json, json};

use super::carried::CarriedContent;
use super::columns;
use crate::comps::{Category, GroupId, digest, render_category};
use crate::resources;

/// The type of categories.
pub(crate) const PACKAGECATEGORY: &str = "rpm.packagecategory";

pub(crate) const CONTENT: CarriedContent = CarriedContent {
    pulp_type: PACKAGECATEGORY,
    table: DetailTable {
        name: "rpm_packagecategory",
        columns: &[
            "id",
            "name",
            "description",
            "display_order",
            "group_ids",
            "desc_by_lang",
            "name_by_lang",
            "digest",
            "snippet",
        ],
        natural_key: &[7],
    },
    resource: resources::category::package_categories,
};

/// The unit of a category. A repository has one of each id.
pub(crate) fn unit(category: &Category) -> Unit {
    let snippet = render_category(category);
    let values = vec![
        columns::text(&category.id),
        columns::text(&category.texts.name),
        columns::text(&category.texts.description),
        category.display_order.into(),
        columns::json(&group_ids(&category.group_ids)),
        columns::json(&category.texts.desc_by_lang),
        columns::json(&category.texts.name_by_lang),
        digest(&snippet).into(),
        columns::text(&snippet),
    ];
    Unit { columns: values, repo_key: Some(category.id.clone()), files: vec![] }
}

/// The ids of groups as the API shows them.
pub(super) fn group_ids(ids: &[GroupId]) -> Vec<Json> {
    ids.iter().map(|id| json!({"name": id.name, "default": id.default})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_categories_are_one_unit() {
        let category = Category {
            id: "all".into(),
            display_order: Some(99),
            group_ids: vec![GroupId { name: "birds".into(), default: false }],
            ..Default::default()
        };
        let one = unit(&category);
        assert_eq!(one.columns.len(), CONTENT.table.columns.len());
        assert_eq!(one.columns[4], json!([{"name": "birds", "default": false}]).into());
        assert_eq!(one, unit(&category.clone()));
        let other = unit(&Category { display_order: None, ..category });
        assert_ne!(one.columns[7], other.columns[7]);
        assert_eq!(one.repo_key, other.repo_key);
    }
}
