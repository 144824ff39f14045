//! Artifacts: files by their digests.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, summary};
use super::{content::check_stated, position};
use crate::auth::policy::{Policy, Verb};
use crate::db::artifacts;
use crate::error::{Error, Result};
use crate::id::Sha256;
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters, orphaned_for};
use crate::resource::{
    Access, Clause, DEFAULT_DOMAIN, Errors, Field, Filter, Input, Kind, Lookup, Mode, Operation, Registry, Resource,
};

const PATH: &str = "artifacts/";

const UNUSED: &str = "NOT EXISTS (SELECT 1 FROM content_artifact ca WHERE ca.artifact_id = t.id)
    AND NOT EXISTS (SELECT 1 FROM published_metadata m WHERE m.artifact_id = t.id)
    AND NOT EXISTS (SELECT 1 FROM task_profile p WHERE p.artifact_id = t.id)";

/// The digests an artifact has, with their columns.
const DIGESTS: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

pub fn resource() -> Resource {
    let mut fields = base_fields();
    fields.push(Field::text("file", "The key under which the store keeps the file.", "artifact/dc/3e0ddb9a…").shown(
        &["sha256"],
        |scope, _, record| {
            let domain = (scope.domain_name != DEFAULT_DOMAIN).then_some(scope.domain);
            json!(record.get::<Sha256>("t.sha256").map(|sha256| crate::storage::artifact_key(domain, &sha256)))
        },
    ));
    fields.push(Field::integer("size", None, "The size in bytes.", 1024));
    let digest = |name| Field::text(name, "A digest; given with an upload it is checked.", "dc3e0ddb…").nullable();
    fields.extend(DIGESTS.map(digest));
    let mut filters: Vec<Filter> =
        DIGESTS.iter().flat_map(|name| Filter::text(name, column(name), &[Lookup::Exact])).collect();
    filters.push(Filter::custom(
        "repository_version",
        Input::Text,
        "Keep the artifacts of this version's content.",
        |context, text| {
            let (repository, number) = context.version(text)?;
            Ok(Clause::new(
                "EXISTS (SELECT 1 FROM content_artifact ca JOIN repository_content c ON c.content_id = ca.content_id
                     WHERE ca.artifact_id = t.id AND c.repository_id = {} AND c.version_added <= {}
                       AND (c.version_removed IS NULL OR c.version_removed > {}))",
                [repository.into(), number.into(), number.into()],
            ))
        },
    ));
    filters.push(Filter::custom(
        "orphaned_for",
        Input::Number,
        "Keep the artifacts that nothing has used for so many minutes.",
        |_, text| orphaned_for(text, UNUSED),
    ));
    filters.extend(identity_filters());
    let own = DIGESTS.iter().map(|name| (*name, column(name))).chain([
        ("file", "t.sha256"),
        ("size", "t.size"),
        ("timestamp_of_interest", "t.timestamp_of_interest"),
    ]);
    Resource {
        kind: Kind::Artifact,
        noun: "artifact",
        href_parameter: "artifact_href",
        from: "artifact t".into(),
        fields,
        filters,
        ordering: BASE_ORDERING.into_iter().chain(own).collect(),
        can: vec![Operation::List, Operation::Read],
        policy: Policy::of_administrators([Verb::Create, Verb::List, Verb::Read]),
        description: "Files by their digests.",
        ..Resource::generic(PATH, "artifacts", "Artifact", "Artifacts")
    }
}

fn column(name: &str) -> &'static str {
    match name {
        "md5" => "t.md5",
        "sha1" => "t.sha1",
        "sha224" => "t.sha224",
        "sha384" => "t.sha384",
        "sha512" => "t.sha512",
        _ => "t.sha256",
    }
}

/// What an upload may state.
fn input_fields() -> Vec<Field> {
    let mut fields = vec![Field::file("The file.").required()];
    fields.extend(resource().fields.into_iter().filter(|field| field.name == "size" || DIGESTS.contains(&field.name)));
    fields
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let response: Vec<_> = resource().fields.into_iter().filter(|field| field.access != Access::WriteOnly).collect();
    let text = "Store a file. Digests and the size, where given, must be right.";
    let create = Endpoint {
        operation: "artifacts_create".into(),
        method: Method::POST,
        path: PATH.into(),
        resource: at,
        policy: None,
        verb: Verb::Create,
        run: |request| Box::pin(create(request)),
        doc: Doc {
            tag: "Artifacts".into(),
            summary: summary(text),
            description: text.into(),
            body: Some(BodyDoc { schema: "Artifact".into(), fields: input_fields() }),
            answers: vec![(201, Content::Object { schema: "ArtifactResponse".into(), fields: response })],
            ..Doc::default()
        },
    };
    let text = "Refused: artifacts go when nothing uses them any more, by the clean-up of orphans.";
    let delete = Endpoint {
        operation: "artifacts_delete".into(),
        method: Method::DELETE,
        path: format!("{PATH}{{}}/"),
        resource: at,
        policy: None,
        verb: Verb::Delete,
        run: |_| Box::pin(async { Err(Error::Forbidden) }),
        doc: Doc {
            tag: "Artifacts".into(),
            summary: "Refused".into(),
            description: text.into(),
            answers: vec![(204, Content::Empty)],
            href_parameter: Some("artifact_href"),
            ..Doc::default()
        },
    };
    vec![create, delete]
}

async fn create(mut request: Request) -> Result<Answer> {
    let fields = input_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let without_file: Vec<_> = fields.iter().filter(|field| field.name != "file").cloned().collect();
    let file = input.file;
    let parsed = if file.is_some() { &without_file } else { &fields };
    let given = Mode::Create.parse(parsed, &input.fields, &mut errors);
    errors.into_result()?;
    let file = file.ok_or_else(|| Error::field("file", "No file was submitted."))?;
    check_stated(&given, file.staged.size, &file.staged.digests)?;
    let (size, digests) = (file.staged.size, file.staged.digests.clone());
    let _announced = request.app.db.announce(request.app.domain, std::slice::from_ref(&digests.sha256)).await?;
    request.app.storage.keep(file.staged).await?;
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let body = request
        .app
        .db
        .write(move |conn| {
            let sha256 = &digests.sha256;
            if !artifacts::by_sha256(conn, app.domain, std::slice::from_ref(sha256))?.is_empty() {
                return Err(Error::non_field(format!("Artifact with sha256 checksum of '{sha256}' already exists.")));
            }
            let id = artifacts::insert(conn, app.domain, size, &digests)?;
            app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
        })
        .await?;
    Ok(Answer::created(body.unwrap_or(Json::Null)))
}
