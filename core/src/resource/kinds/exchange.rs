//! Exporters, exports, importers and imports.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::super::{Access, Field, Filter, Kind, Operation, Record, Resource, Scope, Target};
use super::{base_fields, identity_filters, ordering};
use crate::auth::policy::Policy;
use crate::db::{Conn, Value};
use crate::error::Result;
use crate::id::Id;

const TASK: &str = "/pulp/api/v3/tasks/01a1fe65-417b-759b-8cee-a2cea5afd109/";
const VERSION: &str = "/pulp/api/v3/repositories/file/file/01a1fe65-ed86-7239-9e42-33410d1bb681/versions/1/";

/// What collections differ in.
struct Names {
    kind: Kind,
    path: &'static str,
    operations: &'static str,
    model: &'static str,
    noun: &'static str,
    tag: &'static str,
    href_parameter: &'static str,
    description: &'static str,
}

fn collection(names: Names, fields: Vec<Field>) -> Resource {
    Resource {
        kind: names.kind,
        noun: names.noun,
        href_parameter: names.href_parameter,
        from: format!("{} t", names.kind.table()),
        fields: base_fields().into_iter().chain(fields).collect(),
        // Whoever exports or imports sees all repositories, and writes to the disk of the server.
        policy: Policy::administrators(),
        description: names.description,
        ..Resource::generic(names.path, names.operations, names.model, names.tag)
    }
}

fn configured(resource: Resource, own: &[(&'static str, &'static str)]) -> Resource {
    let mut filters = Filter::name("name", "t.name");
    filters.extend(identity_filters());
    Resource {
        filters,
        ordering: ordering(own),
        can: vec![
            Operation::List,
            Operation::Create,
            Operation::Read,
            Operation::Update,
            Operation::PartialUpdate,
            Operation::Delete,
        ],
        ..resource
    }
}

/// What was done: made, looked at and forgotten.
fn history(resource: Resource) -> Resource {
    let can = vec![Operation::List, Operation::Create, Operation::Read, Operation::Delete];
    Resource { can, ordering: ordering(&[("task", "t.task_id")]), ..resource }
}

fn task() -> Field {
    Field {
        access: Access::ReadWrite,
        ..Field::href("task", Target::Nothing, "The task that did it.", TASK)
            .nullable()
            .shown(&["t.task_id"], show_task)
    }
}

fn show_task(scope: &Scope<'_>, _: &Resource, record: &Record) -> Json {
    json!(record.get::<Id>("t.task_id").map(|id| format!("{}tasks/{id}/", scope.api)))
}

fn params() -> Field {
    Field::any("params", "", "What the client asked for.", json!({"full": true})).read_only()
}

impl Resource {
    /// What exports repositories.
    pub fn pulp_exporters() -> Self {
        let last = "/pulp/api/v3/exporters/core/pulp/01a2249e-844b-7d60-9d97-0cf3ceaaa55b/exports/01a2249e-d2c7-77ca-9256-05ff088ef9d3/";
        let fields = vec![
            Field::text("name", "A name, unique among all exporters.", "weekly").required(),
            Field::text("path", "The folder of the server into which exports go.", "/srv/exports").required(),
            Field {
                access: Access::ReadWrite,
                ..Field::hrefs("repositories", "The repositories that are exported.", &VERSION[..VERSION.len() - 11])
                    .required()
                    .shown(&[], |_, _, _| json!([]))
            },
            Field {
                access: Access::ReadWrite,
                ..Field::href("last_export", Target::Kind(Kind::Export), "What incremental exports start from.", last)
                    .nullable()
                    .shown(&["t.last_export_id"], |scope, resource, record| {
                        let href = |id: Id| Some(format!("{}exports/{id}/", scope.href(resource, record.id()?)));
                        json!(record.get::<Id>("t.last_export_id").and_then(href))
                    })
            },
        ];
        let names = Names {
            kind: Kind::Exporter,
            path: "exporters/core/pulp/",
            operations: "exporters_core_pulp",
            model: "PulpExporter",
            noun: "exporter",
            tag: "Exporters: Pulp",
            href_parameter: "pulp_exporter_href",
            description: "Exports of repositories, to be imported by other installations.",
        };
        let resource =
            Self { pulp_type: Some("core.pulp"), enrich: Some(add_repositories), ..collection(names, fields) };
        configured(resource, &[("name", "t.name"), ("path", "t.path")])
    }

    /// The exports of an exporter of repositories.
    pub fn pulp_exports() -> Self {
        let mut fields = vec![
            task(),
            exported_resources(),
            params(),
            Field::any(
                "output_file_info",
                "",
                "Checksums of the files.",
                json!({"/srv/exports/export.tar": "eb1c452b"}),
            )
            .read_only(),
            Field::any("toc_info", "", "The table of contents.", json!({"file": "/srv/exports/export-toc.json"}))
                .read_only(),
        ];
        fields.extend(export_fields());
        let names = Names {
            kind: Kind::Export,
            path: "exporters/core/pulp/{}/exports/",
            operations: "exporters_core_pulp_exports",
            model: "PulpExport",
            noun: "export",
            tag: "Exporters: Pulp: Exports",
            href_parameter: "pulp_pulp_export_href",
            description: "What an exporter of repositories has exported.",
        };
        history(Self { enrich: Some(add_exported), ..collection(names, fields) })
    }

    /// What writes publications and versions into folders.
    pub fn filesystem_exporters() -> Self {
        let fields = vec![
            Field::text("name", "A name, unique among all exporters.", "web root").required(),
            Field::text("path", "The folder of the server into which files go.", "/srv/www").required(),
            Field::choice(
                "method",
                &["write", "hardlink", "symlink"],
                "How files get there: as copies, or as links to the files of a local store.",
                "write",
            )
            .named("MethodEnum")
            .default(json!("write")),
        ];
        let names = Names {
            kind: Kind::Exporter,
            path: "exporters/core/filesystem/",
            operations: "exporters_core_filesystem",
            model: "FilesystemExporter",
            noun: "file-system exporter",
            tag: "Exporters: Filesystem",
            href_parameter: "filesystem_exporter_href",
            description: "Exports of publications and versions as plain files.",
        };
        let resource = Self { pulp_type: Some("core.filesystem"), ..collection(names, fields) };
        configured(resource, &[("method", "t.method"), ("name", "t.name"), ("path", "t.path")])
    }

    /// The exports of an exporter into folders.
    pub fn filesystem_exports() -> Self {
        let publication = "/pulp/api/v3/publications/file/file/01a1fe66-0dc3-754d-afcf-063356147a75/";
        let version = Target::Kind(Kind::RepositoryVersion);
        let fields = vec![
            task(),
            exported_resources(),
            params(),
            Field::href("publication", Target::Kind(Kind::Publication), "The publication to export.", publication)
                .input(),
            Field::href("repository_version", version, "The version to export.", VERSION).input(),
            Field::href("start_repository_version", version, "Leave out what this version has.", VERSION).input(),
        ];
        let names = Names {
            kind: Kind::Export,
            path: "exporters/core/filesystem/{}/exports/",
            operations: "exporters_core_filesystem_exports",
            model: "FilesystemExport",
            noun: "file-system export",
            tag: "Exporters: Filesystem: Exports",
            href_parameter: "filesystem_filesystem_export_href",
            description: "What an exporter into folders has exported.",
        };
        history(Self { enrich: Some(add_exported), ..collection(names, fields) })
    }

    /// What imports exports.
    pub fn pulp_importers() -> Self {
        let fields = vec![
            Field::text("name", "A name, unique among all importers.", "from upstairs").required(),
            Field::any(
                "repo_mapping",
                "",
                "Into which repositories those of an export go, by their names; others go into those of their own name.",
                json!({"foo": "bar"}),
            )
            .shown(&[], |_, _, _| json!({}))
            .writable(),
        ];
        let names = Names {
            kind: Kind::Importer,
            path: "importers/core/pulp/",
            operations: "importers_core_pulp",
            model: "PulpImporter",
            noun: "importer",
            tag: "Importers: Pulp",
            href_parameter: "pulp_importer_href",
            description: "Imports of what other installations exported.",
        };
        let resource = Self { enrich: Some(add_mapping), ..collection(names, fields) };
        configured(resource, &[("name", "t.name")])
    }

    /// The imports of an importer.
    pub fn pulp_imports() -> Self {
        let export = "/srv/exports/export-01a2249e-20261129_0003";
        let fields = vec![
            Field { nullable: false, required: true, ..task().read_only() },
            Field { required: true, ..params() },
            Field { example: json!(format!("{export}.tar")), ..Field::text("path", "The tar to import.", "").input() },
            Field {
                example: json!(format!("{export}-toc.json")),
                ..Field::text("toc", "The table of contents of what to import.", "").input()
            },
            Field::boolean("create_repositories", "Make the repositories that are missing.", false)
                .default(json!(false))
                .input(),
        ];
        let names = Names {
            kind: Kind::Import,
            path: "importers/core/pulp/{}/imports/",
            operations: "importers_core_pulp_imports",
            model: "PulpImport",
            noun: "import",
            tag: "Importers: Pulp: Imports",
            href_parameter: "pulp_pulp_import_href",
            description: "What an importer has imported.",
        };
        history(collection(names, fields))
    }
}

fn exported_resources() -> Field {
    Field::hrefs("exported_resources", "What was exported.", VERSION).shown(&[], |_, _, _| json!([]))
}

fn export_fields() -> Vec<Field> {
    let versions = |name, text| Field { access: Access::WriteOnly, ..Field::hrefs(name, text, VERSION) };
    vec![
        Field::boolean("full", "All artifacts, not only those since the last export.", true)
            .default(json!(true))
            .input(),
        Field::boolean("dry_run", "Only tell how much an export would be.", false).default(json!(false)).input(),
        versions("versions", "The versions to export instead of the newest, one of each repository."),
        Field::text(
            "chunk_size",
            "Cut the tar into files of this size: a number with `B`, `KB`, `MB`, `GB` or `TB`.",
            "1GB",
        )
        .input(),
        versions("start_versions", "What an incremental export starts from instead of the last one."),
        Field::any("meta", "", "What to write into the table of contents.", json!({"initiator": "ci"})).input(),
    ]
}

fn put(json: &mut Json, name: &str, value: Json) {
    if let Some(place) = json.get_mut(name) {
        *place = value;
    }
}

fn ids(records: &[Record]) -> Vec<Id> {
    records.iter().filter_map(Record::id).collect()
}

fn add_repositories(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let rows = conn.query(
        "SELECT e.exporter_id, r.pulp_type, r.id FROM exporter_repository e JOIN repository r ON r.id = e.repository_id
         WHERE e.exporter_id = ANY($1) ORDER BY e.position",
        &[Value::Ids(ids(records))],
    )?;
    let mut hrefs: HashMap<Id, Vec<Json>> = HashMap::new();
    for row in rows {
        let href = scope.typed_href(Kind::Repository, &row.get::<String>(1)?, row.get::<Id>(2)?);
        hrefs.entry(row.get(0)?).or_default().push(json!(href));
    }
    for (record, json) in records.iter().zip(shown) {
        let found = record.id().and_then(|id| hrefs.remove(&id)).unwrap_or_default();
        put(json, "repositories", Json::Array(found));
    }
    Ok(())
}

fn add_exported(scope: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let rows = conn.query(
        "SELECT x.export_id, r.pulp_type, r.id, v.number, p.pulp_type, p.id FROM exported_resource x
         LEFT JOIN repository_version v ON v.id = x.repository_version_id
         LEFT JOIN repository r ON r.id = v.repository_id LEFT JOIN publication p ON p.id = x.publication_id
         WHERE x.export_id = ANY($1) ORDER BY x.position",
        &[Value::Ids(ids(records))],
    )?;
    let mut hrefs: HashMap<Id, Vec<Json>> = HashMap::new();
    for row in rows {
        let href = match (row.get::<Option<String>>(1)?, row.get::<Option<String>>(4)?) {
            (Some(pulp_type), _) => {
                let repository = scope.typed_href(Kind::Repository, &pulp_type, row.get::<Id>(2)?);
                let number: i64 = row.get(3)?;
                repository.map(|href| format!("{href}versions/{number}/"))
            }
            (_, Some(pulp_type)) => scope.typed_href(Kind::Publication, &pulp_type, row.get::<Id>(5)?),
            _ => None,
        };
        hrefs.entry(row.get(0)?).or_default().extend(href.map(Json::String));
    }
    for (record, json) in records.iter().zip(shown) {
        let found = record.id().and_then(|id| hrefs.remove(&id)).unwrap_or_default();
        put(json, "exported_resources", Json::Array(found));
    }
    Ok(())
}

fn add_mapping(_: &Scope<'_>, conn: &mut Conn, records: &[Record], shown: &mut [Json]) -> Result<()> {
    let rows = conn.query(
        "SELECT i.importer_id, i.source_name, r.name FROM importer_repository i
         JOIN repository r ON r.id = i.repository_id WHERE i.importer_id = ANY($1) ORDER BY i.source_name",
        &[Value::Ids(ids(records))],
    )?;
    let mut names: HashMap<Id, serde_json::Map<String, Json>> = HashMap::new();
    for row in rows {
        names.entry(row.get(0)?).or_default().insert(row.get(1)?, json!(row.get::<String>(2)?));
    }
    for (record, json) in records.iter().zip(shown) {
        let found = record.id().and_then(|id| names.remove(&id)).unwrap_or_default();
        put(json, "repo_mapping", Json::Object(found));
    }
    Ok(())
}
