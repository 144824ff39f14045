//! Uploads in chunks.

use actix_web::http::Method;
use serde_json::{Value as Json, json};

use super::super::answer::Answer;
use super::super::body::Staging;
use super::super::page;
use super::super::request::Request;
use super::super::routes::{BodyDoc, Content, Doc, Endpoint, Run, summary};
use super::super::write::Holds;
use super::position;
use crate::auth::policy::{Owned, Verb};
use crate::db::roles::ObjectKey;
use crate::db::uploads;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::kinds::{BASE_ORDERING, base_fields, identity_filters};
use crate::resource::{Errors, Field, Filter, Kind, Lookup, Mode, Operation, Registry, Resource, creator};

const PATH: &str = "uploads/";
const CHUNKS: &str = "chunks";

pub fn resource() -> Resource {
    let mut fields = base_fields();
    fields.push(Field::integer("size", None, "The size of the whole in bytes.", 20).required());
    let sizes = [Lookup::Exact, Lookup::Lt, Lookup::Gt, Lookup::Range];
    let mut filters = Filter::integer("size", "t.size", &sizes);
    filters.extend(identity_filters());
    Resource {
        kind: Kind::Upload,
        noun: "upload",
        href_parameter: "upload_href",
        from: "upload t".into(),
        fields,
        filters,
        ordering: BASE_ORDERING.into_iter().chain([("size", "t.size")]).collect(),
        can: vec![Operation::List],
        policy: Owned::new("core", "upload").action_by("commit", "change").policy(),
        description: "Files that come in chunks.",
        ..Resource::generic(PATH, "uploads", "Upload", "Uploads")
    }
}

/// What a single upload shows beside what lists show.
fn chunks_field() -> Field {
    Field::any(CHUNKS, "UploadChunk", "The ranges that are here.", json!([{"offset": 0, "size": 12}])).read_only()
}

fn chunk_fields() -> Vec<Field> {
    vec![
        Field::file("The bytes of the range.").required(),
        Field::text("sha256", "The SHA-256 of the chunk, to be checked.", "25f5fc1e…").input(),
    ]
}

fn commit_fields() -> Vec<Field> {
    vec![Field::text("sha256", "The SHA-256 of the whole.", "25f5fc1e…").required().input()]
}

pub fn endpoints(registry: &Registry) -> Vec<Endpoint> {
    let at = position(registry, PATH);
    let object = || Content::Object { schema: "UploadResponse".into(), fields: resource().fields };
    let detail = || {
        let fields = resource().fields.into_iter().chain([chunks_field()]).collect();
        Content::Object { schema: "UploadDetailResponse".into(), fields }
    };
    let endpoint =
        |name: &str, method: Method, path: &str, verb, run: Run, text: &str, body, answers, headers| Endpoint {
            operation: format!("uploads_{name}"),
            path: format!("{PATH}{path}"),
            resource: at,
            policy: None,
            verb,
            run,
            doc: Doc {
                tag: "Uploads".into(),
                summary: summary(text),
                description: text.into(),
                body,
                answers,
                href_parameter: (!path.is_empty()).then_some("upload_href"),
                headers,
                selects: method == Method::GET,
                ..Doc::default()
            },
            method,
        };
    let body = |schema: &str, fields| Some(BodyDoc { schema: schema.into(), fields });
    let size = resource().fields.into_iter().filter(|field| field.name == "size").collect();
    vec![
        endpoint(
            "read",
            Method::GET,
            "{}/",
            Verb::Read,
            |request| Box::pin(read(request)),
            "Show one upload.",
            None,
            vec![(200, detail())],
            vec![],
        ),
        endpoint(
            "create",
            Method::POST,
            "",
            Verb::Create,
            |request| Box::pin(create(request)),
            "Begin an upload.",
            body("Upload", size),
            vec![(201, object())],
            vec![],
        ),
        endpoint(
            "update",
            Method::PUT,
            "{}/",
            Verb::Update,
            |request| Box::pin(put(request)),
            "Send one chunk; the header `Content-Range` says which. A chunk may be sent again.",
            body("UploadChunk", chunk_fields()),
            vec![(200, object())],
            vec!["Content-Range"],
        ),
        endpoint(
            "delete",
            Method::DELETE,
            "{}/",
            Verb::Delete,
            |request| Box::pin(delete(request)),
            "Give an upload up.",
            None,
            vec![(204, Content::Empty)],
            vec![],
        ),
        endpoint(
            "commit",
            Method::POST,
            "{}/commit/",
            Verb::Action("commit"),
            |request| Box::pin(commit(request)),
            "Make an artifact of the chunks.",
            body("UploadCommit", commit_fields()),
            vec![(202, Content::Task)],
            vec![],
        ),
    ]
}

async fn read(request: Request) -> Result<Answer> {
    let (app, viewpoint, at, id) = (request.app.clone(), request.viewpoint(), request.resource_at()?, request.id()?);
    let body = request.app.db.read(move |conn| {
        let shown = app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)?;
        Ok(shown.zip(Some(uploads::chunks(conn, id)?)))
    });
    let (mut body, chunks) = body.await?.ok_or_else(|| request.not_found())?;
    body[CHUNKS] = chunks.into_iter().map(|(offset, size)| json!({"offset": offset, "size": size})).collect();
    Ok(Answer::ok(page::select(&request.query, body)))
}

async fn create(mut request: Request) -> Result<Answer> {
    let fields: Vec<Field> = vec![Field::integer("size", Some(0), "", 0).required()];
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    errors.into_result()?;
    let size = draft.get("size").and_then(Json::as_i64).unwrap_or_default();
    if request.app.config.largest_upload().is_some_and(|largest| size.unsigned_abs() > largest) {
        return Err(Error::field("size", "this is larger than the server takes"));
    }
    let (app, viewpoint, at) = (request.app.clone(), request.viewpoint(), request.resource_at()?);
    let user = request.user_id();
    let body = request
        .app
        .db
        .write(move |conn| {
            let id = uploads::insert(conn, app.domain, size)?;
            creator::created(&app.registry, conn, &app.registry.resources[at], ObjectKey::Id(id), user)?;
            app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
        })
        .await?;
    Ok(Answer::created(body.unwrap_or_default()))
}

/// `bytes 0-11/20`: first and last byte. The total may be `*` and is not believed.
fn content_range(header: Option<&str>) -> Option<(u64, u64)> {
    let (range, total) = header?.trim().strip_prefix("bytes ")?.split_once('/')?;
    if total != "*" {
        total.parse::<u64>().ok()?;
    }
    let (first, last) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

async fn put(mut request: Request) -> Result<Answer> {
    let (at, id) = (request.resource_at()?, request.id()?);
    let known = request.app.db.read(move |conn| Ok(uploads::size(conn, id)?.zip(Some(uploads::chunks(conn, id)?))));
    let (size, chunks) = known.await?.ok_or_else(|| Error::not_found("Upload"))?;
    let range = content_range(request.header("Content-Range"));
    request.staging = staging(id, range, size, &chunks);
    let input = match request.input(&chunk_fields()).await {
        // More than the range says was sent; it was not written.
        Err(Error::TooLarge(_)) if matches!(request.staging, Staging::Chunk { .. }) => return Err(wrong_size()),
        read => read?,
    };
    let mut chunk = input.chunk.ok_or_else(|| Error::field("file", "No file was submitted."))?;
    if chunk.size == 0 {
        return Err(Error::field("file", "The submitted file is empty."));
    }
    let (first, last) = range.ok_or_else(|| Error::non_field("Invalid or missing content range header."))?;
    if last.checked_sub(first).and_then(|length| length.checked_add(1)) != Some(chunk.size) {
        return Err(wrong_size());
    }
    if last >= size {
        return Err(Error::non_field("End byte is greater than upload size."));
    }
    if let Some((other, length)) = overlapped(first, last, &chunks) {
        let end = other + length - 1;
        return Err(Error::non_field(format!("The chunk overlaps with the one of bytes {other}-{end}.")));
    }
    if let Some(stated) = input.fields.get("sha256").and_then(Json::as_str)
        && !stated.eq_ignore_ascii_case(chunk.sha256().await?.as_str())
    {
        return Err(Error::InvalidBody(json!(["Checksum does not match chunk upload."])));
    }
    let length = chunk.size;
    request.app.storage.put_chunk(id, first, chunk).await?;
    let (app, viewpoint) = (request.app.clone(), request.viewpoint());
    let body = request
        .app
        .db
        .write(move |conn| {
            uploads::put_chunk(conn, id, first, length)?;
            app.registry.resources[at].load(&viewpoint.scope(&app), conn, id)
        })
        .await?;
    Ok(Answer::ok(body.ok_or_else(|| Error::not_found("Upload"))?))
}

fn wrong_size() -> Error {
    Error::non_field("Chunk size does not match content range.")
}

/// A chunk that has its place to itself is written there.
fn staging(upload: Id, range: Option<(u64, u64)>, size: u64, chunks: &[(u64, u64)]) -> Staging {
    let Some((first, last)) = range.filter(|(first, last)| first <= last && *last < size) else {
        return Staging::Replacement;
    };
    let is_free = overlapped(first, last, chunks).is_none() && !chunks.iter().any(|(offset, _)| *offset == first);
    if is_free { Staging::Chunk { upload, offset: first, length: last - first + 1 } } else { Staging::Replacement }
}

/// A chunk that a range overlaps with; one that begins at the same byte is replaced instead.
fn overlapped(first: u64, last: u64, chunks: &[(u64, u64)]) -> Option<(u64, u64)> {
    chunks.iter().copied().find(|(offset, length)| *offset != first && *offset <= last && first < offset + length)
}

async fn delete(request: Request) -> Result<Answer> {
    let id: Id = request.id()?;
    let found = request.app.db.write(move |conn| uploads::delete(conn, id)).await?;
    if !found {
        return Err(Error::not_found("Upload"));
    }
    request.app.storage.drop_upload(id).await?;
    Ok(Answer::empty(204))
}

async fn commit(mut request: Request) -> Result<Answer> {
    let id = request.id()?;
    let fields = commit_fields();
    let input = request.input(&fields).await?;
    let mut errors = Errors::default();
    let draft = Mode::Create.parse(&fields, &input.fields, &mut errors);
    let size = request.app.db.read(move |conn| uploads::size(conn, id)).await?;
    size.ok_or_else(|| Error::not_found("Upload"))?;
    errors.into_result()?;
    let args = json!({"upload": id, "sha256": draft.get("sha256")});
    let holds = Holds::exclusive(crate::id::prn("core", "upload", id));
    request.dispatch("pulpcore.app.tasks.upload.commit", "upload_commit", args, holds).await
}

#[cfg(test)]
mod tests {
    use super::{content_range, overlapped};

    #[test]
    fn chunks_may_be_sent_again_but_not_overlap() {
        let chunks = [(0, 5), (5, 5)];
        assert_eq!(overlapped(0, 4, &chunks), None);
        assert_eq!(overlapped(10, 19, &chunks), None);
        assert_eq!(overlapped(3, 7, &chunks), Some((0, 5)));
        assert_eq!(overlapped(0, 5, &chunks), Some((5, 5)));
    }

    #[test]
    fn content_ranges_are_read_or_refused() {
        assert_eq!(content_range(Some("bytes 0-11/20")), Some((0, 11)));
        assert_eq!(content_range(Some("bytes 5-9/*")), Some((5, 9)));
        for bad in [None, Some("nonsense"), Some("bytes 1-/3"), Some("items 0-1/2"), Some("bytes 0-1/x")] {
            assert_eq!(content_range(bad), None);
        }
    }
}
