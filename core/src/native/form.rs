//! The body of a write: fields and at most one file, read within the bounds of the REST API's.

use actix_web::{HttpRequest, web};

use crate::app::Shared;
use crate::error::Result;
use crate::plugin::{Form, FormFile};
use crate::rest::body::{Body, Staging};

/// Reads the body; the file is the part of that name.
pub async fn read(
    app: &Shared,
    request: &HttpRequest,
    payload: web::Payload,
    file: Option<&'static str>,
) -> Result<Form> {
    let body = Body {
        app,
        headers: request.headers(),
        payload: payload.into_inner(),
        staging: Staging::Artifact,
        file: file.unwrap_or_default(),
    };
    let input = body.input().await?;
    let file = input.file.map(|file| FormFile { name: file.name.unwrap_or_default(), staged: file.staged });
    Ok(Form { fields: input.fields, file })
}
