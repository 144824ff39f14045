//! Modules as a collection.

use std::collections::HashMap;

use pith_core::error::Result;
use pith_core::plugin::{UnitRow, units_of_domain};
use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Filter, Kind, Lookup, Record, Resource, Scope};
use serde_json::{Value as Json, json};

use super::NAMES;
use crate::content::modulemd::MODULEMD;
use crate::content::package::PACKAGE;
use crate::evr::Nevra;

const ARTIFACTS: &str = "u.artifacts";

/// What identifies a module, with its columns.
const IDENTITY: [(&str, &str, &str, &str); 5] = [
    ("name", "u.name", "The name.", "nodejs"),
    ("stream", "u.stream", "The stream.", "20"),
    ("version", "u.version", "The version, a number.", "9030020231211"),
    ("context", "u.context", "The context it was built in.", "rhel9"),
    ("arch", "u.arch", "The architecture.", "x86_64"),
];

pub(crate) fn modulemds() -> Resource {
    let names = Names {
        model: "Modulemd",
        noun: "module",
        pulp_type: MODULEMD,
        path: "content/rpm/modulemds/",
        operations: "content_rpm_modulemds",
        href_parameter: "rpm_modulemd_href",
        tag: "Content: Modulemds",
        description: "Modules: packages in streams of which one is chosen.",
        ..NAMES
    };
    let mut modulemds = Resource::composed_content(names, "rpm_modulemd", "rpmrepository");
    let text = |(name, column, description, example)| Field::text(name, description, example).column(column);
    modulemds.fields.extend(IDENTITY.map(text).map(Field::required));
    modulemds.fields.extend(fields());
    for (name, column, ..) in IDENTITY {
        modulemds.filters.extend(Filter::text(name, column, &[Lookup::Exact, Lookup::In]));
        modulemds.ordering.push((name, column));
    }
    modulemds.filters.extend(Filter::text("sha256", "u.digest", &[Lookup::Exact]));
    modulemds.ordering.extend([
        ("static_context", "u.static_context"),
        ("artifacts", "u.artifacts"),
        ("dependencies", "u.dependencies"),
        ("profiles", "u.profiles"),
        ("description", "u.description"),
        ("snippet", "u.snippet"),
        ("digest", "u.digest"),
        ("upstream_id", "t.id"),
    ]);
    modulemds.enrich = Some(|scope, conn, records, shown| {
        let wanted = wanted(records, shown);
        if wanted.names.is_empty() {
            return Ok(());
        }
        let equal = [("name", wanted.names), ("release", wanted.releases)];
        let columns: &[&str] = &["name", "epoch", "version", "release", "arch"];
        let found = units_of_domain(scope, conn, PACKAGE, columns, &equal)?;
        add_packages(scope, &found, &wanted.artifacts, shown)
    });
    modulemds
}

fn fields() -> Vec<Field> {
    let package = "/pulp/api/v3/content/rpm/packages/01a1fe65-417b-759b-8cee-a2cea5afd109/";
    vec![
        Field::boolean("static_context", "Whether the context is said by hand, not worked out.", false)
            .nullable()
            .column("u.static_context"),
        Field::any("artifacts", "", "The full names of its packages.", json!(["nodejs-1:20.9.0-1.module+el9.x86_64"]))
            .required()
            .nullable()
            .column(ARTIFACTS),
        Field::any("dependencies", "", "Alternatives, each with the streams that do of other modules.", json!([]))
            .required()
            .nullable()
            .column("u.dependencies"),
        Field::hrefs("packages", "Its packages, as far as they are here; worked out from `artifacts`.", package)
            .shown(&[ARTIFACTS], |_, _, _| json!([]))
            .writable(),
        Field::any("profiles", "", "The packages of each profile.", json!({"common": ["nodejs"]}))
            .required()
            .nullable()
            .column("u.profiles"),
        Field::text("description", "What it is.", "Node.js, a JavaScript runtime.").required().column("u.description"),
        Field::raw_text("snippet", "The document that is published of it.", "document: modulemd\nversion: 2\n…")
            .required()
            .input(),
    ]
}

/// What the packages of some modules are looked up by.
struct WantedPackages {
    /// The artifacts of each module.
    artifacts: Vec<Vec<Nevra>>,
    names: Vec<String>,
    releases: Vec<String>,
}

fn wanted(records: &[Record], shown: &[Json]) -> WantedPackages {
    let artifacts = |(record, shown): (&Record, &Json)| -> Vec<Nevra> {
        let artifacts = shown.get("packages").and_then(|_| record.get::<Json>(ARTIFACTS)).unwrap_or_default();
        let names = artifacts.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Json::as_str);
        names.filter_map(|name| Nevra::parse(name).ok()).collect()
    };
    let artifacts: Vec<Vec<Nevra>> = records.iter().zip(shown).map(artifacts).collect();
    let all = || artifacts.iter().flatten();
    let (names, releases) = (
        distinct(all().map(|nevra| nevra.name.clone()).collect()),
        distinct(all().map(|nevra| nevra.evr.release.clone()).collect()),
    );
    WantedPackages { artifacts, names, releases }
}

fn distinct(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn add_packages(scope: &Scope<'_>, found: &[UnitRow], artifacts: &[Vec<Nevra>], shown: &mut [Json]) -> Result<()> {
    let mut by_name: HashMap<String, Vec<String>> = HashMap::new();
    for row in found {
        let (name, epoch): (String, String) = (row.get(0)?, row.get(1)?);
        let (version, release, arch): (String, String, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let epoch = if epoch.is_empty() { "0" } else { &epoch };
        let href = scope.typed_href(Kind::Content, PACKAGE, row.id);
        by_name.entry(format!("{name}-{epoch}:{version}-{release}.{arch}")).or_default().extend(href);
    }
    for (artifacts, shown) in artifacts.iter().zip(shown) {
        let hrefs = artifacts.iter().filter_map(|nevra| by_name.get(&nevra.to_string())).flatten();
        if let Some(packages) = shown.get_mut("packages") {
            *packages = json!(hrefs.collect::<Vec<_>>());
        }
    }
    Ok(())
}
