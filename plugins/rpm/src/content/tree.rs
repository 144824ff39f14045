//! Installable trees: what a treeinfo file says, with the files that belong to the tree.

use std::collections::HashMap;

use pith_core::plugin::{DetailTable, Unit, UnitFile};
use serde_json::{Value as Json, json};

use super::carried::CarriedContent;
use super::columns;
use crate::resources;
use crate::treeinfo::{Addon, Image, Moved, Treeinfo, Variant, packages_below};

/// The type of trees.
pub(crate) const DISTRIBUTION_TREE: &str = "rpm.distribution_tree";

/// A version has one tree: adding another takes the place of the one before.
pub(crate) const ONLY: &str = "distribution_tree";

pub(crate) const CONTENT: CarriedContent = CarriedContent {
    pulp_type: DISTRIBUTION_TREE,
    table: DetailTable {
        name: "rpm_distribution_tree",
        columns: &[
            "header_version",
            "release_name",
            "release_short",
            "release_version",
            "release_is_layered",
            "base_product_name",
            "base_product_short",
            "base_product_version",
            "arch",
            "build_timestamp",
            "instimage",
            "mainimage",
            "discnum",
            "totaldiscs",
            "addons",
            "checksums",
            "images",
            "variants",
            "digest",
        ],
        natural_key: &[18],
    },
    resource: resources::tree::distribution_trees,
};

/// The unit of a tree. `files` are the treeinfo file itself and those that belong to the tree; `moved` is where
/// variants and addons are published, by their sections; `digest` stands for the treeinfo file and for what these hold.
pub(crate) fn unit(tree: &Treeinfo, moved: &HashMap<String, Moved>, files: Vec<UnitFile>, digest: &str) -> Unit {
    let packages = |section: &str, packages: &str| match moved.get(section) {
        Some(Moved::Folder(folder)) => packages_below(folder),
        Some(Moved::Root) | None => packages.to_owned(),
    };
    let checksum = |(path, checksum): &(String, crate::checksum::Checksum)| json!({"path": path, "checksum": format!("{}:{}", checksum.kind(), checksum.value())});
    let values = vec![
        columns::text(&tree.header_version),
        columns::text(&tree.release_name),
        columns::text(&tree.release_short),
        columns::text(&tree.release_version),
        tree.release_is_layered.into(),
        columns::optional(&tree.base_product_name),
        columns::optional(&tree.base_product_short),
        columns::optional(&tree.base_product_version),
        columns::text(&tree.arch),
        tree.build_timestamp.into(),
        columns::optional(&tree.instimage),
        columns::optional(&tree.mainimage),
        tree.discnum.into(),
        tree.totaldiscs.into(),
        columns::json(
            &tree.addons.iter().map(|one| addon(one, &packages(&one.section, &one.packages))).collect::<Vec<_>>(),
        ),
        columns::json(&tree.checksums.iter().map(checksum).collect::<Vec<_>>()),
        columns::json(&tree.images.iter().map(image).collect::<Vec<_>>()),
        columns::json(
            &tree.variants.iter().map(|one| variant(one, &packages(&one.section, &one.packages))).collect::<Vec<_>>(),
        ),
        digest.into(),
    ];
    Unit { columns: values, repo_key: Some(ONLY.to_owned()), files }
}

fn addon(addon: &Addon, packages: &str) -> Json {
    json!({
        "addon_id": addon.id,
        "uid": addon.uid,
        "name": addon.name,
        "type": addon.kind,
        "packages": packages,
    })
}

fn variant(variant: &Variant, packages: &str) -> Json {
    let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "variant_id": variant.id,
        "uid": variant.uid,
        "name": variant.name,
        "type": variant.kind,
        "packages": packages,
        "source_packages": optional(&variant.source_packages),
        "source_repository": optional(&variant.source_repository),
        "debug_packages": optional(&variant.debug_packages),
        "debug_repository": optional(&variant.debug_repository),
        "identity": optional(&variant.identity),
    })
}

fn image(image: &Image) -> Json {
    json!({"name": image.name, "path": image.path, "platforms": image.platforms.join(", ")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_told_as_the_api_shows_it() {
        let sum = "ab".repeat(32);
        let text = format!(
            "[header]\ntype = productmd.treeinfo\nversion = 1.2\n[release]\nname = Test\nshort = T\nversion = 9\n\
             [tree]\narch = x86_64\nbuild_timestamp = 1.5\n[images-x86_64]\nkernel = images/vmlinuz\n\
             [images-xen]\nkernel = images/vmlinuz\n[checksums]\nimages/vmlinuz = sha256:{sum}\n\
             [variant-BaseOS]\nid = BaseOS\nuid = BaseOS\nname = BaseOS\ntype = variant\nrepository = .\n\
             packages = Packages\n[addon-HA]\nid = HA\nrepository = ../elsewhere\n"
        );
        let tree = Treeinfo::parse(text.as_bytes()).unwrap();
        let moved = [("addon-HA".to_owned(), Moved::Folder("HA".to_owned()))].into();
        let unit = unit(&tree, &moved, vec![], "digest");
        assert_eq!(unit.columns.len(), CONTENT.table.columns.len());
        let at = |name: &str| {
            let at = CONTENT.table.columns.iter().position(|column| *column == name).unwrap();
            match &unit.columns[at] {
                pith_core::plugin::Value::Json(value) => value.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(at("images"), json!([{"name": "kernel", "path": "images/vmlinuz", "platforms": "x86_64, xen"}]));
        assert_eq!(at("checksums"), json!([{"path": "images/vmlinuz", "checksum": format!("sha256:{sum}")}]));
        assert_eq!(at("variants")[0]["packages"], json!("Packages"));
        assert_eq!(at("addons")[0]["packages"], json!("HA/Packages"));
    }
}
