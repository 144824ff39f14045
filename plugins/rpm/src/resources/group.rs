//! Groups of packages as a collection, and what all of `comps.xml` has in common.

use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Resource};
use serde_json::{Value as Json, json};

use super::NAMES;
use crate::content::group::PACKAGEGROUP;

pub(crate) fn package_groups() -> Resource {
    let names = Names {
        model: "PackageGroup",
        noun: "package group",
        pulp_type: PACKAGEGROUP,
        path: "content/rpm/packagegroups/",
        operations: "content_rpm_packagegroups",
        href_parameter: "rpm_package_group_href",
        tag: "Content: Packagegroups",
        description: "Packages that are installed together.",
        ..NAMES
    };
    let package = json!([{"name": "bash", "type": 3, "requires": null, "basearchonly": null}]);
    let mut groups = carried(names, "rpm_packagegroup");
    groups.fields.extend(texts());
    groups.fields.extend([
        flag("default", "u.is_default", "Whether it is chosen unless somebody says no."),
        flag("user_visible", "u.user_visible", "Whether users are shown it."),
        flag("biarch_only", "u.biarch_only", "Whether it is for machines with two architectures only."),
        list("packages", "u.packages", "Its packages, each with the number of its kind.", package),
    ]);
    groups
}

/// Units that clients do not make and that are ordered by nothing but their ids.
pub(super) fn carried(names: Names, table: &str) -> Resource {
    let resource = Resource::plain_content(names, table, "rpmrepository").not_created();
    Resource { ordering: vec![("pk", "t.id")], ..resource }
}

/// The fields of what has a name and a description in some languages.
pub(super) fn texts() -> Vec<Field> {
    let text = |name, column, description, example| Field::text(name, description, example).column(column).read_only();
    let by_lang = |name, column, description, example: Json| list(name, column, description, example);
    vec![
        text("id", "u.id", "The id.", "core"),
        text("name", "u.name", "The name.", "Core"),
        text("description", "u.description", "The description.", "The least that a system needs."),
        Field::integer("display_order", None, "Its place among those that are shown.", 1024)
            .nullable()
            .column("u.display_order")
            .read_only(),
        by_lang("name_by_lang", "u.name_by_lang", "The name by language.", json!({"de": "Kern"})),
        by_lang("desc_by_lang", "u.desc_by_lang", "The description by language.", json!({"de": "Das Nötigste."})),
        digest(),
    ]
}

/// The digest of a unit.
pub(super) fn digest() -> Field {
    let text = "The SHA-256 of the element that is published.";
    Field::text("digest", text, "30d5eb14fd3e0f02").column("u.digest").read_only()
}

fn flag(name: &'static str, column: &'static str, description: &'static str) -> Field {
    Field::boolean(name, description, false).column(column).read_only()
}

/// A list or a map.
pub(super) fn list(name: &'static str, column: &'static str, description: &'static str, example: Json) -> Field {
    Field::any(name, "", description, example).column(column).read_only()
}
