//! Installable trees as a collection.

use pith_core::resource::kinds::{Names, shown_artifacts};
use pith_core::resource::{Field, Record, Resource, Wire};
use serde_json::{Value as Json, json};

use super::NAMES;
use crate::content::tree::DISTRIBUTION_TREE;

/// Texts, with their columns.
const TEXTS: [(&str, &str, &str, &str); 5] = [
    ("header_version", "u.header_version", "The version of the treeinfo format.", "1.2"),
    ("release_name", "u.release_name", "The release.", "Fedora"),
    ("release_short", "u.release_short", "The release in short.", "Fedora"),
    ("release_version", "u.release_version", "The version of the release.", "40"),
    ("arch", "u.arch", "The architecture.", "x86_64"),
];

/// Texts that may be null.
const OPTIONAL: [(&str, &str, &str, &str); 5] = [
    ("base_product_name", "u.base_product_name", "What a layered release is laid on.", "Fedora"),
    ("base_product_short", "u.base_product_short", "That in short.", "Fedora"),
    ("base_product_version", "u.base_product_version", "The version of that.", "40"),
    ("instimage", "u.instimage", "The path of the image of the second stage.", "images/install.img"),
    ("mainimage", "u.mainimage", "The path of the main image of the second stage.", "images/install.img"),
];

pub(crate) fn distribution_trees() -> Resource {
    let names = Names {
        model: "DistributionTree",
        noun: "distribution tree",
        pulp_type: DISTRIBUTION_TREE,
        path: "content/rpm/distribution_trees/",
        operations: "content_rpm_distribution_trees",
        href_parameter: "rpm_distribution_tree_href",
        tag: "Content: Distribution_Trees",
        description: "Trees that systems are installed from.",
        ..NAMES
    };
    let mut trees = super::group::carried(names, "rpm_distribution_tree");
    trees.fields.retain(|field| ["pulp_href", "prn"].contains(&field.name));
    let text =
        |(name, column, description, example)| Field::text(name, description, example).column(column).read_only();
    let number = |name, column, description| Field::integer(name, None, description, 1).nullable().column(column);
    trees.fields.extend(TEXTS.map(text));
    trees.fields.extend(OPTIONAL.map(text).map(Field::nullable));
    trees.fields.extend([
        Field::boolean("release_is_layered", "Whether the release is laid on another.", false)
            .column("u.release_is_layered")
            .read_only(),
        Field {
            wire: Wire::Number { least: None },
            ..Field::number("build_timestamp", 0.0, "When it was built, in seconds of the epoch.", 1_700_000_000.0)
        }
        .column("u.build_timestamp")
        .read_only(),
        number("discnum", "u.discnum", "The number of the disc.").read_only(),
        number("totaldiscs", "u.totaldiscs", "How many discs there are.").read_only(),
    ]);
    trees.fields.extend(parts());
    trees.enrich = Some(|scope, conn, records, shown| {
        for (record, shown) in records.iter().zip(shown) {
            let (Some(id), Some(Json::Array(images))) = (record.id(), shown.get_mut("images")) else { continue };
            let artifacts = shown_artifacts(scope, conn, id)?;
            for image in images {
                let artifact = image["path"].as_str().and_then(|path| artifacts.get(path));
                image["artifact"] = json!(artifact);
            }
        }
        Ok(())
    });
    trees
}

/// What a tree is made of.
fn parts() -> Vec<Field> {
    let addon = json!([{
        "addon_id": "HighAvailability", "uid": "Server-HighAvailability", "name": "HighAvailability", "type": "addon",
        "packages": "addons/HighAvailability",
    }]);
    let variant = json!([{
        "variant_id": "BaseOS", "uid": "BaseOS", "name": "BaseOS", "type": "variant", "packages": "BaseOS/Packages",
        "source_packages": null, "source_repository": null, "debug_packages": null, "debug_repository": null,
        "identity": null,
    }]);
    let checksum = json!([{"path": "images/pxeboot/vmlinuz", "checksum": "sha256:0dc7ddc5…"}]);
    let image = json!([{
        "name": "kernel", "path": "images/pxeboot/vmlinuz", "platforms": "x86_64, xen", "artifact": null,
    }]);
    vec![
        Field::any("addons", "Addon", "Addons of its variants.", addon)
            .shown(&["u.addons"], |_, _, record| shown(record, "u.addons")),
        Field::any("checksums", "Checksum", "Checksums of its files.", checksum).column("u.checksums").read_only(),
        Field::any("images", "Image", "Files to boot from.", image).column("u.images").read_only(),
        Field::any("variants", "Variant", "Its variants.", variant)
            .shown(&["u.variants"], |_, _, record| shown(record, "u.variants")),
    ]
}

/// Without what was once kept beside it.
fn shown(record: &Record, column: &str) -> Json {
    let mut list = record.get::<Json>(column).unwrap_or_else(|| json!([]));
    for part in list.as_array_mut().into_iter().flatten() {
        part.as_object_mut().map(|part| part.remove("repository"));
    }
    list
}
