//! The operations below `/pypi/<base_path>/`, under the names that the reference's description gives them.

use pith_core::plugin::{FaceDoc, FaceMethod, FaceOperation, Slash};
use pith_core::resource::Field;
use serde_json::json;

use super::upload::{FILE_TYPES, METADATA_VERSIONS};

pub fn all() -> Vec<FaceOperation> {
    let mut all = vec![
        read("pypi_read", "", "Pypi", "Show how many projects, releases and files an index has"),
        read("pypi_simple_read", "simple/", "Pypi: Simple", "List the projects of an index"),
        read("pypi_simple_package_read", "simple/{package}/", "Pypi: Simple", "List the files of a project"),
        read("pypi_pypi_read", "pypi/{meta}/", "Pypi: Metadata", "Show the metadata of a project"),
        read(
            "pypi_integrity_provenance_read",
            "integrity/{package}/{version}/{filename}/provenance/",
            "Pypi: Provenance",
            "Show where a file comes from",
        ),
        read("pypi_rss_updates.xml_updates", "rss/updates.xml", "Pypi: Updates.Xml", "Feed of the newest releases"),
        read("pypi_rss_packages.xml_packages", "rss/packages.xml", "Pypi: Packages.Xml", "Feed of the newest projects"),
        read(
            "pypi_rss_project_releases.xml_project_releases",
            "rss/project/{package}/releases.xml",
            "Pypi: Project Releases.Xml",
            "Feed of a project's newest releases",
        ),
        upload("pypi_legacy_create", "legacy/", "Pypi: Legacy"),
        upload("pypi_simple_create", "simple/", "Pypi: Simple"),
        change("pypi_yank_yank", "yank/", "Pypi: Yank", "Yank a release"),
        change("pypi_unyank_unyank", "unyank/", "Pypi: Unyank", "Take back that a release was yanked"),
    ];
    for operation in &mut all {
        complete(operation);
    }
    all
}

fn read(id: &'static str, path: &'static str, tag: &'static str, summary: &'static str) -> FaceOperation {
    let doc = FaceDoc { tag, summary, answers: vec![(200, None)], ..FaceDoc::default() };
    let method = FaceMethod::Get;
    let (group, action) = policy(id);
    FaceOperation { id, method, group, action, path, routes: &[], slash: Slash::Optional, on_content_face: false, doc }
}

/// The access policy of an operation, below `pypi/`, and how it is called there.
fn policy(id: &str) -> (&'static str, &'static str) {
    match id {
        "pypi_simple_read" => ("simple", "list"),
        "pypi_simple_package_read" => ("simple", "retrieve"),
        "pypi_simple_create" => ("simple", "create"),
        "pypi_legacy_create" => ("legacy", "create"),
        "pypi_pypi_read" => ("pypi", "retrieve"),
        "pypi_integrity_provenance_read" => ("integrity", "retrieve"),
        "pypi_rss_updates.xml_updates" => ("rss", "updates"),
        "pypi_rss_packages.xml_packages" => ("rss", "packages"),
        "pypi_rss_project_releases.xml_project_releases" => ("rss", "project_releases"),
        "pypi_yank_yank" => ("yank", "yank"),
        "pypi_unyank_unyank" => ("yank", "unyank"),
        _ => ("root", "retrieve"),
    }
}

/// What differs from an ordinary read.
fn complete(operation: &mut FaceOperation) {
    match operation.id {
        "pypi_read" => operation.doc.answers = vec![(200, Some(("SummaryResponse", summary_fields())))],
        "pypi_simple_read" | "pypi_simple_package_read" => {
            // Links on these pages are relative in the clients' eyes.
            operation.slash = Slash::Redirected;
            operation.on_content_face = true;
            operation.doc.query =
                vec![("format", &["html", "json"], "In which format, whatever the `Accept` header says.")];
        }
        "pypi_pypi_read" => {
            operation.routes = &["pypi/{package}/json/", "pypi/{package}/{version}/json/"];
            operation.on_content_face = true;
            operation.doc.answers = vec![(200, Some(("PackageMetadataResponse", metadata_fields())))];
        }
        _ => {}
    }
}

fn upload(id: &'static str, path: &'static str, tag: &'static str) -> FaceOperation {
    let doc = FaceDoc {
        tag,
        summary: "Upload a package",
        body: Some(("PackageUpload", upload_fields())),
        answers: vec![(200, Some(("PackageUploadTaskResponse", task_fields())))],
        file: Some("content"),
        ..FaceDoc::default()
    };
    write(id, path, doc)
}

fn change(id: &'static str, path: &'static str, tag: &'static str, summary: &'static str) -> FaceOperation {
    let body = Some(("Yank", yank_fields()));
    write(id, path, FaceDoc { tag, summary, body, answers: vec![(202, None)], ..FaceDoc::default() })
}

fn write(id: &'static str, path: &'static str, doc: FaceDoc) -> FaceOperation {
    let method = FaceMethod::Post;
    let (group, action) = policy(id);
    FaceOperation { id, method, group, action, path, routes: &[], slash: Slash::Optional, on_content_face: false, doc }
}

/// The fields of an upload, beside its file, that are looked at.
pub fn upload_fields() -> Vec<Field> {
    let mut content = Field::file("The file of a package.").required();
    content.name = "content";
    vec![
        content,
        Field::text("action", "What is done; there is only one thing.", "file_upload")
            .default(json!("file_upload"))
            .input(),
        Field::text("sha256_digest", "The SHA-256 of the file, which must be right.", "").required().input(),
        Field::choice("protocol_version", &["1"], "The version of the protocol.", "1")
            .named("ProtocolVersionEnum")
            .input(),
        Field::choice("filetype", FILE_TYPES, "The type of the package, which must be right.", "bdist_wheel")
            .named("FiletypeEnum")
            .input(),
        Field::choice("metadata_version", METADATA_VERSIONS, "The version of its metadata.", "2.1")
            .named("MetadataVersionEnum")
            .input(),
        Field::any("attestations", "", "Attestations of the file (PEP 740), as a list in JSON.", json!(null)).input(),
    ]
}

pub fn yank_fields() -> Vec<Field> {
    vec![
        Field::text("name", "The project.", "shelf-reader").required().input(),
        Field::text("version", "The release.", "0.1").required().input(),
        Field::text("yanked_reason", "Why.", "broken").blank().default(json!("")).input(),
    ]
}

fn summary_fields() -> Vec<Field> {
    let count = |name, what| Field::integer(name, None, what, 2);
    vec![
        count("projects", "How many projects there are."),
        count("releases", "How many releases all projects have."),
        count("files", "How many files all releases have."),
    ]
}

fn metadata_fields() -> Vec<Field> {
    let any = |name, what, example| Field::any(name, "", what, example);
    vec![
        Field::integer("last_serial", None, "Always 0.", 0),
        any("info", "The core metadata of the release.", json!({})),
        any("releases", "The files of each release.", json!({})),
        any("urls", "The files of this release.", json!([])),
        any("vulnerabilities", "What is known to be wrong with it.", json!([])),
    ]
}

fn task_fields() -> Vec<Field> {
    vec![
        Field::text("session", "Always null.", "").nullable(),
        Field::text(
            "task",
            "The task that makes the version.",
            "/pulp/api/v3/tasks/01a1fe65-ed86-7239-9e42-33410d1bb681/",
        ),
        Field::date_time("task_start_time", "Always null.").nullable(),
    ]
}
