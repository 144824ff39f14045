//! Defaults of modules as a collection.

use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Filter, Lookup, Resource};
use serde_json::json;

use super::NAMES;
use crate::content::defaults::MODULEMD_DEFAULTS;

pub(crate) fn modulemd_defaults() -> Resource {
    let names = Names {
        model: "ModulemdDefaults",
        noun: "default of a module",
        pulp_type: MODULEMD_DEFAULTS,
        path: "content/rpm/modulemd_defaults/",
        operations: "content_rpm_modulemd_defaults",
        href_parameter: "rpm_modulemd_defaults_href",
        tag: "Content: Modulemd_Defaults",
        description: "Which streams and profiles of modules are chosen unless somebody says otherwise.",
        ..NAMES
    };
    let mut defaults = Resource::composed_content(names, "rpm_modulemd_defaults", "rpmrepository");
    defaults.fields.extend([
        Field::text("module", "The module.", "nodejs").required().column("u.module"),
        Field::text("stream", "Its default stream.", "20").required().column("u.stream"),
        Field::any("profiles", "", "The default profiles of each stream.", json!({"20": ["common"]}))
            .required()
            .column("u.profiles"),
        Field::raw_text(
            "snippet",
            "The document that is published of it.",
            "document: modulemd-defaults\nversion: 1\n…",
        )
        .required()
        .input(),
    ]);
    for (name, column) in [("module", "u.module"), ("stream", "u.stream")] {
        defaults.filters.extend(Filter::text(name, column, &[Lookup::Exact, Lookup::In]));
        defaults.ordering.push((name, column));
    }
    defaults.filters.extend(Filter::text("sha256", "u.digest", &[Lookup::Exact]));
    defaults.ordering.extend([
        ("profiles", "u.profiles"),
        ("snippet", "u.snippet"),
        ("digest", "u.digest"),
        ("upstream_id", "t.id"),
    ]);
    defaults
}
