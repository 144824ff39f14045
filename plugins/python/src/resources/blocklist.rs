//! What a repository does not take: entries below it.

use pith_core::resource::kinds::{Names, PartOf};
use pith_core::resource::{Draft, Errors, Field, Filter, Lookup, Resource};
use serde_json::{Value as Json, json};

use super::NAMES;
use crate::blocklist::BlocklistEntry;

/// The model of the entries.
pub(crate) const MODEL: &str = "PythonBlocklistEntry";

const COLUMNS: [(&str, &str); 3] =
    [("name", "(t.fields->>'name')"), ("version", "(t.fields->>'version')"), ("filename", "(t.fields->>'filename')")];

pub(super) fn entries() -> Resource {
    let names = Names {
        model: MODEL,
        noun: "blocklist entry",
        path: "repositories/python/python/{}/blocklist_entries/",
        operations: "repositories_python_python_blocklist_entries",
        href_parameter: "python_python_python_blocklist_entry_href",
        tag: "Repositories: Python Blocklist_Entries",
        description: "Packages that a repository does not take.",
        ..NAMES
    };
    let text = |name, description, example| Field::text(name, description, example).nullable().default(json!(null));
    let fields = vec![
        text("name", "The project all of whose releases, or the given one, are blocked.", "shelf-reader"),
        text("version", "The one release of the project that is blocked.", "0.1"),
        text("filename", "The one file that is blocked.", "shelf-reader-0.1.tar.gz"),
    ];
    let fields = fields.into_iter().zip(COLUMNS).map(|(field, (_, column))| field.column(column)).collect();
    let of = PartOf { check };
    let mut entries = Resource::part(names, "PythonRepository", of, fields);
    let [name, version, filename] = COLUMNS;
    for (name, column) in [name, version, filename] {
        entries.filters.extend(Filter::text(name, column, &[Lookup::Exact]));
    }
    entries.filters.extend(Filter::text(version.0, version.1, &[Lookup::Isnull]));
    entries.ordering.extend(COLUMNS);
    entries
}

/// The entry that the fields of a part make.
pub(crate) fn entry(fields: &Json) -> Option<BlocklistEntry> {
    let text = |name: &str| fields.get(name).and_then(Json::as_str);
    BlocklistEntry::parse(text("name"), text("version"), text("filename")).ok()
}

/// Clients read the ends of the sentences on what exists already.
fn check(draft: &mut Draft, others: &[Json], errors: &mut Errors) {
    let text = |name: &str| draft.get(name).and_then(Json::as_str);
    let made = match BlocklistEntry::parse(text("name"), text("version"), text("filename")) {
        Ok(made) => made,
        Err(wrong) => {
            match wrong.field() {
                Some(field) => errors.add(field, wrong.to_string()),
                None => errors.non_field(wrong.to_string()),
            }
            return;
        }
    };
    if others.iter().filter_map(entry).any(|other| other == made) {
        errors.non_field(match made {
            BlocklistEntry::File { .. } => "A blocklist entry with this filename already exists.",
            _ => "A blocklist entry with this name and version already exists.",
        });
    }
    if let BlocklistEntry::Project { name } | BlocklistEntry::Release { name, .. } = made {
        draft.insert("name".into(), json!(name));
    }
}
