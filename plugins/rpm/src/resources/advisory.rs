//! Advisories as a collection.

use pith_core::error::Result;
use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Filter, Lookup, Record, Resource};
use serde_json::{Value as Json, json};

use super::NAMES;
use crate::content::advisory::{ADVISORY, read};
use crate::updateinfo::{Advisory, AdvisoryPackage, Collection, Module, Reference};

const SNIPPET: &str = "u.snippet";

/// Texts, with their columns.
const TEXTS: [(&str, &str, &str, &str); 15] = [
    ("id", "u.id", "The id.", "RHSA-2024:0001"),
    ("updated_date", "u.updated_date", "When it was last changed.", "2024-01-02 03:04:05"),
    ("description", "u.description", "What was wrong, at length.", "A flaw was found in bash."),
    ("issued_date", "u.issued_date", "When it was issued.", "2024-01-02 03:04:05"),
    ("fromstr", "u.fromstr", "Who issued it.", "release@example.org"),
    ("status", "u.status", "Its status.", "final"),
    ("title", "u.title", "What it is about, in one line.", "Important: bash security update"),
    ("summary", "u.summary", "What it is about, in short.", "An update for bash is available."),
    ("version", "u.version", "The version of the advisory itself.", "1"),
    ("type", "u.type", "Its kind: `security`, `bugfix`, `enhancement`, `newpackage` or another.", "security"),
    ("severity", "u.severity", "How grave it is.", "Important"),
    ("solution", "u.solution", "What to do.", "Update the packages."),
    ("release", "u.release", "The release of the advisory itself.", "1"),
    ("rights", "u.rights", "Whose text it is.", "Copyright 2024 Example"),
    ("pushcount", "u.pushcount", "How often it was pushed out.", "1"),
];

pub(crate) fn advisories() -> Resource {
    let names = Names {
        model: "UpdateRecord",
        noun: "advisory",
        pulp_type: ADVISORY,
        path: "content/rpm/advisories/",
        operations: "content_rpm_advisories",
        href_parameter: "rpm_update_record_href",
        tag: "Content: Advisories",
        description: "Why packages were updated.",
        ..NAMES
    };
    let mut advisories = Resource::plain_content(names, "rpm_advisory", "rpmrepository");
    let text = |(name, column, description, example)| Field::text(name, description, example).column(column);
    advisories.fields.extend(TEXTS.map(text).map(Field::read_only));
    advisories.fields.extend([
        Field::boolean("reboot_suggested", "Whether the machine is to be started anew.", false)
            .column("u.reboot_suggested")
            .read_only(),
        // Both are read at once when the row is complete.
        Field::any("pkglist", "rpm.UpdateCollection", "The packages, in collections.", collection_example())
            .shown(&[SNIPPET], |_, _, _| json!([])),
        Field::any("references", "", "What to read about it.", json!([reference(&Reference::default())]))
            .shown(&[SNIPPET], |_, _, _| json!([])),
    ]);
    advisories.enrich =
        Some(|_, _, records, shown| records.iter().zip(shown).try_for_each(|(record, shown)| complete(record, shown)));
    advisories.filters.extend(filters());
    advisories.ordering.extend(TEXTS.iter().map(|(name, column, ..)| (*name, *column)));
    advisories.ordering.extend([
        ("reboot_suggested", "u.reboot_suggested"),
        ("digest", "u.digest"),
        ("upstream_id", "t.id"),
    ]);
    advisories
}

fn filters() -> Vec<Filter> {
    use Lookup::{Exact, In, Ne};
    let mut filters = Filter::text("id", "u.id", &[Exact, In]);
    filters.extend(Filter::text("status", "u.status", &[Exact, In, Ne]));
    filters.extend(Filter::text("severity", "u.severity", &[Exact, In, Ne]));
    filters.extend(Filter::text("type", "u.type", &[Exact, In, Ne]));
    filters
}

fn complete(record: &Record, shown: &mut Json) -> Result<()> {
    let Some(snippet) = record.get::<String>(SNIPPET) else { return Ok(()) };
    let Advisory { collections, references, .. } = read(&snippet)?;
    if let Some(pkglist) = shown.get_mut("pkglist") {
        *pkglist = collections.iter().map(collection).collect();
    }
    if let Some(list) = shown.get_mut("references") {
        *list = references.iter().map(reference).collect();
    }
    Ok(())
}

fn collection_example() -> Json {
    let packages = vec![AdvisoryPackage::default()];
    json!([collection(&Collection { packages, ..Collection::default() })])
}

fn collection(collection: &Collection) -> Json {
    json!({
        "name": collection.name,
        "shortname": collection.shortname,
        "module": collection.module.as_ref().map(module),
        "packages": collection.packages.iter().map(package).collect::<Vec<_>>(),
    })
}

fn module(module: &Module) -> Json {
    json!({
        "name": module.name,
        "stream": module.stream,
        "version": module.version,
        "context": module.context,
        "arch": module.arch,
    })
}

fn package(package: &AdvisoryPackage) -> Json {
    json!({
        "arch": package.arch,
        "epoch": package.epoch,
        "filename": package.filename,
        "name": package.name,
        "reboot_suggested": package.reboot_suggested,
        "relogin_suggested": package.relogin_suggested,
        "restart_suggested": package.restart_suggested,
        "release": package.release,
        "src": package.src,
        "sum": package.sum,
        "sum_type": if package.sum_type.is_empty() { "unknown" } else { &package.sum_type },
        "version": package.version,
    })
}

fn reference(reference: &Reference) -> Json {
    json!({
        "href": reference.href,
        "ref_id": reference.id,
        "title": reference.title,
        "ref_type": reference.kind,
    })
}
