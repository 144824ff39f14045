//! Groups of packages.

use pith_core::plugin::{DetailTable, Unit};
use serde_json::{Value as Json, json};

use super::carried::CarriedContent;
use super::columns;
use crate::comps::{Group, GroupPackage, digest, render_group};
use crate::resources;

/// The type of groups.
pub(crate) const PACKAGEGROUP: &str = "rpm.packagegroup";

pub(crate) const CONTENT: CarriedContent = CarriedContent {
    pulp_type: PACKAGEGROUP,
    table: DetailTable {
        name: "rpm_packagegroup",
        columns: &[
            "id",
            "is_default",
            "user_visible",
            "display_order",
            "name",
            "description",
            "packages",
            "biarch_only",
            "desc_by_lang",
            "name_by_lang",
            "digest",
            "snippet",
        ],
        natural_key: &[10],
    },
    resource: resources::group::package_groups,
};

/// The unit of a group. A repository has one of each id.
pub(crate) fn unit(group: &Group) -> Unit {
    let snippet = render_group(group);
    let packages: Vec<Json> = group.packages.iter().map(package).collect();
    let values = vec![
        columns::text(&group.id),
        group.default.into(),
        group.user_visible.into(),
        group.display_order.into(),
        columns::text(&group.texts.name),
        columns::text(&group.texts.description),
        columns::json(&packages),
        group.biarch_only.into(),
        columns::json(&group.texts.desc_by_lang),
        columns::json(&group.texts.name_by_lang),
        digest(&snippet).into(),
        columns::text(&snippet),
    ];
    Unit { columns: values, repo_key: Some(group.id.clone()), files: vec![] }
}

fn package(package: &GroupPackage) -> Json {
    json!({
        "name": package.name,
        "type": package.kind.number(),
        "requires": Some(&package.requires).filter(|requires| !requires.is_empty()),
        "basearchonly": Some(true).filter(|_| package.basearch_only),
    })
}

#[cfg(test)]
mod tests {
    use pith_core::plugin::Value;

    use super::*;
    use crate::comps::GroupPackageKind;

    #[test]
    fn packages_are_shown_as_libcomps_numbers_them() {
        let package = |name: &str, kind, requires: &str| GroupPackage {
            name: name.into(),
            kind,
            requires: requires.into(),
            basearch_only: !requires.is_empty(),
        };
        let packages = vec![
            package("bear", GroupPackageKind::Mandatory, ""),
            package("cat", GroupPackageKind::Conditional, "bear"),
        ];
        let unit = unit(&Group { id: "mammals".into(), packages, ..Default::default() });
        assert_eq!(unit.repo_key.as_deref(), Some("mammals"));
        assert_eq!(unit.columns.len(), CONTENT.table.columns.len());
        let expected = json!([
            {"name": "bear", "type": 3, "requires": null, "basearchonly": null},
            {"name": "cat", "type": 2, "requires": "bear", "basearchonly": true},
        ]);
        assert_eq!(unit.columns[6], Value::Json(expected));
        assert_eq!(unit.columns[3], Value::Null);
    }
}
