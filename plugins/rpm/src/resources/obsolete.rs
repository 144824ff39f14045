//! Obsoletes of modules as a collection.

use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Resource};

use super::NAMES;
use crate::content::obsolete::MODULEMD_OBSOLETE;

/// What each says, with its columns.
const SAID: [(&str, &str, &str, &str); 4] = [
    ("modified", "u.modified", "When this was said.", "2024-01-02T03:04Z"),
    ("module_name", "u.module_name", "The module.", "nodejs"),
    ("module_stream", "u.module_stream", "The stream that has come to its end.", "18"),
    ("message", "u.message", "What users are told.", "Node.js 18 is no longer maintained."),
];

/// What it may say.
const OPTIONAL: [(&str, &str, &str, &str); 5] = [
    ("override_previous", "u.override_previous", "`True` where all that was said before is void.", "True"),
    ("module_context", "u.module_context", "The context that it is about; nothing for all.", "rhel9"),
    ("eol_date", "u.eol_date", "When the stream comes to its end.", "2025-04-30T00:00Z"),
    ("obsoleted_by_module_name", "u.obsoleted_by_module_name", "The module to use instead.", "nodejs"),
    ("obsoleted_by_module_stream", "u.obsoleted_by_module_stream", "The stream to use instead.", "20"),
];

pub(crate) fn modulemd_obsoletes() -> Resource {
    let names = Names {
        model: "ModulemdObsolete",
        noun: "obsolete of a module",
        pulp_type: MODULEMD_OBSOLETE,
        path: "content/rpm/modulemd_obsoletes/",
        operations: "content_rpm_modulemd_obsoletes",
        href_parameter: "rpm_modulemd_obsolete_href",
        tag: "Content: Modulemd_Obsoletes",
        description: "Streams of modules that have come to their end.",
        ..NAMES
    };
    let mut obsoletes = Resource::composed_content(names, "rpm_modulemd_obsolete", "rpmrepository");
    let text = |(name, column, description, example)| Field::text(name, description, example).column(column);
    obsoletes.fields.extend(SAID.map(text).map(Field::required));
    obsoletes.fields.extend(OPTIONAL.map(text).map(Field::required).map(Field::nullable));
    obsoletes.fields.push(
        Field::raw_text(
            "snippet",
            "The document that is published of it.",
            "document: modulemd-obsoletes\nversion: 1\n…",
        )
        .required()
        .input(),
    );
    obsoletes.ordering = vec![("pk", "t.id")];
    obsoletes
}
